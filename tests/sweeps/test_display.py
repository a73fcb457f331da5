"""What a person sees."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from sweeps.contract import Kind, Trial
from sweeps.display import Display
from sweeps.steering.requests import Answer
from sweeps.words import duration, show
from tests.sweeps.synthetic import METRIC, sweep_config


def trial(number: int, value: float | None, outcome: Kind | None, reason: str = "", attempt: int = 1) -> Trial:
    return Trial(
        number=number,
        attempt=attempt,
        params={"learning_rate": 0.00123, "scheduler": "linear"},
        seed=0,
        outcome=outcome,
        reason=reason,
        values={} if value is None else {2: value},
        best_validation=None if value is None else 2,
        metrics={} if value is None else {METRIC: value},
    )


def shown(tmp_path: Path, *trials: Trial, terminal: bool) -> str:
    text = io.StringIO()
    console = Console(file=text, force_terminal=terminal, width=140)
    with Display(sweep_config(tmp_path), [], console) as display:
        for each in trials:
            display.trial_changed(each)
    return text.getvalue()


def test_plain_lines_where_there_is_no_terminal(tmp_path: Path) -> None:
    lines = shown(
        tmp_path,
        trial(0, None, None),
        trial(0, 0.8, Kind.COMPLETED),
        trial(1, None, Kind.FAILED, "ValueError: no"),
        terminal=False,
    ).splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("[1/6] trial 0: completed, val_accuracy 0.8000, learning_rate 0.00123, scheduler linear")
    assert "best 0.8000 (trial 0)" in lines[0]
    assert "ValueError: no" in lines[1]
    assert "\x1b" not in "".join(lines)


@pytest.mark.parametrize("terminal", [True, False])
def test_what_looks_like_markup_is_shown_as_it_is(tmp_path: Path, *, terminal: bool) -> None:
    odd = trial(0, None, Kind.FAILED, "ValueError: no such files: [/data/a.tsv] [red]")
    text = shown(tmp_path, odd, terminal=terminal)
    assert terminal or "[/data/a.tsv] [red]" in text


def test_a_failed_trial_does_not_lead(tmp_path: Path) -> None:
    text = shown(tmp_path, trial(0, 0.99, Kind.FAILED), trial(1, 0.5, Kind.COMPLETED), terminal=False)
    assert "best 0.5000 (trial 1)" in text
    assert "0.9900 (trial 0)" not in text


def test_a_new_attempt_is_said(tmp_path: Path) -> None:
    assert "trial 0: attempt 2" in shown(
        tmp_path, trial(0, None, None), trial(0, None, None, attempt=2), terminal=False
    )


def test_a_table_on_a_terminal(tmp_path: Path) -> None:
    text = shown(tmp_path, trial(0, 0.8, Kind.COMPLETED), trial(1, 0.5, None), terminal=True)
    for word in ("completed", "running", "0.8000", "learning_rate", "2/4", "best 0.8000 (trial 0)", "1 of 6"):
        assert word in text


@pytest.mark.parametrize(("seconds", "text"), [(0, "0 s"), (89, "89 s"), (120, "2 min"), (7200, "2.0 h")])
def test_durations_are_short(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_settings_are_short() -> None:
    assert [show(value) for value in (0.000012345, 3, "cosine", True)] == ["1.23e-05", "3", "cosine", "True"]


def test_a_paused_sweep_says_so_until_it_goes_on(tmp_path: Path) -> None:
    text, config = io.StringIO(), sweep_config(tmp_path)
    display = Display(config, [], Console(file=text, force_terminal=True, width=140))
    with display:
        for request, accepted in (("pause", False), ("pause", True), ("unpause", True)):
            display.answered(Answer(accepted=accepted, text="so it is", request=request, at_ms=0), config)
            display.trial_changed(trial(0, 0.8, None))
            titles = [line for line in _frame(display).splitlines() if "trials ended" in line]
            assert ("paused" in titles[-1]) is (request == "pause" and accepted)


def _frame(display: Display) -> str:
    text = io.StringIO()
    Console(file=text, width=140).print(display._render())
    return text.getvalue()
