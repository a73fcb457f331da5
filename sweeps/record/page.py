"""The page of MLflow that is worth opening."""

from urllib.parse import quote

from trainer.config import Mode


def page(base_url: str, *, experiment_id: str, sweep_id: str, metric: str, mode: Mode) -> str:
    """The address of MLflow's page with the trials of a sweep, best first, and their curves.

    Without this state in the address the page shows one collapsed row and no charts.
    """
    state = {
        "searchFilter": f"tags.\"sweep.role\" = 'trial' AND tags.\"sweep.id\" = '{sweep_id}'",
        "orderByKey": f"metrics.`best_{metric}`",
        "orderByAsc": "true" if mode == "min" else "false",
        "compareRunsMode": "CHART",
        "workflowType": "machine_learning",
    }
    query = "&".join(f"{key}={quote(value, safe='')}" for key, value in state.items())
    return f"{base_url.rstrip('/')}/#/experiments/{experiment_id}/runs?{query}"
