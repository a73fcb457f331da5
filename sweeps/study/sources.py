"""Which source a sweep draws its trials from."""

from sweeps.config import SweepConfig
from sweeps.study.population import Population
from sweeps.study.source import Sampled, Source


def source_of(config: SweepConfig) -> Source:
    """That of its sampler."""
    population = config.search.population
    return Sampled(config) if population is None else Population(config, population)
