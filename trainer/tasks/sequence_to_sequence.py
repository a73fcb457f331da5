"""A text for a text, written by an encoder-decoder: summarization and translation."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from trainer.reading.formats import TRANSLATIONS
from trainer.tasks import text_scores
from trainer.tasks.task import Column, Columns, Features, Labels, Setup, Task
from trainer.tasks.texts import texts_of

if TYPE_CHECKING:
    import numpy as np
    import torch
    from transformers import GenerationConfig, PreTrainedModel

    from trainer.config import TrainConfig
    from trainer.encoded import Encoded

SAMPLING = ("temperature", "top_k", "top_p", "min_p", "top_h", "typical_p", "epsilon_cutoff", "eta_cutoff")
OF_BEAMS = ("early_stopping", "length_penalty")
"""Generation settings that would be refused in a folder where nothing is drawn at random, or there are no beams."""


@dataclass(frozen=True, kw_only=True)
class SequenceToSequence(Task):
    """The decoder learns the first reference by cross-entropy; what it then writes is scored against all of them.

    Attributes:
        score: Metrics of the texts written, against the references of each.
    """

    score: Callable[[Sequence[str], text_scores.References], dict[str, float]]

    kind: ClassVar = "seq2seq_lm"
    columns: ClassVar = {
        "source": Column(("source", "document", "text", "article")),
        "target": Column(("target", "summary", "highlights"), target=True),
    }
    formats: ClassVar = TRANSLATIONS
    parallel: ClassVar = True
    keeps: ClassVar = ("target",)
    reads: ClassVar = ("max_length_tokens", "max_target_tokens", "source_prefix")
    uses: ClassVar = ("num_beams", "label_smoothing")

    def row(self, values: Mapping[str, Any], labels: Labels) -> dict[str, Any]:
        """The source as one text, which a file may have as a list of sentences; the target as a list of references."""
        del labels
        row: dict[str, Any] = {"source": " ".join(_texts(values["source"], "source"))}
        if "target" in values:
            row["target"] = _texts(values["target"], "target")
            if not all(map(str.strip, row["target"])):
                raise ValueError("target has an empty text among others")
        return row

    def encode(self, rows: Columns, setup: Setup) -> Features:
        """The source behind its prefix, and the first reference as labels; what is too long is cut at the end."""
        config = setup.config
        sources = [config.source_prefix + source for source in rows["source"]]
        cut = {"truncation": True, "return_attention_mask": False}
        columns = dict(setup.tokenizer(sources, max_length=config.max_length_tokens, **cut))
        if "target" in rows:
            first = [references[0] for references in rows["target"]]
            target = setup.tokenizer(text_target=first, max_length=config.max_target_tokens, **cut)
            columns["labels"] = target["input_ids"]
        return Features(columns)

    def corrupt(
        self, batch: "dict[str, torch.Tensor]", setup: Setup, rows: Sequence[int] | None = None
    ) -> "dict[str, torch.Tensor]":
        """Without labels, one token to decode: a model wants some, though only its encoder is asked."""
        del setup, rows
        return batch if "labels" in batch else {**batch, "decoder_input_ids": batch["input_ids"][:, :1]}

    def note_use(self, model: "PreTrainedModel", config: "TrainConfig") -> None:
        """`generate` on the checkpoint then writes what was scored."""
        own = model.generation_config
        unused = dict.fromkeys(SAMPLING if config.num_beams > 1 else (*SAMPLING, *OF_BEAMS))
        for name, value in {**unused, **_generation(own, config)}.items():
            setattr(own, name, value)

    def written_tokens(self, config: "TrainConfig") -> int:
        """A whole target, once for each beam."""
        return config.max_target_tokens * config.num_beams

    def says(
        self, model: "PreTrainedModel", batch: "dict[str, torch.Tensor]", output: Any, setup: Setup
    ) -> "torch.Tensor":
        """Rows x tokens: the likeliest text, greedily or by beams, padded at the end.

        All else is as the checkpoint's own generation settings have it, but nothing is drawn at random.
        """
        from transformers.modeling_outputs import BaseModelOutput

        written: torch.Tensor = model.generate(  # type: ignore[operator]  # typed as if unbound
            input_ids=batch["input_ids"],
            attention_mask=batch["attention_mask"],
            encoder_outputs=BaseModelOutput(last_hidden_state=output.encoder_last_hidden_state),
            return_dict_in_generate=False,
            use_cache=True,
            **_generation(model.generation_config, setup.config),
        )
        return written

    def answers(self, said: "Sequence[np.ndarray]", features: "Encoded", setup: Setup) -> Columns:
        """`text`."""
        del features
        texts = setup.tokenizer.batch_decode([ids.tolist() for ids in said], skip_special_tokens=True)
        return {"text": [text.strip() for text in texts]}

    def metrics(self, answers: Columns, rows: Columns, loss: float) -> dict[str, float]:
        """The scores of this task."""
        del loss
        return self.score(answers["text"], rows["target"])


def _generation(own: "GenerationConfig", config: "TrainConfig") -> dict[str, Any]:
    """What replaces a model's own generation settings."""
    # The token that decoding starts from counts as well.
    shortest = max(own.min_length or 0, 1 + (own.min_new_tokens or 0))
    longest = 1 + config.max_target_tokens
    return {
        "num_beams": config.num_beams,
        "min_length": min(shortest, longest),
        "min_new_tokens": None,
        "max_length": longest,
        "max_new_tokens": None,
        "do_sample": False,
        "num_return_sequences": 1,
    }


def _texts(value: Any, role: str) -> list[str]:
    """A text, or those of a list. Raises ValueError if something else is there, or nothing."""
    texts = texts_of(role, value if isinstance(value, list | tuple) else [] if value is None else [value])
    if not any(map(str.strip, texts)):
        raise ValueError(f"{role} is empty")
    return texts


SUMMARIZATION = SequenceToSequence(
    name="summarization", metric="val_rouge2", measures=text_scores.ROUGE, score=text_scores.rouge
)
TRANSLATION = SequenceToSequence(
    name="translation", metric="val_bleu", measures=("bleu", "chrf"), score=text_scores.bleu_chrf
)
