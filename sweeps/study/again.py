"""A failed or lost trial, tried again. What was told cannot be taken back, so it is a new trial."""

from dataclasses import replace

from optuna.trial import FrozenTrial, TrialState, create_trial

from sweeps.disk.folder import SweepFolder
from sweeps.disk.store import Store
from sweeps.study.snapshot import Facts


def again(frozen: FrozenTrial, number: int, *, request: str, folder: SweepFolder) -> FrozenTrial:
    """The new trial, for one write: the same configuration and seed, from the last resume state if that is still there.

    Args:
        frozen: The trial that failed.
        number: Its number in the sweep.
        request: ID of the request.
        folder: The sweep's folder.
    """
    before = Facts.read(frozen)
    assert before is not None
    state, weights = folder.outside(before.resume), folder.outside(before.checkpoint)
    goes_on = state is not None and Store(state).exists() and (weights is None or Store(weights).exists())
    if goes_on:
        facts = replace(before, attempt=0, losses=0, outcome=None, reason="")
    else:
        kept = Facts(seed=before.seed, params=before.params)
        facts = replace(kept, parent=before.parent, inherits=before.inherits, last=before.last)
    facts = replace(facts, request=request, retry_of=number)
    return create_trial(
        state=TrialState.RUNNING,
        user_attrs=facts.to_attributes(),
        intermediate_values=frozen.intermediate_values if goes_on else None,
    )
