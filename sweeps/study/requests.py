"""What people have asked of a sweep while it runs: each request with its answer and its effect, in one attribute of the study.

The state is nothing but the sum of the effects, so a request and what it does are one write.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

import optuna

from search_spaces import Value
from sweeps.steering.requests import Answer

_PREFIX = "request:"


@dataclass(frozen=True, kw_only=True, slots=True)
class Effect:
    """What a request changes. Each field is None or empty when it changes nothing of the kind.

    Attributes:
        num_trials: The budget of trials is at least this from now on.
        stopped: This trial ends at its next validation.
        tried: Settings of a trial that is asked next; the others are drawn.
        retried: Trials that are asked again as new ones, outside the budget.
    """

    num_trials: int | None = None
    stopped: int | None = None
    tried: Mapping[str, Value] | None = None
    retried: tuple[int, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Applied:
    """A request that was answered. `id` is never used again."""

    id: str
    answer: Answer
    effect: Effect = Effect()

    def to_attribute(self) -> dict[str, Any]:
        """As it is kept in the study."""
        return {"answer": asdict(self.answer), "effect": asdict(self.effect)}

    @classmethod
    def from_attribute(cls, request_id: str, kept: Mapping[str, Any]) -> Self:
        """Of what `to_attribute` gave."""
        effect = Effect(**{**kept["effect"], "retried": tuple(kept["effect"]["retried"])})
        return cls(id=request_id, answer=Answer(**kept["answer"]), effect=effect)


class Requests:
    """All requests of one study, in the order they were answered.

    Args:
        study: Where they are kept.
        taken: IDs of those whose trial was asked already (`Facts.request`).
    """

    def __init__(self, study: optuna.Study, taken: Iterable[str]) -> None:
        self._study = study
        kept = {key: value for key, value in study.user_attrs.items() if key.startswith(_PREFIX)}
        applied = (Applied.from_attribute(key.removeprefix(_PREFIX), value) for key, value in kept.items())
        self._applied = {each.id: each for each in sorted(applied, key=lambda each: (each.answer.at_ms, each.id))}
        self.taken = set(taken)
        self._read()

    def known(self, request_id: str) -> Applied | None:
        """What became of a request, if it was answered."""
        return self._applied.get(request_id)

    def keep(self, applied: Applied) -> None:
        """Remembers a request; from here on its effect holds."""
        self._study.set_user_attr(_PREFIX + applied.id, applied.to_attribute())
        self._applied[applied.id] = applied
        self._read()

    def answers(self) -> list[Answer]:
        """All of them, for people."""
        return [each.answer for each in self._applied.values()]

    @property
    def tries(self) -> list[tuple[str, Mapping[str, Value]]]:
        """Configurations to be tried next: ID and settings."""
        return [each for each in self._tries if each[0] not in self.taken]

    @property
    def retries(self) -> list[tuple[str, int]]:
        """Trials to be asked again: ID and number."""
        return [each for each in self._retries if each[0] not in self.taken]

    @property
    def num_retried(self) -> int:
        """Trials that were asked outside the budget."""
        return sum(each in self.taken for each, _ in self._retries)

    @property
    def again(self) -> frozenset[int]:
        """Trials that are, or were, asked again."""
        return frozenset(number for _, number in self._retries)

    def _read(self) -> None:
        effects = [each.effect for each in self._applied.values()]
        self.num_trials = max((each.num_trials for each in effects if each.num_trials is not None), default=0)
        self.stopped = frozenset(each.stopped for each in effects if each.stopped is not None)
        self._tries: Sequence[tuple[str, Mapping[str, Value]]] = [
            (each.id, each.effect.tried) for each in self._applied.values() if each.effect.tried is not None
        ]
        self._retries: Sequence[tuple[str, int]] = [
            (f"{each.id}:{number}", number) for each in self._applied.values() for number in each.effect.retried
        ]
