"""The next word of a text, or the words that are hidden in it: language models, on raw text."""

import math
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from trainer.architecture import auto_class
from trainer.document import ConfigError
from trainer.reading.formats import TEXTS
from trainer.tasks.task import IGNORED, Column, Columns, Features, Labels, Setup, Task

if TYPE_CHECKING:
    import numpy as np
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from trainer.encoded import Encoded

SHORTEST_BLOCK_TOKENS = 2
"""The last block may be as short as this: of a single token, none could be told from another."""
BATCH_CHARACTERS = 1_000_000
"""Text that is tokenized at a time: the tokenizer needs a hundred times as much memory for it as the tokens do."""
MASKED, REPLACED = 0.8, 0.1
"""Shares of the tokens to be guessed that are masked, and that become another token; the others stay as they are."""


@dataclass(frozen=True, kw_only=True)
class LanguageModeling(Task):
    """All texts as one, cut into blocks of `max_length_tokens` with the tokenizer's special tokens at both ends.

    A text that ends with a line end goes on in the next one, as the lines of a file do; any other is a document of its own,
    and a token that says so comes behind it. Only what does not fill the last block may make it shorter.
    """

    columns: ClassVar = {"text": Column(("text", "content"))}
    formats: ClassVar = TEXTS
    running_text: ClassVar = True
    answers_rows: ClassVar = False
    targets: ClassVar = ()  # made of the inputs, batch by batch
    uses: ClassVar[tuple[str, ...]] = ("label_smoothing",)

    def row(self, values: Mapping[str, Any], labels: Labels) -> dict[str, Any]:
        """A text. It may be blank: data sets of lines have blank ones."""
        del labels
        text = values["text"]
        if not isinstance(text, str):
            raise ValueError("text is empty" if text is None else f"text is not text: {text!r}")  # noqa: TRY004  the row is wrong
        return {"text": text}

    def encode(self, rows: Columns, setup: Setup) -> Features:
        """Blocks of tokens."""
        return Features({"input_ids": _blocks(rows["text"], setup.tokenizer, setup.config.max_length_tokens)})

    def weights(self, features: "Encoded") -> "np.ndarray":
        """Its tokens: of all alike, the same share is guessed."""
        lengths: np.ndarray = features.lengths.astype(float)
        return lengths

    def weight(self, batch: "dict[str, torch.Tensor]") -> "torch.Tensor":
        """The sum of the `weights` of a batch."""
        total: torch.Tensor = batch["attention_mask"].sum()
        return total

    @abstractmethod
    def corrupt(
        self, batch: "dict[str, torch.Tensor]", setup: Setup, rows: Sequence[int] | None = None
    ) -> "dict[str, torch.Tensor]":
        """The batch with the tokens to be guessed as `labels`."""

    def says(
        self, model: "PreTrainedModel", batch: "dict[str, torch.Tensor]", output: Any, setup: Setup
    ) -> "torch.Tensor":
        """Blocks x 2: how many tokens were guessed right, and how many were to be guessed."""
        import torch

        del model, setup
        logits, labels = self.aligned(output.logits, batch["labels"])
        return torch.stack([(logits.argmax(-1) == labels).sum(-1), (labels != IGNORED).sum(-1)], -1)

    def answers(self, said: "Sequence[np.ndarray]", features: "Encoded", setup: Setup) -> Columns:
        """Of each block, how many tokens were guessed, and how many of them were `right`."""
        del features, setup
        return {"right": [int(right) for right, _ in said], "guessed": [int(guessed) for _, guessed in said]}

    def metrics(self, answers: Columns, rows: Columns, loss: float) -> dict[str, float]:
        """Perplexity, which is infinite where the loss is too large for it; and the share of tokens guessed right."""
        del rows
        try:
            perplexity = math.exp(loss)
        except OverflowError:
            perplexity = math.inf
        return {"perplexity": perplexity, "accuracy": sum(answers["right"]) / sum(answers["guessed"])}


@dataclass(frozen=True, kw_only=True)
class CausalLanguageModeling(LanguageModeling):
    """The next token is guessed from those before it."""

    kind: ClassVar = "causal_lm"

    def corrupt(
        self, batch: "dict[str, torch.Tensor]", setup: Setup, rows: Sequence[int] | None = None
    ) -> "dict[str, torch.Tensor]":
        """Every token is to be guessed that has one before it. The model itself sets each against the one before."""
        del setup, rows
        there = batch["attention_mask"].bool()
        guessed = there & there.roll(1, dims=-1)
        guessed[:, 0] = False
        return {**batch, "labels": batch["input_ids"].masked_fill(~guessed, IGNORED)}

    def aligned(self, logits: "torch.Tensor", labels: "torch.Tensor") -> "tuple[torch.Tensor, torch.Tensor]":
        """What is said at a token is about the one behind it."""
        return logits[:, :-1], labels[:, 1:]


