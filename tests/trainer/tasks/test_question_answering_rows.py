from typing import Any

import pytest

from trainer.tasks.question_answering import SQUAD, SQUAD_V2


def test_a_row_is_brought_into_form() -> None:
    row = {
        "id": "7",
        "question": "  When ?\n",
        "context": " In 911 . ",
        "answers": [{"text": "911", "answer_start": 4, "more": 1}],
    }
    expected = {
        "id": "7",
        "question": "When ?",
        "context": " In 911 . ",
        "answers": [{"text": "911", "answer_start": 4}],
    }
    assert SQUAD.row(row, ()) == expected
    pair = {"text": ["911", "In"], "answer_start": [4, 1]}
    both = [{"text": "911", "answer_start": 4}, {"text": "In", "answer_start": 1}]
    assert SQUAD.row(row | {"answers": pair}, ())["answers"] == both
    assert SQUAD.row({"question": "When ?", "context": "911"}, ()) == {"question": "When ?", "context": "911"}


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"question": " "}, "question is empty"),
        ({"question": ""}, "question is empty"),
        ({"context": None}, "context is empty"),
        ({"context": 5}, "context is not text: 5"),
    ],
)
def test_a_broken_row_is_refused(wrong: dict[str, Any], message: str) -> None:
    row = {"question": "When ?", "context": "In 911 .", "answers": [{"text": "911", "answer_start": 3}]}
    for task in (SQUAD, SQUAD_V2):
        with pytest.raises(ValueError) as error:
            task.row(row | wrong, ())
        assert str(error.value) == message


def test_only_squad_v2_takes_questions_without_an_answer() -> None:
    row = {"question": "When ?", "context": "In 911 .", "answers": []}
    assert SQUAD_V2.row(row, ()) == row
    assert SQUAD_V2.row(row | {"answers": {"text": [], "answer_start": []}}, ()) == row
    with pytest.raises(ValueError) as error:
        SQUAD.row(row, ())
    assert str(error.value) == "has no answer; task 'squad' wants one for each question, 'squad_v2' does not"
