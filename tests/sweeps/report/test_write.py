from pathlib import Path

import pytest

from sweeps.disk.folder import SweepFolder
from sweeps.report import write, write_report
from sweeps.winner.choice import Choice
from sweeps.winner.selection import from_trials, rank
from tests.sweeps.record.recorded import METRIC, sweep_config
from tests.sweeps.report.page import Page
from tests.sweeps.report.test_figures import trial


@pytest.mark.parametrize("breaks", [False, True])
def test_page_and_pictures_lie_beside_the_sweep(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, breaks: bool
) -> None:
    """Also where the importances cannot be computed."""

    def fail(*_: object) -> dict[str, float]:
        raise ZeroDivisionError

    if breaks:
        monkeypatch.setattr(write, "importances", fail)
    config = sweep_config(tmp_path)
    trials = [trial(n, 0.5 + n / 10, scheduler=["linear", "polynomial"][n % 2]) for n in range(4)]
    choice = Choice(ranking=rank(from_trials(trials, METRIC), mode="max"), notes=("the study chose",))
    folder = SweepFolder(tmp_path)
    more = {"confirmations": [], "choice": choice, "ended": "", "steering": ["trial 3 was stopped"]}
    assert write_report(config, folder, trials=trials, **more) == [folder.report, folder.charts]  # type: ignore[arg-type]
    page = Page(folder.report.read_text())
    assert "The winner is trial 3" in page.headings
    assert "trial 3 was stopped" in page.said
    assert ("at least two completed trials" in page.said) == breaks
    names = {"curves", "history", "parallel", "timeline"} | (set() if breaks else {"importances"})
    assert {path.name for path in folder.charts.iterdir()} == {f"{name}.png" for name in names}


def test_a_sweep_that_was_stopped_before_its_first_trial(tmp_path: Path) -> None:
    write_report(
        sweep_config(tmp_path), SweepFolder(tmp_path), trials=[], confirmations=[], choice=None, ended="", steering=[]
    )
    assert "There was no trial." in Page((tmp_path / "report.html").read_text()).said
