"""Model folders: where a config's model lies on this machine, whether it can be used, and its tokenizer."""

import json
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trainer.architecture import Mode, overrides, problems, takes_token_types
from trainer.builtin.tiny_bert import SETTINGS, tiny_bert
from trainer.cache import fingerprint
from trainer.document import ConfigError, Problem, nearest
from trainer.readiness import readiness_problems

if TYPE_CHECKING:
    from transformers import PreTrainedConfig, PreTrainedTokenizerBase

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
    "source.spm",
    "target.spm",
)
TOKENIZER_SETTINGS = (
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "merges.txt",
    "config.json",
)
SMALL_FILES = ["*.json", "*.txt", "*.model"]
SENTENCE_PIECE = frozenset(name for name in TOKENIZERS if name.endswith(".model"))


def model_folder(config: "TrainConfig", mode: Mode | None = None, *, weights: bool = True) -> Path:
    """The folder of `config.model`; the built-in one is built and a hub model fetched if it is not on this machine.

    Args:
        config: Names the model, and what is asked of it.
        mode: What the task needs a head for; None does not look at heads.
        weights: Whether its weights are needed; without, settings and a tokenizer are enough.

    Raises:
        ConfigError: There is no such model, its folder is not whole, or it cannot do what is asked.
    """
    if config.model == "builtin:tiny-bert":
        folder = tiny_bert(config.split_seed)
    elif Path(config.model).is_absolute():
        folder = Path(config.model)
    else:
        folder = _fetch(config.model, [*SMALL_FILES, "*.safetensors"] if weights else SMALL_FILES)
    if found := folder_problems(folder, weights=weights) or problems(load_settings(folder), config, mode):
        raise ConfigError(found)
    return folder


def model_problems(config: "TrainConfig", mode: Mode, *, weights: bool = True) -> list[Problem]:
    """Everything that keeps a config's model from being trained, without loading weights.

    Of a hub model only its config is fetched.
    """
    try:
        settings = _settings(config, weights=weights)
    except ConfigError as error:
        return error.problems
    return problems(settings, config, mode) or readiness_problems(config, settings, mode)


def _settings(config: "TrainConfig", *, weights: bool) -> "PreTrainedConfig":
    from transformers import BertConfig

    if config.model.startswith("builtin:"):
        return BertConfig(**SETTINGS)
    if not Path(config.model).is_absolute():
        return load_settings(_fetch(config.model, ["config.json"]))
    folder = Path(config.model)
    if found := folder_problems(folder, weights=weights):
        raise ConfigError(found)
    return load_settings(folder)


def folder_problems(folder: Path, *, weights: bool = True) -> list[Problem]:
    """What keeps a folder from being a model folder in Hugging Face layout; without `weights` it needs none."""
    if not folder.is_dir():
        return [Problem(where=str(folder), message="no such model folder")]
    found = []
    try:
        load_settings(folder)
    except ConfigError as error:
        found = [problem.message for problem in error.problems]
    if weights and not any((folder / name).is_file() for name in WEIGHTS):
        pickled = sorted(path.name for path in folder.glob("*.bin"))
        hint = f"; {pickled[0]} is pickled, which is not read: convert it to model.safetensors" if pickled else ""
        found.append(f"has no weights ({' or '.join(WEIGHTS)}){hint}")
    cut_by = {name for name in TOKENIZERS if (folder / name).is_file()}
    if not cut_by:
        found.append(f"has no tokenizer (one of {', '.join(TOKENIZERS)})")
    elif cut_by <= SENTENCE_PIECE and find_spec("sentencepiece") is None:
        found.append(f"its tokenizer {min(cut_by)} can only be read with a package: pip install sentencepiece protobuf")
    return [Problem(where=str(folder), message=message) for message in found]


def tokenizer_fingerprint(folder: Path) -> str:
    """A name for how the tokenizer of a model folder cuts text."""
    files = [folder / name for name in (*TOKENIZERS, *TOKENIZER_SETTINGS) if (folder / name).is_file()]
    return fingerprint(version("tokenizers"), version("transformers"), [file.name for file in files], *files)


