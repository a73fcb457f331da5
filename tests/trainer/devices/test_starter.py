from collections.abc import Callable

import pytest

from tests.trainer.devices.starting import check, seen, seen_to_fail
from trainer.config import TrainConfig
from trainer.devices.starter import LOCALLY

MakeConfig = Callable[..., TrainConfig]


@pytest.mark.slow
def test_here_it_starts_what_can_be_heard_and_ended(make_config: MakeConfig) -> None:
    broken = make_config(devices=2, batch_size=8, validations=1000)
    check(seen(LOCALLY, make_config(devices=2, batch_size=8)), seen_to_fail(LOCALLY, broken))
