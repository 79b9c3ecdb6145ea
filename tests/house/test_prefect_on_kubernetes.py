"""Prefect's worker and its jobs on Kubernetes: valid by the schemas, at one with each other and with their page, and narrow."""

from __future__ import annotations

import json
import re
from pathlib import Path
from string import Template
from typing import Any

import kubernetes_validate
import pytest
import yaml

from flows.prefect.quiet import QUIET

pytestmark = [pytest.mark.requirement("ARC-D1/work-pools-on-kubernetes"), pytest.mark.site]

FOLDER = Path(__file__).resolve().parents[2] / "deployments" / "prefect"
IMAGE = "registry.example.internal/arcops@sha256:" + "0" * 64
GIVEN = {"IMAGE": IMAGE, "PREFECT_API_URL": "https://arcops.example.org/prefect/api"}
POOL = json.loads((FOLDER / "kubernetes-pool.json").read_text())


def objects() -> list[Any]:
    return list(yaml.safe_load_all(Template((FOLDER / "worker.yaml").read_text()).substitute(GIVEN)))


def job() -> Any:
    """The job that a run becomes, with every variable at its default, as Prefect fills it in."""
    known = {name: one.get("default") for name, one in POOL["variables"]["properties"].items()}
    known |= {"image": IMAGE, "name": "run", "command": ["python", "-m", "prefect.engine"]}
    known["env"] = [{"name": name, "value": value} for name, value in known["env"].items()]

    def filled(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: filled(one) for name, one in value.items()}
        if isinstance(value, list):
            return [filled(one) for one in value]
        if isinstance(value, str) and (whole := re.fullmatch(r"\{\{ (\w+) \}\}", value)):
            return known[whole[1]]
        return re.sub(r"\{\{ (\w+) \}\}", lambda found: str(known[found[1]]), value) if isinstance(value, str) else value

    return filled(POOL["job_configuration"]["job_manifest"])


@pytest.mark.parametrize("found", [*objects(), job()], ids=lambda found: found["kind"])
def test_every_object_is_valid_by_the_schema_of_kubernetes(found: Any) -> None:
    kubernetes_validate.validate(found, "1.34", strict=True)
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate({**found, "unheardOf": 1}, "1.34", strict=True)


def test_every_variable_of_the_pool_is_used_and_every_place_has_one() -> None:
    used = set(re.findall(r"\{\{ (\w+) \}\}", json.dumps(POOL["job_configuration"])))
    assert used == set(POOL["variables"]["properties"])


def test_what_must_be_given_is_named_in_the_readme() -> None:
    page = (FOLDER / "README.md").read_text()
    assert set(Template((FOLDER / "worker.yaml").read_text()).get_identifiers()) == set(GIVEN)
    volumes = job()["spec"]["template"]["spec"]["volumes"]
    named = {
        str(one) for volume in volumes for source in volume.values() if isinstance(source, dict) for one in source.values()
    }
    for name in (*GIVEN, *(one for one in named if one.startswith(("arcops", "models"))), "arcops-prefect"):
        assert f"`{name}`" in page or f"${{{name}}}" in page, name


def test_both_run_with_as_little_as_they_need() -> None:
    (worker,) = [one for one in objects() if one["kind"] == "Deployment"]
    for pod in (worker["spec"]["template"]["spec"], job()["spec"]["template"]["spec"]):
        assert pod["securityContext"]["runAsNonRoot"]
        for container in pod["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
    assert job()["spec"]["template"]["spec"]["automountServiceAccountToken"] is False
    assert job()["spec"]["backoffLimit"] == 0, "a second try would be a second run under the first one's name"
    assert not [one for one in objects() if one["kind"].startswith("Cluster")]


def test_the_worker_is_as_silent_as_every_process_of_prefect() -> None:
    (worker,) = [one for one in objects() if one["kind"] == "Deployment"]
    told = {one["name"]: one.get("value") for one in worker["spec"]["template"]["spec"]["containers"][0]["env"]}
    of_the_server = {"PREFECT_CLOUD_ENABLE_ORCHESTRATION_TELEMETRY", "PREFECT_SERVER_EPHEMERAL_ENABLED"}
    assert {name: told.get(name) for name in QUIET if name not in of_the_server} == {
        name: value for name, value in QUIET.items() if name not in of_the_server
    }
