import pytest

from sweeps.errors import PreflightError
from sweeps.launchers.ray_room import bundles, refuse_what_never_fits, room
from sweeps.settings.resources import ResourcesConfig

GPU_NODE = {"CPU": 8.0, "GPU": 4.0}
HEAD = {"CPU": 0.0}


def test_a_trial_asks_each_of_its_nodes_for_the_same_share() -> None:
    assert bundles(ResourcesConfig(cpus=1)) == [{"CPU": 1}]
    assert bundles(ResourcesConfig(cpus=8, gpus=4, nodes=2)) == [{"CPU": 4, "GPU": 2}] * 2


@pytest.mark.parametrize(
    ("asked", "nodes", "trials"),
    [
        ({"gpus": 1}, [GPU_NODE, GPU_NODE], 8),
        ({"gpus": 0.5}, [GPU_NODE], 8),
        ({"gpus": 8, "cpus": 8, "nodes": 2}, [GPU_NODE] * 2, 1),
        ({"gpus": 8, "cpus": 8, "nodes": 2}, [GPU_NODE] * 5, 2),
        ({"gpus": 4, "cpus": 4, "nodes": 2}, [GPU_NODE] * 3, 3),
        ({"gpus": 2, "cpus": 2, "nodes": 2}, [GPU_NODE, {"CPU": 1.0, "GPU": 1.0}], 1),  # never two shares of one trial
        ({"gpus": 8, "cpus": 8, "nodes": 2}, [HEAD, GPU_NODE], 0),
    ],
)
def test_how_many_trials_fit_at_once(asked: dict[str, float], nodes: list[dict[str, float]], trials: int) -> None:
    assert room(ResourcesConfig.model_validate(asked), nodes) == trials


def test_a_trial_that_fits_nowhere_is_refused_with_what_there_is() -> None:
    refuse_what_never_fits(ResourcesConfig(), [HEAD, GPU_NODE])
    with pytest.raises(PreflightError) as caught:
        refuse_what_never_fits(ResourcesConfig(cpus=8, gpus=8, nodes=2), [HEAD, GPU_NODE])
    assert str(caught.value) == (
        "resources: a trial asks for cpus 8 and gpus 8, shared evenly by 2 nodes; of 2 nodes 1 have room for a share: "
        "they have 0 CPUs with 0 GPUs, 8 CPUs with 4 GPUs"
    )
