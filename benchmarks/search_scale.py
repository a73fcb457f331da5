"""What a trial costs the driver, from 100 trials to 10,000, and 100 workers that die while they run them. A few minutes."""

import os
import resource
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from optuna.trial import TrialState, create_trial

from benchmarks.search_game import METRIC, configured, landscape
from sweeps.config import SweepConfig
from sweeps.contract import Asker, Kind, Outcome, Report, TrialSpec, Turn, Verdict
from sweeps.disk.folder import SweepFolder
from sweeps.disk.history import History
from sweeps.halt import Halt
from sweeps.launchers.simulated import Simulated
from sweeps.simulation.landscape import LandscapeTrial
from sweeps.study.source import Sampled
from sweeps.study.study import Study

T = TypeVar("T")

TRIALS = int(os.environ.get("NUM_TRIALS", "10000"))
WINDOW = 100
"""The cost at the beginning and at the end is the mean over so many trials."""
WORKERS = 100


def main() -> Iterator[str]:
    """Yields the lines to print, as they are measured."""
    yield from driver(in_memory=True)
    yield from driver(in_memory=False)
    yield from sampler()
    yield deaths()


def driver(*, in_memory: bool) -> Iterator[str]:
    """CPU time in the study's verbs, outside the sampler, and memory."""
    config = configured(0, trials=TRIALS, sampler="random", pruner="asha")
    with tempfile.TemporaryDirectory(dir=_ramdisk()) as name:
        folder = SweepFolder(Path(name))
        before_mb = _memory_mb()
        study = Study.open(config, folder, history=History(folder.history), halt=Halt(), in_memory=in_memory)
        watch = Stopwatch(study)
        Simulated(workers=WORKERS).run(watch, LandscapeTrial(landscape=landscape(0), metric=METRIC))
        grown_mb = _memory_mb() - before_mb
    first = watch.ms_per_trial(WINDOW, 2 * WINDOW)  # the first hundred also pay imports
    last = watch.ms_per_trial(TRIALS - WINDOW, TRIALS)
    yield (
        f"driver, {'in memory' if in_memory else 'journal on a RAM disk'}: {last:.1f} ms a trial at {TRIALS:,} trials, outside "
        f"the sampler (aim 10); {last / first:.2f} of that at {WINDOW} (aim 1.5); {grown_mb:.0f} MB more memory"
    )


def sampler() -> Iterator[str]:
    """CPU time of one draw by tpe, by the number of trials before it."""
    for trials in (100, 1000, TRIALS):
        study = _filled(trials)
        source = Sampled(configured(0, trials=trials + 100, sampler="tpe"))
        study.add_trial(create_trial(state=TrialState.RUNNING))
        frozen = study.get_trials(deepcopy=False)[-1]
        source.draw(study, frozen)
        begun = time.process_time()
        for _ in range(5):
            source.draw(study, frozen)
        yield f"tpe after {trials:,} trials: {(time.process_time() - begun) / 5 * 1000:.0f} ms a draw"


def deaths() -> str:
    """A thousand trials on a hundred workers, each of which lives two minutes on average and needs 20 s to come back."""
    config = configured(0, trials=1000, sampler="random", pruner="asha").model_copy(
        update={"resources": configured(0, trials=1).resources.model_copy(update={"max_attempts": 100})}
    )
    study = _study(config)
    launcher = Simulated(workers=WORKERS, deaths_per_hour=30, startup_s=20)
    launcher.run(study, LandscapeTrial(landscape=landscape(0), metric=METRIC))
    trials = study.trials()
    lost = sum(each.outcome is Kind.LOST for each in launcher.attempts)
    attempts = Counter(each.number for each in launcher.attempts)
    sound = (
        [trial.number for trial in trials] == list(range(1000))
        and all(trial.outcome not in (None, Kind.LOST) for trial in trials)
        and all(attempts[trial.number] == trial.attempt for trial in trials)
    )
    return (
        f"1,000 trials on {WORKERS} workers, {lost} attempts lost with their workers: "
        f"{'every trial ended once, none is missing or double' if sound else 'NOT SOUND'}"
    )


class Stopwatch:
    """Passes a study's verbs on and adds up the CPU time that they take, without that of the sampler."""

    stopping = False

    def __init__(self, study: Study) -> None:
        self._study: Asker = study
        self._drawing_s = 0.0
        self._spent_s: defaultdict[int, float] = defaultdict(float)
        source: Any = study._source  # noqa: SLF001
        draw = source.draw

        def timed(*arguments: Any) -> Any:
            begun = time.process_time()
            drawn = draw(*arguments)
            self._drawing_s += time.process_time() - begun
            return drawn

        source.draw = timed

    def ask(self) -> TrialSpec | Turn:
        """Asks on."""
        begun, drawing_s = time.process_time(), self._drawing_s
        turn = self._study.ask()
        if isinstance(turn, TrialSpec):
            self._spent_s[turn.number] += time.process_time() - begun - (self._drawing_s - drawing_s)
        return turn

    def report(self, number: int, attempt: int, report: Report) -> Verdict:
        """Reports on."""
        return self._timed(number, lambda: self._study.report(number, attempt, report))

    def finish(self, number: int, attempt: int, outcome: Outcome) -> None:
        """Passes on."""
        self._timed(number, lambda: self._study.finish(number, attempt, outcome))

    def ms_per_trial(self, first: int, end: int) -> float:
        """Mean cost of the trials with these numbers."""
        return sum(self._spent_s[number] for number in range(first, end)) / (end - first) * 1000

    def _timed(self, number: int, verb: Callable[[], T]) -> T:
        begun = time.process_time()
        answer = verb()
        self._spent_s[number] += time.process_time() - begun
        return answer


def _filled(trials: int) -> Any:
    """An Optuna study with so many ended trials."""
    config = configured(0, trials=trials, sampler="random", pruner="asha")
    study = _study(config)
    Simulated(workers=WORKERS).run(study, LandscapeTrial(landscape=landscape(0), metric=METRIC))
    return study._study  # noqa: SLF001


def _study(config: SweepConfig) -> Study:
    folder = SweepFolder(Path(config.storage.path) / config.name)
    return Study.open(config, folder, history=History(folder.history), halt=Halt(), in_memory=True)


def _ramdisk() -> str | None:
    """Where waiting for the disk does not count."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None


def _memory_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
