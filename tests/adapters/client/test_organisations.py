"""Several organisations behind one address: each sees its own releases alone, whatever a caller of another one asks."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx2
import pytest

from adapters.cli.conf_measuring import ConfigurationMetrics
from adapters.cli.conf_organisations import organisations, place_of
from adapters.cli.configured import of_organisation
from adapters.http.access import Door
from adapters.http.app import front
from adapters.http.bound import bind
from adapters.http.stored import StoreWatch
from arcops.errors import Refused
from arcops.identity import Identity
from capabilities.access.known import known_objects
from capabilities.client.publishing import PublishClientConfig, publish_client_config
from foundation.authorization.authorizing import Authorization
from foundation.authorization.shipped import SCOPES
from foundation.identity.accepting import Accepting
from tests.services.config.folders import Machine, machine
from tests.services.config.place import DRAFT, version

pytestmark = pytest.mark.requirement("CONF-TOP/several-organisations", "CONF-TOP/metrics-and-traces")
GET = "conf/v1/configs/claude-code/dev"


class Known(Accepting):
    """Callers by a secret that is their tenant's name and theirs."""

    def at_hand(self, secret: str, also: str = "") -> Identity | None:
        tenant, _, name = secret.partition(":")
        return Identity(issuer="https://issuer.example", tenant=tenant, id=name, scopes=frozenset(SCOPES))


