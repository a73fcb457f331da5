"""Which of two is better: what the seeds say, and when they say nothing."""

import numpy as np

from sweeps.winner.comparison import judge


def test_seed_by_seed_where_the_seeds_are_the_same() -> None:
    """The spread that both share cancels out."""
    a = {1: 0.50, 2: 0.70, 3: 0.90}
    b = {seed: value - 0.01 for seed, value in a.items()}
    found = judge(a, b, mode="max")
    assert (found.verdict, round(found.gain, 6)) == ("a", 0.01)
    assert judge(a, b, mode="min").verdict == "b"
    apart = {seed + 10: value for seed, value in b.items()}
    assert judge(a, apart, mode="max").verdict == "tied"


def test_a_single_run_proves_nothing() -> None:
    found = judge({1: 0.9}, {1: 0.1}, mode="max")
    assert (found.verdict, found.low, found.high) == ("unknown", None, None)
    assert "each is a single run" in found.why
    assert "one of them is" in judge({1: 0.9, 2: 0.8}, {3: 0.1}, mode="max").why


def test_the_same_is_tied() -> None:
    values = {1: 0.5, 2: 0.6}
    assert judge(values, values, mode="max").verdict == "tied"
    assert judge({1: 0.5, 2: 0.5}, {3: 0.5, 4: 0.5}, mode="max").verdict == "tied"


def test_equals_are_rarely_told_apart_and_the_clearly_better_nearly_always() -> None:
    """With seeds of their own (Welch): at most the promised tenth of errors, in 400 pairs of five runs each."""
    random = np.random.default_rng(0)

    def verdicts(gap: float) -> list[str]:
        pairs = random.normal(size=(400, 2, 5)) + np.array([[gap], [0.0]])
        return [judge(dict(enumerate(a)), dict(enumerate(b, start=100)), mode="max").verdict for a, b in pairs.tolist()]

    assert sum(verdict != "tied" for verdict in verdicts(0.0)) / 400 < 0.13
    assert sum(verdict == "a" for verdict in verdicts(4.0)) / 400 > 0.98
