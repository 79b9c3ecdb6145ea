"""Each transport in pods that run, or for a remote server at its own address: Ready after a real handshake, and called."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from mcp import MCPError

from arcops.tier import Tier
from foundation.egress.outside import Outside
from services.operator.handshake import Asking, shaken
from services.operator.observed import Handshake
from services.operator.resource import ServerResource
from tests.adapters.kube.calling import Caller
from tests.adapters.kube.kubectl import Kubectl
from tests.adapters.kube.pods import logs, running, told
from tests.adapters.kube.world import (
    DIGEST,
    RELAY,
    Told,
    a_cluster,
    a_site,
    condition,
    operator,
    ready,
    server,
    until,
    verdicts,
)
from tests.adapters.sidecar.world import shim
from tests.simulators.kube.images import plain, sidecar, sse_server, stdio_command
from tests.simulators.kube.kubelet import Far, Image
from tests.simulators.kube.serving import Cluster

pytestmark = pytest.mark.site
STDIO, SSE = f"registry.example.com/stdio@{DIGEST}", f"registry.example.com/sse@{DIGEST}"


@contextmanager
def _pods(folder: Path) -> Iterator[Cluster]:
    images: dict[str, Image] = {RELAY: sidecar(shim()), STDIO: plain(), SSE: sse_server()}
    with running(folder, images) as found, operator(found, told(known=verdicts(DIGEST))) as made:
        found.operator = made
        yield found


def _applied(found: Cluster, **spec: Any) -> None:
    """Apply a server with kubectl, and wait until it is Ready."""
    kubectl = Kubectl(found)
    kubectl.good("apply", "-f", "-", given=json.dumps(server(**spec)))
    kubectl("-n", "team", "wait", "mcpserver/time", "--for=condition=Ready", "--timeout=40s")
    assert ready(found), f"{condition(found)}\n{found.all('pods')}\n{logs(found)}"


@pytest.mark.requirement("OPER-3/standard-streams-are-bridged")
def test_a_server_over_standard_streams(tmp_path: Path) -> None:
    template = {"spec": {"containers": [{"name": "mcp", "command": list(stdio_command())}]}}
    with _pods(tmp_path) as found:
        _applied(found, image=STDIO, transport="stdio", podTemplateSpec=template)
        with Caller(found) as first, Caller(found) as second:
            assert first("echo", text="hello") == second("echo", text="hello")
            assert first("user") == "65532 65532"
            assert first("reaches", host="1.1.1.1", port=53).startswith("no")
            assert first("writes", path="/etc/x").startswith("no")
            # Each session has a process of its own.
            assert first("process") == first("process") != second("process")


@pytest.mark.requirement("OPER-3/transports-are-supported")
def test_a_server_over_sse(tmp_path: Path) -> None:
    with _pods(tmp_path) as found:
        _applied(found, image=SSE, transport="sse")
        with Caller(found) as call:
            assert call("echo", text="hello") == "hello"
            assert call("environment", name="HOSTNAME").startswith("time-")


class _Asking(Told):
    """A remote server is asked as the operator asks it, at an address inside that its settings name."""

    outside = Outside(named=("127.0.0.0/8",))

    def shake(self, resource: ServerResource, addresses: tuple[str, ...], of: int) -> Handshake:
        return shaken(resource, addresses, of, Asking(tier=Tier.RESTRICTED, outside=self.outside))


@pytest.mark.requirement("OPER-3/remote-servers")
def test_a_remote_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = socket.getaddrinfo
    lead = {"far.example.com": "127.0.0.1"}
    monkeypatch.setattr(socket, "getaddrinfo", lambda host, *words, **more: real(lead.get(host, host), *words, **more))
    with a_cluster(tmp_path / "cluster") as found, _served() as url:
        site = a_site(plain_urls=True)
        kubectl, asking = Kubectl(found), _Asking(settings=site)
        spec = {"type": "Remote", "url": url, "transport": "streamable-http", "capabilities": {"tools": True}}
        value = {**server(), "spec": spec}
        with operator(found, asking) as one:
            kubectl.good("apply", "-f", "-", given=json.dumps(value))
            until(lambda: ready(found) or (condition(found) or {}).get("reason") == "HandshakeFailed", 20.0)
            assert ready(found), condition(found)
            status = found.get("mcpservers.ome.io", "team", "time")["status"]
            assert (status["url"], status["server"].split()[0]) == (url, "far")
            assert not found.all("deployments.apps"), "it has no pods here"
            asking.outside = Outside()
            one.handshakes.forget_all()
            one.all_again()
            until(lambda: "a resource may not send the operator there" in (condition(found) or {}).get("message", ""))
            assert "url" not in found.get("mcpservers.ome.io", "team", "time")["status"]


@pytest.mark.requirement("OPER-3/remote-servers")
def test_a_remote_server_behind_a_relay_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its resource says which tools may be called, so a relay in a pod stands before it and holds callers to that."""
    real = socket.getaddrinfo
    lead = {"far.example.com": "127.0.0.1"}
    monkeypatch.setattr(socket, "getaddrinfo", lambda host, *words, **more: real(lead.get(host, host), *words, **more))
    with _served() as url:
        far = Far(name="far.example.com", port=int(url.rpartition(":")[2].partition("/")[0]))
        spec = {"type": "Remote", "url": url, "transport": "streamable-http", "toolsFilter": ["echo"]}
        site = a_site(plain_urls=True)
        with running(tmp_path, {RELAY: sidecar(shim())}, far) as found, operator(found, _Asking(settings=site)):
            kubectl = Kubectl(found)
            kubectl.good("apply", "-f", "-", given=json.dumps({**server(), "spec": spec}))
            kubectl("-n", "team", "wait", "mcpserver/time", "--for=condition=Ready", "--timeout=40s")
            assert ready(found), f"{condition(found)}\n{found.all('pods')}\n{logs(found)}"
            status = found.get("mcpservers.ome.io", "team", "time")["status"]
            assert status["url"] == "http://time.team.svc:8080/mcp", "callers are sent to the relay, and not past it"
            (pod,) = found.all("pods")
            assert [one["name"] for one in pod["spec"]["containers"]] == ["arcops-relay"]
            with Caller(found) as call:
                assert call("echo", text="hello") == "hello"
                with pytest.raises(MCPError):
                    call("user")


@contextmanager
def _served() -> Iterator[str]:
    """A server of MCP outside of the cluster, by a name."""
    from adapters.http.serve import reserved_port
    from tests.simulators.kube.images import _MCP

    with reserved_port() as port:
        line = [sys.executable, "-I", _MCP, "http", "far", str(port), "far.example.com"]
        with subprocess.Popen(line, stderr=subprocess.DEVNULL) as process:
            try:
                until(lambda: _answers(port))
                yield f"http://far.example.com:{port}/mcp"
            finally:
                process.kill()


def _answers(port: int) -> bool:
    try:
        httpx2.get(f"http://127.0.0.1:{port}/mcp", trust_env=False)
    except httpx2.HTTPError:
        return False
    return True
