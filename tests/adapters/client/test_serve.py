"""The service as a process of its own: what another machine takes from it by its address, and what a subscriber hears."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import httpx2
import pytest

from arcops.errors import Refused, Unavailable
from capabilities.client.applying import ApplyClientConfig, apply_client_config
from capabilities.client.conformance import CheckClientService, check_client_service
from capabilities.client.publishing import PublishClientConfig, publish_client_config
from capabilities.client.serving import exported
from tests.adapters.serving import served
from tests.services.config.folders import Machine, machine
from tests.services.config.place import DRAFT, version

pytestmark = [
    pytest.mark.site,
    pytest.mark.requirement("CONF-UC/use-cases-work", "CONF-9-10-11/changes-can-be-followed", "CONF-AC/conformance-kit"),
]


def publish(here: Machine, draft: bytes) -> None:
    publish_client_config(PublishClientConfig(draft=draft.decode(), changelog="It changes."), here.at)


def now() -> Any:
    from datetime import UTC, datetime

    return datetime.now(UTC).replace(microsecond=0)  # as the process does: its clock is the real one


def test_a_machine_takes_what_is_released_and_hears_of_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = machine(tmp_path, now=now)
    publish(here, DRAFT)
    home = here.at.settings.store.parent
    with served("conf", "serve", env={"ARCOPS_HOME": str(tmp_path / "arcops")}) as server:
        secret = server.secret["authorization"].removeprefix("Bearer ")
        monkeypatch.setenv("ARCOPS_TOKEN", secret)
        monkeypatch.setenv("HOME", str(here.home))
        root = server.get("/conf/v1/tuf/1.root.json")
        (here.at.settings.trust / "client-root.json").write_bytes(root.content)
        ask = ApplyClientConfig(client="claude-code", profile="dev", url=server.url, without_client=True)
        assert apply_client_config(ask, here.at).remarks == ()
        with httpx2.stream("GET", f"{server.url}/conf/v1/updates", headers=server.secret, timeout=60) as stream:
            lines = stream.iter_lines()
            assert next(lines).startswith("id: r")
            publish(here, version("1.1.0"))
            data = next(line for line in lines if line.startswith("data: "))
            assert '"version":"1.1.0"' in data
        assert apply_client_config(ask, here.at).version == "1.1.0"
        monkeypatch.setenv("CONF_PUBLISHER", secret)
        found = check_client_service(CheckClientService(url=server.url, tokens="env:CONF_", read_only=True), here.at)
        assert found.conforms, [one for one in found.checks if one.result == "no"]
        monkeypatch.setenv("ARCOPS_TOKEN", "wrong")
        with pytest.raises(Refused, match="401"):
            apply_client_config(ask, here.at)
    with pytest.raises(Unavailable, match="does not answer"):
        apply_client_config(ask, here.at)
    shutil.rmtree(home, ignore_errors=True)
    assert os.path.lexists(here.home / ".claude.json")


@pytest.mark.requirement("CONF-NFR/replicas-take-over", "CONF-TOP/topologies-work")
def test_a_service_that_is_killed_is_replaced_by_a_replica_without_a_wrong_byte(tmp_path: Path) -> None:
    here = machine(tmp_path, now=now)
    publish(here, DRAFT)
    folder = tmp_path / "replica"
    exported(here.at, folder)
    env = {"ARCOPS_HOME": str(tmp_path / "arcops")}
    other = {"ARCOPS_HOME": str(tmp_path / "other")}  # it has no key, no database and no trust
    with served("conf", "serve", env=env) as first, served("conf", "serve", "--replica", str(folder), env=other) as second:
        path, bodies, replaced = "/conf/v1/configs/claude-code/dev", set(), 0
        for number in range(60):
            if number == 20:
                first.process.kill()
            try:
                found = first.get(path)
            except httpx2.TransportError:
                found = second.get(path)
                replaced += 1
            assert found.status_code == 200
            bodies.add(found.content)
        assert len(bodies) == 1
        assert replaced >= 30
        assert second.get("/conf/v1/tuf/timestamp.json").status_code == 200
