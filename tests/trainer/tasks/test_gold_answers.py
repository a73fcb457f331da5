from typing import Any

import pytest

from trainer.tasks.gold_answers import answers_of

CONTEXT = "The Normans gave their name to Normandy, a region in France."
A_LIST = "answers must be a list of {'text': TEXT, 'answer_start': NUMBER}, got"
ELSEWHERE = "answer 'France' does not begin at character"
NOTHING = "of the context, where nothing is; it begins at 53"


def test_answers_come_one_by_one_or_as_a_pair_of_lists() -> None:
    both = [{"text": "France", "answer_start": 53}, {"text": "a region", "answer_start": 41}]
    assert answers_of([{**both[0], "more": 1}, both[1]], CONTEXT) == both
    assert answers_of({"text": ["France", "a region"], "answer_start": [53, 41]}, CONTEXT) == both
    assert answers_of([], CONTEXT) == answers_of({"text": [], "answer_start": []}, CONTEXT) == []


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (None, f"{A_LIST} None"),
        (["France"], f"{A_LIST} ['France']"),
        ([{"text": "France"}], f"{A_LIST} [{{'text': 'France'}}]"),
        ({"text": ["a", "b"], "answer_start": [0]}, "answers must have a start for each text, got 2 texts and 1 start"),
        ([{"text": " ", "answer_start": 3}], "an answer is empty"),
        (
            [{"text": "France", "answer_start": 52}],
            f"{ELSEWHERE} 52 of the context, where ' Franc' stands; it begins at 53",
        ),
        (
            [{"text": "Norman", "answer_start": 30}],
            "answer 'Norman' does not begin at character 30 of the context, where ' Norma' stands; it begins at 31",
        ),
        (
            [{"text": "Spain", "answer_start": 4}],
            "answer 'Spain' does not begin at character 4 of the context, where 'Norma' stands; it is nowhere in it",
        ),
        ([{"text": "France", "answer_start": -6}], f"{ELSEWHERE} -6 {NOTHING}"),
        ({"text": ["France"], "answer_start": [530]}, f"{ELSEWHERE} 530 {NOTHING}"),
    ],
)
def test_what_is_wrong_with_them_is_said(given: Any, said: str) -> None:
    with pytest.raises(ValueError) as error:
        answers_of(given, CONTEXT)
    assert str(error.value) == said
