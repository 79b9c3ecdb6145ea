"""What the operator did is counted and recorded, its probes say how it is, and callers find the servers that they may list."""

from __future__ import annotations

import io
import json
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import pytest
from prometheus_client.parser import text_string_to_metric_families

from adapters.http.beside import beside
from adapters.http.serve import listen
from adapters.kube.accounting import Accounts
from adapters.kube.operator import Operator
from adapters.kube.probes import probes
from foundation.audit.lines import LinesAudit
from foundation.audit.record import read_record
from services.operator.verdicts import Verdicts
from tests.adapters.kube.kubectl import Kubectl
from tests.adapters.kube.world import Told, a_cluster, condition, operator, ready, server, until
from tests.simulators.kube.faults import Fault
from tests.simulators.kube.serving import Cluster

pytestmark = pytest.mark.requirement("OPER-9/metrics-and-audit")


@pytest.fixture
def found(tmp_path: Path) -> Iterator[Cluster]:
    with a_cluster(tmp_path / "cluster") as one:
        yield one


@contextmanager
def accounted(found: Cluster, told: Told | None = None) -> Iterator[tuple[Operator, str, io.BytesIO]]:
    """An operator with records, whose probes are served: the operator, their address, and the records."""
    stream = io.BytesIO()
    lines = LinesAudit(stream)
    accounts = Accounts(holder="one", now=lambda: datetime.now(UTC), tells=lines)
    try:
        with (
            operator(found, told, accounts=accounts) as one,
            listen("127.0.0.1", 0) as listening,
            beside(probes(one), listening),
        ):
            yield one, f"http://127.0.0.1:{listening.getsockname()[1]}", stream
    finally:
        lines.close()


def asked(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310  # our own
            return answer.status, answer.read().decode()
    except HTTPError as error:
        with error:
            return error.code, error.read().decode()


def metrics(url: str) -> dict[str, float]:
    """Each sample by its name and labels."""
    status, text = asked(f"{url}/metrics")
    assert status == 200
    return {
        f"{one.name}{dict(sorted(one.labels.items())) if one.labels else ''}": one.value
        for family in text_string_to_metric_families(text)
        for one in family.samples
    }


def records(stream: io.BytesIO) -> list[dict[str, Any]]:
    for line in stream.getvalue().splitlines():
        read_record(line)  # each is a record as the log has it
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_passes_writes_and_what_was_put_back_are_counted_and_recorded(found: Cluster) -> None:
    found.create("mcpservers", server(), "ome.io")
    with accounted(found) as (one, url, stream):
        until(lambda: ready(found))
        until(lambda: one.idle)
        said = metrics(url)
        assert said["arcops_operator_reconciliations_total{'kind': 'MCPServer', 'outcome': 'done'}"] >= 2
        assert said["arcops_operator_writes_total{'object': 'Deployment', 'what': 'created'}"] == 1
        assert said["arcops_operator_servers{'kind': 'MCPServer', 'reason': 'Ready'}"] == 1
        assert said["arcops_operator_violations_total{'reason': 'ObjectChanged'}"] == 0
        assert said["arcops_operator_leads"] == 1
        created = {each["object"]: each for each in records(stream)}
        assert created["NetworkPolicy/team/time"] | {"at": ""} == created["Deployment/team/time"] | {
            "at": "",
            "object": "NetworkPolicy/team/time",
        }
        assert created["Deployment/team/time"]["tool"] == "MCPServer/team/time"
        assert created["Deployment/team/time"]["action"] == "object/created"
        Kubectl(found).good("-n", "team", "set", "image", "deployment/time", "mcp=registry.example.com/other:1")
        until(lambda: metrics(url)["arcops_operator_violations_total{'reason': 'ObjectChanged'}"] == 1)
        until(lambda: any(each["action"] == "object/put-back" for each in records(stream)))
        found.do(lambda: found.api.store.remove("mcpservers.ome.io", "team", "time"))
        until(lambda: "arcops_operator_servers{'kind': 'MCPServer', 'reason': 'Ready'}" not in metrics(url))


def test_a_refusal_is_counted_once_and_is_a_violation_if_it_would_have_opened_something(found: Cluster) -> None:
    found.create("mcpservers", server(), "ome.io")
    wrong = server("wrong", permissionProfile={"type": "configmap", "name": "p", "key": "k"})
    with accounted(found, Told(known=Verdicts())) as (one, url, stream):
        until(lambda: (condition(found) or {}).get("reason") == "ImageNotAllowed")
        one.all_again()
        until(lambda: one.idle)
        said = metrics(url)
        assert said["arcops_operator_refusals_total{'reason': 'ImageNotAllowed'}"] == 1
        assert said["arcops_operator_violations_total{'reason': 'ImageNotAllowed'}"] == 1
        (record,) = until(lambda: records(stream))
        assert (record["action"], record["outcome"], record["reason"]) == ("resource/refused", "denied", "ImageNotAllowed")
    with accounted(found) as (one, url, _):
        found.create("mcpservers", wrong, "ome.io")
        until(lambda: (condition(found, "wrong") or {}).get("reason") == "ReferenceMissing")
        said = metrics(url)
        assert said["arcops_operator_refusals_total{'reason': 'ReferenceMissing'}"] == 1
        assert "arcops_operator_violations_total{'reason': 'ReferenceMissing'}" not in said, "a mistake opens nothing"


def test_a_pass_that_failed_is_counted_by_how(found: Cluster) -> None:
    found.api.faults.add(Fault(verb="patch", resource="deployments.apps", status=500, times=1))
    found.create("mcpservers", server(), "ome.io")
    with accounted(found) as (_, url, _stream):
        until(lambda: ready(found))
        assert metrics(url)["arcops_operator_reconciliations_total{'kind': 'MCPServer', 'outcome': 'failed'}"] == 1


def test_what_cannot_be_recorded_is_not_done(found: Cluster) -> None:
    class Broken(io.BytesIO):
        def write(self, _: Any) -> int:
            raise OSError("no space")

    lines = LinesAudit(Broken())
    accounts = Accounts(holder="one", now=lambda: datetime.now(UTC), tells=lines)
    wrong = server("wrong", image="registry.example.com/other@sha256:" + "9" * 64)
    found.create("mcpservers", wrong, "ome.io")
    with operator(found, accounts=accounts) as one, listen("127.0.0.1", 0) as listening, beside(probes(one), listening):
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        until(lambda: "cannot be written" in asked(f"{url}/readyz")[1] and one.synchronised)
        assert asked(f"{url}/readyz")[0] == 503
        found.create("mcpservers", server(), "ome.io")
        until(lambda: one.failed)
        assert not found.all("networkpolicies.networking.k8s.io")
    lines.close()


def test_the_probes_say_what_a_restart_repairs_and_what_it_does_not(found: Cluster) -> None:
    found.create("mcpservers", server(), "ome.io")
    found.api.faults.add(Fault(verb="watch", resource="services", status=403, times=10_000))
    with accounted(found) as (one, url, _):
        until(lambda: asked(f"{url}/readyz")[0] == 200)
        assert asked(f"{url}/livez")[0] == asked(f"{url}/startupz")[0] == 200
        until(lambda: metrics(url)["arcops_operator_watched{'resource': 'services'}"] == 0)
        assert "services: " in json.loads(asked(f"{url}/readyz")[1])["notes"]["watches"]
        until(lambda: one.idle)
        one.lease.end()
        one.lease.join()
        status, text = asked(f"{url}/livez")
        assert (status, json.loads(text)["parts"]["threads"]) == (503, "lease ended")
