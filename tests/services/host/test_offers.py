"""What all servers offer together: from their verdicts, under legal names, and nothing is started for it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arcops.seen.server_tools import Pin, ServerTools
from artifacts.canonical import canonical
from services.host.hosting import Hosting
from services.host.legal_names import LEGAL, legal_name
from services.host.offers import Offers, offers_of
from services.host.reserved import refuse_reserved
from tasks.server.definitions import pinned
from tests.services.host.hosts import Site, eventually, hosted

pytestmark = pytest.mark.requirement("HOST-META/all-servers-together")

ECHO: dict[str, Any] = {"name": "echo", "title": "Echo", "description": "Says it again.", "inputSchema": {"type": "object"}}
ASK: dict[str, Any] = {"name": "ask", "description": "How to ask."}


def evidence(*tools: dict[str, Any], prompts: tuple[dict[str, Any], ...] = ()) -> ServerTools:
    """What a server offers, as the gate's collector keeps it."""
    pins = [*(pinned("tool", one) for one in tools), *(pinned("prompt", one) for one in prompts)]
    return ServerTools(
        eras=("legacy",),
        version="2025-11-25",
        pins=tuple(sorted(pins, key=lambda one: (one.kind, one.name, one.digest))),
        texts=(),
        definitions=tuple(sorted(canonical(one).decode() for one in (*tools, *prompts))),
    )


_SERVER = st.from_regex(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", fullmatch=True)
_OWN = st.one_of(st.text(max_size=80), st.from_regex(r"_{0,2}[A-Za-z0-9_-]{0,70}", fullmatch=True))


@given(st.lists(st.tuples(_SERVER, _OWN), unique=True, min_size=1, max_size=40))
def test_names_are_legal_and_never_alike(pairs: list[tuple[str, str]]) -> None:
    names = [legal_name(server, own) for server, own in pairs]
    assert all(LEGAL.fullmatch(one) for one in names)
    assert len(set(names)) == len(pairs)
    assert names == [legal_name(server, own) for server, own in pairs]
    assert not any(one.startswith("_") for one in names), "what finds and uses tools has names that begin so"


@pytest.mark.parametrize(
    ("one", "two"),
    [
        (("a", "b_c"), ("a", "b.c")),
        (("a", "b c"), ("a", "b-c")),
        (("a-b", "c"), ("a", "b_c")),
        (("a", "_x"), ("a", "x")),
        (("a", "x" * 80), ("a", "x" * 81)),
        (("a" * 40 + "b", "x" * 40), ("a" * 40 + "c", "x" * 40)),
        (("a", "é"), ("a", "e")),
        (("a", ""), ("a", "_")),
    ],
)
def test_names_that_could_be_taken_for_one_another(one: tuple[str, str], two: tuple[str, str]) -> None:
    assert legal_name(*one) != legal_name(*two)


def test_only_what_is_pinned_is_offered() -> None:
    """The smallest changes to what was judged: one more definition, or one letter."""
    good = evidence(ECHO, prompts=(ASK,))
    assert [(one.kind, one.name, one.own) for one in offers_of("a", good)] == [
        ("prompt", "a_ask", "ask"),
        ("tool", "a_echo", "echo"),
    ]
    definition = json.loads(offers_of("a", good)[1].definition)
    assert definition == {**ECHO, "name": "a_echo"}
    for change in ({**ECHO, "name": "steal"}, {**ECHO, "description": "Says it again!"}):
        text = canonical(change).decode()
        added = replace(good, definitions=(*good.definitions, text))
        assert offers_of("a", added) == offers_of("a", good)
    assert offers_of("a", replace(good, definitions=())) == ()
    other = Pin(kind="resource", name="echo", digest=pinned("tool", ECHO).digest)
    assert offers_of("a", replace(good, pins=(other,))) == (), "a resource is no tool"


def test_its_address_is_no_server() -> None:
    with pytest.raises(Exception, match="is the address of something else"):
        refuse_reserved("all")


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path)
    yield made
    made.database.close()


def test_what_may_run_is_offered_without_being_started(site: Site) -> None:
    for name in ("one", "two"):
        site.judges.with_tools(
            site.rows, site.allowed(name), site.source, evidence({**ECHO, "name": "echo"}, {**ECHO, "name": name})
        )
    site.rows.put("unjudged", site.spec(), author="ann")

    async def work(host: Hosting) -> None:
        offers: Offers = host.offers
        await eventually(lambda: len(host.names()) == 3, "the rows are read")
        found = await offers.now()
        assert [one.name for one in found.tools] == ["one_echo", "one_one", "two_echo", "two_two"]
        assert site.events == [], "nothing was installed or started"
        before = found.digest
        row = site.rows.one("two")
        assert row is not None
        assert row.judged is not None
        site.rows.withdraw("two", row.judged.artifact, "it offers something else")
        while (await offers.now()).digest == before:  # the row is looked at again every half second
            await asyncio.sleep(0.02)
        assert [one.server for one in (await offers.now()).tools] == ["one", "one"], (
            "a verdict that was withdrawn offers nothing"
        )
        site.rows.enable("one", False)
        while (await offers.now()).tools:
            await asyncio.sleep(0.02)

    hosted(work, site.host())
