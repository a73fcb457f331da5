from pathlib import Path

from sweeps.record.store import Store
from sweeps.record.upload import Progress, upload
from tests.sweeps.record.recorded import PATIENCE_S, Sweep


def test_an_upload_that_broke_off_goes_on(any_sweep: Sweep, tmp_path: Path) -> None:
    sweep = any_sweep
    model = tmp_path / "model-folder"
    (model / "nested").mkdir(parents=True)
    for name in ("a.bin", "nested/b.bin", "c.bin"):
        (model / name).write_bytes(name.encode() * 1000)
    assert sweep.record().flush(PATIENCE_S)
    parent = sweep.runs("sweep")["recorded"]
    held, progress = Store(sweep.config.tracking.uri), Progress()
    held.upload(parent.run_id, model / "nested" / "b.bin", to="model/nested")
    upload(held, parent.run_id, model, progress, to="model", go_on=True)
    assert progress.mark()[0] == 2  # the one that was there is not sent again
    assert sweep.artifacts(parent) == {"model/a.bin", "model/c.bin", "model/nested/b.bin"}


def test_bytes_that_are_read_are_progress(tmp_path: Path) -> None:
    path, progress = tmp_path / "weights", Progress()
    path.write_bytes(bytes(1_000_000))
    with progress.sending(path), path.open("rb", buffering=0) as file:
        before = progress.mark()
        assert progress.mark() == before
        file.read(400_000)
        assert progress.mark() != before
    assert progress.mark() == (1, 0)
