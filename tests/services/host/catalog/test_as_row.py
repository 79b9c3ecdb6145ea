"""A version of the catalog becomes a row: the exact package, and what its publisher configures, or a sentence."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from arcops.errors import Refused
from services.host.catalog.agent_card import read_card
from services.host.catalog.as_row import spec_for
from services.host.catalog.document import Document, Kind, Status
from services.host.catalog.entry import Entry, Kept, State
from services.host.spec import Spec, checked, read_package
from tests.services.host.catalog.documents import CARD, document

pytestmark = pytest.mark.requirement("HOST-META/rows-from-the-catalog")

GIVEN = Spec(package="", stateless=True)


def kept(found: Document, state: State = State.APPROVED) -> tuple[Entry, Kept]:
    entry = Entry(
        name=found.name,
        kind=found.kind,
        title=found.title,
        description=found.description,
        tags={},
        offered=found.version,
        stars=0,
        ratings=0,
        changed=0,
    )
    version = Kept(
        name=found.name,
        version=found.version,
        text=found.text,
        digest=found.digest,
        locks=(),
        status=found.status,
        state=state,
        was_offered=True,
        source="",
        author="",
        decider="",
        reason="",
        published=0,
        made=0,
        changed=0,
    )
    return entry, version


def package(**more: Any) -> Document:
    usual = {"registryType": "npm", "identifier": "@a/b", "version": "1.2.3", "transport": {"type": "stdio"}}
    return document(packages=[{**usual, **more}])


def spec(found: Document, given: Spec = GIVEN) -> Spec:
    return checked(spec_for(*kept(found), given))


def test_the_exact_package_with_the_options_of_the_row() -> None:
    found = spec(
        package(packageArguments=[{"type": "named", "name": "--mode", "value": "read"}, {"type": "positional", "value": "x"}])
    )
    assert (found.package, found.arguments, found.stateless) == ("npm:@a/b@1.2.3", ("--mode=read", "x"), True)


def test_variables_of_the_document_and_of_the_row() -> None:
    variables = [
        {"name": "MODE", "default": "fast"},
        {"name": "PLACE", "value": "https://{region}.example", "variables": {"region": {"default": "eu"}}},
        {"name": "TOKEN", "isRequired": True, "isSecret": True},
        {"name": "EXTRA"},
    ]
    given = replace(GIVEN, secrets=("TOKEN=file:/run/token",), environment=("MODE=slow",))
    found = spec(package(environmentVariables=variables), given)
    assert found.environment == ("PLACE=https://eu.example", "MODE=slow")
    assert found.secrets == ("TOKEN=file:/run/token",)


REFUSED: dict[str, tuple[dict[str, Any], Spec, str]] = {
    "a required secret": (
        {"environmentVariables": [{"name": "TOKEN", "isRequired": True, "isSecret": True}]},
        GIVEN,
        "needs --secret TOKEN=",
    ),
    "a secret in the clear": (
        {"environmentVariables": [{"name": "TOKEN", "isSecret": True}]},
        replace(GIVEN, environment=("TOKEN=x",)),
        "is a secret",
    ),
    "a required argument": (
        {"packageArguments": [{"type": "positional", "valueHint": "folder", "isRequired": True}]},
        GIVEN,
        "needs a value for folder",
    ),
    "another index": ({"registryBaseUrl": "https://npm.evil.example"}, GIVEN, "from the index 'npm.evil.example'"),
    "an index that looks like it": ({"registryBaseUrl": "https://evilnpmjs.org"}, GIVEN, "from the index"),
    "arguments of a runner": (
        {"runtimeArguments": [{"type": "named", "name": "--from", "value": "git+https://x"}]},
        GIVEN,
        "for a runner",
    ),
    "no version": ({"version": None}, GIVEN, "names no version"),
    "another transport": ({"transport": {"type": "sse", "url": "http://127.0.0.1:80/sse"}}, GIVEN, "has only packages of"),
    "another kind of package": ({"registryType": "nuget"}, GIVEN, "has only packages of nuget over stdio"),
    "an image in a registry": (
        {"registryType": "oci", "identifier": "ghcr.example/a:1", "version": None},
        GIVEN,
        "by its digest",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_be_a_row_is_said(what: str) -> None:
    change, given, said = REFUSED[what]
    usual = {"registryType": "npm", "identifier": "@a/b", "version": "1.2.3", "transport": {"type": "stdio"}}
    one = {name: value for name, value in {**usual, **change}.items() if value is not None}
    with pytest.raises(Refused, match=said):
        spec(document(packages=[one]), given)


@pytest.mark.parametrize(
    ("state", "status", "said"),
    [
        (State.PROPOSED, Status.ACTIVE, "is proposed, so it is not hosted"),
        (State.REFUSED, Status.ACTIVE, "is refused, so it is not hosted"),
        (State.APPROVED, Status.DELETED, "was deleted by its publisher"),
    ],
)
def test_only_what_is_approved_is_hosted(state: State, status: Status, said: str) -> None:
    entry, version = kept(document(), state)
    with pytest.raises(Refused, match=said):
        spec_for(entry, replace(version, status=status), GIVEN)


def test_a_server_of_another_machine() -> None:
    headers = [{"name": "X-Region", "value": "eu"}, {"name": "Authorization", "isRequired": True, "isSecret": True}]
    remote = {"type": "streamable-http", "url": "https://mcp.example/mcp", "headers": headers}
    given = replace(GIVEN, network="open", secrets=("AUTHORIZATION=file:/run/token",))
    found = spec(document(packages=[], remotes=[{"type": "sse", "url": "https://mcp.example/sse"}, remote]), given)
    assert (found.package, found.environment) == ("remote:https://mcp.example/mcp", ("X_REGION=eu",))
    with pytest.raises(Refused, match=r"has the place \{tenant\}"):
        spec(document(packages=[], remotes=[{**remote, "url": "https://{tenant}.example/mcp"}]), given)


@pytest.mark.requirement("HOST-OPS/agents-are-an-extension-point")
def test_an_agent_becomes_a_row_of_its_own_kind() -> None:
    entry, version = kept(read_card(CARD, "it"))
    assert entry.kind is Kind.AGENT
    found = spec_for(entry, version, Spec(package=""))
    assert found == Spec(package="agent:com.example.agents/travel-planner@2.1.0")
    assert str(read_package(found.package)) == found.package
    assert checked(found) == found
    for more in ({"network": "open"}, {"stateless": True}, {"secrets": ("T=env:T",)}, {"call_seconds": 5}):
        with pytest.raises(Refused, match="only kept with its card"):
            checked(replace(found, **more))
