"""The finalists of a search, trained again with fresh seeds: whoever leads a search has had luck, and this is what is left without."""

from collections.abc import Sequence
from dataclasses import dataclass

from sweeps.config import SweepConfig
from sweeps.contract import Trial
from sweeps.disk.folder import SweepFolder
from sweeps.disk.history import History
from sweeps.halt import Halt
from sweeps.settings.search import SearchConfig
from sweeps.spending.budget import BudgetConfig
from sweeps.study.listed import Listed
from sweeps.study.pruners import NoPruner
from sweeps.study.study import Study
from sweeps.winner.selection import from_trials, rank


@dataclass(frozen=True, kw_only=True)
class Confirmation:
    """A confirmation that can be launched like a sweep.

    Attributes:
        config: The sweep as it is in this phase: as many trials as there are finalists times seeds, and nothing pruned.
        finalists: Numbers of their trials in the search, the best first.
        study: A study of its own, which feeds no rung, budget or sampler of the search.
    """

    config: SweepConfig
    finalists: tuple[int, ...]
    study: Study


def open_confirmation(
    config: SweepConfig, trials: Sequence[Trial], folder: SweepFolder, *, history: History, halt: Halt
) -> Confirmation | None:
    """Begins a confirmation, or goes on with it. Call it with the lease in hand, once the search is done.

    Args:
        config: The sweep.
        trials: All trials of the search; its best configurations are the finalists.
        folder: The sweep's folder; the confirmation lies in `confirm/` inside.
        history: Where the points that are measured now go.
        halt: That of the sweep.

    Returns:
        None when none is asked for, or when no trial has succeeded.
    """
    if config.confirm is None:
        return None
    best = rank(from_trials(trials, config.metric), mode=config.mode)[: config.confirm.top_k]
    asked = {trial.number: trial.params for trial in trials}
    finalists = {each.trial: asked[each.trial] for each in best}
    if not finalists:
        return None
    phase = config.model_copy(
        update={
            "name": f"{config.name}/confirm",
            "search": SearchConfig(sampler="random", pruner=NoPruner()),  # whose configurations nobody asks for
            "budget": BudgetConfig(trials=len(finalists) * config.confirm.seeds),
            "keep": config.keep.model_copy(update={"top_k": config.confirm.top_k}),
        }
    )
    listed = Listed(finalists, train_seed=config.train.seed, num_seeds=config.confirm.seeds, mode=config.mode)
    study = Study.open(phase, folder.confirm, history=history, halt=halt, source=listed)
    for trial in study.trials():
        listed.trial_changed(trial)
    study.listen(listed)
    return Confirmation(config=phase, finalists=tuple(finalists), study=study)
