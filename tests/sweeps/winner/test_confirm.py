"""A confirmation on curves whose truth is known, killed at any place."""

from pathlib import Path

import pytest

from sweeps.config import SweepConfig
from sweeps.contract import Kind, Outcome, Reporter, Trial, TrialSpec, Turn, Verdict
from sweeps.disk.folder import SweepFolder
from sweeps.disk.history import History
from sweeps.halt import Halt
from sweeps.launchers.in_process import InProcess
from sweeps.study.study import Study
from sweeps.winner.confirm import Confirmation, open_confirmation
from sweeps.winner.selection import Candidate, choose, from_trials
from tests.sweeps.synthetic import METRIC, open_study, report_of, sweep_config

TRUTH = {0: 0.70, 1: 0.80, 2: 0.75, 3: 0.50, 4: 0.20, 5: 0.10}
LUCK = {0: 0.15, 1: 0.00, 2: 0.09, 3: 0.00, 4: 0.00, 5: 0.00}
"""What the search sees above the truth: trial 0 leads it by luck, trial 1 is the best."""


def searched(spec: TrialSpec, report: Reporter) -> Outcome:
    """A trial of the search: its truth, and its luck."""
    for validation in range(1, 5):
        report(report_of(spec, validation, TRUTH[spec.number] + LUCK[spec.number] - 0.01 * (4 - validation)))
    return Outcome(kind=Kind.COMPLETED)


def truth_of(trials: list[Trial]) -> dict[str, float]:
    return {str(dict(trial.params)): TRUTH[trial.number] for trial in trials}


class Repeated:
    """A run of the confirmation: the truth of its configuration, and what its seed gives to all alike."""

    def __init__(self, trials: list[Trial], *, dies: dict[int, Kind] | None = None) -> None:
        self._truth = truth_of(trials)
        self._dies = dies or {}

    def __call__(self, spec: TrialSpec, report: Reporter) -> Outcome:
        if spec.number in self._dies:
            return Outcome(kind=self._dies[spec.number], reason="asked to")
        noise = 0.005 * (spec.seed % 7) + 0.002 * ((spec.seed * 31 + spec.number) % 5)
        for validation in range(1, 5):
            value = self._truth[str(dict(spec.params))] + noise - 0.01 * (4 - validation)
            if report(report_of(spec, validation, value)) is Verdict.STOP:
                return Outcome(kind=Kind.PRUNED)
        return Outcome(kind=Kind.COMPLETED)


def search(tmp_path: Path, **confirm: int) -> tuple[SweepConfig, Study]:
    """A finished search."""
    config = sweep_config(tmp_path, confirm={"top_k": 3, "seeds": 3, **confirm})
    study = open_study(config)
    InProcess(config.resources).run(study, searched)
    return config, study


def begin(config: SweepConfig, study: Study, halt: Halt | None = None) -> Confirmation:
    folder = SweepFolder(Path(config.storage.path) / config.name)
    history = History(folder.confirm.history)
    phase = open_confirmation(config, study.trials(), folder, history=history, halt=halt or Halt())
    assert phase is not None
    return phase


def confirm(config: SweepConfig, study: Study, *, dies: dict[int, Kind] | None = None) -> list[Trial]:
    phase = begin(config, study)
    InProcess(config.resources).run(phase.study, Repeated(study.trials(), dies=dies))
    return phase.study.trials()


def chosen(config: SweepConfig, study: Study, fresh: list[Trial]) -> list[Candidate]:
    return choose(
        from_trials(study.trials(), METRIC), from_trials(fresh, METRIC), seeds=config.fresh_seeds, mode=config.mode
    )


def asked(trials: list[Trial]) -> list[tuple[int | None, int]]:
    return [(trial.repeats, trial.seed) for trial in trials]


def ends(trials: list[Trial]) -> list[tuple[object, ...]]:
    return [
        (*each, trial.params, trial.outcome, trial.values) for each, trial in zip(asked(trials), trials, strict=True)
    ]


