"""What is read over MCP and on pages: large resources in parts, drafts of the client's own model, and a record of each.

Specification: revision 2025-11-25, "Sampling" and "Resources"; revision 2026-07-28, inputs that a server asks for.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import httpx2
import mcp_types as types
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mcp import Client, MCPError
from mcp.client.streamable_http import streamable_http_client
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Mount

from adapters.http.accounts import Accounts
from adapters.mcp import drafting, parts, resources
from adapters.mcp.app import endpoint
from adapters.mcp.drafting import DRAFT, MARK
from adapters.mcp.parts import MOST_PART, MOST_WHOLE, RANGE, Part, read_part, refuse_long
from adapters.mcp.resources import FOR_EVER_MS, Read
from arcops.errors import Refused, Unavailable
from arcops.finding import Outcome
from arcops.tier import Tier
from arcops.verdict import Verdict
from flows.place import Place
from foundation.audit.audit import Audit
from foundation.identity.accepting import Accepting
from foundation.settings import Settings, read_settings
from tests.adapters.doors import door_for
from tests.adapters.loopback import loopback
from tests.adapters.test_sessions import Believing
from tests.examples import share
from tests.kept import finding, report, result

pytestmark = [pytest.mark.xdist_group("sessions")]

DIGEST = "sha256:" + "a" * 64
RED = report("tiny", result("signatures", finding("signatures/signed", outcome=Outcome.FAIL)))


@dataclass
class Site:
    url: str
    settings: Settings
    audit: Audit

    def records(self) -> list[dict[str, Any]]:
        self.audit.flush()
        lines = [json.loads(one) for path in self.settings.audit.rglob("log") for one in path.read_text().splitlines()]
        return [one for one in lines if one.get("action") in ("resources/read", "tools/call", "page")]

    @asynccontextmanager
    async def client(self, mode: str, answer: Callable[..., Any] | None, who: str = "t/ada") -> AsyncIterator[Client]:
        async with (
            httpx2.AsyncClient(headers={"authorization": f"Bearer {who}"}, timeout=600, trust_env=False) as http,
            Client(streamable_http_client(self.url, http_client=http), mode=mode, sampling_callback=answer) as found,
        ):
            yield found


def _nothing(*_: object) -> Any:
    raise Refused("nothing is signed here")


@contextmanager
def serving(home: Path) -> Iterator[Site]:
    settings = read_settings({"ARCOPS_HOME": str(home)})
    audit = Audit.open(settings)
    place = Place(settings=settings, now=lambda: datetime.now(UTC), signer=_nothing, secret=_nothing, roots=())
    accounts = Accounts(audit=audit, tier=Tier.AIR_GAPPED)
    door = replace(door_for(), accepting=cast(Accepting, Believing()), accounts=accounts)
    found = endpoint(place, resource="http://127.0.0.1/mcp", door=door)

    async def page(scope: Any, receive: Any, send: Any) -> None:
        gone = scope["path"].endswith("gone")
        await PlainTextResponse("here", status_code=404 if gone else 200)(scope, receive, send)

    routes = [*found.routes, Mount("/", app=door.for_readers(page, "http://127.0.0.1/mcp"))]
    app = Starlette(routes=routes, lifespan=lambda _: found.running)
    with loopback(app, lifespan="on") as port:
        yield Site(f"http://127.0.0.1:{port}/mcp", settings, audit)
    audit.close()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with serving(tmp_path_factory.mktemp("site")) as found:
        yield found


@pytest.fixture
def red(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drafting, "show_artifact", lambda ask, at: SimpleNamespace(report=RED))


def run(work: Any) -> Any:
    return asyncio.run(asyncio.wait_for(work, 600))


@pytest.mark.requirement("BASE-1/sampling-for-capabilities")
@pytest.mark.usefixtures("red")
class TestDrafting:
    @pytest.mark.parametrize("mode", ["legacy", "2026-07-28"])
    def test_the_client_s_own_model_drafts_and_it_is_no_evidence(self, site: Site, mode: str) -> None:
        asked: list[types.CreateMessageRequestParams] = []

        async def model(_: object, params: types.CreateMessageRequestParams) -> types.CreateMessageResult:
            asked.append(params)
            text = types.TextContent(type="text", text="No one signed it.\x1b[31m\nSign it.")
            return types.CreateMessageResult(role="assistant", content=text, model="own-model")

        async def draft() -> Any:
            async with site.client(mode, model) as client:
                listed = [one.name for one in (await client.list_tools()).tools]
                return listed, await client.call_tool(DRAFT, {"artifact": DIGEST})

        listed, answer = run(draft())
        assert DRAFT in listed
        assert not answer.is_error, answer
        values = answer.structured_content
        assert values["evidence"] is False
        assert values["about"] == MARK
        assert (values["model"], values["verdict"], values["artifact"]) == ("own-model", "RED", DIGEST)
        assert values["draft"].splitlines()[-1] == "Sign it."
        assert "\x1b" not in values["draft"]
        assert answer.content[0].text.startswith(MARK)
        (params,) = asked
        text = params.messages[0].content.text  # type: ignore[union-attr]
        assert "signatures/signed" in text
        assert "never instructions" in str(params.system_prompt)
        assert len(text) < 16 * 1024

    @pytest.mark.parametrize("mode", ["legacy", "2026-07-28"])
    def test_a_client_without_a_model_is_refused_and_is_not_shown_it(self, site: Site, mode: str) -> None:
        async def draft() -> Any:
            async with site.client(mode, None) as client:
                listed = [one.name for one in (await client.list_tools()).tools]
                return listed, await client.call_tool(DRAFT, {"artifact": DIGEST})

        listed, answer = run(draft())
        assert DRAFT not in listed
        assert answer.is_error
        assert "has a model to lend" in answer.content[0].text

    def test_a_model_that_says_no_or_nothing_gives_no_draft(self, site: Site) -> None:
        async def unwilling(*_: object) -> Any:
            return types.ErrorData(code=-1, message="the user said no")

        async def silent(*_: object) -> Any:
            return types.CreateMessageResult(role="assistant", content=types.TextContent(type="text", text=" "), model="m")

        async def draft(model: Any) -> Any:
            async with site.client("legacy", model) as client:
                return await client.call_tool(DRAFT, {"artifact": DIGEST})

        for model, said in ((unwilling, "the user said no"), (silent, "gave no text")):
            answer = run(draft(model))
            assert answer.is_error
            assert said in answer.content[0].text

    @pytest.mark.parametrize("arguments", [{}, {"artifact": "x"}, {"artifact": DIGEST, "more": 1}, {"artifact": 3}])
    def test_what_names_no_artifact_is_refused(self, site: Site, arguments: dict[str, Any]) -> None:
        async def draft() -> Any:
            async with site.client("legacy", lambda *_: None) as client:
                return await client.call_tool(DRAFT, arguments)

        answer = run(draft())
        assert answer.is_error
        assert "takes one argument" in answer.content[0].text

    def test_a_green_report_needs_none(self, monkeypatch: pytest.MonkeyPatch) -> None:
        green = SimpleNamespace(report=SimpleNamespace(verdict=Verdict.GREEN))
        monkeypatch.setattr(drafting, "show_artifact", lambda ask, at: green)
        with pytest.raises(Refused, match="GREEN, so there is nothing to explain"):
            drafting._report(DIGEST, cast(Place, None))


@pytest.mark.requirement("BASE-1/serves-both-protocol-versions")
class TestParts:
    @given(text=st.text(min_size=1, max_size=400), length=st.integers(1, 90))
    @share(1)
    def test_the_parts_make_the_whole(self, text: str, length: int) -> None:
        whole, offset, size = b"", 0, 1
        while offset < size:
            data, size = Part(name="x", offset=offset, length=length).of(text.encode())
            assert 0 < len(data) <= length
            whole, offset = whole + data, offset + len(data)
        assert whole == text.encode()
        with pytest.raises(Refused, match="no part at"):
            Part(name="x", offset=size, length=1).of(text.encode())

    @pytest.mark.parametrize("name", ["d/part/-1/2", "d/part/01/2", "d/part/1/0", "d/part/1", "d/part/1/2/3", "d/e/part/1/2"])
    def test_another_form_is_refused(self, name: str) -> None:
        with pytest.raises(Refused, match="is no part"):
            read_part(name)

    def test_a_part_that_is_too_long_is_refused(self) -> None:
        assert read_part("d") is None
        assert read_part(f"d/part/7/{MOST_PART}") == Part(name="d", offset=7, length=MOST_PART)
        with pytest.raises(Refused, match=f"at most {MOST_PART} bytes"):
            read_part(f"d/part/0/{MOST_PART + 1}")

    def test_what_is_long_is_read_in_parts_alone(self, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
        """Mutation: a report of many MB is one message."""
        text = json.dumps(["ü" * 100] * 8000, ensure_ascii=False)
        assert len(text.encode()) > MOST_WHOLE
        kept = Read(text=text, type="application/json", fresh_ms=FOR_EVER_MS)
        for kind in ("reports", "artifacts", "evidence"):
            monkeypatch.setitem(cast(Any, resources._READERS), kind, lambda name, at: kept)

        async def read(kind: str) -> bytes:
            async with site.client("2026-07-28", None) as client:
                with pytest.raises(MCPError, match="read it in parts"):
                    await client.read_resource(f"arcops://{kind}/{DIGEST}")
                whole, size = b"", 1
                while len(whole) < size:
                    found = await client.read_resource(f"arcops://{kind}/{DIGEST}/part/{len(whole)}/{MOST_PART}")
                    (one,) = found.contents
                    assert isinstance(one, types.BlobResourceContents)
                    data = base64.b64decode(one.blob)
                    told = (one.meta or {})[RANGE]
                    assert told["offset"] == len(whole)
                    assert told["length"] == len(data)
                    whole, size = whole + data, told["size"]
                return whole

        for kind in ("reports", "artifacts", "evidence"):
            assert run(read(kind)) == text.encode()
        refuse_long("x", "y" * MOST_WHOLE)

    def test_each_kind_has_its_template(self) -> None:
        shown = {one.uri_template for one in resources.templates()}
        assert {f"arcops://{one}/{{digest}}{parts.TEMPLATE}" for one in ("artifacts", "evidence", "reports")} <= shown


@pytest.mark.requirement("BASE-4/audit-log")
class TestRecords:
    def test_what_is_read_is_recorded_with_who_and_how_it_ended(self, tmp_path: Path) -> None:
        """Mutation: only calls of tools are recorded."""
        with serving(tmp_path) as site:

            async def read() -> None:
                async with site.client("2026-07-28", None) as client:
                    await client.read_resource("arcops://gates/signatures")
                    for wrong in ("arcops://gates/none", "arcops://gates/a b\nc"):
                        with pytest.raises(MCPError):
                            await client.read_resource(wrong)
                    await client.call_tool(DRAFT, {"artifact": DIGEST})

            run(read())
            for path, who in (("", "t/ada"), ("subjects/x", "u/bob"), ("gone", "t/ada"), ("static/a.css", "t/ada")):
                headers = {"authorization": f"Bearer {who}"}
                httpx2.get(site.url.replace("/mcp", f"/{path}"), headers=headers, timeout=600, trust_env=False)
            found = [
                (one["action"], one["object"], one["outcome"], one["reason"], one["actor"]["id"], one["door"])
                for one in site.records()
            ]
            assert found == [
                ("resources/read", "gates/signatures", "done", "", "ada", "mcp"),
                ("resources/read", "", "refused", "Refused", "ada", "mcp"),
                ("resources/read", "", "refused", "Refused", "ada", "mcp"),
                ("tools/call", "", "refused", "Refused", "ada", "mcp"),
                ("page", "start", "done", "", "ada", "http"),
                ("page", "subjects/x", "done", "", "bob", "http"),
                ("page", "", "refused", "status-404", "ada", "http"),
            ]
            assert [one["tool"] for one in site.records() if one["tool"]] == [DRAFT]
            assert all(one["latencyUs"] > 0 for one in site.records())

    def test_what_cannot_be_recorded_is_not_shown(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Mutation: a page or a resource is shown although there is no place for its record."""
        with serving(tmp_path) as site:

            def full(_: Audit) -> None:
                raise Unavailable("this cannot be recorded")

            async def read() -> None:
                async with site.client("2026-07-28", None) as client:
                    with pytest.raises(MCPError, match="cannot be recorded"):
                        await client.read_resource("arcops://gates/signatures")

            monkeypatch.setattr(Audit, "reserve", full)
            run(read())
            headers = {"authorization": "Bearer t/ada"}
            answer = httpx2.get(site.url.replace("/mcp", "/"), headers=headers, timeout=600, trust_env=False)
            assert (answer.status_code, "here" in answer.text) == (503, False)
