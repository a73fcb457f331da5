import pytest

from sweeps.contract import Kind
from sweeps.winner.progress import best_so_far
from tests.sweeps.report.test_figures import trial
from trainer.config import Mode


@pytest.mark.parametrize(("mode", "best"), [("max", [None, 0.5, 0.5, 0.5, 0.6]), ("min", [None, 0.5, 0.5, 0.4, 0.4])])
def test_what_failed_or_still_lives_changes_nothing(mode: Mode, best: list[float | None]) -> None:
    trials = [
        trial(0, None, Kind.DIVERGED),
        trial(1, 0.5),
        trial(2, 0.1 if mode == "min" else 0.9, Kind.FAILED),
        trial(3, 0.4, Kind.PRUNED),
        trial(4, 0.6),
        trial(5, 0.05 if mode == "min" else 0.95, None),
    ]
    assert [value for _, value in best_so_far(trials, mode)] == [*best, best[-1]]
