"""What a model's own settings say: which heads it can have, how many tokens it takes, what it calls its dropout.

`settings` is always what `transformers.AutoConfig` reads from the `config.json` of a model folder.
"""

from collections.abc import Collection
from typing import TYPE_CHECKING, Any, Literal, get_args

from trainer.document import ConfigError, Problem

if TYPE_CHECKING:
    from transformers import PreTrainedConfig

    from trainer.config import TrainConfig

Mode = Literal[
    "base",
    "sequence_classification",
    "token_classification",
    "question_answering",
    "causal_lm",
    "masked_lm",
    "seq2seq_lm",
]
MODELS: dict[Mode, tuple[str, str]] = {
    "base": ("AutoModel", "MODEL_MAPPING_NAMES"),
    "sequence_classification": (
        "AutoModelForSequenceClassification",
        "MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES",
    ),
    "token_classification": ("AutoModelForTokenClassification", "MODEL_FOR_TOKEN_CLASSIFICATION_MAPPING_NAMES"),
    "question_answering": ("AutoModelForQuestionAnswering", "MODEL_FOR_QUESTION_ANSWERING_MAPPING_NAMES"),
    "causal_lm": ("AutoModelForCausalLM", "MODEL_FOR_CAUSAL_LM_MAPPING_NAMES"),
    "masked_lm": ("AutoModelForMaskedLM", "MODEL_FOR_MASKED_LM_MAPPING_NAMES"),
    "seq2seq_lm": ("AutoModelForSeq2SeqLM", "MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES"),
}
"""Mode -> Transformers' class that puts its head on a body, and its table of the model types that have that head."""

BODY_DROPOUT = (
    "hidden_dropout_prob",
    "hidden_dropout",
    "dropout",
    "dropout_rate",
    "activation_dropout",
    "embd_pdrop",
    "embed_dropout",
    "embedding_dropout",
    "mlp_dropout",
    "resid_dropout",
    "resid_pdrop",
)
HEAD_DROPOUT = (
    "classifier_dropout",
    "classifier_dropout_prob",
    "cls_dropout",
    "pooler_dropout",
    "qa_dropout",
    "seq_classif_dropout",
    "summary_last_dropout",
)
OVERRIDES: dict[str, tuple[str, ...]] = {
    "dropout": BODY_DROPOUT,
    "attention_dropout": ("attention_probs_dropout_prob", "attention_dropout", "attn_pdrop"),
    "layerdrop": ("layerdrop", "encoder_layerdrop", "decoder_layerdrop"),
}
"""Setting of a TrainConfig -> what model families call it. A family that has several of the names gets the value in all."""

POSITIONS_AFTER_PADDING = (
    "camembert",
    "data2vec-text",
    "esm",
    "ibert",
    "longformer",
    "luke",
    "mpnet",
    "roberta",
    "roberta-prelayernorm",
    "xlm-roberta",
    "xlm-roberta-xl",
    "xmod",
)
"""Types that number positions from the one after the padding's, so that of 514 positions 512 are of use."""


def auto_class(mode: Mode) -> Any:
    """Transformers' class that puts the head of a mode on the body of any model type."""
    import transformers

    return getattr(transformers, MODELS[mode][0])


def problems(settings: "PreTrainedConfig", config: "TrainConfig", mode: Mode | None = None) -> list[Problem]:
    """Everything that a config asks of a model which a model with these settings does not have.

    Args:
        settings: The model's own.
        config: What is asked.
        mode: What the task needs a head for; None does not look at heads.
    """
    found = _override_problems(settings, config) + _length_problems(settings, config, mode)
    return found if mode is None else found + head_problems(settings, mode)


def overrides(settings: "PreTrainedConfig", config: "TrainConfig") -> dict[str, Any]:
    """What replaces values of the model's settings, by the names that its family has for them.

    `dropout` is that of all hidden states: embeddings, layers and head. Where a family has one value for these and for
    attention (T5, XLNet), it is that one. With `dropout` and `attention_dropout` at 0 nothing is dropped in training,
    except that a GPT-2 has a fixed 0.1 before its head for token classification.

    Raises:
        ConfigError: The family has no such thing.
    """
    if found := _override_problems(settings, config):
        raise ConfigError(found)
    given = {
        name: getattr(config, setting)
        for setting in OVERRIDES
        if getattr(config, setting) is not None
        for name in _names(settings, OVERRIDES[setting])
    }
    if config.dropout is not None:
        given |= dict.fromkeys(_names(settings, HEAD_DROPOUT), config.dropout)
    return given


