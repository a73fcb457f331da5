"""The cluster files: valid, safe, and alike in what must be alike. On hosts they are tried by `make test-cluster`."""

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import ray
from jsonschema import ValidationError, validate
from ruamel.yaml import YAML

from tests.conftest import ROOT

RAY_FILES = {
    path.name: path for path in (ROOT / "cluster.yaml", ROOT / "clusters/gcp.yaml", ROOT / "clusters/onprem.yaml")
}
CLOUDS = ("cluster.yaml", "gcp.yaml")
KUBERAY = ROOT / "clusters/kuberay.yaml"


def read(path: Path) -> Any:
    return YAML(typ="safe", pure=True).load(path)


def test_no_file_is_forgotten() -> None:
    there = {path.name for path in (*ROOT.glob("cluster*.yaml"), *ROOT.glob("clusters/*.yaml"))}
    assert there == {*RAY_FILES, KUBERAY.name}


@pytest.mark.parametrize("name", RAY_FILES)
def test_it_is_what_ray_expects(name: str) -> None:
    schema = json.loads((Path(ray.__file__).parent / "autoscaler" / "ray-schema.json").read_text())
    cluster = read(RAY_FILES[name])
    validate(cluster, schema)
    with pytest.raises(ValidationError, match="max_worker"):
        validate({**cluster, "max_worker": 1}, schema)


@pytest.mark.parametrize("name", RAY_FILES)
def test_ray_makes_a_configuration_of_it(name: str) -> None:
    """As `ray up` does, up to the first question to a cloud."""
    from ray.autoscaler._private.util import prepare_config, validate_config

    cluster = prepare_config(read(RAY_FILES[name]))
    validate_config(cluster)
    assert cluster["head_node_type"] in cluster["available_node_types"]


@pytest.mark.parametrize("name", RAY_FILES)
def test_strangers_are_kept_out(name: str) -> None:
    text, cluster = RAY_FILES[name].read_text(), read(RAY_FILES[name])
    assert "RAY_AUTH_MODE=token" in text
    assert cluster["file_mounts"]["~/.ray/auth_token"] == "~/.ray/auth_token"
    assert "0.0.0.0" not in text
    [head] = [line for line in cluster["head_start_ray_commands"] if "ray start" in line]
    assert "--dashboard-host=127.0.0.1" in head
    assert not re.search(r"password|secret_|AKIA|BEGIN .*KEY", text)
    assert "--host 127.0.0.1" in (ROOT / "clusters/head.sh").read_text()


@pytest.mark.parametrize("name", CLOUDS)
def test_a_cloud_pays_for_workers_only_while_they_work(name: str) -> None:
    cluster = read(RAY_FILES[name])
    kinds = cluster["available_node_types"]
    head = kinds[cluster["head_node_type"]]
    [worker] = [kind for each, kind in kinds.items() if each != cluster["head_node_type"]]
    assert head["resources"] == {"CPU": 0}
    assert worker["min_workers"] == 0
    assert worker["max_workers"] == cluster["max_workers"]
    assert re.search("spot", json.dumps(worker), flags=re.IGNORECASE)
    assert not re.search("spot", json.dumps(head), flags=re.IGNORECASE)
    assert cluster["provider"]["use_internal_ips"] is True
    assert cluster["idle_timeout_minutes"] > 0


def test_the_security_group_is_not_the_one_that_ray_would_make() -> None:
    for kind in read(RAY_FILES["cluster.yaml"])["available_node_types"].values():
        assert kind["node_config"]["SecurityGroupIds"]


def test_kuberay_runs_the_same_sweep() -> None:
    job = read(KUBERAY)
    assert (job["apiVersion"], job["kind"]) == ("ray.io/v1", "RayJob")
    cluster = job["spec"]["rayClusterSpec"]
    assert cluster["authOptions"] == {"mode": "token"}
    assert cluster["rayVersion"] == ray.__version__
    assert "--resume" in job["spec"]["entrypoint"]
    [worker] = cluster["workerGroupSpecs"]
    assert (worker["replicas"], worker["minReplicas"]) == (0, 0)
    for group in (cluster["headGroupSpec"], worker):
        pod = group["template"]["spec"]
        assert [each["name"] for each in pod["volumes"]] == ["shared"]
        assert all(
            each["volumeMounts"] == [{"name": "shared", "mountPath": "/mnt/sweeps"}] for each in pod["containers"]
        )
    pods = (cluster["headGroupSpec"]["template"]["spec"], worker["template"]["spec"])
    known, more = ({each["name"]: each["value"] for each in pod["containers"][0]["env"]} for pod in pods)
    assert known.items() <= more.items()
    assert float(more["RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S"]) < pods[1]["terminationGracePeriodSeconds"]
    for path in RAY_FILES.values():
        assert all(f"{name}={value}" in path.read_text() for name, value in known.items())


