"""The pages of the catalog, and the catalog as the API of an MCP registry."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import Any
from unittest import mock
from urllib.parse import unquote

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from adapters.http import registry
from adapters.http.checked import CheckedRequests
from adapters.web.app import site
from flows.place import Place
from services.host.catalog.document import OURS
from services.host.catalog.install_link import install_link
from services.host.catalog.registry_schema import OFFICIAL, refuse_unlike
from tests.adapters.catalog_world import MADE, catalog_site
from tests.adapters.hosted_world import EVIL

ORIGIN = "http://testserver"


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Place:
    return catalog_site(tmp_path_factory.mktemp("catalog"))


@pytest.fixture
def web(here: Place) -> Iterator[TestClient]:
    with TestClient(site(lambda: here), follow_redirects=False) as client:
        yield client


def page(web: TestClient, path: str) -> str:
    answer = web.get(path)
    assert answer.status_code == 200, answer.text
    return " ".join(unescape(answer.text).split())


@pytest.mark.requirement("HOST-OPS/pages-of-the-catalog")
class TestPages:
    def test_the_list_and_the_next_entries(self, web: TestClient) -> None:
        shown = page(web, "/catalog")
        assert "64 entries; 1 may be hosted" in shown
        assert 'an agent (A2A): <a href="/catalog/mcp-or-a2a">kept, not called</a>' in shown
        assert "after=" in shown
        assert EVIL not in shown
        assert "<script>" not in web.get("/catalog").text.split("</head>")[1]
        assert "4.0 of 5" in shown

    def test_found_by_words_and_state(self, web: TestClient) -> None:
        shown = page(web, "/catalog?q=old+clocks")
        assert "found by words" in shown
        assert "io.example/old" in shown
        assert "1 found by words" in page(web, "/catalog?q=time&state=refused")
        assert "Nothing matches" in page(web, "/catalog?q=whales")
        assert web.get("/catalog?state=odd").status_code == 400

    def test_an_entry_says_who_decided_and_what_was_found_out(self, web: TestClient) -> None:
        shown = page(web, f"/catalog/entry?name={MADE}")
        assert "small, and read by us" in shown
        assert ">GREEN<" in shown
        assert "not proven here" in shown, "what a document says of its publisher is no fact"
        assert "env=production" in shown
        assert "arcops host add NAME --from-catalog io.example/made@1.0.0" in shown
        assert "arcops host catalog approve io.example/made --version 2.0.0" in shown
        assert "there is no bridge to it yet" in page(web, "/catalog/entry?name=com.example.agents/travel-planner")
        assert web.get("/catalog/entry?name=no/such").status_code == 404
        assert web.get("/catalog/entry").status_code == 400

    @pytest.mark.requirement("HOST-OPS/agents-are-an-extension-point")
    def test_the_page_that_compares_says_what_the_guide_says(self, web: TestClient) -> None:
        guide = (Path(__file__).parents[2] / "docs" / "when-to-use-which.md").read_text(encoding="utf-8")
        rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in guide.splitlines() if line.startswith("| ")]
        shown = page(web, "/catalog/mcp-or-a2a")
        told = re.findall(r'<tr><th scope="row">(.*?)</th><td>(.*?)</td><td>(.*?)</td></tr>', shown)
        assert [list(one) for one in told] == rows[1:]
        for sentence in ("if you can say which function with which arguments", "if the other side must plan for itself"):
            assert sentence in shown
            assert sentence in " ".join(guide.split())
        found = web.get("/catalog/mcp-or-a2a", headers={"Accept": "application/json"}).json()
        assert found["differences"][0]["respect"] == "connects"

    def test_a_program_gets_json(self, web: TestClient) -> None:
        found = web.get(f"/catalog/entry?name={MADE}", headers={"Accept": "application/json"}).json()
        assert [one["state"] for one in found["versions"]] == ["proposed", "approved"]

    def test_the_link_for_vs_code_takes_the_address_of_the_site(self, web: TestClient, here: Place) -> None:
        assert "vscode:" not in web.get(f"/catalog/entry?name={MADE}").text
        there = replace(here, settings=replace(here.settings, public_url="https://host.example"))
        with TestClient(site(lambda: there)) as client:
            shown = page(client, f"/catalog/entry?name={MADE}")
        assert f'href="{install_link("made", "https://host.example/made/mcp")}"' in shown


@pytest.fixture
def api(here: Place) -> Iterator[TestClient]:
    public = replace(here, settings=replace(here.settings, catalog_public=True))
    app = Starlette(routes=registry.routes(public, ORIGIN, mock.Mock()))
    checked = CheckedRequests(app=app, hosts=frozenset(("testserver",)), origins=frozenset((ORIGIN,)), secure=False)
    with TestClient(checked, base_url=ORIGIN, follow_redirects=False) as client:
        yield client


def listed(api: TestClient, query: str = "") -> dict[str, Any]:
    answer = api.get(f"/v0.1/servers{query}")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    refuse_unlike("list", found, "the answer")
    return found


@pytest.mark.requirement("HOST-META/serves-the-registry-format")
class TestRegistry:
    def test_only_what_is_approved_is_offered_by_its_address_here(self, api: TestClient) -> None:
        """A hosted server's package is not handed out: clients reach what was judged."""
        (one,) = listed(api)["servers"]
        assert one["server"]["name"] == MADE
        assert "packages" not in one["server"]
        assert one["server"]["remotes"] == [{"type": "streamable-http", "url": f"{ORIGIN}/made/mcp"}]
        official, ours = one["_meta"][OFFICIAL], one["_meta"][OURS]
        assert (official["status"], official["isLatest"]) == ("active", True)
        assert (ours["verdict"], ours["hosted"], ours["tags"]["owner"]) == ("GREEN", ["made"], "platform")

    @pytest.mark.parametrize("name", ["io.example%2Fmade", "io.example%2fmade", "io.example/made"])
    def test_one_version_and_all_of_them(self, api: TestClient, name: str) -> None:
        answer = api.get(f"/v0.1/servers/{name}/versions/1.0.0")
        assert answer.status_code == 200, answer.text
        refuse_unlike("response", answer.json(), "the answer")
        assert api.get(f"/v0.1/servers/{name}/versions/latest").json() == answer.json()
        versions = api.get(f"/v0.1/servers/{name}/versions").json()
        refuse_unlike("list", versions, "the answer")
        assert [one["server"]["version"] for one in versions["servers"]] == ["1.0.0"]
        assert api.get(f"/v0.1/servers/{name}/versions/2.0.0").status_code == 404, "it is only proposed"

    def test_what_is_not_offered_is_not_there(self, api: TestClient) -> None:
        for path in ("io.example%2Fold/versions", "no%2Fsuch/versions", "no%2Fsuch/versions/latest"):
            answer = api.get(f"/v0.1/servers/{path}")
            assert (answer.status_code, answer.json()) == (404, {"error": "Server not found"})
        assert api.post("/v0.1/servers", json={}).status_code == 405
        assert api.get("/v0.1/servers/a%2Fb%2Fc/versions").status_code == 400, "a name has one slash"
        assert api.get("/v0.1/servers/a%252Fb/versions").status_code == 400

    def test_pages_and_filters(self, here: Place, api: TestClient) -> None:
        from capabilities.server.catalog_deciding import HostCatalogApprove, host_catalog_approve

        for number in range(5):
            host_catalog_approve(HostCatalogApprove(name=f"io.example/server-{number:02}"), here)
        seen, query = [], "?limit=2"
        while True:
            found = listed(api, query)
            seen += [one["server"]["name"] for one in found["servers"]]
            assert found["metadata"]["count"] == len(found["servers"]) <= 2
            if "nextCursor" not in found["metadata"]:
                break
            query = f"?limit=2&cursor={found['metadata']['nextCursor']}"
        assert seen == sorted(seen) == [MADE, *(f"io.example/server-{number:02}" for number in range(5))]
        assert len(listed(api, "?search=SERVER-0")["servers"]) == 5
        assert listed(api, "?search=%25")["servers"] == [], "a percent sign is no pattern"
        assert [one["server"]["name"] for one in listed(api, "?version=latest&search=made")["servers"]] == [MADE]
        assert listed(api, "?updated_since=2099-01-01T00:00:00Z")["servers"] == []
        assert len(listed(api, "?updated_since=2020-01-01T00:00:00Z")["servers"]) == 6

    def test_who_follows_hears_that_something_is_not_offered_any_more(self, here: Place, api: TestClient) -> None:
        from capabilities.server.catalog_deciding import (
            HostCatalogApprove,
            HostCatalogRefuse,
            host_catalog_approve,
            host_catalog_refuse,
        )

        name = "io.example/server-59"
        host_catalog_approve(HostCatalogApprove(name=name), here)
        host_catalog_refuse(HostCatalogRefuse(name=name, reason="gone"), here)
        assert listed(api, "?search=server-59")["servers"] == []
        (one,) = listed(api, "?search=server-59&updated_since=2020-01-01T00:00:00Z")["servers"]
        assert (one["_meta"][OFFICIAL]["status"], one["_meta"][OFFICIAL]["isLatest"]) == ("deleted", False)
        assert listed(api, "?search=server-59&include_deleted=true")["servers"] == [one]

    @pytest.mark.parametrize(
        "query", ["limit=0", "limit=1000", "limit=x", "cursor=x", "updated_since=yesterday", "include_deleted=1"]
    )
    def test_a_wrong_query_is_said(self, api: TestClient, query: str) -> None:
        answer = api.get(f"/v0.1/servers?{query}")
        assert answer.status_code == 400
        assert query.partition("=")[0] in answer.json()["error"] or "RFC 3339" in answer.json()["error"]


def test_what_the_registry_serves_is_imported_elsewhere(api: TestClient, tmp_path: Path) -> None:
    """A site reads what another one serves."""
    from services.host.catalog.document import Document
    from services.host.catalog.export import documents_in

    found = list(documents_in(json.dumps(listed(api)).encode(), "it"))
    assert found
    assert all(isinstance(one, Document) for one in found)


@pytest.mark.requirement("HOST-META/serves-the-registry-format")
def test_the_link_for_vs_code() -> None:
    link = install_link("made", "https://host.example/made/mcp")
    scheme, _, said = link.partition("?")
    assert scheme == "vscode:mcp/install"
    assert json.loads(unquote(said)) == {"name": "made", "type": "http", "url": "https://host.example/made/mcp"}
    assert not {"{", '"', " ", "&", "#"} & set(said)
