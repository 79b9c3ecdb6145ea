"""Servers that do odd things: a call is answered or errs, the next one is answered, and no other session notices."""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arcops.errors import Unavailable
from services.host.hosting import Hosting as RealHosting
from services.host.link import Link
from services.host.pipe import Lost
from tests.adapters.relay.talking import ask, serving, until
from tests.services.host.hosts import Site, eventually, hosted, linked
from tests.simulators import odd_server
from tests.simulators.hosting import Hosting


def odd(how: str = "well", *more: str) -> list[str]:
    return [sys.executable, "-I", "-S", str(Path(odd_server.__file__)), how, *more]


def of(how: str = "well", *more: str, **rest: Any) -> Hosting:
    return Hosting(commands={"t": odd(how, *more), "s": odd(how, *more)}, stateless=frozenset(("s",)), **rest)


ANSWERED: dict[str, dict[str, object]] = {
    "batch": {},
    "twice": {},
    "words": {},
    "pings": {"pings": 5000},
    "deep": {"depth": 100_000},
    "lines": {},
    "changes": {"changes": 5000},
    "progress": {},
    "early": {},
    "cancels": {},
    "ids": {},
    "names": {},
    "errors": {"megabytes": 20},
}
ERRED: dict[str, dict[str, object]] = {"both": {}, "neither": {}}
ENDED: dict[str, dict[str, object]] = {"half_and_end": {}, "closes_output": {}}


@pytest.mark.parametrize("server", ["t", pytest.param("s", marks=pytest.mark.site)])
@pytest.mark.parametrize("tool", ANSWERED | ERRED | ENDED)
def test_the_next_call_is_answered(tool: str, server: str) -> None:
    async def run() -> None:
        async with serving(of()) as here:
            client, other = await here.opened(server), await here.opened("t")
            found = await client.call(tool, (ANSWERED | ERRED | ENDED)[tool], token="mine")
            assert ("result" in found) is (tool in ANSWERED), found
            if tool in ANSWERED:
                assert found["result"]["content"][0]["text"] == "good"
            assert await client.text("echo") == "good"
            assert await other.text("echo") == "good"
            assert here.hosting.started == 2 + (tool in ENDED)

    asyncio.run(run())


@pytest.mark.site
@pytest.mark.parametrize("modern", [True, False])
@pytest.mark.parametrize("tool", [*ANSWERED, *ERRED])
def test_a_client_of_2026_is_answered_too(tool: str, modern: bool) -> None:
    async def run() -> None:
        async with serving(of("well", *(("--modern",) if modern else ()))) as here:
            for name in (tool, "echo"):
                params = {"name": name, "arguments": (ANSWERED | ERRED).get(name, {})}
                found = await (await here.client("s").modern("tools/call", params)).last()
                assert ("result" in found) is (name not in ERRED), found

    asyncio.run(run())


def test_half_a_message_is_no_answer_and_its_call_ends_in_time() -> None:
    async def run() -> None:
        async with serving(of(seconds=1.0)) as here:
            client = await here.opened()
            found = await client.call("half_for_ever")
            assert "did not answer tools/call in time" in found["error"]["message"]
            found = await client.call("echo")  # its answer begins in the middle of a line
            assert "error" in found
            assert await client.text("echo") == "good"

    asyncio.run(run())


def test_one_that_reads_no_more_errs_and_others_do_not() -> None:
    async def run() -> None:
        async with serving(of(seconds=1.0)) as here:
            client, other = await here.opened(), await here.opened()
            assert await client.text("closes_input") == "good"
            found = await client.call("echo")
            assert "error" in found
            assert await other.text("echo") == "good"

    asyncio.run(run())


@pytest.mark.parametrize("how", ["banner", "changes_first", "twice", "future", "bare", "number", "text", "refuses"])
def test_an_odd_handshake_is_taken_or_refused_with_a_reason(how: str) -> None:
    async def run() -> None:
        async with serving(of(how)) as here:
            client = here.client("t")
            found = await client.open()
            if how in ("banner", "changes_first", "twice"):
                assert found["result"]["serverInfo"]["name"] == "odd"
                assert await client.text("echo") == "good"
            elif "result" in found:
                assert found["result"]["protocolVersion"] in ("2025-11-25", "2024-11-05", "2025-03-26", "2025-06-18")
                assert await client.text("echo") == "good"
            else:
                assert found["error"]["message"]

    asyncio.run(run())


def test_what_a_server_asks_when_its_client_is_gone_is_bounded_and_harms_no_one() -> None:
    async def run() -> None:
        async with serving(of()) as here:
            for path in ("mcp", "sse"):
                client = await here.opened()
                began = await client.begin("asks_late", {"seconds": 0.2})
                assert (await began.last())["result"]
                if path == "mcp":
                    began.close()
                link = next(link for link, _ in here.hosting.links.values() if not link.ended)
                await asyncio.sleep(0.4)
                session = here.app.sessions.find(client.session, "t", _nearby())
                assert session is not None
                assert len(session._asked) <= 256
                assert await client.text("echo") == "good"
                deleted = await ask(here.port, "DELETE", "/t/mcp", {"mcp-session-id": client.session})
                assert deleted.status == 200
                await until(lambda link=link: bool(link.ended))  # type: ignore[misc]  # bound now

    asyncio.run(run())


