"""Tiny random models of each family straight from a config, and where their parameters lie, told by their names."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForSequenceClassification, PreTrainedModel


@dataclass(frozen=True)
class Family:
    """One model family.

    Attributes:
        settings: Of its config, so that models are tiny.
        stacks: Name of a list of layers -> how many it has, from the bottom up.
        embeddings: Names, or beginnings of names, of what lies below all layers.
        elsewhere: Beginning of a name -> depth, of what lies neither there nor above all layers.
        other_biases: Ends of the names of biases that have more than one dimension.
    """

    settings: Mapping[str, Any]
    stacks: Mapping[str, int]
    embeddings: tuple[str, ...]
    elsewhere: Mapping[str, int] = field(default_factory=dict)
    other_biases: tuple[str, ...] = ()

    def depth(self, name: str) -> int:
        """How deep a parameter lies: 0 for embeddings, then the number of its layer, then the head."""
        num_below = 0
        for stack, num_layers in self.stacks.items():
            if found := re.match(rf"{re.escape(stack)}\.(\d+)\.", name):
                return num_below + int(found[1]) + 1
            num_below += num_layers
        if name.startswith(self.embeddings):
            return 0
        return next((depth for start, depth in self.elsewhere.items() if name.startswith(start)), num_below + 1)


LIKE_BERT = {
    "hidden_size": 8,
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
    "intermediate_size": 16,
    "max_position_embeddings": 16,
}

FAMILIES = {
    "bert": Family(LIKE_BERT, {"bert.encoder.layer": 3}, ("bert.embeddings",)),
    "roberta": Family(LIKE_BERT, {"roberta.encoder.layer": 3}, ("roberta.embeddings",)),
    "xlnet": Family(
        {"d_model": 8, "n_layer": 3, "n_head": 2, "d_inner": 16},
        {"transformer.layer": 3},
        ("transformer.mask_emb", "transformer.word_embedding"),
        other_biases=("r_w_bias", "r_r_bias", "r_s_bias"),
    ),
    "albert": Family(
        {**LIKE_BERT, "embedding_size": 4},
        {"albert.encoder.albert_layer_groups": 1},  # shared by all
        ("albert.embeddings", "albert.encoder.embedding_hidden_mapping_in"),
    ),
    "distilbert": Family(
        {"dim": 8, "n_layers": 3, "n_heads": 2, "hidden_dim": 16, "max_position_embeddings": 16},
        {"distilbert.transformer.layer": 3},
        ("distilbert.embeddings",),
    ),
    "electra": Family(
        {**LIKE_BERT, "embedding_size": 4},
        {"electra.encoder.layer": 3},
        ("electra.embeddings", "electra.embeddings_project"),
    ),
    "deberta-v2": Family(
        {
            **LIKE_BERT,
            "relative_attention": True,
            "pos_att_type": ["p2c", "c2p"],
            "position_buckets": 4,
            "norm_rel_ebd": "layer_norm",
            "conv_kernel_size": 3,
        },
        {"deberta.encoder.layer": 3},
        ("deberta.embeddings", "deberta.encoder.rel_embeddings", "deberta.encoder.LayerNorm"),
        elsewhere={"deberta.encoder.conv": 1},
    ),
    "modernbert": Family(
        {**LIKE_BERT, "cls_token_id": 0, "sep_token_id": 0},
        {"model.layers": 3},
        ("model.embeddings",),
    ),
    "bart": Family(
        {
            "d_model": 8,
            "encoder_layers": 3,
            "decoder_layers": 2,
            "encoder_attention_heads": 2,
            "decoder_attention_heads": 2,
            "encoder_ffn_dim": 16,
            "decoder_ffn_dim": 16,
            "max_position_embeddings": 16,
            "decoder_start_token_id": 0,
            "forced_eos_token_id": 0,
        },
        {"model.encoder.layers": 3, "model.decoder.layers": 2},
        (
            "model.shared",
            "model.encoder.embed_positions",
            "model.encoder.layernorm_embedding",
            "model.decoder.embed_positions",
            "model.decoder.layernorm_embedding",
        ),
    ),
    "t5": Family(
        {
            "d_model": 8,
            "num_layers": 3,
            "num_decoder_layers": 2,
            "num_heads": 2,
            "d_ff": 16,
            "d_kv": 4,
            "decoder_start_token_id": 0,
        },
        {"transformer.encoder.block": 3, "transformer.decoder.block": 2},
        ("transformer.shared",),
        elsewhere={"transformer.encoder.final_layer_norm": 3},
        other_biases=("relative_attention_bias.weight",),
    ),
    "gpt2": Family(
        {"n_embd": 8, "n_layer": 3, "n_head": 2, "n_positions": 16},
        {"transformer.h": 3},
        ("transformer.wte", "transformer.wpe"),
    ),
}


def classifier(family: str) -> PreTrainedModel:
    """A tiny model of a family, with random weights and a head for two classes."""
    return from_config(AutoModelForSequenceClassification, family, num_labels=2)


def from_config(auto_class: Any, family: str, **settings: Any) -> PreTrainedModel:
    """A tiny model of a family with the head that `auto_class` gives it."""
    small = {"vocab_size": 12, "pad_token_id": 0, "bos_token_id": 0, "eos_token_id": 0}
    config = AutoConfig.for_model(family, **small, **FAMILIES[family].settings, **settings)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = auto_class.from_config(config)
    assert isinstance(model, PreTrainedModel)
    return model
