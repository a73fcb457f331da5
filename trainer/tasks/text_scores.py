"""The scores of written text against references, by rouge_score and sacrebleu. Values are fractions, not per cent.

A text may have several references, each another number of them.
"""

import re
from collections.abc import Sequence
from functools import cache, lru_cache, partial
from itertools import zip_longest
from statistics import fmean
from types import SimpleNamespace
from typing import Any

References = Sequence[Sequence[str]]
"""Of each text, one or more."""

ROUGE = ("rouge1", "rouge2", "rougeL", "rougeLsum")
MAX_STEMS = 2**17
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")


def rouge(predictions: Sequence[str], references: References) -> dict[str, float]:
    """F-measures of ROUGE with stemming, averaged over the texts. Of several references the best counts, for each measure.

    Words are runs of Latin letters and digits: nothing else is seen. The sentences of rougeLsum end at a line end, and at
    `.`, `!` or `?` before a space.
    """
    found = [
        _rouge_scorer().score_multi([_a_line_each(target) for target in targets], _a_line_each(text))
        for text, targets in zip(predictions, references, strict=True)
    ]
    return {name: fmean(score[name].fmeasure for score in found) for name in ROUGE}


def bleu_chrf(predictions: Sequence[str], references: References) -> dict[str, float]:
    """BLEU and chrF2 of all texts together, as sacrebleu has them by default, divided by 100.

    BLEU counts words, cut at spaces and punctuation: for languages that write none, look at chrF.
    """
    from sacrebleu.metrics.bleu import BLEU
    from sacrebleu.metrics.chrf import CHRF

    by_position = list(zip_longest(*references))  # None stands for a reference that a text does not have
    metrics = {"bleu": BLEU(force=True), "chrf": CHRF()}  # force: no word about texts that look tokenized
    return {name: metric.corpus_score(predictions, by_position).score / 100 for name, metric in metrics.items()}


@cache
def _rouge_scorer() -> Any:
    """Remembers the stems of words, which are most of its work, from one validation to the next."""
    from nltk.stem.porter import PorterStemmer  # type: ignore[import-untyped]
    from rouge_score.rouge_scorer import RougeScorer  # type: ignore[import-untyped]
    from rouge_score.tokenize import tokenize  # type: ignore[import-untyped]

    stemmer = SimpleNamespace(stem=lru_cache(MAX_STEMS)(PorterStemmer().stem))
    return RougeScorer(ROUGE, tokenizer=SimpleNamespace(tokenize=partial(tokenize, stemmer=stemmer)))


def _a_line_each(text: str) -> str:
    """Sentences line by line, as rougeLsum takes them."""
    return _SENTENCE_END.sub("\n", text)
