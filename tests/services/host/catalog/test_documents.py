"""Documents of the MCP registry and cards of agents: what is taken, and what is refused with which words."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arcops.errors import Refused
from services.host.catalog.agent_card import read_card
from services.host.catalog.curated import curated
from services.host.catalog.document import Document, Kind, read_document
from services.host.catalog.export import MOST_DOCUMENT, NotTaken, documents_in
from services.host.catalog.newest import newest, ordered
from services.host.catalog.registry_schema import refuse_unlike
from services.host.spec import read_package
from tests.services.host.catalog.documents import CARD, document, page, server

pytestmark = pytest.mark.requirement("HOST-META/catalog-of-the-registry-format")


def test_a_document_says_what_a_row_can_run() -> None:
    found = document(
        packages=[
            {"registryType": "npm", "identifier": "@a/b", "version": "1.2.3", "transport": {"type": "stdio"}},
            {"registryType": "oci", "identifier": "ghcr.example/a:1", "transport": {"type": "stdio"}},
            {"registryType": "nuget", "identifier": "A", "version": "1", "transport": {"type": "stdio"}},
        ],
        remotes=[
            {"type": "streamable-http", "url": "https://mcp.example/mcp"},
            {"type": "sse", "url": "https://x.example/sse"},
        ],
    )
    assert found.packages == (
        "npm:@a/b@1.2.3",
        "oci:ghcr.example/a:1",
        "remote:https://mcp.example/mcp",
        "sse:https://x.example/sse",
    )
    assert "mcp.example/mcp" in found.words


def _changed(change: str) -> Any:
    value: dict[str, Any] = server()
    package = value["packages"][0]
    match change:
        case "no name":
            del value["name"]
        case "a name without a namespace":
            value["name"] = "time"
        case "a name with a path":
            value["name"] = "../../etc/passwd"
        case "the version is latest":
            value["version"] = "latest"
        case "the version is a range":
            value["version"] = "^1.2.3"
        case "the version of a package is a range":
            package["version"] = ">=1.0"
        case "the version of a package is a wildcard":
            package["version"] = "1.x"
        case "a package without a transport":
            del package["transport"]
        case "a description that is too long":
            value["description"] = "x" * 101
        case "an address that is no address":
            value["remotes"] = [{"type": "streamable-http", "url": "javascript:alert(1)"}]
        case "an argument without a value or a hint":
            package["packageArguments"] = [{"type": "positional"}]
        case "a hash that is no hash":
            package["fileSha256"] = "abc"
        case "more packages than anyone has":
            value["packages"] = [package] * 500
    return value


@pytest.mark.parametrize(
    "change",
    [
        "no name",
        "a name without a namespace",
        "a name with a path",
        "the version is latest",
        "the version is a range",
        "the version of a package is a range",
        "the version of a package is a wildcard",
        "a package without a transport",
        "a description that is too long",
        "an address that is no address",
        "an argument without a value or a hint",
        "a hash that is no hash",
        "more packages than anyone has",
    ],
)
def test_what_is_not_in_the_format_is_left_out_with_the_reason(change: str) -> None:
    """The smallest change to a good document that must turn it away; the good one beside it is taken."""
    good, bad = documents_in(page(server(), _changed(change)), "registry.json")
    assert isinstance(good, Document)
    assert isinstance(bad, NotTaken)
    assert bad.number == 2
    assert bad.why.startswith(("document 2", "the version of"))


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"[" * 200_000, "too deep inside one another"),
        (b'{"servers":' * 200_000, "too deep inside one another"),
        (b'{"servers": [' + b'{"server":' * 100_000, "too deep inside one another"),
        (b'{"servers": 7}', "no export of a registry"),
        (b"\xff\xfe", "no export of a registry"),
        (b"", "no export of a registry"),
        (b'"text"', "no export of a registry"),
        (b'{"servers": [{"server": {"name": "a.b/c", "title": "\\ud800"}}]}', "no export of a registry"),
    ],
)
def test_what_is_no_export_is_refused_whole(data: bytes, said: str) -> None:
    with pytest.raises(Refused, match=said):
        list(documents_in(data, "registry.json"))


def test_one_document_has_a_bound_and_twice_the_same_member_is_not_read() -> None:
    large = json.dumps({"servers": [{"server": server(), "_meta": {"x": "y" * MOST_DOCUMENT}}]}).encode()
    (found,) = documents_in(large, "registry.json")
    assert isinstance(found, NotTaken)
    assert "one has at most" in found.why
    (found,) = documents_in(b'{"servers": [{"server": {"name": "a.b/c", "name": "a.b/d"}}]}', "registry.json")
    assert isinstance(found, NotTaken)


@pytest.mark.parametrize("data", [page(server()), b"[" + page(server()) + b"]", json.dumps(server()).encode()])
def test_an_export_is_a_page_a_list_or_one_document(data: bytes) -> None:
    (found,) = documents_in(data, "registry.json")
    assert isinstance(found, Document)
    assert found.name == "io.example/time"


def test_the_shipped_servers_are_whole() -> None:
    """Each is in the format, at one exact version that a row takes, tagged, and with the digest of a file and its day."""
    found = list(curated())
    assert len(found) >= 20
    for one in found:
        assert isinstance(one, Document), one
        assert set(one.tags) >= {"env", "system", "owner"}
        assert [str(read_package(package)) for package in one.packages] == list(one.packages)
        assert [lock.package for lock in one.locks] == list(one.packages)
        assert all(len(lock.digest) in (71, 135) and lock.seen for lock in one.locks)
    assert len({one.name for one in found if isinstance(one, Document)}) == len(found)


@pytest.mark.parametrize(
    ("versions", "first"),
    [
        ([("1.9.0", 3), ("1.10.0", 1)], "1.10.0"),
        ([("2.0.0-rc.1", 9), ("2.0.0", 1)], "2.0.0"),
        ([("2.0.0-rc.2", 1), ("2.0.0-rc.10", 1)], "2.0.0-rc.10"),
        ([("2.0.0-alpha", 1), ("2.0.0-alpha.1", 1)], "2.0.0-alpha.1"),
        ([("2026.10.19", 5), ("2026.9.1", 9)], "2026.10.19"),
        ([("1.0", 9), ("1.0.0", 1)], "1.0.0"),
        ([("v2", 1), ("v1", 2)], "v1"),
        ([], ""),
    ],
)
def test_the_newest_version(versions: list[tuple[str, int]], first: str) -> None:
    assert newest(versions) == first


_DATED = st.tuples(
    st.from_regex(r"\d{1,2}\.\d{1,2}\.\d{1,2}(-[a-z0-9]{1,3}(\.\d)?)?|v?\d{1,3}", fullmatch=True), st.integers(0, 9)
)


@given(st.lists(_DATED, unique_by=lambda one: one[0]))
def test_the_order_does_not_depend_on_the_order_before(versions: list[tuple[str, int]]) -> None:
    assert ordered(versions) == ordered(reversed(versions))


WRONG: dict[str, dict[str, Any]] = {
    "a capability that is no flag": {"capabilities": {"streaming": "yes"}},
    "an extension without its address": {"capabilities": {"extensions": [{"required": True}]}},
    "a provider without an address": {"provider": {"organization": "Example"}},
    "a document that is no address": {"documentationUrl": "javascript:alert(1)"},
    "an icon of a file": {"iconUrl": "file:///etc/passwd"},
    "a scheme that is a word": {"securitySchemes": {"token": "bearer"}},
    "a requirement that is a word": {"security": ["token"]},
    "a signature without its bytes": {"signatures": [{"protected": "e30"}]},
    "an interface of no transport": {"additionalInterfaces": [{"url": "https://agents.example.com/"}]},
    "a skill with a mode that is a number": {"skills": [{**CARD["skills"][0], "inputModes": [1]}]},
    "a skill that is there twice": {"skills": [CARD["skills"][0], CARD["skills"][0]]},
}


class TestAgents:
    def test_a_card_is_an_entry_of_its_own_kind(self) -> None:
        found = read_card(CARD, "it")
        assert (found.kind, found.name, found.version) == (Kind.AGENT, "com.example.agents/travel-planner", "2.1.0")
        assert found.packages == ()
        assert "trains" in found.words

    @pytest.mark.parametrize(
        "without", ["name", "description", "version", "capabilities", "defaultInputModes", "supportedInterfaces"]
    )
    def test_a_card_without_what_a2a_demands_is_refused(self, without: str) -> None:
        card = {name: value for name, value in CARD.items() if name != without}
        with pytest.raises(Refused, match="no agent card of A2A"):
            read_card(card, "it")

    def test_an_address_that_could_be_anything_is_refused(self) -> None:
        card = copy.deepcopy(CARD)
        card["supportedInterfaces"][0]["url"] = "file:///etc/passwd"
        with pytest.raises(Refused, match="no agent card of A2A, at supportedInterfaces/0/url"):
            read_card(card, "it")


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from([*server(), "remotes", "_meta", "icons", "repository", "$schema"]), _JSON))
def test_any_document_is_taken_or_refused(change: dict[str, Any]) -> None:
    try:
        found = read_document({**server(), **change}, "it")
    except Refused:
        return
    refuse_unlike("server", json.loads(found.text), "what was kept")


@pytest.mark.requirement("HOST-OPS/agents-are-an-extension-point")
@pytest.mark.parametrize("wrong", WRONG)
def test_what_a2a_knows_has_the_form_that_it_says(wrong: str) -> None:
    with pytest.raises(Refused, match=r"no agent card of A2A|twice"):
        read_card({**CARD, **WRONG[wrong]}, "it")


@pytest.mark.requirement("HOST-OPS/agents-are-an-extension-point")
def test_a_card_with_all_that_a2a_knows_is_taken_and_what_comes_later_too() -> None:
    whole = {
        **CARD,
        "capabilities": {"streaming": True, "extensions": [{"uri": "https://example.com/ext/v1", "required": False}]},
        "provider": {"organization": "Example", "url": "https://example.com"},
        "documentationUrl": "https://example.com/docs",
        "securitySchemes": {"token": {"httpAuthSecurityScheme": {"scheme": "bearer"}}},
        "securityRequirements": [{"schemes": {"token": {"list": []}}}],
        "signatures": [{"protected": "e30", "signature": "AA"}],
        "ofALaterVersion": {"is": "left as it is"},
    }
    assert read_card(whole, "it").name == "com.example.agents/travel-planner"