def _nearby():  # type: ignore[no-untyped-def]
    from adapters.http.access import NEARBY

    return NEARBY


# With a real process, in its box.


@pytest.mark.parametrize(("tool", "why"), [("half_and_end", "exit code 0"), ("closes_output", "closed its output")])
def test_a_real_process_that_ends_in_the_middle_is_started_again(tmp_path: Path, tool: str, why: str) -> None:
    site = Site(tmp_path)
    (site.source / "server.py").write_bytes(Path(odd_server.__file__).read_bytes())
    site.allowed(arguments=("well",))

    async def run(host: RealHosting) -> None:
        link = await linked(host)
        with pytest.raises(Unavailable, match=why):
            await link.call("tools/call", _named(tool))
        again = await linked(host)
        assert (await again.call("tools/call", _named("echo"))).result is not msgspec.UNSET
        await eventually(lambda: len(host.shown("small").pids) == 1, "one process is left")  # type: ignore[union-attr]

    hosted(run, site.host())


def test_a_real_process_that_hears_no_one_is_started_again(tmp_path: Path) -> None:
    site = Site(tmp_path)
    (site.source / "server.py").write_bytes(Path(odd_server.__file__).read_bytes())
    site.allowed(arguments=("well",))

    async def run(host: RealHosting) -> None:
        link = await linked(host)
        assert (await link.call("tools/call", _named("closes_input"))).result is not msgspec.UNSET
        while not link.ended:  # what is written before its end of the pipe is closed is lost with it
            with suppress(Unavailable):
                await link.call("tools/call", _named("echo"), seconds=1.0)
            await asyncio.sleep(0.02)
        assert link.ended == "the server closed its input"
        again = await linked(host)
        assert (await again.call("tools/call", _named("echo"))).result is not msgspec.UNSET

    hosted(run, site.host())


def _named(tool: str) -> dict[str, msgspec.Raw]:
    return {"name": msgspec.Raw(msgspec.json.encode(tool))}


# Whatever a server says, in whichever order.

_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(("a", "_meta", "uri", "data")), inner, max_size=2)
    ),
    max_leaves=4,
)
_METHODS = st.sampled_from(
    (
        "notifications/progress", "notifications/cancelled", "notifications/message", "notifications/tools/list_changed",
        "notifications/resources/updated", "ping", "sampling/createMessage", "roots/list", "x", "",
    )
)  # fmt: skip
_MESSAGES = st.fixed_dictionaries(
    {},
    optional={
        "jsonrpc": st.sampled_from(("2.0", "1.0", 2)),
        "id": st.integers(-1, 4) | st.text(max_size=2) | st.none() | st.booleans() | st.floats(0, 4),
        "method": _METHODS | st.none(),
        "params": _VALUES | st.fixed_dictionaries({"progressToken": st.integers(0, 4), "requestId": st.integers(0, 4)}),
        "result": _VALUES,
        "error": _VALUES,
    },
)
_LINES = st.lists(
    _MESSAGES.map(msgspec.json.encode) | st.binary(min_size=1, max_size=30).map(lambda one: one.replace(b"\n", b" ")),
    max_size=12,
)


class _Says:
    """A pipe that says *lines* as the answer to every call, and then the right one."""

    def __init__(self, lines: list[bytes]) -> None:
        self.lines, self.over = lines, ""

    def hear(self, heard: Any, lost: Any, ended: Any) -> None:
        self.heard, self.lost, self.ended = heard, lost, ended

    async def write(self, message: bytes) -> None:
        asked = msgspec.json.decode(message)
        if "method" in asked and "id" in asked:
            for line in self.lines:
                self.heard(line)
            self.lost(Lost(size=1))
            right = {"jsonrpc": "2.0", "id": asked["id"], "result": {"right": True}}
            self.heard(msgspec.json.encode(right))

    def pause(self) -> None: ...

    def resume(self) -> None: ...

    def end(self, why: str) -> None:
        self.over = why


@given(lines=_LINES, private=st.booleans())
@settings(max_examples=150, deadline=None)
def test_whatever_a_server_says_each_call_has_one_end(lines: list[bytes], private: bool) -> None:
    async def run() -> None:
        link = Link(_Says(lines), name="t", private=private)  # type: ignore[arg-type]  # as a pipe
        told: list[tuple[str, bytes]] = []
        for _ in range(3):
            with suppress(Unavailable):
                answer = await asyncio.wait_for(link.call("tools/call", {}, tell=lambda *said: told.append(said)), 5)
                assert answer.result is not msgspec.UNSET or answer.error is not msgspec.UNSET
        assert link.busy == 0
        for _, message in told:
            assert msgspec.json.decode(message)["jsonrpc"] == "2.0"
        await asyncio.sleep(0)

    asyncio.run(run())
