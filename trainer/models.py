"""Model folders: where a config's model lies on this machine, whether it can be used, and its tokenizer."""

import json
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from trainer.builtin.tiny_bert import tiny_bert
from trainer.cache import fingerprint
from trainer.document import ConfigError, Problem

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from trainer.config import TrainConfig

WEIGHTS = ("model.safetensors", "model.safetensors.index.json")
TOKENIZERS = (
    "tokenizer.json",
    "vocab.txt",
    "vocab.json",
    "spiece.model",
    "sentencepiece.bpe.model",
    "tokenizer.model",
    "spm.model",
)
TOKENIZER_SETTINGS = (
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "merges.txt",
    "config.json",
)
DROPOUT_NAMES = ("hidden_dropout_prob", "dropout", "dropout_rate", "resid_pdrop")
"""What model families call the dropout of their hidden layers."""


def model_folder(config: "TrainConfig") -> Path:
    """The folder of `config.model`; the built-in one is built and a hub model fetched if it is not on this machine.

    Raises:
        ConfigError: There is no such model, or its folder is not whole.
    """
    if config.model == "builtin:tiny-bert":
        return tiny_bert(config.split_seed)
    folder = Path(config.model) if Path(config.model).is_absolute() else _fetch(config.model)
    if problems := folder_problems(folder) or _length_problems(folder, config):
        raise ConfigError(problems)
    return folder


def model_problems(config: "TrainConfig") -> list[Problem]:
    """Everything that is wrong with `config.model`, without loading weights; of a hub model only its config is fetched."""
    if config.model.startswith("builtin:"):
        return []
    if Path(config.model).is_absolute():
        folder = Path(config.model)
        return folder_problems(folder) or _length_problems(folder, config)
    try:
        return _length_problems(_fetch(config.model, only="config.json"), config)
    except ConfigError as error:
        return error.problems


def folder_problems(folder: Path) -> list[Problem]:
    """What keeps a folder from being a model folder in Hugging Face layout."""
    if not folder.is_dir():
        return [Problem(where=str(folder), message="no such model folder")]
    found = []
    try:
        settings = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        if "model_type" not in settings:
            found.append("its config.json names no model_type")
    except FileNotFoundError:
        found.append("has no config.json")
    except ValueError as error:
        found.append(f"its config.json is not JSON ({error})")
    if not any((folder / name).is_file() for name in WEIGHTS):
        pickled = sorted(path.name for path in folder.glob("*.bin"))
        hint = f"; {pickled[0]} is pickled, which is not read: convert it to model.safetensors" if pickled else ""
        found.append(f"has no weights ({' or '.join(WEIGHTS)}){hint}")
    if not any((folder / name).is_file() for name in TOKENIZERS):
        found.append(f"has no tokenizer (one of {', '.join(TOKENIZERS)})")
    return [Problem(where=str(folder), message=message) for message in found]


def _length_problems(folder: Path, config: "TrainConfig") -> list[Problem]:
    settings = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    positions = settings.get("max_position_embeddings")
    if not isinstance(positions, int) or positions < 0 or config.max_length_tokens <= positions:
        return []
    message = f"{config.max_length_tokens} tokens are more than the {positions} positions of the model in {folder}"
    return [Problem(key="max_length_tokens", message=message)]


def tokenizer_fingerprint(folder: Path) -> str:
    """A name for how the tokenizer of a model folder cuts text."""
    files = [folder / name for name in (*TOKENIZERS, *TOKENIZER_SETTINGS) if (folder / name).is_file()]
    return fingerprint(version("tokenizers"), version("transformers"), [file.name for file in files], *files)


def load_tokenizer(folder: Path) -> "PreTrainedTokenizerBase":
    """The tokenizer of a model folder."""
    from transformers import AutoTokenizer

    tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(
        folder, trust_remote_code=False, local_files_only=True
    )
    return tokenizer


def dropout_name(folder: Path) -> str:
    """What this model's family calls the dropout of its hidden layers. Raises ConfigError if it has none."""
    from transformers import AutoConfig

    settings = AutoConfig.from_pretrained(folder, trust_remote_code=False, local_files_only=True)
    names = [name for name in DROPOUT_NAMES if hasattr(settings, name)]
    if not names:
        raise ConfigError.single(f"a model of type '{settings.model_type}' has no dropout to set", where=str(folder))
    return names[0]


def _fetch(name: str, *, only: str | None = None) -> Path:
    from huggingface_hub import snapshot_download

    wanted = [only] if only else ["*.json", "*.txt", "*.model", "*.safetensors"]
    try:
        return Path(snapshot_download(name, allow_patterns=wanted))
    except (OSError, ValueError) as error:
        said = (str(error) or repr(error)).splitlines()[0]
        message = f"is no folder here, and cannot be had from the hub: {said}"
        raise ConfigError.single(message, where=f"model '{name}'") from None
