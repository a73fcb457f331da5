"""Runs a sweep on a landscape and says what it cost and what it found."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean

from sweeps.config import SweepConfig
from sweeps.contract import Kind, Trial
from sweeps.disk.folder import sweep_folder
from sweeps.disk.history import History
from sweeps.halt import Halt
from sweeps.launchers.simulated import Attempt, Simulated
from sweeps.simulation.landscape import Landscape, LandscapeTrial, truth_of
from sweeps.study.study import Study
from sweeps.winner.lineage import lineage
from sweeps.winner.selection import from_trials, rank
from sweeps.words import duration


@dataclass(frozen=True, kw_only=True)
class Simulation:
    """How a simulated sweep ended.

    Attributes:
        trials: Every trial, as the study has it.
        attempts: How they ran.
        wall_s: Simulated seconds from beginning to end.
        utilisation: Share of that time that each worker spent on trials.
        num_whole_steps: Optimizer steps, had nothing been stopped early and no worker died.
        found: What the best trial measured; None when none succeeded.
        truth: What its configuration is really worth.
        optimum: What the best of all configurations is worth.
    """

    trials: list[Trial]
    attempts: list[Attempt]
    wall_s: float
    utilisation: list[float]
    num_whole_steps: int
    found: float | None
    truth: float | None
    optimum: float

    @property
    def num_steps(self) -> int:
        """Optimizer steps spent."""
        return sum(attempt.num_steps for attempt in self.attempts)

    @property
    def regret(self) -> float | None:
        """How much worse the chosen configuration is than the best of all."""
        return None if self.truth is None else abs(self.optimum - self.truth)


def simulate(
    config: SweepConfig,
    landscape: Landscape,
    *,
    workers: int,
    seed: int = 0,
    deaths_per_hour: float = 0.0,
    startup_s: float = 0.0,
) -> Simulation:
    """Runs a sweep on a fake clock; the study that decides is the real one, kept in memory.

    Args:
        config: The sweep, with its budget and time limit; of `train`, only the metric and the number of validations are used.
        landscape: What its trials show.
        workers: Trials at once.
        seed: Draws the configurations and the deaths of workers, in place of `search.seed`.
        deaths_per_hour: How often a worker dies.
        startup_s: Seconds until a worker takes its first trial.
    """
    config = config.model_copy(update={"search": config.search.model_copy(update={"seed": seed})})
    folder = sweep_folder(config.storage.path, config.name)
    launcher = Simulated(
        workers=workers,
        seed=seed,
        deaths_per_hour=deaths_per_hour,
        startup_s=startup_s,
        trial_hours=config.resources.trial_hours,
    )
    history, clock = History(folder.history), launcher.clock
    study = Study.open(config, folder, history=history, halt=Halt(), clock=clock, in_memory=True)
    launcher.run(study, LandscapeTrial(landscape=landscape, metric=config.metric))
    trials = study.trials()
    candidates = from_trials(trials, config.metric)
    ranking = rank(candidates, mode=config.mode)
    way = [(each.params, each.last) for each in lineage(candidates, ranking[0])] if ranking else []
    return Simulation(
        trials=trials,
        attempts=launcher.attempts,
        wall_s=launcher.clock(),
        utilisation=launcher.utilisation(),
        num_whole_steps=sum(_whole_steps(trial, trials, landscape) for trial in trials),
        found=ranking[0].value if ranking else None,
        truth=truth_of(landscape, way) if way else None,
        optimum=landscape.optimum(),
    )


def _whole_steps(trial: Trial, trials: Sequence[Trial], landscape: Landscape) -> int:
    """What a trial takes that nothing stops; a child, from its parent's end on."""
    curve = landscape.curve(trial.params, trial.seed)
    begun = 0 if trial.parent is None else trials[trial.parent].last or 0
    end = len(curve.values) if trial.last is None else min(trial.last, len(curve.values))
    return max(0, end - begun) * curve.num_steps


def summary(runs: Sequence[Simulation]) -> str:
    """Simulations of the same sweep with several seeds, for a person: means, with the smallest and the largest."""
    kinds = Counter(trial.outcome for run in runs for trial in run.trials)
    counts = ", ".join(f"{kinds[kind] / len(runs):.3g} {kind}" for kind in Kind if kinds[kind])
    lost = sum(attempt.outcome is Kind.LOST for run in runs for attempt in run.attempts) / len(runs)
    saved = [1 - run.num_steps / run.num_whole_steps for run in runs]
    found = [run for run in runs if run.found is not None]
    lines = [
        f"wall time:   {_spread([run.wall_s for run in runs], duration)}",
        f"trials:      {counts}; {lost:.3g} attempts lost with their workers",
        f"steps:       {_spread([run.num_steps for run in runs], lambda steps: f'{steps:,.0f}')}",
        f"saved:       {_spread(saved, _percent)} of the steps that all trials would take whole",
        f"workers:     {_spread([each for run in runs for each in run.utilisation], _percent)} busy",
    ]
    if len(found) < len(runs):
        lines.append(f"no trial succeeded with {len(runs) - len(found)} of {len(runs)} seeds")
    if found:
        lines += [
            f"found:       {_spread([run.found or 0.0 for run in found], _value)} as measured",
            f"truth of it: {_spread([run.truth or 0.0 for run in found], _value)}",
            f"best there:  {_spread([run.optimum for run in found], _value)}",
            f"regret:      {_spread([run.regret or 0.0 for run in found], _value)}",
        ]
    return "\n".join(lines)


def _spread(values: Sequence[float], show: Callable[[float], str]) -> str:
    low, mean, high = show(min(values)), show(fmean(values)), show(max(values))
    return mean if low == high else f"{mean} ({low} to {high})"


def _percent(share: float) -> str:
    return f"{share:.0%}"


def _value(value: float) -> str:
    return f"{value:.4f}"
