"""The phases of a sweep in the hands of its driver, and who listens to them."""

from collections.abc import Container
from contextlib import ExitStack
from typing import Self

from rich.console import Console

from sweeps.close import HASTE_S, close
from sweeps.config import SweepConfig
from sweeps.contract import Launcher, Trial
from sweeps.disk.folder import SweepFolder
from sweeps.disk.history import History
from sweeps.disk.retention import Retention
from sweeps.disk.room import Room
from sweeps.disk.upload import too_large
from sweeps.display import Display
from sweeps.environment import environment
from sweeps.errors import PreflightError
from sweeps.halt import Halt
from sweeps.launchers.build import build_starter
from sweeps.notify import Notifier
from sweeps.record import Record
from sweeps.results.register import register_winner
from sweeps.spending.cost import cost_of
from sweeps.steering.asking import inbox, run_steered
from sweeps.steering.requests import Answer
from sweeps.study.study import Study
from sweeps.trial import TrainTrial
from sweeps.winner.choice import Choice, choose_winner, noted, test_winner
from sweeps.winner.confirm import Confirmation, open_confirmation

_RECORD_TIMEOUT_S = 60.0
"""How long a finished sweep waits for the record of its confirmation."""


class Phases:
    """Each phase once, in this order: search, confirm, choose, close. Used as a context manager, with the lease in hand.

    Args:
        study: Of the search.
        folder: Of the sweep.
        launcher: Where trials run.
        halt: Why the sweep should not go on.
        history: What the trials of the search measured.
        console: Where progress is shown.

    Attributes:
        record: Of the search.
    """

    def __init__(
        self, study: Study, folder: SweepFolder, launcher: Launcher, *, halt: Halt, history: History, console: Console
    ) -> None:
        config, trials = study.config, study.trials()
        self._config, self._study, self._folder, self._launcher = config, study, folder, launcher
        self._halt, self._console = halt, console
        self._fresh_history = History(folder.confirm.history)
        self.record = Record(config, sweep_id=study.sweep_id, history=history, environment=environment())
        self._repeats = Record(
            config, sweep_id=study.sweep_id, history=self._fresh_history, environment={}, role="confirmation"
        )
        self._notifier = Notifier(config, trials)
        self._room = Room(folder)
        self._retention = Retention(config, folder, trials, room=self._room)
        self._display = Display(config, trials, console, room=self._room)
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        for each in (self._room, self.record, self._repeats, self._notifier):
            self._stack.enter_context(each)
        self.record.open(self._study.trials())
        self._study.listen(self.record, self._retention, self._notifier, self._display)
        return self

    def __exit__(self, *exception: object) -> None:
        self._stack.__exit__(*exception)  # type: ignore[arg-type]

    def search(self, *, left: Container[str]) -> None:
        """Runs the trials of the search; `left` are the requests that were there before."""
        with self._display:
            trial = _trial(self._config, self._folder)
            run_steered(self._launcher, self._study, trial, self._folder, left=left, tell=self._tell)

    def confirm(self) -> list[Trial]:
        """Trains the finalists again, where that is asked for; returns all runs of them that there are.

        Raises:
            PreflightError: Another driver has taken the sweep over, or may have, in this phase or before.
        """
        over = "the search is over; the winner is being chosen"
        with inbox(self._study, self._folder, tell=self._tell, over=over):
            fresh = [] if self._halt.stop.is_set() else self._train_again()
        if self._halt.lost.is_set():
            self.record.abandon()
            self._repeats.abandon()
            raise PreflightError.single(f"{self._halt.reasons[0]}; nothing more was written here")
        return fresh

    def choose(self, confirmations: list[Trial]) -> Choice | None:
        """The winner, tested once; None when the sweep was stopped before that."""
        if self._halt.stop.is_set():
            return None
        choice = choose_winner(self._config, self._study.trials(), confirmations, self.record, self._repeats)
        choice = test_winner(choice, self._study, self._launcher, self._folder)
        large = [too_large(self._config, each.checkpoint) for each in choice.ranking[:1]]
        return noted(choice, *large, str(self._room))

    def close(self, choice: Choice | None, confirmations: list[Trial]) -> tuple[Choice | None, bool]:
        """Writes the report, ends the record, registers the model and tells who wants to hear of it.

        Returns:
            The choice, with what is to be said of the registration, and whether the record has all of it.
        """
        config, study = self._config, self._study
        timeout_s = _RECORD_TIMEOUT_S if choice else HASTE_S
        sent = not confirmations or self._repeats.finish("finished", timeout_s=timeout_s)
        recorded = close(config, self._folder, study, self.record, choice, confirmations=confirmations) and sent
        choice = register_winner(config, choice) if choice and recorded else choice
        self._notifier.ended(choice, cost_of(config, [*study.trials(), *confirmations]), reason=study.ended)
        return choice, recorded

    def _train_again(self) -> list[Trial]:
        trials = self._study.trials()
        phase = open_confirmation(self._config, trials, self._folder, history=self._fresh_history, halt=self._halt)
        if phase is None:
            return []
        display = self._listen_to(phase)
        num_finalists, num_seeds = len(phase.finalists), len(phase.config.fresh_seeds)
        display.say(f"confirm: the best {num_finalists} again, each with {num_seeds} fresh seeds")
        with display:
            self._launcher.run(phase.study, _trial(phase.config, self._folder.confirm))
        return phase.study.trials()

    def _listen_to(self, phase: Confirmation) -> Display:
        config, trials, folder = phase.config, phase.study.trials(), self._folder.confirm
        self._repeats.open(trials)
        retention = Retention(config, folder, trials, room=self._room, spare=self._retention.spare)
        display = Display(config, trials, self._console, room=self._room)
        phase.study.listen(self._repeats, retention, self._notifier, display)
        return display

    def _tell(self, answer: Answer, config: SweepConfig) -> None:
        self._display.answered(answer, config)
        self.record.config_changed(config)


def _trial(config: SweepConfig, folder: SweepFolder) -> TrainTrial:
    train, resources = config.train.dated(), config.resources
    return TrainTrial(
        config=train, folder=folder, num_threads=resources.threads(train.devices), starter=build_starter(resources)
    )
