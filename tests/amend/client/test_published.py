"""What we write for a client is what the client's own schema or reader takes: no key that it does not know, none missing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from amend.client.editing.changing import entries
from amend.client.families import KNOWN
from amend.client.family import Family
from arcops.errors import Refused
from arcops.seen.client import Setting, Transport, Wanted
from tests.amend.client.published import IGNORED, PUBLISHED, Kind
from tests.amend.client.test_families import FAR, LOCAL, made

pytestmark = pytest.mark.requirement("CONF-4-5/configurations-are-complete")

FIXED, FIXED_HEADER = Setting(name="TZ", before="UTC"), Setting(name="X-Site", before="edge-07")
ASKED, ASKED_HEADER = Setting(name="TOKEN", input="TOKEN"), Setting(name="Authorization", before="Bearer ", input="TOKEN")
FAMILIES = [KNOWN.of(one) for one in PUBLISHED]


def servers() -> list[Wanted]:
    """Every shape of a server that some client can express."""
    local = [replace(LOCAL, env=env) for env in ((), (FIXED,), (ASKED,), (FIXED, ASKED))]
    far = [
        replace(FAR, headers=headers, transport=transport)
        for headers in ((), (FIXED_HEADER,), (ASKED_HEADER,), (FIXED_HEADER, ASKED_HEADER))
        for transport in (Transport.HTTP, Transport.SSE)
    ]
    limits: list[dict[str, Any]] = [{}, {"tools": ("a", "b")}, {"denied_tools": ("a",)}]
    return [replace(one, **limit) for one in (*local, *far) for limit in limits]


def fits(value: Any, what: str | tuple[str, ...]) -> bool:
    match what:
        case "text":
            return isinstance(value, str)
        case "texts":
            return isinstance(value, list) and all(isinstance(one, str) for one in value)
        case "map":
            return isinstance(value, dict) and all(isinstance(one, str) for one in value.values())
        case "yes":
            return isinstance(value, bool)
        case "number":
            return type(value) is int
        case _:
            return value in what


def misses(entry: dict[str, Any], kind: Kind, ignored: frozenset[str]) -> list[str]:
    """What of *entry* the *kind* does not take."""
    missing = [f"{one} is missing" for one in sorted(kind.needs - entry.keys())]
    strange = [one for one in entry if one not in kind.keys and not (kind.more and one in ignored)]
    wrong = [one for one, what in kind.keys.items() if one in entry and not fits(entry[one], what)]
    return [*missing, *(f"{one} is not known" for one in strange), *(f"{one} is of another type" for one in wrong)]


@pytest.mark.parametrize("family", FAMILIES, ids=lambda one: one.id)
def test_every_entry_is_one_that_the_client_takes(family: Family) -> None:
    source, kinds = PUBLISHED[family.id]
    written = 0
    for wanted in servers():
        for version in family.schemas:
            try:
                text = made(family, wanted, version=version.version)
            except Refused:
                continue
            (entry,) = entries(family.form, text, version.key, "f").values()
            assert isinstance(entry, dict)
            found = [misses(entry, kind, IGNORED.get(family.id, frozenset())) for kind in kinds]
            assert found.count([]) == 1, (entry, found, source)
            written += 1
    assert written >= 4, "most shapes are refused, so nothing was shown"


@pytest.mark.parametrize("family", FAMILIES, ids=lambda one: one.id)
def test_our_schema_takes_no_key_that_the_client_does_not_know(family: Family) -> None:
    _, kinds = PUBLISHED[family.id]
    known = IGNORED.get(family.id, frozenset()).union(*(one.keys for one in kinds))
    for version in family.schemas:
        inner: Any = version.schema
        for step in version.key:
            inner = inner["properties"][step]
        for ours in inner["additionalProperties"]["oneOf"]:
            assert set(ours["properties"]) <= known


def test_what_vscode_asks_its_user_for_fits() -> None:
    """microsoft/vscode …/configurationResolver/common/configurationResolverSchema.ts at 03ed752: these keys and no others."""
    schema: Any = KNOWN.of("vscode").schemas[0].schema
    item = schema["properties"]["inputs"]["items"]
    assert set(item["properties"]) <= {"id", "type", "description", "default", "password"}
    assert set(item["required"]) >= {"id", "type", "description"}


class TestGoose:
    """What Goose skips without a word on its screen is refused here, or written whole."""

    goose = KNOWN.of("goose")

    def entry(self, wanted: Wanted) -> dict[str, Any]:
        (entry,) = entries(self.goose.form, made(self.goose, wanted), ("extensions",), "f").values()
        assert isinstance(entry, dict)
        return entry

    def test_a_header_names_where_its_value_comes_from(self) -> None:
        found = self.entry(replace(FAR, headers=(FIXED_HEADER, ASKED_HEADER, Setting(name="X-Key", input="TOKEN"))))
        assert found["headers"] == {"X-Site": "edge-07", "Authorization": "Bearer ${TOKEN}", "X-Key": "${TOKEN}"}
        assert found["env_keys"] == ["TOKEN"]

    def test_only_listed_tools(self) -> None:
        assert self.entry(replace(LOCAL, tools=("a", "b")))["available_tools"] == ["a", "b"]
        assert "available_tools" not in self.entry(LOCAL), "an empty list means all of them"
        with pytest.raises(Refused, match="denied"):
            made(self.goose, replace(LOCAL, denied_tools=("a",)))

    @pytest.mark.parametrize("name", ["PATH", "Path", "LD_PRELOAD", "NODE_OPTIONS", "TMP"])
    def test_a_variable_that_it_leaves_out_is_refused(self, name: str) -> None:
        for one in (Setting(name=name, before="x"), Setting(name=name, input=name)):
            with pytest.raises(Refused, match=name):
                made(self.goose, replace(LOCAL, env=(one,)))