def _names(settings: "PreTrainedConfig", known: Collection[str]) -> list[str]:
    return [name for name in known if hasattr(settings, name)]


def _override_problems(settings: "PreTrainedConfig", config: "TrainConfig") -> list[Problem]:
    has = [setting for setting, names in OVERRIDES.items() if _names(settings, names)]
    message = f"a model of type '{settings.model_type}' has none that could be set; it has: {', '.join(has) or 'none'}"
    return [
        Problem(key=setting, message=message)
        for setting in OVERRIDES
        if getattr(config, setting) is not None and setting not in has
    ]


def max_tokens(settings: "PreTrainedConfig") -> int | None:
    """The longest row that the model takes, special tokens counted; None where positions are relative to each other."""
    positions = getattr(settings, "max_position_embeddings", None)
    if not isinstance(positions, int) or positions <= 0 or not getattr(settings, "position_biased_input", True):
        return None
    if settings.model_type in POSITIONS_AFTER_PADDING:
        return positions - 1 - (settings.pad_token_id or 0)
    return positions


def _length_problems(settings: "PreTrainedConfig", config: "TrainConfig", mode: Mode | None) -> list[Problem]:
    limit = max_tokens(settings)
    if limit is None:
        return []
    lengths = {"max_length_tokens": config.max_length_tokens}
    if mode == "seq2seq_lm":
        lengths["max_target_tokens"] = config.max_target_tokens
    return [
        Problem(key=key, message=f"{length} tokens are more than the {limit} that this '{settings.model_type}' takes")
        for key, length in lengths.items()
        if length > limit
    ]


def head_problems(settings: "PreTrainedConfig", mode: Mode) -> list[Problem]:
    """What keeps a model from being trained in a mode: its type has no such head, or could not learn by it."""
    reason = _refusal(settings, mode)
    if not reason:
        return []
    can = [other for other in get_args(Mode) if not _refusal(settings, other)]
    message = f"a model of type '{settings.model_type}' {reason}; it can do: {', '.join(can) or 'none of the modes'}"
    return [Problem(key="model", message=message)]


def _refusal(settings: "PreTrainedConfig", mode: Mode) -> str:
    """Why a model cannot be trained in a mode, as the end of a sentence about it; empty if it can."""
    if mode in ("causal_lm", "masked_lm") and _has_head(settings, "seq2seq_lm"):
        return "writes one text for another: use task 'summarization' or 'translation'"
    both_sides = _has_head(settings, "masked_lm") and not getattr(settings, "is_decoder", False)
    if mode == "causal_lm" and (both_sides or settings.model_type == "xlnet"):
        return "reads the words on both sides, so also the one that it has to guess: use a decoder such as GPT-2"
    if not _has_head(settings, mode):
        return _NO_HEAD.get(mode, f"has no head for {mode}")
    if mode == "masked_lm" and not both_sides:
        return "is set up as a decoder, which reads only the words before: use task 'clm'"
    return ""


_NO_HEAD: dict[Mode, str] = {
    "causal_lm": "does not write a text word by word: use a decoder such as GPT-2",
    "masked_lm": "does not fill gaps in a text: use an encoder such as BERT",
    "seq2seq_lm": "has no encoder and decoder of its own: use BART or T5",
}


def _has_head(settings: "PreTrainedConfig", mode: Mode) -> bool:
    from transformers.models.auto import modeling_auto

    return settings.model_type in getattr(modeling_auto, MODELS[mode][1])


def takes_token_types(settings: "PreTrainedConfig") -> bool:
    """Whether the model tells the first text of a pair from the second by token types.

    Neither the names of `forward` nor of the tokenizer say so: a RoBERTa takes them and knows one type, a GPT-2 takes
    them for words, and the tokenizers of ALBERT and XLNet, which know two and three, do not make them unasked.
    """
    return settings.model_type == "xlnet" or (getattr(settings, "type_vocab_size", None) or 0) > 1
