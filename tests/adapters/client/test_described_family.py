"""A client that ArcOps does not know, described at run time: drafted, published, fetched, and put in place."""

from __future__ import annotations

import json
from pathlib import Path
from unittest import mock

import pytest

from arcops.errors import Refused
from capabilities.client.applying import ApplyClientConfig, apply_client_config
from capabilities.client.describing import DropClientFamily, SetClientFamily, drop_client_family, set_client_family
from capabilities.client.families import ListClientFamilies, list_client_families
from capabilities.client.publishing import PublishClientConfig, publish_client_config
from tasks.client import families
from tasks.client.families import MOST_DESCRIBED, KnownHere
from tests.adapters.client.test_first_steps import FAMILY
from tests.adapters.client.test_rest import BASE, Running, served
from tests.services.config.folders import Machine, machine
from tests.services.config.place import DRAFT

pytestmark = pytest.mark.requirement("CONF-UC/use-cases-work", "CONF-1-2-3/clients-and-profiles-are-listed")
FOR_ACME = DRAFT.replace(b"clients: [claude-code]", b"clients: [acme-agent]")


@pytest.fixture
def here(tmp_path: Path) -> Machine:
    return machine(tmp_path)


def publish(here: Machine) -> str:
    done = publish_client_config(PublishClientConfig(draft=FOR_ACME.decode(), changelog="For Acme."), here.at)
    return done.records[0].artifact_id


def test_it_is_put_in_place_like_any_other(here: Machine, tmp_path: Path) -> None:
    with pytest.raises(Refused, match="there is no client family 'acme-agent'"):
        publish(here)
    told = set_client_family(SetClientFamily(family=FAMILY), here.at)
    assert told.set
    assert told.family.client_id == "acme-agent"
    publish(here)
    file = tmp_path / "mcp.json"
    file.write_text('{"theirs": 1, "mcpServers": {"own": {"type": "stdio", "command": "x"}}}')
    apply_client_config(ApplyClientConfig(client="acme-agent", profile="dev", file=file, without_client=True), here.at)
    after = json.loads(file.read_text())
    assert after["theirs"] == 1
    assert after["mcpServers"]["own"] == {"type": "stdio", "command": "x"}
    assert after["mcpServers"]["github"] == {
        "type": "http",
        "url": "https://mcp.example.com/mcp",
        "headers": {"Authorization": "Bearer ${GITHUB_TOKEN}"},
    }


def test_a_machine_that_was_not_told_takes_nothing_of_it(here: Machine, tmp_path: Path) -> None:
    set_client_family(SetClientFamily(family=FAMILY), here.at)
    publish(here)
    drop_client_family(DropClientFamily(client="acme-agent"), here.at)
    file = tmp_path / "mcp.json"
    with pytest.raises(Refused, match="there is no client family 'acme-agent'"):
        apply_client_config(ApplyClientConfig(client="acme-agent", profile="dev", file=file, without_client=True), here.at)
    assert not file.exists()


def test_a_service_that_runs_knows_it_at_once(here: Machine, tmp_path: Path) -> None:
    async def work(running: Running) -> None:
        listed = {one["clientId"] for one in (await running.get(f"{BASE}/clients")).json()["clients"]}
        assert "acme-agent" not in listed
        assert (await running.get(f"{BASE}/configs/acme-agent/dev")).status_code == 404
        set_client_family(SetClientFamily(family=FAMILY), here.at)
        artifact = publish(here)
        await running.post(f"{BASE}/validate", {"draft": FOR_ACME.decode()})
        running.made.served.reading.refresh()
        listed = {one["clientId"] for one in (await running.get(f"{BASE}/clients")).json()["clients"]}
        assert "acme-agent" in listed
        got = await running.get(f"{BASE}/configs/acme-agent/dev")
        assert got.json()["artifactId"] == artifact
        folder = here.at.settings.trust / "clients"
        (folder / "broken.yaml").write_text("id: [")
        assert (await running.get(f"{BASE}/configs/acme-agent/dev")).status_code == 200, "the last that could be read count"

    served(here, tmp_path, work)


def test_a_preview_sets_nothing(here: Machine) -> None:
    assert not set_client_family(SetClientFamily(family=FAMILY, preview=True), here.at).set
    assert "acme-agent" not in {one.client_id for one in list_client_families(ListClientFamilies(), here.at).families}


def test_a_broken_description_is_said_with_its_file(here: Machine) -> None:
    set_client_family(SetClientFamily(family=FAMILY), here.at)
    folder = here.at.settings.trust / "clients"
    (folder / "acme-agent.yaml").rename(folder / "other.yaml")
    with pytest.raises(Refused, match=r"other\.yaml describes the client 'acme-agent'; name the file acme-agent\.yaml"):
        list_client_families(ListClientFamilies(), here.at)


def test_a_bad_file_is_repaired_or_dropped(here: Machine) -> None:
    set_client_family(SetClientFamily(family=FAMILY), here.at)
    folder = here.at.settings.trust / "clients"
    (folder / "acme-agent.yaml").write_text("id: [")
    (folder / "broken.yaml").write_text("id: [")
    with pytest.raises(Refused):
        list_client_families(ListClientFamilies(), here.at)
    set_client_family(SetClientFamily(family=FAMILY), here.at)
    with pytest.raises(Refused, match="described are: acme-agent, broken"):
        drop_client_family(DropClientFamily(client="../clients/broken"), here.at)
    drop_client_family(DropClientFamily(client="broken"), here.at)
    assert "acme-agent" in {one.client_id for one in list_client_families(ListClientFamilies(), here.at).families}


def test_no_more_are_described_than_are_read(here: Machine) -> None:
    set_client_family(SetClientFamily(family=FAMILY), here.at)
    folder = here.at.settings.trust / "clients"
    for number in range(MOST_DESCRIBED - 1):
        (folder / f"other-{number}.yaml").write_text(FAMILY.replace("acme-agent", f"other-{number}"))
    set_client_family(SetClientFamily(family=FAMILY), here.at)  # again, which adds nothing
    one_more = FAMILY.replace("acme-agent", "one-more")
    with pytest.raises(Refused, match="more than 200 descriptions of clients"):
        set_client_family(SetClientFamily(family=one_more), here.at)
    assert list_client_families(ListClientFamilies(), here.at).families
    drop_client_family(DropClientFamily(client="other-0"), here.at)
    set_client_family(SetClientFamily(family=one_more), here.at)


def test_who_lives_long_reads_a_folder_once_a_change(here: Machine) -> None:
    set_client_family(SetClientFamily(family=FAMILY), here.at)
    known = KnownHere(here.at.settings.trust)
    file = here.at.settings.trust / "clients" / "acme-agent.yaml"

    def ids() -> set[str]:
        return {one.id for one in known().described}

    with mock.patch.object(families, "read_family", wraps=families.read_family) as read:
        assert ids() == ids() == {"acme-agent"}
        assert read.call_count == 1
        file.write_text("id: [")
        assert ids() == ids() == {"acme-agent"}, "the last that could be read count"
        assert read.call_count == 2, "a broken folder is read at each request"
        file.write_text(FAMILY.replace("Acme", "Acme's"))  # in its place: the folder itself is as it was
        assert ids() == {"acme-agent"}
        assert read.call_count == 3
        file.unlink()
        assert ids() == set()
    file.parent.rmdir()
    assert ids() == set()


def test_only_what_was_described_is_dropped(here: Machine) -> None:
    with pytest.raises(Refused, match="no client family 'codex' was described here; described are: none"):
        drop_client_family(DropClientFamily(client="codex"), here.at)
