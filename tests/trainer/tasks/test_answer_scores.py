import re
import string
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from trainer.reading.record import Record
from trainer.reading.squad import read_squad
from trainer.tasks.answer_scores import exact_and_f1

WORDS = [
    "the",
    "A",
    "an",
    "a.",
    "The-",
    "cat",
    "Cat!",
    "cats",
    "$5",
    "5",
    "1976\u201377",
    "...",
    "-",
    "\u00e9t\u00e9",
    "x",
]


def bare(text: str) -> list[str]:
    """Words as the official rules compare them: lower case, without ASCII punctuation and English articles."""
    kept = text.lower().translate(str.maketrans("", "", string.punctuation))
    return re.sub(r"\b(a|an|the)\b", " ", kept).split()


def overlap(said: list[str], gold: list[str]) -> float:
    """Twice the words in common, each as often as both have it, of the words of both."""
    shared = sum(min(count, Counter(gold)[word]) for word, count in Counter(said).items())
    return 2 * shared / (len(said) + len(gold)) if said or gold else 0.0


def official(answer: str, golds: list[str], version: int) -> tuple[float, float]:
    said = bare(answer)
    wordy = [words for words in map(bare, golds) if words]
    if version == 1:
        return float(any(said == bare(gold) for gold in golds)), max(
            [overlap(said, words) for words in wordy], default=0.0
        )
    if not wordy:
        return float(not said), float(not said)
    return float(said in wordy), max(overlap(said, words) for words in wordy)


def drawn(seed: int, number: int) -> tuple[list[str], list[list[str]]]:
    draw = np.random.default_rng(seed)

    def text(least: int) -> str:
        space = str(draw.choice([" ", "  ", "\n"]))
        return space.join(draw.choice(WORDS, draw.integers(least, 5)))

    return [text(0) for _ in range(number)], [[text(1) for _ in range(draw.integers(1, 4))] for _ in range(number)]


@pytest.mark.parametrize("version", [1, 2])
def test_scores_are_those_of_the_official_rules(version: int) -> None:
    answers, golds = drawn(version, 3000)
    if version == 2:
        golds = [texts if number % 3 else [] for number, texts in enumerate(golds)]
    exact, f1 = exact_and_f1(answers, golds, may_have_none=version == 2)
    expected = np.array([official(answer, texts, version) for answer, texts in zip(answers, golds, strict=True)])
    assert exact.tolist() == expected[:, 0].tolist()
    np.testing.assert_allclose(f1, expected[:, 1], atol=1e-6)
    assert 0.05 < exact.mean() < f1.mean() < 0.6
    wordless = [not bare(answer) for answer in answers]
    assert 100 < sum(wordless) < 2000


@pytest.mark.parametrize(
    ("answer", "golds", "by_1", "by_2"),
    [
        ("the Cat!", ["cat"], (1, 1), (1, 1)),
        ("black cat", ["cat", "a black dog"], (0, 2 / 3), (0, 2 / 3)),
        ("cat cat", ["cat"], (0, 2 / 3), (0, 2 / 3)),
        ("", ["cat"], (0, 0), (0, 0)),
        ("the", ["A"], (1, 0), (1, 1)),
        ("", ["A", "cat"], (1, 0), (0, 0)),
    ],
)
def test_known_scores(answer: str, golds: list[str], by_1: tuple[float, float], by_2: tuple[float, float]) -> None:
    for expected, may_have_none in ((by_1, False), (by_2, True)):
        exact, f1 = exact_and_f1([answer], [golds], may_have_none=may_have_none)
        assert (exact[0], f1[0]) == (expected[0], pytest.approx(expected[1]))


def test_where_there_is_no_answer_only_none_is_right() -> None:
    exact, f1 = exact_and_f1(["", "...", "cat"], [[], [], []], may_have_none=True)
    assert exact.tolist() == f1.tolist() == [1, 1, 0]


def test_nothing_is_scored_as_nothing() -> None:
    exact, f1 = exact_and_f1([], [], may_have_none=True)
    assert len(exact) == len(f1) == 0


@pytest.mark.data
def test_scores_of_real_answers_are_those_of_the_official_rules(data_folder: Path) -> None:
    """Answers that are right, cut, too long, of another question, or none."""
    found = read_squad(data_folder / "qa" / "squad2_cs224n" / "dev-v2.0.json")
    rows = [record.values for record in found if isinstance(record, Record)][::3]
    golds = [[answer["text"] for answer in row["answers"]] for row in rows]
    draw = np.random.default_rng(0)
    answers = []
    for number, row in enumerate(rows):
        right = golds[number][-1] if golds[number] else ""
        other = next((texts[0] for texts in golds[number::-1] if texts), "")
        start = max(0, row["context"].find(right) - 8)
        around = row["context"][start : start + len(right) + 16]
        answers.append(str(draw.choice([right, right.upper() + ".", " ".join(right.split()[1:]), around, other, ""])))
    exact, f1 = exact_and_f1(answers, golds, may_have_none=True)
    expected = np.array([official(answer, texts, 2) for answer, texts in zip(answers, golds, strict=True)])
    assert exact.tolist() == expected[:, 0].tolist()
    np.testing.assert_allclose(f1, expected[:, 1], atol=1e-6)
    assert 0.2 < exact.mean() < f1.mean() < 0.8
