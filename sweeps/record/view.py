"""A stored view of MLflow's page: which columns, which charts, in which order. Read by `?viewStateShareKey=KEY`.

Neither is documented; the names are those of MLflow 3.17's page (seen in its sources, and in a browser). A page that knows them no
more shows its own default.
"""

import json
from typing import TYPE_CHECKING, Any

from search_spaces import Choice

if TYPE_CHECKING:
    from sweeps.config import SweepConfig

TAG = "mlflow.sharedViewState."
"""Prefix of the experiment's tag that holds a view; the key follows."""

_MOST_CHARACTERS = 20_000
"""MLflow takes no longer tag."""
_ALL_RUNS = 1000
_SCATTERS = 6


def view_key(sweep_id: str) -> str:
    """The key of a sweep's view."""
    return f"sweep-{sweep_id}"


def trial_filter(sweep_id: str) -> str:
    """What MLflow's page is to search for: the trials of a sweep."""
    return f"tags.\"sweep.role\" = 'trial' AND tags.\"sweep.id\" = '{sweep_id}'"


def stored_view(config: "SweepConfig", *, sweep_id: str, since_ms: int) -> str:
    """The view of a sweep's trials: sorted, with their settings, all their curves, and parallel coordinates.

    Args:
        config: The sweep.
        sweep_id: Says which trials.
        since_ms: When it is said to have been made, in Unix milliseconds.
    """
    best = f"best_{config.metric}"
    state: dict[str, Any] = {
        "searchFilter": trial_filter(sweep_id),
        "orderByKey": _column("metrics", best),
        "orderByAsc": config.mode == "min",
        "startTime": "ALL",
        "lifecycleFilter": "Active",
        "modelVersionFilter": "All Runs",
        "datasetsFilter": [],
        "selectedColumns": [
            *(_column("metrics", name) for name in (best, *(each.metric for each in config.objectives[1:]))),
            _column("tags", "sweep.outcome"),
            *(_column("params", name) for name in config.space.names),
            _column("metrics", "train_seconds"),
            _column("tags", "sweep.reason"),
        ],
        "compareRunCharts": _charts(config, best),
        "compareRunSections": [
            _section("Curves", columns=2),
            _section("Settings", columns=1),
            _section("By setting", columns=3),
        ],
        "runsHiddenMode": "SHOW_ALL",
        "hideEmptyCharts": True,
        "isAccordionReordered": True,
    }
    while len(text := _envelope(config.name, since_ms, state)) > _MOST_CHARACTERS and state["selectedColumns"]:
        state["selectedColumns"] = state["selectedColumns"][:-1]
    return text


def _envelope(name: str, since_ms: int, state: dict[str, Any]) -> str:
    named = {"name": f"sweep {name}", "createdAt": since_ms, "updatedAt": since_ms}
    return json.dumps({**named, "state": json.dumps(state, separators=(",", ":"))})


def _charts(config: "SweepConfig", best: str) -> list[dict[str, Any]]:
    """The charts; below them MLflow adds one for each metric that is in none."""
    steady = [name for name, each in config.space.steady.items() if each.only is None]
    numbers = [name for name in steady if not isinstance(config.space.spans[name], Choice)]
    return [
        *(_line(name, "Curves") for name in (config.metric, "train_loss")),
        # A run without one of the settings would be left out, so only those are here that every trial has.
        _chart("PARALLEL", "Settings", selectedParams=steady, selectedMetrics=[best], showAllRuns=True),
        *(_scatter(name, best) for name in numbers[:_SCATTERS]),
    ]


def _line(metric: str, section: str) -> dict[str, Any]:
    axes = {"metricKey": metric, "selectedMetricKeys": [metric], "xAxisKey": "step", "useGlobalXaxisKey": False}
    raw = {"lineSmoothness": 0, "useGlobalLineSmoothing": False}  # where nothing is said, the page smooths
    return _chart("LINE", section, name=metric, **axes, **raw)


def _scatter(name: str, best: str) -> dict[str, Any]:
    axes = {"xaxis": {"key": name, "type": "PARAM"}, "yaxis": {"key": best, "type": "METRIC"}}
    return _chart("SCATTER", "By setting", name=name, **axes)


def _chart(kind: str, section: str, *, name: str = "", **more: Any) -> dict[str, Any]:
    return {
        "uuid": f"{kind}-{name}",
        "type": kind,
        "metricSectionId": section,
        "deleted": False,
        "isGenerated": False,
        "runsCountToCompare": _ALL_RUNS,
        **more,
    }


def _section(name: str, *, columns: int) -> dict[str, Any]:
    shown = {"display": True, "isReordered": True, "deleted": False, "isGenerated": False}
    return {"uuid": name, "name": name, "columns": columns, **shown}


def _column(kind: str, name: str) -> str:
    return f"{kind}.`{name}`"
