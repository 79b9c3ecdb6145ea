"""What a user does: apply a server with kubectl, see it become Ready after a real handshake, look at it, and delete it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.adapters.kube.kubectl import Kubectl
from tests.adapters.kube.pods import logs, running, told
from tests.adapters.kube.world import condition, operator, ready, server, until

pytestmark = [pytest.mark.site, pytest.mark.requirement("OPER-2/the-controller-keeps-the-objects")]


def test_a_server_from_apply_to_delete(tmp_path: Path) -> None:
    with running(tmp_path) as found, operator(found, told()) as one:
        kubectl = Kubectl(found)
        assert "mcpserver.ome.io/time created" in kubectl.good("apply", "-f", "-", given=json.dumps(server()))
        kubectl("-n", "team", "wait", "mcpserver/time", "--for=condition=Ready", "--timeout=30s")
        assert ready(found), f"{condition(found)}\n{logs(found)}"
        shown = kubectl.good("-n", "team", "get", "mcpservers").splitlines()
        assert shown[0].split() == ["NAME", "TYPE", "TRANSPORT", "READY", "VERDICT", "URL", "AGE"]
        assert shown[1].split()[:5] == ["time", "Hosted", "streamable-http", "True", "GREEN"]
        assert shown[1].split()[5].startswith("http://time.team.svc")
        assert "unchanged" in kubectl.good("apply", "-f", "-", given=json.dumps(server()))
        described = kubectl.good("-n", "team", "describe", "mcpserver", "time")
        assert "The server answered its handshake." in described
        assert "Ready" in described.partition("Events:")[2]
        explained = kubectl.good("explain", "mcpserver.spec.permissionProfile")
        assert "DESCRIPTION" in explained
        until(lambda: one.idle)
        kubectl.good("-n", "team", "delete", "mcpserver", "time", "--wait")
        until(lambda: not found.all("pods"))
        assert one.failed == 0
