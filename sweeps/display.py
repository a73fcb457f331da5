"""What a person watching a sweep sees: a live table on a terminal, plain lines everywhere else."""

import time
from collections.abc import Iterable
from typing import Self

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from sweeps.config import SweepConfig
from sweeps.contract import Kind, Trial
from sweeps.disk.room import Room
from sweeps.spending.cost import cost_of
from sweeps.steering.requests import Answer, Pause, Unpause
from sweeps.words import duration, show

_STYLES = {
    Kind.COMPLETED: "green",
    Kind.PRUNED: "yellow",
    Kind.DIVERGED: "magenta",
    Kind.OUT_OF_MEMORY: "magenta",
    Kind.FAILED: "red",
    Kind.LOST: "red",
}
_ROWS = 24
"""Trials shown at once: those that run, then the newest."""


class Display:
    """Listens to a sweep and shows it. Used as a context manager.

    Args:
        config: The sweep.
        trials: Those there are already.
        console: Where.
        room: The disk that it takes.
    """

    def __init__(
        self, config: SweepConfig, trials: Iterable[Trial], console: Console, *, room: Room | None = None
    ) -> None:
        self._config = config
        self._console = console
        self._trials = {trial.number: trial for trial in trials}
        self._paused = False
        self._room = room
        self._begun = time.monotonic()
        self._ended_before = self._ended()
        self._live = Live(get_renderable=self._render, console=console, refresh_per_second=2, transient=False)

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *exception: object) -> None:
        if self._console.is_terminal:
            self._live.stop()

    def trial_changed(self, trial: Trial) -> None:
        """Shows a change of a trial."""
        before = self._trials.get(trial.number)
        self._trials = {**self._trials, trial.number: trial}  # anew, as another thread may be drawing the old one
        if self._console.is_terminal:
            return
        if trial.outcome is not None:
            say(self._console, self._line(trial))
        elif before is not None and before.attempt < trial.attempt:
            say(self._console, f"{trial.name}: attempt {trial.attempt}")

    def say(self, text: str) -> None:
        """Shows a line of its own."""
        say(self._console, text)

    def answered(self, answer: Answer, config: SweepConfig) -> None:
        """Shows a request and its answer; the budget may be another since. Called by another thread."""
        self._config = config
        if answer.accepted and answer.request in (str(Pause()), str(Unpause())):
            self._paused = answer.request == str(Pause())
        say(self._console, f"{answer.request}: {answer.text}")

    def _line(self, trial: Trial) -> str:
        said = [f"{trial.name}: {trial.outcome}"]
        if trial.value is not None:
            said.append(f"{self._config.metric} {trial.value:.4f}")
        said += [f"{name} {show(value)}" for name, value in trial.params.items()]
        if trial.reason:
            said.append(trial.reason)
        return f"[{self._ended()}/{self._config.num_trials}] " + ", ".join(said) + f" | {self._summary()}"

    def _summary(self) -> str:
        best = self._best()
        parts = [] if best is None else [f"best {best.value:.4f} ({best.name})"]
        if (left_s := self._left_s()) is not None:
            parts.append(f"about {duration(left_s)} left")
        return ", ".join(parts)

    def _render(self) -> Group:
        names = self._config.space.names
        title = f"{self._config.name}: {self._ended()} of {self._config.num_trials} trials ended"
        table = Table(title=f"{title}, paused" if self._paused else title, expand=False)
        table.add_column("trial", justify="right")
        table.add_column("outcome")
        table.add_column("at", justify="right")
        table.add_column(self._config.metric, justify="right")
        for name in names:
            table.add_column(name, justify="right", overflow="fold")
        best = self._best()
        for trial in self._shown():
            kind = Text(
                str(trial.outcome or "running"),
                style=_STYLES.get(trial.outcome, "") if trial.outcome else "",
            )
            value = "" if trial.value is None else f"{trial.value:.4f}"
            at = f"{max(trial.values, default=0)}/{self._config.train.validations}"
            searched = [show(trial.params[name]) if name in trial.params else "" for name in names]
            table.add_row(
                trial.name.removeprefix("trial "),
                kind,
                at,
                value,
                *map(Text, searched),
                style="bold" if trial is best else "",
            )
        spent = [str(cost_of(self._config, self._trials.values())), str(self._room or "")]
        return Group(table, Text(self._summary()), Text(", ".join(filter(None, spent))))

    def _shown(self) -> list[Trial]:
        newest = sorted(self._trials.values(), key=lambda trial: (trial.outcome is not None, -trial.number))
        return sorted(newest[:_ROWS], key=lambda trial: trial.number)

    def _best(self) -> Trial | None:
        """The leader so far, among what ended soundly and what still runs."""
        best = None
        for trial in self._trials.values():
            sound = trial.outcome not in (Kind.FAILED, Kind.LOST) and trial.value is not None
            if sound and (best is None or self._config.train.better(trial.value or 0.0, best.value)):
                best = trial
        return best

    def _ended(self) -> int:
        return sum(trial.outcome is not None for trial in self._trials.values())

    def _left_s(self) -> float | None:
        """Time left, if the trials to come take as long as those that ended since this start."""
        ended = self._ended() - self._ended_before
        if ended == 0:
            return None
        return (time.monotonic() - self._begun) / ended * max(0, self._config.num_trials - self._ended())


def say(console: Console, text: str) -> None:
    """Prints a text as it is: paths and messages have brackets, and those mean nothing here."""
    console.print(text, highlight=False, markup=False, soft_wrap=True)
