"""How much memory training takes at most. On a CPU that is what the process holds."""

import math
from pathlib import Path

import pytest
import torch

from tests.trainer.conftest import MakeConfig
from trainer import memory_probe
from trainer.job import prepare
from trainer.memory_probe import STEPS, probe_memory


def test_the_longest_rows_and_the_largest_micro_batch_are_tried_and_nothing_is_left(
    make_config: MakeConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    sizes: list[tuple[int, ...]] = []
    forward = torch.nn.Embedding.forward

    def note(self: torch.nn.Embedding, ids: torch.Tensor) -> torch.Tensor:
        if self.padding_idx is not None and torch.is_grad_enabled():
            sizes.append(tuple(ids.shape))
        return forward(self, ids)

    monkeypatch.setattr(torch.nn.Embedding, "forward", note)
    config = make_config(batch_size=16, accumulate=4, epochs=3)
    found = probe_memory(config)
    assert sizes == [(16, found.num_tokens)] * STEPS
    assert (found.batch_size, found.num_tokens) == (16, prepare(config).train.lengths.max())
    assert 50 < found.peak_mb < found.total_mb
    assert list(tmp_path.iterdir()) == []


def test_what_does_not_fit_at_all_is_infinite(make_config: MakeConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*tensors: torch.Tensor) -> torch.Tensor:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(torch.nn.Embedding, "forward", refuse)
    assert probe_memory(make_config()).peak_mb == math.inf


def test_of_a_gpu_all_that_the_process_holds_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """The numbers of a GPU, as torch gives them: 16 GiB, of which 5 are taken, 4.5 of them by torch; it was 9.5 at the peak."""
    gib = 2**30
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda: (11 * gib, 16 * gib))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda: 4.5 * gib)
    monkeypatch.setattr(torch.cuda, "max_memory_reserved", lambda: 9.5 * gib)
    assert memory_probe.held_mb() == (10 * 1024, 16 * 1024)