def test_the_true_best_wins_though_another_led_the_search(tmp_path: Path) -> None:
    config, study = search(tmp_path, seeds=2)
    assert chosen(config, study, [])[0].trial == 0
    ranking = chosen(config, study, confirm(config, study))
    assert [each.trial for each in ranking[:3]] == [1, 2, 0]
    assert set(ranking[0].seeds) == {1000, 1001}
    led = ranking[2]
    assert led.search_value == pytest.approx(0.85)
    assert led.value is not None
    assert led.value < 0.75


def test_every_finalist_gets_the_same_fresh_seeds_seed_by_seed(tmp_path: Path) -> None:
    config, study = search(tmp_path)
    phase = begin(config, study)
    specs = [phase.study.ask() for _ in range(9)]
    assert phase.study.ask() is Turn.WAIT
    assert asked(phase.study.trials()) == [(finalist, seed) for seed in (1000, 1001, 1002) for finalist in (0, 2, 1)]
    params = {trial.number: trial.params for trial in study.trials()}
    by_number = {trial.number: trial for trial in phase.study.trials()}
    for spec in specs:
        assert isinstance(spec, TrialSpec)
        assert spec.params == params[by_number[spec.number].repeats or 0]


def test_the_search_hears_nothing_of_it(tmp_path: Path) -> None:
    config, study = search(tmp_path)
    before = (tmp_path / "runs/synthetic/study.journal").read_bytes()
    confirm(config, study)
    assert (tmp_path / "runs/synthetic/study.journal").read_bytes() == before
    assert open_study(config).ask() is Turn.DONE


def test_nothing_is_pruned(tmp_path: Path) -> None:
    config = sweep_config(tmp_path, search={"pruner": "asha"}, confirm={})
    study = open_study(config)
    InProcess(config.resources).run(study, searched)
    assert {trial.outcome for trial in confirm(config, study)} == {Kind.COMPLETED}


def test_losers_are_not_asked_again(tmp_path: Path) -> None:
    config, study = search(tmp_path, top_k=4, seeds=6)
    fresh = confirm(config, study)
    assert [seed for repeats, seed in asked(fresh) if repeats == 1] == list(range(1000, 1006))
    assert [seed for repeats, seed in asked(fresh) if repeats == 3] == [1000, 1001]
    assert chosen(config, study, fresh)[0].trial == 1


def test_a_losers_run_under_way_ends_at_its_next_validation_and_counts_for_nothing(tmp_path: Path) -> None:
    config, study = search(tmp_path, top_k=4, seeds=6)
    phase, run = begin(config, study), Repeated(study.trials())
    specs = [spec for _ in range(12) if isinstance(spec := phase.study.ask(), TrialSpec)]

    def train(spec: TrialSpec) -> None:
        outcome = run(spec, lambda report: phase.study.report(spec.number, spec.attempt, report))
        phase.study.finish(spec.number, spec.attempt, outcome)

    late = [spec for spec in specs if phase.study.trials()[spec.number].repeats == 3][2]
    assert phase.study.report(late.number, 1, report_of(late, 1, 0.1)) is Verdict.CONTINUE
    for spec in specs:
        if spec.number < 8:
            train(spec)
    train(late)
    stopped = phase.study.trials()[late.number]
    assert (stopped.outcome, len(stopped.values)) == (Kind.PRUNED, 1)
    assert stopped.reason == "after 2 seeds, a chance below 5% to end ahead"
    for spec in specs:
        if spec.number >= 8 and spec is not late:
            train(spec)
    fresh = from_trials(phase.study.trials(), METRIC)
    ranking = choose(from_trials(study.trials(), METRIC), fresh, seeds=(1000, 1001, 1002), mode=config.mode)
    confirmed = {each.trial for each in ranking if each.search_value is not None}
    assert 1 in confirmed
    assert 3 not in confirmed


@pytest.mark.parametrize("kind", [Kind.FAILED, Kind.LOST])
def test_a_finalist_whose_run_is_lost_for_good_is_out(tmp_path: Path, kind: Kind) -> None:
    config, study = search(tmp_path)
    third_run = 2  # that of the true best
    fresh = confirm(config, study, dies={third_run: kind})
    assert [seed for repeats, seed in asked(fresh) if repeats == 1] == [1000]
    assert chosen(config, study, fresh)[0].trial == 2


