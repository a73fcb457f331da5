"""The runs at an MLflow server, read over its REST interface."""

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sweeps.record.store import RecordError, Run

_TIMEOUT_S = 20.0
_PAGE = 1000
_RUNS_AT_ONCE = 100
_POINTS_AT_ONCE = 25_000
"""Both are the server's own limits."""


class RestRuns:
    """The runs at a server; see `runs.Runs`.

    Args:
        uri: Its address.
    """

    def __init__(self, uri: str) -> None:
        self._uri = uri.rstrip("/")

    def __call__(self, tags: Mapping[str, str]) -> list[Run]:
        """All runs that carry these tags, the oldest first. Raises RecordError."""
        experiments = list(self._pages("POST", "experiments/search", "experiments", {}))
        if not experiments:
            return []
        wanted = " AND ".join(f"tags.\"{key}\" = '{value}'" for key, value in tags.items())
        asked = {
            "experiment_ids": [each["experiment_id"] for each in experiments],
            "filter": wanted,
            "order_by": ["attributes.start_time ASC"],
        }
        return [_run(each) for each in self._pages("POST", "runs/search", "runs", asked)]

    def lengths(self, tags: Mapping[str, str]) -> dict[str, dict[str, int]]:
        """Of the same runs: id -> metric -> how many steps have a value. Raises RecordError."""
        runs = self(tags)
        found: dict[str, dict[str, int]] = {}
        for key in dict.fromkeys(key for run in runs for key in run.metrics):
            for run_id, length in self._lengths(key, sorted(run.run_id for run in runs if key in run.metrics)):
                found.setdefault(run_id, {})[key] = length
        return found

    def _lengths(self, key: str, run_ids: list[str]) -> Iterator[tuple[str, int]]:
        """The same of one metric. An answer holds many curves, by run; the one that is cut off at its end is asked for again."""
        while run_ids:
            some = run_ids[:_RUNS_AT_ONCE]
            asked = {"run_id": some, "metric_key": key, "max_results": _POINTS_AT_ONCE}
            points = self._ask("GET", "ajax-api/2.0/mlflow/metrics/get-history-bulk", params=asked).get("metrics", [])
            steps: dict[str, set[int]] = {run_id: set() for run_id in some}
            for point in points:
                steps[point["run_id"]].add(int(point["step"]))
            if len(points) == _POINTS_AT_ONCE:
                last = points[-1]["run_id"]
                steps = {run_id: those for run_id, those in steps.items() if run_id < last}
                if not any(steps.values()):
                    curve = self._pages("GET", "metrics/get-history", "metrics", {"run_id": last, "metric_key": key})
                    steps[last] = {int(point["step"]) for point in curve}
            yield from ((run_id, len(those)) for run_id, those in steps.items())
            run_ids = run_ids[len(steps) :]

    def _pages(self, method: str, path: str, key: str, asked: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        token: str | None = None
        while True:
            more = {**asked, "max_results": _PAGE, **({"page_token": token} if token else {})}
            page = self._ask(method, f"api/2.0/mlflow/{path}", **{"json" if method == "POST" else "params": more})
            yield from page.get(key, [])
            token = page.get("next_page_token")
            if not token:
                return

    def _ask(self, method: str, path: str, **asked: Any) -> dict[str, Any]:
        """One request, with the login that MLflow's own client takes from the environment."""
        import requests

        name, word, token = (os.environ.get(f"MLFLOW_TRACKING_{part}") for part in ("USERNAME", "PASSWORD", "TOKEN"))
        certificate: bool | str = os.environ.get("MLFLOW_TRACKING_SERVER_CERT_PATH") or (
            os.environ.get("MLFLOW_TRACKING_INSECURE_TLS", "").lower() not in ("true", "1")
        )
        try:
            answer = requests.request(
                method,
                f"{self._uri}/{path}",
                headers={"Authorization": f"Bearer {token}"} if token else {},
                auth=(name, word or "") if name else None,
                verify=certificate,
                timeout=_TIMEOUT_S,
                **asked,
            )
        except requests.RequestException as error:
            raise RecordError(f"the MLflow server did not answer ({type(error).__name__})") from error
        if not answer.ok:
            raise RecordError(f"the MLflow server refused (HTTP {answer.status_code} at {path})")
        try:
            said: dict[str, Any] = answer.json()
        except ValueError:
            raise RecordError(f"the server does not answer as MLflow does (at {path})") from None
        return said


def _run(found: Mapping[str, Any]) -> Run:
    info, data = found["info"], found.get("data", {})
    return Run(
        run_id=info["run_id"],
        experiment_id=str(info["experiment_id"]),
        status=info["status"],
        started_ms=int(info.get("start_time") or 0),
        tags=_pairs(data.get("tags", [])),
        params=_pairs(data.get("params", [])),
        metrics={each["key"]: float(each.get("value", 0.0)) for each in data.get("metrics", [])},
    )


def _pairs(listed: Sequence[Mapping[str, str]]) -> dict[str, str]:
    return {each["key"]: each.get("value", "") for each in listed}
