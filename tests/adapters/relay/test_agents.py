"""An agent from its card to a row, and what callers of it are told: one sentence, in either era, with a record."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from adapters.http.access import Door
from tests.adapters.hosted_world import Named
from tests.adapters.relay.talking import Here, serving
from tests.adapters.relay.test_access import place, shown
from tests.adapters.relay.test_accounting import MANY, records
from tests.adapters.relay.test_remote_rows import Real, host_of
from tests.services.host.catalog.documents import CARD
from tests.simulators.issuer import Issuer

__all__ = ["place"]
pytestmark = pytest.mark.requirement("HOST-OPS/agents-are-an-extension-point")
ENTRY = "com.example.agents/travel-planner"
GOOD, REFUSED = 0, 2


@pytest.fixture
def site(tmp_path: Path) -> Named:
    """The card is in the catalog, and approved."""
    found = Named(tmp_path)
    (tmp_path / "card.json").write_text(json.dumps(CARD))
    for line in (("import", tmp_path / "card.json"), ("approve", ENTRY)):
        done = found.arcops("host", "catalog", *line)
        assert done.returncode == GOOD, done.stderr
    return found


def add(site: Named, *more: str, name: str = "t") -> Any:
    return site.arcops("host", "add", name, "--from-catalog", ENTRY, *more)


def test_a_card_becomes_a_row_that_is_listed_and_never_judged(site: Named) -> None:
    done = add(site)
    assert done.returncode == GOOD, done.stderr
    assert f"agent:{ENTRY}@2.1.0" in done.stdout
    assert "host gate" not in done.stdout, "there is nothing to judge"
    assert "t Pending: agent:" in site.arcops("host", "list").stdout
    assert ", an agent" in site.arcops("host", "list").stdout
    listed = json.loads(site.arcops("host", "list", "--format", "json").stdout)["servers"]
    assert [(one["name"], one["kind"], one["digest"]) for one in listed] == [("t", "agent", "")]
    for verb in ("gate", "resolve"):
        refused = site.arcops("host", verb, "t")
        assert refused.returncode == REFUSED
        assert "t is an agent that speaks A2A" in refused.stderr
    explained = json.loads(site.arcops("host", "explain", "t", "--format", "json").stdout)
    assert (explained["mayRun"], explained["next"]) == (False, [f"arcops host catalog show {ENTRY}"])
    assert "no bridge" in explained["missing"]


def test_a_row_never_changes_between_a_server_and_an_agent(site: Named) -> None:
    assert add(site).returncode == GOOD
    assert site.arcops("host", "add", "made", "--package", "npm:@acme/odd@1.0.0").returncode == GOOD
    for line in (
        ("add", "made", "--from-catalog", ENTRY),
        ("add", "t", "--package", "npm:@acme/odd@1.0.0"),
        ("add", "u", "--package", f"agent:{ENTRY}@2.1.0"),
        ("add", "u", "--from-catalog", ENTRY, "--network", "open"),
        ("add", "u", "--from-catalog", f"{ENTRY}@9"),
        ("update", "t", "--package", "npm:@acme/odd@1.0.0"),
        ("update", "made", "--package", f"agent:{ENTRY}@2.1.0"),
    ):
        refused = site.arcops("host", *line)
        assert refused.returncode == REFUSED, (line, refused.stdout)
        assert "agent" in refused.stderr or "has no version" in refused.stderr
    history = site.arcops("host", "history", "t").stdout + site.arcops("host", "history", "made").stdout
    assert len(history.splitlines()) == 2, history
    assert site.arcops("host", "status", "u").returncode == REFUSED


def test_a_card_that_is_refused_becomes_nothing(tmp_path: Path) -> None:
    site = Named(tmp_path)
    (tmp_path / "card.json").write_text(json.dumps({**CARD, "skills": [{"id": "plan"}]}))
    assert "is no agent card of A2A, at skills/0" in site.arcops("host", "catalog", "import", tmp_path / "card.json").stderr
    assert add(site).returncode == REFUSED


@pytest.mark.parametrize("place", [MANY], indirect=True, ids=["many calls"])
def test_calls_are_refused_in_either_era_and_recorded(place: tuple[Door, Issuer, Path], site: Named) -> None:
    door, issuer, home = place
    assert add(site).returncode == GOOD

    async def asked(here: Here) -> None:
        client = here.client("t", **shown(issuer, "ada"))
        hello = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "c", "version": "1"}}
        opened = await client.send({"jsonrpc": "2.0", "id": 7, "method": "initialize", "params": hello})
        called = await client.modern("tools/call", {"name": "plan", "arguments": {}}, id=8)
        for response, id in ((opened, 7), (called, 8)):
            message = await response.last()
            assert (response.status, message["id"], message["error"]["code"]) == (501, id, -32004)
            assert message["error"]["data"] == {"kind": "agent"}
            assert message["error"]["message"].startswith("t is an agent that speaks A2A, not an MCP server")
            assert "\n" not in message["error"]["message"]
        denied = await here.client("t", **shown(issuer, "mallory")).modern("tools/call", {"name": "plan", "arguments": {}})
        assert denied.status == 403, "access comes first, so a bridge would be behind it"
        denied.close()

    async def run() -> None:
        async with host_of(site.environment) as hosting, serving(Real(hosting), door=door) as here:  # type: ignore[arg-type]
            await asked(here)
            assert hosting.processes() == {}

    asyncio.run(run())
    told = [(one["actor"]["id"], one["object"], one["outcome"]) for one in records(door, home) if one["action"] == "tools/call"]
    assert told == [("ada", "servers/t", "failed"), ("mallory", "servers/t", "denied")]
