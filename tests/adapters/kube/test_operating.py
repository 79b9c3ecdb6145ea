"""``arcops operator run``, whole: a verdict from the store, the real relay in a pod, the operator killed in the middle."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.adapters.kube.pods import logs, running
from tests.adapters.kube.world import DIGEST, RELAY, condition, ready, server, until
from tests.adapters.test_admission_servers import keep_image
from tests.models import Bench, bench
from tests.simulators.kube.serving import Cluster

pytestmark = [
    pytest.mark.site,
    pytest.mark.requirement("OPER-2/the-controller-keeps-the-objects", "OPER-2/it-survives-anything"),
]
LEASES = "leases.coordination.k8s.io"


@contextmanager
def operating(found: Cluster, here: Bench, folder: Path, *more: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process of the operator, which is killed at the end."""
    settings = folder / "operator.yaml"
    settings.write_text(f'network: {{cni: calico, apiServer: [10.96.0.1]}}\nkubernetes: "1.36"\nsidecarImage: {RELAY}\n')
    line = [Path(sys.prefix) / "bin" / "arcops", "operator", "run", "--settings", settings, "--tier", "restricted"]
    line += ["--context", "admin", "--kubeconfig", found.kubeconfig, *more]
    with (folder / "operator.log").open("ab") as log:
        process = subprocess.Popen(line, env={**os.environ, **here.environment}, stdout=log, stderr=log)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def test_an_operator_that_is_killed_is_followed_by_another(tmp_path: Path) -> None:
    here = bench(tmp_path / "bench")
    keep_image(here, DIGEST, at=datetime.now(UTC).replace(microsecond=0))
    with running(tmp_path) as found:
        found.create("mcpservers", server(), "ome.io")
        with operating(found, here, tmp_path) as first:
            until(lambda: found.get("networkpolicies.networking.k8s.io", "team", "time"), 30.0)
            first.kill()
        assert not ready(found)
        with operating(found, here, tmp_path, "--port", "0") as second:
            try:
                until(lambda: ready(found), 45.0)
            except AssertionError:
                said = (tmp_path / "operator.log").read_text()
                raise AssertionError(f"{condition(found)}\n{said}\n{logs(found)}") from None
            assert len(found.all("replicasets.apps")) == 1
            status = found.get("mcpservers.ome.io", "team", "time")["status"]
            assert status["protocolVersion"]
            assert "time" in status["server"]
            other = server("other", image=f"registry.example.com/other@sha256:{'9' * 64}")
            found.create("mcpservers", other, "ome.io")
            until(lambda: (condition(found, "other") or {}).get("reason") == "ImageNotAllowed")
            log = (tmp_path / "operator.log").read_text()
            (port,) = re.findall(r"it says how it is at port (\d+)", log)
            for path, said in (
                ("livez", '"threads":"ok"'),
                ("readyz", '"records":"ok"'),
                ("metrics", "arcops_operator_leads 1.0"),
            ):
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/{path}", timeout=10) as answer:  # our own
                    assert said in answer.read().decode()
            recorded = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
            assert {"object/created", "resource/refused"} <= {one["action"] for one in recorded}
            second.terminate()
            assert second.wait(15) == 0
        assert found.get(LEASES, "arcops-system", "arcops-operator")["spec"]["holderIdentity"] == ""


def test_without_a_context_no_cluster_is_asked(tmp_path: Path) -> None:
    here = bench(tmp_path / "bench")
    settings = tmp_path / "operator.yaml"
    settings.write_text(f'network: {{cni: calico}}\nkubernetes: "1.36"\nsidecarImage: {RELAY}\n')
    line = [Path(sys.prefix) / "bin" / "arcops", "operator", "run", "--settings", settings]
    done = subprocess.run(
        [*line, "--tier", "restricted"], env={**os.environ, **here.environment}, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (
        2,
        "arcops: no context is given; name one with --context ('kubectl config get-contexts' lists them)\n",
    )
    done = subprocess.run(
        [*line, "--context", "x"], env={**os.environ, **here.environment}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "opens a connection, which the tier air-gapped does not allow" in done.stderr
