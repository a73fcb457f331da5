"""A small BERT with random weights, and a WordPiece learned from the built-in text. An ordinary model folder once built."""

from pathlib import Path
from typing import Any

from trainer.builtin.docstrings import Docstrings
from trainer.cache import fingerprint, once

FORMAT = 1
VOCABULARY = 4_000
SETTINGS: dict[str, Any] = {
    "hidden_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 256,
    "max_position_embeddings": 512,
}
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def tiny_bert(seed: int) -> Path:
    """Folder of the model; built on first use.

    Args:
        seed: Draws the weights, and decides which sentences the tokenizer sees: those of the train part.
    """

    def build(folder: Path) -> None:
        vocabulary = _word_pieces([sentence for sentence, _ in Docstrings(seed).sentences("train")])
        _save(folder, vocabulary, seed)

    key = fingerprint(Docstrings(seed).fingerprint("train"), FORMAT, VOCABULARY)
    return once("tiny-bert", key, build=build, read=lambda folder: folder)


def _word_pieces(texts: list[str]) -> dict[str, int]:
    """Learns a vocabulary; the same texts always give the same one."""
    from tokenizers import BertWordPieceTokenizer
    from tokenizers.normalizers import BertNormalizer

    letters = sorted(set(BertNormalizer(lowercase=True).normalize_str("".join(texts))) - {" "})
    # The trainer numbers letters in the order of a randomized hash map and breaks ties by number, so that every process
    # would learn other words; letters handed in as special tokens have fixed numbers.
    fixed = [*SPECIAL, *letters, *(f"##{letter}" for letter in letters)]
    learned = BertWordPieceTokenizer(lowercase=True)
    learned.train_from_iterator(
        texts,
        vocab_size=VOCABULARY,
        min_frequency=2,
        special_tokens=fixed,
        limit_alphabet=len(letters),
        show_progress=False,
    )
    vocabulary: dict[str, int] = learned.get_vocab()
    return vocabulary


def _save(folder: Path, vocabulary: dict[str, int], seed: int) -> None:
    import torch
    from transformers import BertConfig, BertModel, BertTokenizer

    config = BertConfig(vocab_size=len(vocabulary), **SETTINGS)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        BertModel(config).save_pretrained(folder)
    BertTokenizer(vocab=vocabulary, do_lower_case=True, model_max_length=512).save_pretrained(folder)
