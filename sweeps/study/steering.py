"""What people decide about a study beside its sampler: what it begins with, and what they ask of it while it runs."""

from collections.abc import Mapping, Sequence

import optuna
from optuna.trial import FrozenTrial, TrialState, create_trial

from search_spaces import Value
from sweeps.config import SweepConfig
from sweeps.contract import Trial
from sweeps.disk.folder import SweepFolder
from sweeps.halt import Halt
from sweeps.steering.requests import Answer, Pause, Request, Stop, Unpause
from sweeps.study.again import again
from sweeps.study.decide import Situation, decided
from sweeps.study.requests import Requests
from sweeps.study.snapshot import Facts, num_imported
from sweeps.study.warm_start import WarmStart, warm_start


class Steering:
    """Called with the study's lock in hand, as requests come from another thread.

    Attributes:
        config: The sweep, with the budget it has by now.
        first: Optuna's number of the sweep's own trial 0: behind what was taken from other sweeps.
        paused: Whether no new trials begin. Lasts as long as this driver.
    """

    def __init__(
        self, study: optuna.Study, config: SweepConfig, folder: SweepFolder, halt: Halt, *, searches: bool
    ) -> None:
        """Opens what there is.

        Args:
            study: Where it is kept.
            config: The sweep.
            folder: Its folder.
            halt: Set when the sweep is asked to stop.
            searches: Whether a sampler decides here; only then a sweep begins with what others found.
        """
        self._folder = folder
        self._halt = halt
        self._warm_start = warm_start(study, config) if searches else WarmStart()
        trials = study.get_trials(deepcopy=False)
        self.first = num_imported(trials)
        facts = (Facts.read(each) for each in trials[self.first :])
        self._requests = Requests(study, taken=[each.request for each in facts if each and each.request])
        self.config = config
        self.paused = False
        self._extend()

    def apply(
        self,
        request_id: str,
        request: Request,
        *,
        trials: Sequence[Trial],
        num_all: int,
        over: str,
        left_before: bool,
    ) -> Answer:
        """Applies a request, once: a second time it only gets the same answer.

        Args:
            request_id: Tells it from any other, for ever.
            request: What is asked.
            trials: All there are, by number.
            num_all: How many were begun, also those without a configuration yet.
            over: Why no trial begins any more, whatever their number; empty while some may.
            left_before: It was there before this driver.

        Raises:
            RuntimeError: Another driver has taken over; the request is that one's.
        """
        if self._halt.lost.is_set():
            raise RuntimeError("another driver has taken this sweep over; the request is that one's")
        if (known := self._requests.known(request_id)) is not None:
            return known.answer
        now = Situation(
            config=self.config,
            trials=trials,
            num_asked=self.num_counted(num_all) + len(self._requests.tries),
            again=self._requests.again,
            paused=self.paused,
            over=over,
            left_before=left_before,
        )
        applied = decided(request_id, request, now)
        self._requests.keep(applied)
        self._extend()
        if applied.answer.accepted:
            self.paused = isinstance(request, Pause) or (self.paused and not isinstance(request, Unpause))
            if isinstance(request, Stop) and request.trial is None:
                self._halt.stop.set()
        return applied.answer

    def is_stopped(self, number: int) -> bool:
        """Whether a trial is to end at its next validation."""
        return number in self._requests.stopped

    def has_more(self) -> bool:
        """Whether trials wait to be asked outside the budget."""
        return bool(self._requests.retries)

    def num_counted(self, num_all: int) -> int:
        """How many of all trials count: what is tried again was counted when it was tried first."""
        return num_all - self._requests.num_retried

    def begin(self, trials: Sequence[FrozenTrial]) -> FrozenTrial:
        """What the next trial is when it begins: one that is tried again, or one without a configuration yet."""
        if not self._requests.retries:
            return create_trial(state=TrialState.RUNNING)
        request, number = self._requests.retries[0]
        self._requests.taken.add(request)
        return again(trials[number], number, request=request, folder=self._folder)

    def wish(self) -> tuple[str | None, Mapping[str, Value]]:
        """What somebody wants the next drawn configuration to have: the request's ID, and settings. Given out once."""
        for request, given in (*self._warm_start.points, *self._requests.tries):
            if request not in self._requests.taken:
                self._requests.taken.add(request)
                return request, given
        return None, {}

    def notes(self) -> list[str]:
        """What the sweep began with, and what people have asked of it, with the answers."""
        return [*self._warm_start.lines, *(f"{each.request}: {each.text}" for each in self._requests.answers())]

    def _extend(self) -> None:
        """Lets the budget of trials be what people have made it, at least."""
        if self._requests.num_trials > self.config.budget.trials:
            budget = self.config.budget.model_copy(update={"trials": self._requests.num_trials})
            self.config = self.config.model_copy(update={"budget": budget})