def test_cut_anywhere_in_its_journal_it_ends_as_it_would_have(tmp_path: Path) -> None:
    config, study = search(tmp_path, top_k=4)
    whole = ends(confirm(config, study))
    assert len(whole) < 12  # losers are given up on the way
    journal = tmp_path / "runs/synthetic/confirm/study.journal"
    lines = journal.read_bytes().splitlines(keepends=True)
    assert len(lines) > 100
    for cut in range(0, len(lines), 5):  # all 150 give the same, in five times the time
        journal.write_bytes(b"".join(lines[:cut]))
        assert ends(confirm(config, study)) == whole, f"cut after line {cut} of {len(lines)}"


def test_stopped_it_goes_on_where_it_was(tmp_path: Path) -> None:
    config, study = search(tmp_path)
    halt = Halt()
    phase = begin(config, study, halt)
    first = phase.study.ask()
    assert isinstance(first, TrialSpec)
    phase.study.report(0, 1, report_of(first, 1))
    halt.stop.set()
    assert phase.study.ask() is Turn.DONE
    again = begin(config, study).study.ask()
    assert isinstance(again, TrialSpec)
    assert (again.number, again.attempt, again.seed, again.params) == (0, 2, first.seed, first.params)
    assert again.resume_from == str(tmp_path / "runs/synthetic/confirm/resume/0000-1/validation-1")


def test_more_seeds_add_to_those_there_are(tmp_path: Path) -> None:
    config, study = search(tmp_path)
    few = asked(confirm(config, study))
    more = asked(confirm(sweep_config(tmp_path, confirm={"top_k": 3, "seeds": 4}), study))
    assert more[: len(few)] == few
    assert [seed for repeats, seed in more if repeats == 1] == [1000, 1001, 1002, 1003]


def test_what_was_confirmed_before_an_extension_competes_with_what_came_after(tmp_path: Path) -> None:
    config, study = search(tmp_path, top_k=1)
    confirm(config, study)
    larger = sweep_config(tmp_path, budget={"trials": 7}, confirm={"top_k": 1, "seeds": 3})
    study = open_study(larger)
    TRUTH[6], LUCK[6] = 0.3, 0.9
    InProcess(config.resources).run(study, searched)
    fresh = confirm(larger, study)
    assert {repeats for repeats, _ in asked(fresh)} == {0, 6}
    assert [each.trial for each in chosen(larger, study, fresh)][:2] == [0, 6]


def test_a_trial_that_a_dead_driver_began_becomes_something_though_nothing_is_left(tmp_path: Path) -> None:
    """Fewer seeds are asked for on the resume, while a trial without a configuration waits for one."""
    config, study = search(tmp_path)
    confirm(config, study)
    journal = tmp_path / "runs/synthetic/confirm/study.journal"
    lines = journal.read_bytes().splitlines(keepends=True)
    begun = [place for place, line in enumerate(lines) if b'"op_code": 4' in line or b'"op_code":4' in line]
    journal.write_bytes(b"".join(lines[: begun[6] + 1]))  # the seventh trial, still without a configuration
    fewer = sweep_config(tmp_path, confirm={"top_k": 3, "seeds": 2})
    fresh = confirm(fewer, study)
    assert len(fresh) == 7
    assert fresh[-1].seed == 1002
    assert chosen(fewer, study, fresh)[0].trial == 1


def test_without_a_winner_there_is_nothing_to_confirm(tmp_path: Path) -> None:
    config = sweep_config(tmp_path, confirm={})
    folder = SweepFolder(tmp_path / "runs/synthetic")
    history = History(folder.confirm.history)
    assert open_confirmation(config, [], folder, history=history, halt=Halt()) is None
    off = sweep_config(tmp_path)
    assert open_confirmation(off, [], folder, history=history, halt=Halt()) is None
    assert not folder.path.exists()
