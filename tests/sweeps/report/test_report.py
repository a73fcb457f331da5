from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from sweeps.contract import Kind, Trial
from sweeps.disk.history import History
from sweeps.report import render
from sweeps.winner.paired import ConfirmConfig
from sweeps.winner.selection import choose, from_trials, rank
from tests.sweeps.record.recorded import METRIC, ended, live_trial, measured, sweep_config

VOID = {"meta", "link", "br", "img"}
LOADS = {"src", "srcset", "data", "poster", "action"}


class Page(HTMLParser):
    """Checks that elements are closed in order and that nothing is loaded."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.said = ""
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag not in {"script", "link", "iframe", "img"}
        for name, value in attrs:
            assert name not in LOADS
            assert not name.endswith("href") or (value or "").startswith("#")
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.said += data


@pytest.fixture
def trials(tmp_path: Path) -> list[Trial]:
    history = History(tmp_path)
    kinds = list(Kind)
    found = [ended(measured(live_trial(n), history), kind, f"{kind}!") for n, kind in enumerate(kinds)]
    return [*found, ended(live_trial(6), Kind.FAILED, "<script>alert(1)</script>"), live_trial(7)]


def test_a_whole_report(trials: list[Trial], tmp_path: Path) -> None:
    winner = rank(from_trials(trials, METRIC), mode="max")[0]
    text = render(
        sweep_config(tmp_path, name="my-sweep"),
        trials=trials,
        winner=winner,
        test={"test_accuracy": 0.625},
        environment={"torch": "2.13.0"},
        notes=["chosen by the study"],
    )
    page = Page(text)
    assert "url(" not in text.replace("url(#", "")
    assert "@import" not in text
    for words in (
        "The winner is trial 3",
        "0.6800",
        "0.6250",
        "-0.0550 against validation",
        "sweeps best my-sweep --json",
        "chosen by the study",
        "2.13.0",
        "failed 2",
        "running 1",
        "<script>alert(1)</script>",
    ):
        assert words in page.said
    assert text.count("<svg") == 2
    assert "#0000a" not in text  # every stand-in for a color was replaced


def test_the_same_data_gives_the_same_text(trials: list[Trial], tmp_path: Path) -> None:
    config = sweep_config(tmp_path)
    first, second = (render(config, trials=trials, winner=None, test={}, environment={}) for _ in range(2))
    assert first == second


@pytest.mark.parametrize("count", [0, 1])
def test_a_sweep_without_a_winner(tmp_path: Path, count: int) -> None:
    trials = [ended(live_trial(number), Kind.FAILED, "no data") for number in range(count)]
    page = Page(render(sweep_config(tmp_path), trials=trials, winner=None, test={}, environment={}))
    assert "No trial could win" in page.said


def test_the_spread_is_of_the_completed(tmp_path: Path) -> None:
    history = History(tmp_path)
    done = [ended(measured(live_trial(n), history), Kind.COMPLETED) for n in range(2)]
    pruned = ended(replace(measured(live_trial(2), history), values={3: 0.1}), Kind.PRUNED)
    page = Page(render(sweep_config(tmp_path), trials=[*done, pruned], winner=None, test={}, environment={}))
    assert "goes from 0.6500 (worst) to 0.6600 (best)" in page.said


def test_a_confirmation_shows_both_scores_and_what_they_differ_by(tmp_path: Path) -> None:
    config = sweep_config(tmp_path).model_copy(update={"confirm": ConfirmConfig(top_k=3, seeds=2)})
    trials = [ended(measured(live_trial(n), History(tmp_path)), Kind.COMPLETED) for n in range(3)]
    values = {2: (0.61, 0.62), 1: (0.64, 0.63), 0: (0.5,)}
    fresh = [
        replace(trials[number], number=place, repeats=number, seed=1000 + place, values={1: value}, best_validation=1)
        for number, scores in values.items()
        for place, value in enumerate(scores)
    ]
    ranking = choose(
        from_trials(trials, METRIC), from_trials(fresh, METRIC), seeds=config.fresh_seeds, mode=config.mode
    )
    text = render(
        config, trials=trials, winner=ranking[0], test={}, environment={}, confirmations=fresh, ranking=ranking
    )
    said = Page(text).said
    for words in (
        "The winner is trial 1",
        "mean of 2 fresh seeds, chosen by",
        "The search saw val_accuracy 0.6600 of the winner, 0.0250 above what fresh seeds gave.",
        "0.6350 ± 0.0071",
        "0.6150 ± 0.0071",
        "not all seeds",
    ):
        assert words in said


def test_several_objectives_show_their_front(tmp_path: Path) -> None:
    metrics = [{METRIC: "max"}, {"train_seconds": "min"}]
    config = sweep_config(tmp_path).model_copy(update={"metrics": metrics})
    trials = [ended(measured(live_trial(n), History(tmp_path)), Kind.COMPLETED) for n in range(3)]
    text = render(config, trials=trials, winner=None, test={}, environment={})
    assert "val_accuracy against train_seconds" in Page(text).said
    assert text.count("<svg") == 3
    assert "#0000a" not in text
    assert render(sweep_config(tmp_path), trials=trials, winner=None, test={}, environment={}).count("<svg") == 2
