import shlex
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search_spaces import Space
from sweeps.contract import Kind, Trial
from sweeps.disk.history import History
from sweeps.winner.paired import ConfirmConfig
from sweeps.winner.selection import choose, from_trials, rank
from tests.sweeps.record.recorded import METRIC, ended, live_trial, measured, sweep_config
from tests.sweeps.report.page import Page, render


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
    for words in (
        "The winner is trial 3",
        "0.6800",
        "0.6250",
        "-0.0550 against validation",
        "sweeps best my-sweep --json",
        "Chosen by the study.",
        "2.13.0",
        "failed 2",
        "running 1",
        "<script>alert(1)</script>",
    ):
        assert words in page.said
    assert page.headings == [
        "Worth knowing",
        "The winner is trial 3",
        "How the trials ended",
        "What it cost",
        "Value by trial, and the best so far",
        "Learning curves",
        "Settings and values",
        "Value by each setting",
        "Which settings mattered",
        "Leaderboard",
        "When each trial ran",
    ]
    assert text.startswith("<!doctype html>")
    assert page.num_charts == 6  # no importances were given, and no trial has a power
    assert "No trial with a finite value has power." in page.said


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
        config,
        trials=trials,
        winner=ranking[0],
        test={"test_accuracy": 0.62},
        environment={},
        confirmations=fresh,
        ranking=ranking,
    )
    assert "against validation" not in text  # the tested weights are of one seed, the validation is a mean over several
    said = Page(text).said
    for words in (
        "The winner is trial 1",
        "mean of 2 fresh seeds, chosen by",
        "0.6200tested once, with seed 1000",
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
    page = Page(text)
    assert "val_accuracy against train_seconds" in page.headings
    assert "No completed trial beats these in everything" in page.headings
    alone = Page(render(sweep_config(tmp_path), trials=trials, winner=None, test={}, environment={}))
    assert page.num_charts == alone.num_charts + 1


def test_the_command_trains_the_winner_once_more(tmp_path: Path) -> None:
    trials = [ended(measured(live_trial(n), History(tmp_path)), Kind.COMPLETED) for n in range(2)]
    winner = rank(from_trials(trials, METRIC), mode="max")[0]
    odd = replace(winner, params={"learning_rate": 2e-4, "scheduler": "it's; rm -rf", "lora_rank": None, "fast": True})
    said = Page(render(sweep_config(tmp_path), trials=trials, winner=odd, test={}, environment={})).said
    command = said[said.index("python -m trainer") : said.index("# or in Python")]
    assert shlex.split(command.replace("\\\n", "")) == [
        *("python", "-m", "trainer", f"{tmp_path}/runs/recorded/sweep.yaml", "--test"),
        *("--set", "learning_rate=0.0002", "--set", "scheduler=it's; rm -rf", "--set", "lora_rank=null"),
        *("--set", "fast=true", "--set", "seed=7"),
    ]


def test_a_long_leaderboard_is_behind_a_click(tmp_path: Path) -> None:
    trials = [ended(measured(live_trial(n), History(tmp_path)), Kind.COMPLETED) for n in range(40)]
    page = Page(render(sweep_config(tmp_path), trials=trials, winner=None, test={}, environment={}))
    assert "The other 15" in page.said


def test_what_it_cost_and_what_pruning_saved(tmp_path: Path) -> None:
    config = sweep_config(tmp_path)
    whole = ended(measured(live_trial(0), History(tmp_path), validations=config.train.validations), Kind.COMPLETED)
    stopped = ended(measured(live_trial(1), History(tmp_path), validations=2), Kind.PRUNED, "not promising")
    trials = [replace(each, busy_s=30.0) for each in (whole, stopped)]
    said = Page(render(config, trials=trials, winner=None, test={}, environment={})).said
    horizon = config.train.validations
    assert f"{(horizon - 2) / (2 * horizon):.0%} of all validations, about {9.0 * (horizon - 2) / 2:.0f} s" in said
    assert "trials held their places60 s" in said


@settings(max_examples=15, deadline=None)
@given(
    st.text(alphabet=st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), min_size=1),
    st.text(alphabet=st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"])),
)
def test_hostile_names_and_reasons_are_only_text(choice: str, reason: str) -> None:
    config = sweep_config(Path("/tmp"))
    space = {"x<b>$_{": {"type": "choice", "choices": [choice, f"{choice}<script>"]}}
    config = config.model_copy(update={"space": Space.model_validate(space)})
    trials = [
        replace(
            live_trial(number),
            params={"x<b>$_{": [choice, f"{choice}<script>"][number % 2]},
            values={1: number / 10},
            best_validation=1,
            outcome=Kind.COMPLETED,
            reason=reason,
        )
        for number in range(4)
    ]
    winner = rank(from_trials(trials, METRIC), mode="max")[0]
    page = Page(render(config, trials=trials, winner=winner, test={}, environment={"choice": choice}, notes=["<b>"]))
    assert "x<b>$_{" in page.said
    assert reason in page.said
    assert "could not be drawn" not in page.said
