import logging
from statistics import fmean

import pytest
from rouge_score.rouge_scorer import RougeScorer  # type: ignore[import-untyped]
from sacrebleu import corpus_bleu, corpus_chrf

from trainer.tasks.text_scores import ROUGE, bleu_chrf, rouge

SAID = ["The cats were sitting on mats. A dog barked!", "nothing of that", "", "A film. It was fine"]
TRUE = [
    ["A cat sat on the mat. The dogs bark.", "Cats sitting on a mat"],
    ["Something else.", "nothing at all", "all of that"],
    ["a text"],
    ["It was fine. A film"],
]


def test_rouge_takes_the_best_reference_of_each_measure() -> None:
    scorer = RougeScorer(ROUGE[:3], use_stemmer=True)
    pairs = [[scorer.score(target, text) for target in targets] for text, targets in zip(SAID, TRUE, strict=True)]
    best = {name: fmean(max(score[name].fmeasure for score in scores) for scores in pairs) for name in ROUGE[:3]}
    found = rouge(SAID, TRUE)
    assert tuple(found) == ROUGE
    assert {name: found[name] for name in best} == pytest.approx(best)
    assert all(0 < value < 1 for value in best.values())


def test_rouge_lsum_goes_by_sentences() -> None:
    swapped = rouge(["A film. It was fine"], [["It was fine. A film"]])
    assert swapped["rougeL"] == pytest.approx(3 / 5)
    assert swapped["rougeLsum"] == 1
    assert rouge(["A film\nIt was fine"], [["It was fine\nA film"]])["rougeLsum"] == 1
    assert rouge(["Is it? Yes! 3.5 of 5"], [["3.5 of 5\nYes!\nIs it?"]])["rougeLsum"] == 1


def test_stems_are_what_counts() -> None:
    assert rouge(["he filmed houses"], [["he films house"]])["rouge2"] == 1


def test_bleu_and_chrf_are_those_of_sacrebleu() -> None:
    first, second = [targets[0] for targets in TRUE], [targets[-1] for targets in TRUE]
    found = bleu_chrf(SAID, list(map(list, zip(first, second, strict=True))))
    assert found["bleu"] == corpus_bleu(SAID, [first, second]).score / 100
    assert found["chrf"] == corpus_chrf(SAID, [first, second]).score / 100
    assert 0 < found["bleu"] < found["chrf"] < 1


def test_references_that_some_texts_do_not_have_change_nothing() -> None:
    filled = [[*targets, *targets[:1] * (3 - len(targets))] for targets in TRUE]
    assert {len(targets) for targets in filled} == {3}
    assert bleu_chrf(SAID, TRUE) == bleu_chrf(SAID, filled)


def test_texts_that_look_tokenized_are_no_reason_to_talk(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    said = ["so it goes ."] * 150
    with caplog.at_level(logging.DEBUG):
        assert bleu_chrf(said, [[text] for text in said])["bleu"] == pytest.approx(1)
        assert rouge(said, [[text] for text in said])["rouge2"] == 1
    assert [record.getMessage() for record in caplog.records if record.levelno > logging.INFO] == []
    assert "".join(capfd.readouterr()) == ""
