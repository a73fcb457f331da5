"""The pages of MLflow that are worth opening."""

from urllib.parse import quote

from sweeps.record.view import trial_filter, view_key
from trainer.config import Mode


def page(base_url: str, *, experiment_id: str, sweep_id: str, metric: str, mode: Mode, stored: bool) -> str:
    """The address of MLflow's page with the trials of a sweep, best first, and their curves.

    Args:
        base_url: Where MLflow is.
        experiment_id: Where the sweep is recorded.
        sweep_id: The sweep.
        metric: What it optimizes.
        mode: Whether that is to be small or large.
        stored: Whether the sweep's view is stored there. Without it, or the state in the address, the page shows one collapsed row
            and no charts.
    """
    return f"{base_url.rstrip('/')}/{trials_page(experiment_id, sweep_id, metric, mode, stored=stored)}"


def trials_page(experiment_id: str, sweep_id: str, metric: str, mode: Mode, *, stored: bool) -> str:
    """The same, below MLflow's own address."""
    shown = {"compareRunsMode": "CHART", "workflowType": "machine_learning"}
    if stored:  # what is said in the address would have the page leave the view aside
        state = {"viewStateShareKey": view_key(sweep_id), **shown}
    else:
        state = {
            "searchFilter": trial_filter(sweep_id),
            "orderByKey": f"metrics.`best_{metric}`",
            "orderByAsc": "true" if mode == "min" else "false",
            **shown,
        }
    query = "&".join(f"{key}={quote(value, safe='')}" for key, value in state.items())
    return f"#/experiments/{experiment_id}/runs?{query}"