def load_settings(folder: Path) -> "PreTrainedConfig":
    """The settings in the `config.json` of a model folder. Raises ConfigError if they are not those of a model."""
    from huggingface_hub.errors import StrictDataclassError
    from transformers import CONFIG_MAPPING, AutoConfig

    where = str(folder)
    try:
        kind = str(json.loads((folder / "config.json").read_text(encoding="utf-8"))["model_type"])
    except FileNotFoundError:
        raise ConfigError.single("has no config.json", where=where) from None
    except ValueError as error:
        raise ConfigError.single(f"its config.json is not JSON ({error})", where=where) from None
    except (KeyError, TypeError):
        raise ConfigError.single("its config.json names no model_type", where=where) from None
    if kind not in CONFIG_MAPPING:
        message = f"its config.json names model_type '{kind}', which transformers {version('transformers')} has not"
        raise ConfigError.single(message + nearest(kind, CONFIG_MAPPING), where=where)
    try:
        settings: PreTrainedConfig = AutoConfig.from_pretrained(folder, trust_remote_code=False, local_files_only=True)
    except (ValueError, TypeError, NotImplementedError, StrictDataclassError) as error:
        said = str(error).splitlines()[-1].strip()
        raise ConfigError.single(f"its config.json cannot be used: {said}", where=where) from None
    return settings


def model_settings(config: "TrainConfig", folder: Path) -> dict[str, Any]:
    """What replaces values of a folder's settings when its model is loaded: overrides of dropout, and the padding.

    Raises:
        ConfigError: The model has no such dropout, or its tokenizer cannot be used.
    """
    settings = load_settings(folder)
    given = overrides(settings, config)
    if getattr(settings, "pad_token_id", 0) is None:
        # A classifier on a decoder finds the end of a row by it.
        given["pad_token_id"] = load_tokenizer(folder).pad_token_id
    return given


def load_tokenizer(folder: Path) -> "PreTrainedTokenizerBase":
    """The tokenizer of a model folder, completed so that it makes what the model takes.

    It makes token types where the model has them. Where it has no token to pad with, that is its end-of-text token,
    which then also stands between the two texts of a pair if nothing else does. `save_pretrained` keeps all this.

    Raises:
        ConfigError: It does not belong to the model, or has no token to pad with.
    """
    from transformers import AutoTokenizer

    settings = load_settings(folder)
    names = ["input_ids", "token_type_ids", "attention_mask"]
    if not takes_token_types(settings):
        names.remove("token_type_ids")
    try:
        tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(
            folder, config=settings, model_input_names=names, trust_remote_code=False, local_files_only=True
        )
    except (OSError, ValueError) as error:
        message = f"its tokenizer cannot be read: {str(error).splitlines()[0]}"
        raise ConfigError.single(message, where=str(folder)) from None
    known = getattr(settings, "vocab_size", None)
    if known is not None and len(tokenizer) > known:
        message = f"its tokenizer has {len(tokenizer)} tokens, but its model only {known}"
        raise ConfigError.single(message, where=str(folder))
    if tokenizer.pad_token is None:
        _pad_by_end_of_text(tokenizer, folder)
    return tokenizer


def _pad_by_end_of_text(tokenizer: "PreTrainedTokenizerBase", folder: Path) -> None:
    from tokenizers.processors import TemplateProcessing

    end = tokenizer.eos_token
    if end is None:
        raise ConfigError.single("its tokenizer has neither a token to pad with nor one for the end", where=str(folder))
    tokenizer.pad_token = end
    if tokenizer.is_fast and tokenizer.num_special_tokens_to_add(pair=True) == 0:
        tokenizer.backend_tokenizer.post_processor = TemplateProcessing(
            single="$A:0", pair=f"$A:0 {end}:0 $B:1", special_tokens=[(end, tokenizer.eos_token_id)]
        )


def _fetch(name: str, wanted: list[str]) -> Path:
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(name, allow_patterns=wanted))
    except (OSError, ValueError) as error:
        said = (str(error) or repr(error)).splitlines()[0]
        message = f"is no folder here, and cannot be had from the hub: {said}"
        raise ConfigError.single(message, where=f"model '{name}'") from None
