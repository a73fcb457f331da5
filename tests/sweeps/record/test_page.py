from urllib.parse import parse_qs

from sweeps.record.page import page


def query(address: str) -> dict[str, str]:
    base, _, text = address.partition("?")
    assert base == "http://host/#/experiments/7/runs"
    return {key: value for key, [value] in parse_qs(text).items()}


def test_the_stored_view_alone_says_what_is_shown() -> None:
    """Whatever MLflow's page finds in the address beside the key would have it leave the view aside."""
    address = page("http://host/", experiment_id="7", sweep_id="abc", metric="val_loss", mode="min", stored=True)
    assert query(address) == {
        "viewStateShareKey": "sweep-abc",
        "compareRunsMode": "CHART",
        "workflowType": "machine_learning",
    }


def test_without_a_stored_view_the_address_says_it() -> None:
    address = page("http://host", experiment_id="7", sweep_id="abc", metric="val_loss", mode="min", stored=False)
    found = query(address)
    assert found["searchFilter"] == "tags.\"sweep.role\" = 'trial' AND tags.\"sweep.id\" = 'abc'"
    assert (found["orderByKey"], found["orderByAsc"]) == ("metrics.`best_val_loss`", "true")
    assert found["compareRunsMode"] == "CHART"
