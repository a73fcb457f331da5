"""Spaces that are Python functions."""

import random
from pathlib import Path

import pytest
from pydantic import ValidationError

from search_spaces import FunctionSpace, MisfitError, SpaceError, Value, draw_evenly

GOOD = '''
def space(draw):
    """Batch first, then the rate that goes with it."""
    batch_size = draw.choice("batch_size", [16, 32, 64])
    draw.float("learning_rate", 1e-7, 1e-5, log=True, times=batch_size)
    draw.int("accumulate", 1, 64 // batch_size)
    if draw.choice("scheduler", ["linear", "polynomial"]) == "polynomial":
        draw.float("power", 0.5, 3)
    else:
        draw.choice("freeze_embeddings", [False])
'''


def written(folder: Path, text: str) -> FunctionSpace:
    (folder / "mine.py").write_text(text)
    return FunctionSpace.model_validate({"function": f"{folder}/mine.py:space"})


def said(folder: Path, body: str) -> str:
    with pytest.raises(ValidationError) as caught:
        written(folder, f"def space(draw):\n    {body}\n")
    [item] = caught.value.errors()
    return str(item["msg"])


def test_what_it_draws_it_contains(tmp_path: Path) -> None:
    space = written(tmp_path, GOOD)
    for seed in range(100):
        params = space.sample(draw_evenly(random.Random(seed)))
        assert space.contains(params)
        assert ("power" in params) == (params["scheduler"] == "polynomial")
        rate, batch_size = params["learning_rate"], params["batch_size"]
        assert isinstance(rate, float)
        assert isinstance(batch_size, int)
        assert 1e-7 * batch_size <= rate <= 1e-5 * batch_size
        assert space.settle(params) == (params, [])
        assert not space.contains({**params, "more": 1})
        assert not space.contains({**params, "accumulate": 5})
        assert 1e-7 <= float(space.replay(params)["learning_rate"].factor) <= 1e-5


def test_what_it_is_called_and_what_was_seen(tmp_path: Path) -> None:
    space = written(tmp_path, GOOD)
    assert set(space.names) == {"batch_size", "learning_rate", "accumulate", "scheduler", "power", "freeze_embeddings"}
    assert space.description == "Batch first, then the rate that goes with it."
    assert set(space.edges["accumulate"]) == {1, 2, 4}
    assert min(map(float, space.edges["learning_rate"])) == 1.6e-6


def test_it_is_written_down_with_its_digest_and_a_changed_file_is_refused(tmp_path: Path) -> None:
    space = written(tmp_path, GOOD)
    plain = space.model_dump(mode="json")
    assert set(plain) == {"function", "digest"}
    assert FunctionSpace.model_validate(plain) == space
    (tmp_path / "mine.py").write_text(GOOD.replace("1e-5", "1e-4"))
    with pytest.raises(ValidationError, match="has changed since the sweep began"):
        FunctionSpace.model_validate(plain)
    assert FunctionSpace.model_validate({"function": plain["function"]}) != space


def test_a_point_must_be_whole(tmp_path: Path) -> None:
    space = written(tmp_path, GOOD)
    point: dict[str, Value] = {"batch_size": 16.0, "learning_rate": 1e-4, "accumulate": 2, "scheduler": "linear"}
    assert [str(each) for each in space.settle(point)[1]] == ["freeze_embeddings: is missing"]
    settled, wrong = space.settle({**point, "freeze_embeddings": False})
    assert (settled, wrong) == ({**point, "batch_size": 16, "freeze_embeddings": False}, [])
    assert isinstance(settled["batch_size"], int)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("1 / 0", "mine.py:2: space failed: ZeroDivisionError: division by zero"),
        ("draw.float('x', 2, 1)", "mine.py:2: space failed: ValidationError: Value error, low 2 is above high 1"),
        ("draw.choice('x', [1]); draw.choice('x', [1])", "'x' is drawn twice"),
        ("draw.float('x', 1, 2, times=0)", "times must be above 0, got 0"),
        ("draw.flaot('x', 1, 2)", "'flaot'"),
        ("draw.choice('x', [])", "at least 1 item"),
        ("pass", "draws nothing"),
        ("draw.choice('n', list(range(draw.int('x', 1, 2))))", "type, log and choices must stay the same"),
        ("import random; draw.float('x', random.random(), 2)", "draws otherwise after the same values"),
        ("if True", "SyntaxError"),
    ],
)
def test_what_is_wrong_is_said_with_file_and_line(tmp_path: Path, body: str, expected: str) -> None:
    assert expected in said(tmp_path, body)
    assert str(tmp_path / "mine.py") in said(tmp_path, body)


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        ("{folder}/nowhere.py:space", "nowhere.py cannot be read"),
        ("{folder}/mine.py:spice", "has no function 'spice'; it has: space"),
        ("{folder}/mine.py", "must name a file and a function, as in my_space.py:space"),
        ("{folder}/mine.py:", "must name a file and a function"),
    ],
)
def test_a_function_that_is_not_there(tmp_path: Path, function: str, expected: str) -> None:
    written(tmp_path, GOOD)
    with pytest.raises(ValidationError) as caught:
        FunctionSpace.model_validate({"function": function.format(folder=tmp_path)})
    assert expected in str(caught.value)


def test_what_stops_a_draw_is_not_taken_for_the_functions_fault(tmp_path: Path) -> None:
    space = written(
        tmp_path, "def space(draw):\n    try:\n        draw.float('x', 0, 1)\n    except Exception:\n        pass\n"
    )
    with pytest.raises(MisfitError, match="x: cannot be 2"):
        space.replay({"x": 2})


def test_what_fails_later_is_said_too(tmp_path: Path) -> None:
    space = written(tmp_path, "def space(draw):\n    if draw.float('x', 0, 1) == 1:\n        raise OSError('rare')\n")
    with pytest.raises(SpaceError, match=r"mine.py:3: space failed: OSError: rare"):
        space.sample(lambda *_: 1.0)
