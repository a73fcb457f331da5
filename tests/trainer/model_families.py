"""A tiny random model of every family, with a tokenizer of the family's real kind, as ordinary model folders."""

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors, trainers
from transformers import (
    AlbertConfig,
    AlbertForMaskedLM,
    AlbertTokenizer,
    BartConfig,
    BartModel,
    BertConfig,
    BertForMaskedLM,
    BertTokenizer,
    DebertaV2Config,
    DebertaV2Model,
    DebertaV2Tokenizer,
    DistilBertConfig,
    DistilBertForMaskedLM,
    DistilBertTokenizer,
    ElectraConfig,
    ElectraForPreTraining,
    GPT2Config,
    GPT2LMHeadModel,
    GPT2Tokenizer,
    ModernBertConfig,
    ModernBertForMaskedLM,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    RobertaConfig,
    RobertaForMaskedLM,
    RobertaTokenizer,
    T5Config,
    T5ForConditionalGeneration,
    T5Tokenizer,
    TokenizersBackend,
    XLNetConfig,
    XLNetLMHeadModel,
    XLNetTokenizer,
)

from trainer.architecture import Mode
from trainer.process import quiet

POSITIONS = 64
"""Tokens that a model takes, where its family has a limit."""
WIDTH = 32
MAX_WORDS = 300
WORD_SCORE, LETTER_SCORE = -5.0, -10.0
"""Logarithms of probabilities: one piece for a word is likelier than its letters."""
SENTINELS = 10

Texts = Sequence[str]
Settings = dict[str, Any]
READS: tuple[Mode, ...] = ("base", "sequence_classification", "token_classification", "question_answering")
"""What most families can be trained for; those that read a text from both sides, for masked language modeling too."""
ENCODER: Settings = {
    "hidden_size": WIDTH,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 2 * WIDTH,
    "max_position_embeddings": POSITIONS,
    "initializer_range": 0.1,
}


@dataclass(frozen=True)
class Family:
    """How a family is built.

    Attributes:
        tokenizer: Makes the family's kind of tokenizer for texts.
        config: The class of its settings.
        model: The class that its published weights have.
        settings: What is not as the class has it: the size, and what published models have set.
        modes: What it can be trained for.
    """

    tokenizer: Callable[[Texts], PreTrainedTokenizerBase]
    config: type[PreTrainedConfig]
    model: type[PreTrainedModel]
    settings: Settings
    modes: tuple[Mode, ...] = (*READS, "masked_lm")


def build(name: str, folder: Path, texts: Texts) -> Path:
    """Saves the family's model and tokenizer into a folder, and returns it. The same texts give the same files."""
    family = FAMILIES[name]
    tokenizer = family.tokenizer(texts)
    known = [f"{kind}_token_id" for kind in ("pad", "bos", "eos", "cls", "sep")]
    special = {key: getattr(tokenizer, key) for key in known if hasattr(family.config, key)}
    with quiet(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        config = family.config(**{"vocab_size": len(tokenizer), **special, **family.settings})
        family.model(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def words(texts: Texts) -> list[str]:
    """The words that are there twice, the commonest first: rarer ones must be cut."""
    counts = Counter(word for text in texts for word in text.split())
    common = [word for word, count in counts.items() if count > 1]
    return sorted(common, key=lambda word: (-counts[word], word))[:MAX_WORDS]


def letters(texts: Texts) -> list[str]:
    return sorted({letter for text in texts for word in text.split() for letter in word})


def lowered(texts: Texts) -> list[str]:
    return [text.lower() for text in texts]


def word_pieces(texts: Texts) -> dict[str, int]:
    alphabet = letters(lowered(texts))
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *alphabet, *(f"##{letter}" for letter in alphabet)]
    return {piece: number for number, piece in enumerate(dict.fromkeys([*pieces, *words(lowered(texts))]))}


def bert_tokenizer(texts: Texts) -> PreTrainedTokenizerBase:
    return BertTokenizer(vocab=word_pieces(texts), model_max_length=POSITIONS)


def distilbert_tokenizer(texts: Texts) -> PreTrainedTokenizerBase:
    return DistilBertTokenizer(vocab=word_pieces(texts), model_max_length=POSITIONS)


def unigrams(texts: Texts, before: Sequence[str], after: Sequence[str] = ()) -> list[tuple[str, float]]:
    """Pieces and their scores, with special ones before and after them."""
    scores = dict.fromkeys(before, 0.0)
    scores |= {f"▁{word}": WORD_SCORE for word in words(texts)}
    scores |= dict.fromkeys(["▁", *letters(texts)], LETTER_SCORE)
    return [*scores.items(), *((piece, 0.0) for piece in after)]


def xlnet_tokenizer(texts: Texts) -> PreTrainedTokenizerBase:
    special = ["<unk>", "<s>", "</s>", "<cls>", "<sep>", "<pad>", "<mask>", "<eod>", "<eop>"]
    return XLNetTokenizer(vocab=unigrams(texts, special))


def albert_tokenizer(texts: Texts) -> PreTrainedTokenizerBase:
    special = ["<pad>", "<unk>", "[CLS]", "[SEP]", "[MASK]"]
    return AlbertTokenizer(vocab=unigrams(lowered(texts), special), model_max_length=POSITIONS)


def deberta_tokenizer(texts: Texts) -> PreTrainedTokenizerBase:
    return DebertaV2Tokenizer(vocab=unigrams(texts, ["[PAD]", "[CLS]", "[SEP]", "[UNK]"], ["[MASK]"]))


def t5_tokenizer(texts: Texts) -> PreTrainedTokenizerBase:
    sentinels = [f"<extra_id_{number}>" for number in reversed(range(SENTINELS))]
    return T5Tokenizer(vocab=unigrams(texts, ["<pad>", "</s>", "<unk>"], sentinels), extra_ids=SENTINELS)


def byte_pairs(texts: Texts, before: Sequence[str], after: Sequence[str] = ()) -> Tokenizer:
    """A byte-level BPE learned from the texts, with special tokens before and after it."""
    learned = Tokenizer(models.BPE())
    learned.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=256 + len(before) + MAX_WORDS,
        min_frequency=2,
        special_tokens=list(before),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    learned.train_from_iterator(texts, trainer)
    learned.add_special_tokens(list(after))
    return learned


def vocab_and_merges(learned: Tokenizer) -> Settings:
    merges = json.loads(learned.to_str())["model"]["merges"]
    return {"vocab": learned.get_vocab(), "merges": [tuple(merge) for merge in merges]}


def roberta_tokenizer(texts: Texts) -> PreTrainedTokenizerBase:
    learned = byte_pairs(texts, ["<s>", "<pad>", "</s>", "<unk>"], ["<mask>"])
    return RobertaTokenizer(**vocab_and_merges(learned), model_max_length=POSITIONS)


def gpt2_tokenizer(texts: Texts) -> PreTrainedTokenizerBase:
    return GPT2Tokenizer(**vocab_and_merges(byte_pairs(texts, [], ["<|endoftext|>"])), model_max_length=POSITIONS)


def modernbert_tokenizer(texts: Texts) -> PreTrainedTokenizerBase:
    learned = byte_pairs(texts, [], ["[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]"])
    learned.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[(token, learned.token_to_id(token)) for token in ("[CLS]", "[SEP]")],
    )
    return TokenizersBackend(  # type: ignore[no-untyped-call]
        tokenizer_object=learned,
        model_max_length=POSITIONS,
        model_input_names=["input_ids", "attention_mask"],
        **{f"{name.lower()}_token": f"[{name}]" for name in ("UNK", "CLS", "SEP", "PAD", "MASK")},
    )


