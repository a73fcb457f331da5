"""Looks a sweep over, and mends it."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from sweeps.config import SweepConfig
from sweeps.disk.driving import driving, owner_of
from sweeps.disk.folder import SweepFolder
from sweeps.disk.history import History
from sweeps.disk.lease import Owner
from sweeps.errors import PreflightError
from sweeps.halt import Halt
from sweeps.mending.checks import (
    Finding,
    broken_findings,
    folder_findings,
    lease_findings,
    torn_findings,
    waiting_notes,
)
from sweeps.record import RecordError, check
from sweeps.record.audit import audit
from sweeps.study.reading import Kept, read_study


@dataclass(frozen=True, kw_only=True)
class Examined:
    """What was found.

    Attributes:
        driver: Who is at work on the sweep; everything else is its business then.
        findings: What is not as it should be.
        notes: What waits for a driver.
    """

    driver: Owner | None = None
    findings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def examine(config: SweepConfig, folder: SweepFolder) -> Examined:
    """Looks at lease, study, files and record. Changes nothing."""
    owner = owner_of(config, folder)
    if owner is not None and owner.alive():
        return Examined(driver=owner)
    findings = [*lease_findings(folder), *torn_findings(folder), *broken_findings(folder)]
    kept = None
    try:
        kept = read_study(config, folder)
    except Exception as error:  # noqa: BLE001 - whatever a vendor says of a broken study, it is a finding
        findings.append(Finding(what=f"the study cannot be read: {error}", cure="see above"))
    else:
        if kept is None:
            findings.append(Finding(what="the study is gone", cure="bring it back from a backup"))
    if kept is None:
        return Examined(findings=findings)
    findings += folder_findings(folder, kept.trials)
    return Examined(
        findings=[*findings, *_record_findings(config, folder, kept)], notes=[*waiting_notes(folder, kept.trials)]
    )


def mend(found: Examined, config: SweepConfig, folder: SweepFolder) -> None:
    """Mends what can be mended in the folder; the record is mended by `sync`. Raises PreflightError if a driver is at work."""
    if found.driver is not None:
        raise PreflightError.single(f"a driver is at work: process {found.driver.pid} on {found.driver.host}")
    with driving(config, folder, Halt()):
        for finding in found.findings:
            if finding.mend is not None:
                finding.mend()


def _record_findings(config: SweepConfig, folder: SweepFolder, kept: Kept) -> Iterator[Finding]:
    """How the record differs from study and history."""
    cure = f"sweeps sync {config.name}"
    if problems := check(config.tracking.uri, create=False):
        yield from (Finding(what=str(each), cure=cure, record=True) for each in problems)
        return
    if kept.sweep_id is None:
        return  # its driver died before anything could be recorded
    phase = config.model_copy(update={"name": f"{config.name}/confirm"})
    fresh = read_study(phase, folder.confirm) if config.confirm else None
    try:
        said = audit(config, sweep_id=kept.sweep_id, trials=kept.trials, history=History(folder.history))
        if fresh is not None and said != ["MLflow has no run of this sweep"]:
            history = History(folder.confirm.history)
            said += audit(config, sweep_id=kept.sweep_id, trials=fresh.trials, history=history, role="confirmation")
    except RecordError as error:
        said = [f"MLflow cannot be asked: {error}"]
    yield from (Finding(what=each, cure=cure, record=True) for each in said)