@dataclass(frozen=True, kw_only=True)
class MaskedLanguageModeling(LanguageModeling):
    """Tokens that are hidden are guessed from those around them; each time that a block is seen, others are hidden."""

    kind: ClassVar = "masked_lm"
    uses: ClassVar[tuple[str, ...]] = ("label_smoothing", "mask_ratio")

    def encode(self, rows: Columns, setup: Setup) -> Features:
        """Blocks of tokens that have something to hide: of nothing but unknown words, nothing can be guessed."""
        import numpy as np

        if setup.tokenizer.mask_token_id is None:
            raise ConfigError.single(f"task '{self.name}' needs a mask token, and the model's tokenizer has none")
        blocks = super().encode(rows, setup).columns["input_ids"]
        special = setup.tokenizer.all_special_ids
        return Features({"input_ids": [block for block in blocks if not np.isin(block, special).all()]})

    def corrupt(
        self, batch: "dict[str, torch.Tensor]", setup: Setup, rows: Sequence[int] | None = None
    ) -> "dict[str, torch.Tensor]":
        """A share of the tokens is to be guessed, at least one; of these most are masked, and some are another token."""
        import torch

        tokens, tokenizer = batch["input_ids"], setup.tokenizer
        special = torch.tensor(tokenizer.all_special_ids, device=tokens.device)
        ordinary = batch["attention_mask"].bool() & ~torch.isin(tokens, special)
        luck, fate, other = _chances(tokens, rows)
        luck = luck.masked_fill(~ordinary, 1.0)
        guessed = ordinary & (luck <= luck.amin(-1, keepdim=True).clamp(min=setup.config.mask_ratio))
        hidden = tokens.masked_fill(guessed & (fate < MASKED), tokenizer.mask_token_id)
        others = (other * tokenizer.vocab_size).long()
        hidden = hidden.where(~guessed | (fate < MASKED) | (fate >= MASKED + REPLACED), others)
        return {**batch, "input_ids": hidden, "labels": tokens.masked_fill(~guessed, IGNORED)}


def _chances(tokens: "torch.Tensor", rows: Sequence[int] | None) -> "torch.Tensor":
    """Three numbers from 0 to 1 for each token: drawn anew, or of its row and place alone."""
    import numpy as np
    import torch

    if rows is None:
        return torch.rand((3, *tokens.shape), device=tokens.device)
    width = tokens.shape[-1]
    drawn = np.stack([np.random.default_rng(row).random((width, 3), np.float32) for row in rows])
    return torch.from_numpy(drawn).to(tokens.device).permute(2, 0, 1)


@dataclass(frozen=True, kw_only=True)
class Pretraining(MaskedLanguageModeling):
    """The same from random weights: of the model's folder, only its configuration and its tokenizer are read."""

    needs_weights: ClassVar = False

    def new_model(self, folder: Path, settings: Mapping[str, Any]) -> "PreTrainedModel":
        """A model with weights drawn from the process's generator."""
        import torch
        from transformers import AutoConfig

        own = {"trust_remote_code": False, "local_files_only": True}
        config = AutoConfig.from_pretrained(folder, **own, **settings)
        model: PreTrainedModel = auto_class(self.kind).from_config(config, dtype=torch.float32, trust_remote_code=False)
        return model


def _blocks(texts: Sequence[str], tokenizer: "PreTrainedTokenizerBase", length: int) -> "list[np.ndarray]":
    """All texts as one, cut into pieces that have this length together with the special tokens around them."""
    import numpy as np

    before, after = (np.array(ids, np.int32) for ids in _ends(tokenizer))
    room = length - len(before) - len(after)
    stream = np.concatenate([np.empty(0, np.int32), *_tokens(texts, tokenizer)])
    pieces = np.split(stream, range(room, len(stream), room))
    return [np.concatenate([before, piece, after]) for piece in pieces if len(piece) >= SHORTEST_BLOCK_TOKENS]


def _ends(tokenizer: "PreTrainedTokenizerBase") -> tuple[list[int], list[int]]:
    """The special tokens that a tokenizer puts before a text, and those behind it."""
    bare, whole = tokenizer("a", add_special_tokens=False)["input_ids"], tokenizer("a")["input_ids"]
    start = whole.index(bare[0])
    return whole[:start], whole[start + len(bare) :]


def _tokens(texts: Sequence[str], tokenizer: "PreTrainedTokenizerBase") -> "Iterator[np.ndarray]":
    """The tokens of all texts, with one behind each document, in large pieces."""
    import numpy as np

    end = tokenizer.sep_token_id if tokenizer.eos_token_id is None else tokenizer.eos_token_id
    for batch in _batches(texts):
        read = tokenizer(
            batch,
            add_special_tokens=False,
            return_attention_mask=False,
            return_token_type_ids=False,
            verbose=False,  # a text may be longer than the model takes
        )["input_ids"]
        for text, ids in zip(batch, read, strict=True):
            if end is not None and text.strip() and not text.endswith("\n"):
                ids.append(end)
        yield np.fromiter(chain.from_iterable(read), np.int32)


def _batches(texts: Sequence[str]) -> Iterator[list[str]]:
    batch: list[str] = []
    size = 0
    for text in texts:
        batch.append(text)
        size += len(text)
        if size >= BATCH_CHARACTERS:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


MEASURES = ("perplexity", "accuracy")
CLM = CausalLanguageModeling(name="clm", metric="val_perplexity", mode="min", measures=MEASURES)
MLM = MaskedLanguageModeling(name="mlm", metric="val_perplexity", mode="min", measures=MEASURES)
PRETRAINING = Pretraining(name="pretraining", metric="val_perplexity", mode="min", measures=MEASURES)