FAMILIES: dict[str, Family] = {
    "bert": Family(bert_tokenizer, BertConfig, BertForMaskedLM, ENCODER),
    "roberta": Family(
        roberta_tokenizer,
        RobertaConfig,
        RobertaForMaskedLM,
        ENCODER | {"max_position_embeddings": POSITIONS + 2, "type_vocab_size": 1},
    ),
    "xlnet": Family(
        xlnet_tokenizer,
        XLNetConfig,
        XLNetLMHeadModel,
        {"d_model": WIDTH, "n_layer": 2, "n_head": 2, "d_inner": 2 * WIDTH, "initializer_range": 0.1},
        READS,
    ),
    "albert": Family(albert_tokenizer, AlbertConfig, AlbertForMaskedLM, ENCODER | {"embedding_size": 16}),
    "distilbert": Family(
        distilbert_tokenizer,
        DistilBertConfig,
        DistilBertForMaskedLM,
        {
            "dim": WIDTH,
            "n_layers": 2,
            "n_heads": 2,
            "hidden_dim": 2 * WIDTH,
            "max_position_embeddings": POSITIONS,
            "initializer_range": 0.1,
        },
    ),
    "electra": Family(bert_tokenizer, ElectraConfig, ElectraForPreTraining, ENCODER | {"embedding_size": 16}),
    "deberta-v2": Family(
        deberta_tokenizer,
        DebertaV2Config,
        DebertaV2Model,
        ENCODER
        | {
            "type_vocab_size": 0,
            "relative_attention": True,
            "position_biased_input": False,
            "pos_att_type": ["p2c", "c2p"],
            "share_att_key": True,
            "norm_rel_ebd": "layer_norm",
            "position_buckets": 16,
        },
    ),
    "modernbert": Family(
        modernbert_tokenizer, ModernBertConfig, ModernBertForMaskedLM, ENCODER | {"local_attention": 16}
    ),
    "bart": Family(
        roberta_tokenizer,
        BartConfig,
        BartModel,
        {
            "d_model": WIDTH,
            "encoder_layers": 2,
            "decoder_layers": 2,
            "encoder_attention_heads": 2,
            "decoder_attention_heads": 2,
            "encoder_ffn_dim": 2 * WIDTH,
            "decoder_ffn_dim": 2 * WIDTH,
            "max_position_embeddings": POSITIONS,
            "init_std": 0.1,
        },
        ("base", "sequence_classification", "question_answering", "seq2seq_lm"),
    ),
    "t5": Family(
        t5_tokenizer,
        T5Config,
        T5ForConditionalGeneration,
        {"d_model": WIDTH, "d_kv": 16, "d_ff": 2 * WIDTH, "num_layers": 2, "num_heads": 2, "decoder_start_token_id": 0},
        (*READS, "seq2seq_lm"),
    ),
    "gpt2": Family(
        gpt2_tokenizer,
        GPT2Config,
        GPT2LMHeadModel,
        {"n_embd": WIDTH, "n_layer": 2, "n_head": 2, "n_positions": POSITIONS, "initializer_range": 0.1},
        (*READS, "causal_lm"),
    ),
}
"""Model type -> how it is built."""
