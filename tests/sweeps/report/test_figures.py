"""Each chart on what a sweep can be: hundreds of trials, a handful, none that succeeded, values far away."""

import math
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search_spaces import Choice, Float, Int
from sweeps.contract import Kind, Trial
from sweeps.report.canvas import style
from sweeps.report.colors import DARK, LIGHT, STAND_INS
from sweeps.report.figures import CHARTS, charts, pictures, slices
from sweeps.report.progress import curves, finalists, history
from sweeps.report.space import importances, parallel, slice_of
from sweeps.report.subject import AbsentError, Subject, limits, place
from sweeps.report.timeline import pack, timeline, without_rests
from sweeps.winner.paired import ConfirmConfig
from sweeps.winner.selection import choose, from_trials
from tests.sweeps.record.recorded import METRIC, START_MS, ended, live_trial, sweep_config


def trial(number: int, value: float | None, kind: Kind | None = Kind.COMPLETED, **params: Any) -> Trial:
    """A trial that reached a value in its third validation."""
    found = live_trial(number)
    values = {} if value is None else {1: value / 2, 2: value / 1.5, 3: value}
    found = replace(
        found, values=values, best_validation=None if value is None else 3, params={**found.params, **params}
    )
    return found if kind is None else ended(found, kind)


def subject(*trials: Trial, winner: int | None = None, **more: Any) -> Subject:
    ranking = [each for each in from_trials(trials, METRIC) if each.trial == winner]
    return Subject(config=sweep_config(Path("/runs")), trials=trials, ranking=ranking, **more)


def drawn(draw: Callable[..., Any], *arguments: Any) -> Any:
    with style():
        axes = draw(*arguments)
        axes.get_figure(root=True).draw_without_rendering()
        return axes


def test_light_and_dark_have_the_same_colors_and_every_ending_has_one() -> None:
    assert list(LIGHT) == list(DARK) == list(STAND_INS)
    assert {kind.replace("_", "-") for kind in Kind} | {"running"} <= set(LIGHT)
    assert len(set(STAND_INS.values())) == len(STAND_INS)


@pytest.mark.parametrize(
    "trials",
    [
        [],
        [trial(0, None, None)],
        [trial(0, None, Kind.FAILED), trial(1, None, Kind.LOST), trial(2, None, Kind.DIVERGED)],
        [trial(0, 0.5)],
        [trial(number, 0.5) for number in range(3)],
        [trial(number, 0.1 * number, kind) for number, kind in enumerate([*Kind, None])],
        [trial(number, 0.5 + number / 1e3, scheduler="polynomial", power=1.5) for number in range(40)],
        [replace(trial(0, 0.5), values={1: math.nan, 2: math.inf, 3: 0.5})],
    ],
    ids=["none", "one lives", "none succeeded", "one", "equal", "each kind", "many", "not finite"],
)
def test_every_chart_is_drawn_or_says_why_it_is_not(trials: list[Trial]) -> None:
    found = subject(*trials, winner=trials[0].number if trials and trials[0].value is not None else None)
    for chart in [*charts(found).values(), *slices(found)]:
        assert bool(chart.svg) != bool(chart.absent)
        assert "could not be drawn" not in chart.absent
        if chart.svg:
            ET.fromstring(str(chart.svg).replace("<svg ", '<svg xmlns:xlink="x" ', 1))


def test_a_chart_that_fails_is_told_in_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError("<why>")

    monkeypatch.setitem(CHARTS, "curves", fail)
    found = subject(trial(0, 0.5))
    assert charts(found)["curves"].absent == "It could not be drawn: ZeroDivisionError: <why>"
    assert set(pictures(found)) == {"history.png", "parallel.png", "timeline.png"}


def test_pictures_are_of_what_is_there() -> None:
    found = pictures(
        subject(*(trial(n, 0.5 + n / 10) for n in range(3)), importances={"learning_rate": 0.7, "power": 0.3})
    )
    assert set(found) == {f"{name}.png" for name in ("history", "curves", "parallel", "importances", "timeline")}
    assert all(each.startswith(b"\x89PNG") for each in found.values())


def test_a_few_values_far_away_do_not_press_the_others_into_a_line() -> None:
    near = [0.5 + number / 100 for number in range(20)]
    assert limits(near) == (0.5, 0.69)
    low, high = limits([*near, 1e6])
    assert low == 0.5
    assert high < 2
    axes = drawn(history, subject(*(trial(n, value) for n, value in enumerate([*near, 1e6]))), LIGHT)
    assert axes.get_title(loc="right") == "1 lie beyond the edge"
    assert limits([0.1, 1e6]) == (0.1, 1e6)  # of so few, each is worth seeing


def test_what_was_stopped_is_marked_at_its_end() -> None:
    stopped = replace(trial(0, 0.6, Kind.PRUNED), values={1: 0.4, 2: 0.6}, best_validation=2)
    axes = drawn(curves, subject(stopped, trial(1, 0.7)), LIGHT)
    [marks] = [line for line in axes.lines if line.get_marker() == "x"]
    assert marks.get_xydata().tolist() == [[2, 0.6]]


def test_the_best_so_far_passes_by_what_failed() -> None:
    found = [trial(0, 0.5), trial(1, 0.9, Kind.FAILED), trial(2, 0.4), trial(3, 0.6, Kind.PRUNED)]
    axes = drawn(history, subject(*found), LIGHT)
    assert axes.lines[0].get_ydata().tolist() == [0.5, 0.5, 0.5, 0.6]