def test_a_node_is_made_ready_once(tmp_path: Path) -> None:
    """With a `pip` and a `python3` that only write down what they are asked for."""
    home, tools = tmp_path / "home", tmp_path / "tools"
    (home / ".ray").mkdir(parents=True)
    (home / ".ray/auth_token").write_text("t")
    (home / ".bashrc").write_text("[ -z $PS1 ] && return\nexport PATH=/their/python:$PATH\n")
    tools.mkdir()
    venv = home / "sweeps-venv"
    asked = tmp_path / "asked"
    tool = f'#!/bin/sh\necho "$0 $@" >> {asked}\n'
    made = f"mkdir -p {venv}/bin; for each in pip python; do cp $0 {venv}/bin/$each; done\n"
    (tools / "python3").write_text(tool + made)
    (tools / "python3").chmod(0o755)
    words = ["bash", str(ROOT / "clusters/node.sh"), "RAY_AUTH_MODE=token", "SWEEPS_STORAGE=/mnt/a b"]
    environment = {"HOME": str(home), "PATH": f"{tools}:{os.environ['PATH']}"}
    for _ in range(2):
        subprocess.run(words, check=True, env=environment, timeout=30)
    calls = asked.read_text().splitlines()
    assert sum("-m venv" in call for call in calls) == 1
    assert sum("--editable" in call for call in calls) == 1
    assert (home / ".ray/auth_token").stat().st_mode & 0o777 == 0o600
    said = ["bash", "-c", f'. {home}/.bashrc; echo "$SWEEPS_STORAGE|$RAY_AUTH_MODE|$PATH"']
    done = subprocess.run(said, capture_output=True, text=True, check=True, env=environment, timeout=30)
    storage, mode, path = done.stdout.strip().split("|")
    assert (storage, mode) == ("/mnt/a b", "token")
    assert path.startswith(f"{venv}/bin:")
    assert (home / ".bashrc").read_text().count("sweeps-env.sh") == 2


CURL = """#!/bin/sh
case "$*" in
    *api/token*) echo secret ;;
    *"token: secret"*spot/instance-action) [ -e {notice} ] && echo '{{"action": "terminate"}}' ;;
    *Metadata-Flavor*preempted) [ -e {notice} ] && echo TRUE || echo FALSE ;;
    *) exit 22 ;;
esac
"""


@pytest.mark.parametrize(("cloud", "left_s"), [("aws", "110"), ("gcp", "25")])
@pytest.mark.parametrize("taken_away", [True, False])
def test_a_spot_notice_drains_the_node(cloud: str, left_s: str, taken_away: bool, tmp_path: Path) -> None:  # noqa: FBT001
    """The cloud's metadata, and Ray, are programs that are found before the real ones; Ray runs for three looks."""
    programs = {
        "curl": CURL.format(notice=tmp_path / "notice"),
        "ray": f'#!/bin/sh\necho "$*" > {tmp_path}/drained\n',
        "pgrep": f"#!/bin/sh\necho look >> {tmp_path}/looks\n[ $(wc -l < {tmp_path}/looks) -le 3 ]\n",
    }
    for name, text in programs.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    if taken_away:
        (tmp_path / "notice").touch()
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "SPOT_PERIOD_S": "0.01"}
    done = subprocess.run(["bash", str(ROOT / "clusters/spot.sh"), cloud], env=environment, check=False, timeout=20)
    assert done.returncode == 0
    assert (tmp_path / "drained").exists() == taken_away
    if taken_away:
        assert f"--deadline-remaining-seconds {left_s}" in (tmp_path / "drained").read_text()


@pytest.mark.parametrize(("name", "cloud"), [("cluster.yaml", "aws"), ("gcp.yaml", "gcp")])
def test_spot_workers_watch_for_the_notice(name: str, cloud: str) -> None:
    assert f"spot.sh {cloud}" in read(RAY_FILES[name])["worker_start_ray_commands"][-1]
