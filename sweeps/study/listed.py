"""The configurations of a confirmation: the finalists of the search, again and again."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, count

import optuna
from optuna.trial import FrozenTrial

from search_spaces import Value
from sweeps.config import SweepConfig
from sweeps.contract import Scalar, Trial
from sweeps.study.snapshot import Facts
from sweeps.study.source import NOTHING
from sweeps.winner.paired import fresh_seeds, losers
from trainer.config import Mode


class Listed:
    """A `Source` that hands out each finalist with each of the same fresh seeds, without those that cannot win any more.

    Seed by seed over all finalists, so that they can be compared early. It listens to its own study: what it hands out depends on
    what has ended.

    Args:
        finalists: Number of the search's trial -> its configuration, the best first.
        train_seed: What the fresh seeds are derived from.
        num_seeds: How many each finalist is trained with.
        mode: Whether the metric is to be small or large.
    """

    def __init__(
        self, finalists: Mapping[int, Mapping[str, Scalar]], *, train_seed: int, num_seeds: int, mode: Mode
    ) -> None:
        self._finalists = finalists
        self._train_seed = train_seed
        self._seeds = fresh_seeds(train_seed, num_seeds)
        self._mode = mode
        self._trials: dict[int, Trial] = {}

    def trial_changed(self, trial: Trial) -> None:
        """Notes what was asked and how it ended."""
        self._trials[trial.number] = trial

    def has(self, number: int) -> bool:
        """Whether somebody who can still win lacks a seed."""
        del number
        return next(self._left(), None) is not None

    def waits(self, study: optuna.Study, number: int) -> bool:
        """Never."""
        del study, number
        return False

    def gives_up(self, number: int) -> str:
        """Why its finalist cannot win any more: other seeds have ended meanwhile."""
        repeats = self._trials[number].repeats
        return "" if repeats is None else self._losers().get(repeats, "")

    def follow(self, config: SweepConfig) -> None:
        """Its list is its budget."""
        del config

    def draw(self, study: optuna.Study, trial: FrozenTrial, given: Mapping[str, Value] = NOTHING) -> Facts:
        """The next of the list.

        A trial that a dead driver began before it wrote its configuration must become something, also when nothing is left that
        would have been begun now: then a loser's next seed, or a further seed of the first.
        """
        del study, trial, given
        beyond = (fresh_seeds(self._train_seed, more)[-1] for more in count(1))
        rest = self._unasked(self._seeds, list(self._finalists))
        finalist, seed = next(chain(self._left(), rest, self._unasked(beyond, list(self._finalists)[:1])))
        return Facts(
            seed=seed,
            params={name: value for name, value in self._finalists[finalist].items() if value is not None},
            repeats=finalist,
        )

    def _left(self) -> Iterator[tuple[int, int]]:
        out = self._losers()
        return self._unasked(self._seeds, [number for number in self._finalists if number not in out])

    def _losers(self) -> dict[int, str]:
        return losers(self._trials.values(), finalists=list(self._finalists), seeds=self._seeds, mode=self._mode)

    def _unasked(self, seeds: Iterator[int] | Sequence[int], finalists: Sequence[int]) -> Iterator[tuple[int, int]]:
        asked = {(trial.repeats, trial.seed) for trial in self._trials.values()}
        return ((number, seed) for seed in seeds for number in finalists if (number, seed) not in asked)