def test_a_line_passes_below_an_axis_whose_setting_it_does_not_have() -> None:
    with_power = trial(1, 0.7, scheduler="polynomial", power=3.0)
    axes = drawn(parallel, subject(trial(0, 0.5), with_power, winner=1), LIGHT)
    said = [text.get_text() for text in axes.texts]
    assert "without" in said
    assert {"linear", "polynomial"} <= set(said)
    assert axes.lines[-1].get_ydata()[:3].tolist()[1:] == [1.0, 1.0]  # the winner's scheduler and power
    assert not {"without"} & {text.get_text() for text in drawn(parallel, subject(with_power), LIGHT).texts}


@pytest.mark.parametrize(
    "names",
    [
        ["adamw", "sgd", "lion", "adafactor"],
        ["linear", "cosine_with_restarts_and_more", "polynomial", "inverse_sqrt", "constant_with_warmup"],
        [f"choice {number}" for number in range(40)],
    ],
    ids=["short", "long", "many"],
)
def test_no_two_labels_of_a_slice_lie_on_each_other(names: list[str | int | float | bool]) -> None:
    space = Choice(choices=names)
    config = sweep_config(Path("/runs"))
    config = config.model_copy(update={"space": config.space.model_copy(update={"parameters": {"scheduler": space}})})
    found = Subject(config=config, trials=[trial(n, 0.5, scheduler=name) for n, name in enumerate(names)])
    axes = drawn(slice_of, found, LIGHT, "scheduler")
    renderer = axes.get_figure(root=True)._get_renderer()
    labels = axes.get_xticklabels()
    for label in labels:  # slanted ones lie side by side if their lines do
        label.set_text("x" if label.get_rotation() else label.get_text())
    boxes = [label.get_window_extent(renderer) for label in labels]
    assert not any(one.overlaps(other) for at, one in enumerate(boxes) for other in boxes[at + 1 :])


def test_importances_are_named_in_words_when_there_are_none() -> None:
    with pytest.raises(AbsentError, match="at least two completed trials"):
        importances(subject(trial(0, 0.5)), LIGHT)


def test_finalists_show_each_seed_and_what_the_search_saw() -> None:
    config = sweep_config(Path("/runs")).model_copy(update={"confirm": ConfirmConfig(top_k=2, seeds=2)})
    found = [trial(0, 0.8), trial(1, 0.7)]
    fresh = [
        replace(
            found[number], number=place, repeats=number, seed=1000 + place % 2, values={1: value}, best_validation=1
        )
        for place, (number, value) in enumerate([(0, 0.6), (0, 0.65), (1, 0.7), (1, 0.75)])
    ]
    ranking = choose(from_trials(found, METRIC), from_trials(fresh, METRIC), seeds=(1000, 1001), mode="max")
    axes = drawn(finalists, Subject(config=config, trials=found, ranking=ranking), LIGHT)
    assert [label.get_text() for label in axes.get_yticklabels()] == ["trial 1", "trial 0"]
    assert sorted(line.get_xdata()[0] for line in axes.lines if line.get_marker() == "d") == [0.7, 0.8]
    with pytest.raises(AbsentError, match="No finalist"):
        finalists(Subject(config=config, trials=found, ranking=choose(from_trials(found, METRIC), mode="max")), LIGHT)


def test_a_night_between_two_starts_is_cut_out_of_the_timeline() -> None:
    hour = 3600.0
    spans, cuts = without_rests([(100 * hour, 101 * hour), (100 * hour, 102 * hour), (120 * hour, 121 * hour)])
    assert spans == [(0, hour), (0, 2 * hour), (2 * hour, 3 * hour)]
    assert cuts == [2 * hour]
    resumed = replace(trial(1, 0.6), started_ms=START_MS + 10**9, finished_ms=START_MS + 10**9 + 60_000)
    axes = drawn(timeline, subject(trial(0, 0.5), resumed), LIGHT)
    assert axes.get_xlim()[1] < 300


@given(st.lists(st.tuples(st.floats(0, 100), st.floats(0.01, 10)), max_size=30))
def test_spans_in_one_lane_never_overlap_and_no_lane_is_wasted(starts: list[tuple[float, float]]) -> None:
    spans = [(start, start + length) for start, length in starts]
    lanes = pack(spans)
    for lane in set(lanes):
        own = sorted(span for span, each in zip(spans, lanes, strict=True) if each == lane)
        assert all(before[1] <= after[0] for before, after in pairwise(own))
    at_once = max((sum(a <= start < b for a, b in spans) for start, _ in spans), default=0)
    assert max(lanes, default=-1) + 1 <= at_once


def test_places() -> None:
    assert place(Float(low=1e-4, high=1e-2, log=True), 1e-3) == pytest.approx(0.5)
    assert place(Int(low=0, high=4), 3) == 0.75
    assert place(Float(low=0, high=1), 1.5) == 1.5  # a range that was narrowed since
    assert place(Choice(choices=[1, True, "a"]), value=True) == 0.5
    assert math.isnan(place(Choice(choices=["a", "b"]), "c"))
    assert math.isnan(place(Float(low=0, high=1), "c"))