class Open:
    """Lets everyone read the metrics."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, *given: Any) -> None:
        await self.app(*given)


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    client: httpx2.AsyncClient
    homes: dict[str, Machine]

    async def ask(self, method: str, path: str, tenant: str = "acme", **more: Any) -> httpx2.Response:
        headers = {"Authorization": f"Bearer {tenant}:ann"} if tenant else {}
        return await self.client.request(method, path, headers=headers, **more)


@pytest.fixture
def homes(tmp_path: Path) -> dict[str, Machine]:
    """Two organisations, of which each has released something."""
    found = {}
    for name, draft in (("acme", DRAFT), ("bolt", version("7.0.0"))):
        (tmp_path / name).mkdir()
        found[name] = machine(tmp_path / name)
        publish_client_config(PublishClientConfig(draft=draft.decode(), changelog=f"For {name}."), found[name].at)
    return found


def served(homes: dict[str, Machine], tmp_path: Path, work: Callable[[Running], Awaitable[None]]) -> None:
    async def run() -> None:
        (tmp_path / "front").mkdir()
        own = machine(tmp_path / "front")
        bound = bind("127.0.0.1", 8440, own.at.settings, certificate=None, key=None, behind_proxy=False)
        accepting = Known(tokens=(SimpleNamespace(issuer=SimpleNamespace(name="x", reviewed=None)),), now=lambda: 0.0)  # type: ignore[arg-type]
        door = Door(accepting=accepting, authorization=Authorization(None, known_objects()))
        metrics = ConfigurationMetrics(StoreWatch(own.at.settings.store, own.at.settings.memory), Open)
        parts = []
        for name, one in homes.items():
            at = replace(place_of(own.at, one.at.settings.store.parent, {}), signer=one.at.signer)
            parts.append(of_organisation(name, at, door, bound.url, metrics))
        app = front(parts, bound, metrics)
        transport = httpx2.ASGITransport(app=app, client=("127.0.0.1", 1))
        async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1:8440") as client:
            for part in parts:
                assert part.running is not None
                await part.running.__aenter__()
            await work(Running(client=client, homes=homes))
            for part in parts:
                await part.running.__aexit__(None, None, None)  # type: ignore[union-attr]

    asyncio.run(run())


def test_each_tenant_gets_its_own_releases_alone(homes: dict[str, Machine], tmp_path: Path) -> None:
    async def work(here: Running) -> None:
        for name in homes:
            found = (await here.ask("GET", f"/organisations/{name}/{GET}", tenant=name)).json()
            assert found["changelog"] == f"For {name}."
        for path in (GET, "conf/v1/changes", "conf/v1/updates", "conf/v1/audit", "conf/v1/keys", "conf/v1/tuf/timestamp.json",
                     "conf/v1/waiting", "conf/v1/counts", "conf/v1/clients"):  # fmt: skip
            foreign = await here.ask("GET", f"/organisations/bolt/{path}")
            assert foreign.status_code == 403, path
            assert "For bolt" not in foreign.text
            unknown = await here.ask("GET", f"/organisations/bolt/{path}", tenant="")
            assert unknown.status_code == 401, path

    served(homes, tmp_path, work)


def test_nothing_is_written_into_another_organisation(homes: dict[str, Machine], tmp_path: Path) -> None:
    said = {"draft": version("8.0.0").decode(), "changelog": "x"}
    none = f"sha256:{'0' * 64}"
    state = {"fingerprint": "0123456789abcdef", "client": "codex", "profile": "dev", "artifact": none, "result": "failed"}

    async def work(here: Running) -> None:
        for path, body in (("publish", said), ("validate", {"draft": DRAFT.decode()}), ("reports", state)):
            assert (await here.ask("POST", f"/organisations/bolt/conf/v1/{path}", json=body)).status_code == 403
        done = await here.ask("POST", "/organisations/acme/conf/v1/publish", json=said)
        assert (done.status_code, done.json()["state"]) == (201, "released")
        audit = (await here.ask("GET", "/organisations/bolt/conf/v1/audit", tenant="bolt")).json()["releases"]
        assert [one["version"] for one in audit] == ["7.0.0"]

    served(homes, tmp_path, work)


def test_paths_do_not_lead_from_one_to_another(homes: dict[str, Machine], tmp_path: Path) -> None:
    async def work(here: Running) -> None:
        for path in (
            f"/organisations/acme/../bolt/{GET}",
            f"/organisations/acme/%2e%2e/bolt/{GET}",
            f"/organisations/acme//organisations/bolt/{GET}",
            f"/organisations/acme/organisations/bolt/{GET}",
            f"/organisations/other/{GET}",
            f"/{GET}",
            "/organisations/acme",
            "/organisations/",
        ):
            assert (await here.ask("GET", path)).status_code in (307, 400, 403, 404), path

    served(homes, tmp_path, work)


def test_each_has_its_own_discovery_which_leads_below_its_path(homes: dict[str, Machine], tmp_path: Path) -> None:
    async def work(here: Running) -> None:
        said = (await here.ask("GET", "/organisations/acme/.well-known/mcp-configuration")).json()
        assert said["base"] == "http://127.0.0.1:8440/organisations/acme/conf/v1"
        assert (await here.ask("GET", said["verification"])).status_code == 200
        path = f"/organisations/acme{said['operations']['ListClients']['path']}"
        assert (await here.ask("GET", path)).json()["clients"]

    served(homes, tmp_path, work)


def test_what_each_does_is_measured_by_its_name(homes: dict[str, Machine], tmp_path: Path) -> None:
    async def work(here: Running) -> None:
        for _ in range(3):
            await here.ask("GET", f"/organisations/acme/{GET}")
        await here.ask("GET", f"/organisations/bolt/{GET}")
        bad = DRAFT.replace(b"name: time", b"name: my-shell").decode()
        for draft in (bad, DRAFT.decode()):
            await here.ask("POST", "/organisations/acme/conf/v1/validate", json={"draft": draft})
        await here.ask("POST", "/organisations/acme/conf/v1/publish", json={"draft": bad, "changelog": "x"})
        told = (await here.ask("GET", "/metrics")).text
        for line in (
            'arcops_config_requests_total{operation="GetConfig",organisation="acme",status="2xx"} 3.0',
            'arcops_config_requests_total{operation="GetConfig",organisation="bolt",status="4xx"} 1.0',
            'arcops_config_seconds_count{operation="GetConfig",organisation="acme"} 3.0',
            'arcops_config_validations_total{organisation="acme",verdict="RED"} 2.0',
            'arcops_config_validations_total{organisation="acme",verdict="GREEN"} 1.0',
            'arcops_config_validations_total{organisation="bolt",verdict="GREEN"} 0.0',
            'arcops_config_subscribers{organisation="acme"} 0.0',
            'arcops_config_newest_position{organisation="bolt"} 0.0',
        ):
            assert line in told, line
        ends = next(one for one in told.splitlines() if one.startswith("arcops_config_metadata_ends") and "acme" in one)
        assert float(ends.rpartition(" ")[2]) > 0

    served(homes, tmp_path, work)


def test_organisations_are_named_with_a_folder_each(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name / "inner").mkdir(parents=True)
    given = organisations((f"acme={tmp_path / 'a'}", f"bolt={tmp_path / 'b'}"))
    assert list(given) == ["acme", "bolt"]
    for wrong, why in (
        (("acme",), "NAME=FOLDER"),
        ((f"Ac/me={tmp_path}",), "NAME=FOLDER"),
        ((f"acme={tmp_path / 'none'}",), "not a folder"),
        ((f"acme={tmp_path / 'a'}", f"acme={tmp_path / 'b'}"), "twice"),
        ((f"acme={tmp_path / 'a'}", f"bolt={tmp_path / 'a'}"), "lies in"),
        ((f"acme={tmp_path / 'a'}", f"bolt={tmp_path / 'a' / 'inner'}"), "lies in"),
    ):
        with pytest.raises(Refused, match=why):
            organisations(wrong)


def test_the_settings_of_the_process_do_not_lead_into_an_organisation(tmp_path: Path) -> None:
    """Only the tier, the site's name and whether the audit is required are shared."""
    own = machine(tmp_path)
    elsewhere = str(tmp_path / "elsewhere")
    leading = dict.fromkeys(("ARCOPS_STORE", "ARCOPS_TRUST", "ARCOPS_KEY", "ARCOPS_DATABASE", "ARCOPS_HOME"), elsewhere)
    found = place_of(own.at, tmp_path / "acme", {**leading, "ARCOPS_SITE": "south"}).settings
    assert (found.store, found.trust) == (tmp_path / "acme" / "store", tmp_path / "acme" / "trust")
    assert elsewhere not in found.database + found.key
    assert found.site == "south"
