"""A child's settings: near its parent's, within the space, and the same in all that cannot change."""

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from search_spaces import SHIPPED, Space, Value, draw_evenly, load
from sweeps.study.explore import explored
from trainer.origin import CHANGEABLE_SETTINGS


@given(
    name=st.sampled_from(sorted(SHIPPED)), seed=st.integers(0, 10_000), redraw_ratio=st.sampled_from([0.0, 0.3, 1.0])
)
def test_a_child_of_any_shipped_space_fits_it_and_keeps_what_is_inherited(
    name: str, seed: int, redraw_ratio: float
) -> None:
    space, random = load(name), Random(seed)
    parent = space.sample(draw_evenly(random))
    child = explored(space, parent, random, move_ratio=0.1, redraw_ratio=redraw_ratio)
    assert space.contains(child)
    assert {key: value for key, value in child.items() if key not in CHANGEABLE_SETTINGS} == {
        key: value for key, value in parent.items() if key not in CHANGEABLE_SETTINGS
    }


def test_numbers_move_by_a_share_of_their_range_and_not_over_its_ends() -> None:
    space = Space.model_validate(
        {
            "learning_rate": {"type": "float", "low": 1e-5, "high": 1e-3, "log": True},
            "dropout": {"type": "float", "low": 0.0, "high": 0.3, "step": 0.1},
            "num_cycles": {"type": "int", "low": 1, "high": 4},
            "scheduler": {"type": "choice", "choices": ["linear", "cosine"]},
        }
    )
    parent: dict[str, Value] = {"learning_rate": 1e-3, "dropout": 0.0, "num_cycles": 1, "scheduler": "linear"}
    for seed in range(20):
        child = explored(space, parent, Random(seed), move_ratio=0.25, redraw_ratio=0.0)
        assert abs(float(str(child["learning_rate"])) / 1e-3 - 10**-0.5) < 1e-9
        assert (child["dropout"], child["num_cycles"], child["scheduler"]) == (0.1, 2, "linear")


def test_what_is_inherited_is_not_dragged_along_by_what_it_depends_on() -> None:
    space = Space.model_validate(
        {
            "scheduler": {"type": "choice", "choices": ["linear", "cosine"]},
            "warmup_ratio": {"type": "float", "low": 0.0, "high": 0.2, "when": {"scheduler": "linear"}},
            "learning_rate": {"type": "float", "low": 1e-5, "high": 1e-3, "log": True},
        }
    )
    parent: dict[str, Value] = {"scheduler": "linear", "warmup_ratio": 0.1, "learning_rate": 1e-4}
    children = [explored(space, parent, Random(seed), move_ratio=0.1, redraw_ratio=0.5) for seed in range(50)]
    assert {(child["scheduler"], child.get("warmup_ratio")) for child in children} == {("linear", 0.1)}
    assert len({child["learning_rate"] for child in children}) > 10
