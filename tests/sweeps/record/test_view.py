import json
from pathlib import Path
from typing import Any

from search_spaces import Space
from sweeps.config import SweepConfig
from sweeps.record.view import stored_view
from tests.sweeps.record.recorded import sweep_config


def state_of(config: SweepConfig) -> dict[str, Any]:
    text = stored_view(config, sweep_id="abc", since_ms=5)
    assert len(text) <= 20_000
    envelope = json.loads(text)
    assert (envelope["name"], envelope["createdAt"]) == (f"sweep {config.name}", 5)
    found: dict[str, Any] = json.loads(envelope["state"])
    return found


def test_every_chart_has_its_section_and_all_trials_are_shown() -> None:
    state = state_of(sweep_config(Path("/runs")))
    sections = {section["uuid"] for section in state["compareRunSections"]}
    assert {chart["metricSectionId"] for chart in state["compareRunCharts"]} == sections
    assert len({chart["uuid"] for chart in state["compareRunCharts"]}) == len(state["compareRunCharts"])
    assert state["runsHiddenMode"] == "SHOW_ALL"
    assert "'abc'" in state["searchFilter"]
    assert state["selectedColumns"][:2] == ["metrics.`best_val_accuracy`", "tags.`sweep.outcome`"]
    assert "params.`power`" in state["selectedColumns"]


def test_parallel_coordinates_leave_out_what_not_every_trial_has() -> None:
    """MLflow would leave out the trials without it instead (seen: 6 of 14)."""
    charts = state_of(sweep_config(Path("/runs")))["compareRunCharts"]
    [parallel] = [chart for chart in charts if chart["type"] == "PARALLEL"]
    assert parallel["selectedParams"] == ["learning_rate", "scheduler"]
    assert parallel["selectedMetrics"] == ["best_val_accuracy"]
    assert [chart["metricKey"] for chart in charts if chart["type"] == "LINE"] == ["val_accuracy", "train_loss"]
    assert {chart["lineSmoothness"] for chart in charts if chart["type"] == "LINE"} == {0}
    assert [chart["xaxis"]["key"] for chart in charts if chart["type"] == "SCATTER"] == ["learning_rate"]


def test_a_view_of_hundreds_of_settings_fits_into_a_tag() -> None:
    many = {f"a_rather_long_name_of_a_setting_{n}": {"type": "float", "low": 0, "high": 1} for n in range(200)}
    config = sweep_config(Path("/runs")).model_copy(update={"space": Space.model_validate(many)})
    assert state_of(config)["selectedColumns"]
