"""A simulated cluster whose pods run: the real relay before real servers of MCP."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from services.operator.resource import ServerResource
from tests.adapters.kube.world import IMAGE, RELAY, Told, a_cluster
from tests.simulators.kube.images import http_server, sidecar
from tests.simulators.kube.kubelet import Far, Image, Kubelet, missing
from tests.simulators.kube.serving import Cluster
from tests.simulators.kube.workloads import Workloads


@contextmanager
def running(folder: Path, images: dict[str, Image] | None = None, outside: Far | None = None) -> Iterator[Cluster]:
    """A cluster with a kubelet. The calling test is skipped, and says so, if pods cannot run here."""
    if why := missing():
        pytest.skip(why)
    known = {IMAGE: http_server(), RELAY: sidecar()} | (images or {})
    with a_cluster(folder / "cluster", instant=False) as found:
        kubelet = found.do(lambda: (Workloads(found.api), Kubelet(found.api, folder / "pods", known, outside=outside))[1])
        found.kubelet = kubelet
        try:
            yield found
        finally:
            found.run(kubelet.end())


def asked_relay(resource: ServerResource, addresses: tuple[str, ...]) -> str:
    """What is wrong with the server, as the relay in its pod says."""
    for address in addresses:
        with urllib.request.urlopen(f"http://{address}:15081/handshake", timeout=5) as answer:
            said = json.load(answer)
        if said["problem"]:
            return str(said["problem"])
    return ""


def told(**more: Any) -> Told:
    return Told(shaken=asked_relay, **more)


def logs(found: Cluster) -> str:
    """What the containers wrote, for a test that fails."""
    return "\n".join(
        f"{one.parent.name}/{one.name}: {one.read_text()[-1500:]}" for one in found.folder.parent.glob("pods/*/*.log")
    )
