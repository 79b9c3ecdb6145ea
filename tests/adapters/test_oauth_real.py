"""An agent gets its tokens at a real provider, by the official client: it finds the provider by itself, and refreshes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import anyio
import httpx2
import pytest
from mcp import Client
from mcp.client.auth import OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import AuthorizationCodeResult, OAuthClientInformationFull, OAuthClientMetadata, OAuthToken
from pydantic import AnyUrl

from tests.adapters.serving import Served, served
from tests.models import bench
from tests.simulators.oidc import RealProvider, real_provider

pytestmark = [pytest.mark.requirement("BASE-2/oauth-flows"), pytest.mark.site, pytest.mark.xdist_group("oidc")]

BACK = "http://127.0.0.1:9/callback"
SECRET = "a secret of more than 32 characters, for questions"
AGENT = {
    "client_id": "agent",
    "token_endpoint_auth_method": "none",
    "application_type": "native",
    "redirect_uris": [BACK],
    "grant_types": ["authorization_code", "refresh_token"],
}
ASKS = {"client_id": "arcops", "client_secret": SECRET, "redirect_uris": [], "response_types": [], "grant_types": []}
PEOPLE = {"ada": {"name": "Ada Lovelace"}}


@dataclass(kw_only=True)
class Agent:
    """A client of MCP whose person logs in at the provider. ``urls`` are the addresses that they were sent to."""

    server: Served
    provider: RealProvider
    name: str = "agent"
    tokens: OAuthToken | None = None
    urls: list[str] = field(default_factory=list)

    async def get_tokens(self) -> OAuthToken | None:
        return self.tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        self.tokens = tokens

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        return OAuthClientInformationFull.model_validate({**AGENT, "client_id": self.name, "issuer": self.provider.url})

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        raise AssertionError("it is registered already")

    async def _sent(self, url: str) -> None:
        self.urls.append(url)

    async def _came_back(self) -> AuthorizationCodeResult:
        back, _ = await anyio.to_thread.run_sync(self.provider.logged_in, self.urls[-1], "ada", BACK)
        said = {name: values[0] for name, values in parse_qs(urlsplit(back).query).items()}
        return AuthorizationCodeResult(code=said["code"], state=said.get("state"), iss=said.get("iss"))

    @asynccontextmanager
    async def client(self) -> Any:
        about = OAuthClientMetadata(redirect_uris=[AnyUrl(BACK)], scope="arcops:read", client_name="an agent")
        auth = OAuthClientProvider(self.server.mcp, about, self, self._sent, self._came_back)
        async with (
            httpx2.AsyncClient(auth=auth, timeout=600, trust_env=False) as http,
            Client(streamable_http_client(self.server.mcp, http_client=http)) as client,
        ):
            yield client

    def listed(self) -> Any:
        async def ask() -> Any:
            async with self.client() as client:
                return await client.call_tool("list_policies", {})

        return anyio.run(ask)

    def posted(self, token: str) -> int:
        about = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "agent", "version": "1"}}
        body = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": about}
        headers = {"authorization": f"Bearer {token}", "accept": "application/json, text/event-stream"}
        return self.server.post(headers=headers, json=body, timeout=60).status_code


@dataclass(frozen=True, kw_only=True)
class Site:
    server: Served
    provider: RealProvider


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder: Path = tmp_path_factory.mktemp("oauth")
    here = bench(folder)
    with real_provider([AGENT, {**AGENT, "client_id": "opaque-agent"}, ASKS], PEOPLE) as provider:
        own = {
            "ARCOPS_OIDC_ISSUER": provider.url,
            "ARCOPS_OIDC_INTROSPECTION": f"{provider.url}/token/introspection",
            "ARCOPS_OIDC_INTROSPECTION_CLIENT": "arcops",
            "ARCOPS_OIDC_INTROSPECTION_SECRET": "env:ASKING",
            "ASKING": SECRET,
            "ARCOPS_ROOTS": str(folder),
        }
        with served("mcp", "--http", env={**here.environment, **own}) as server:
            yield Site(server=server, provider=provider)


def test_the_official_client_finds_its_way_and_calls_a_tool(site: Site) -> None:
    agent = Agent(server=site.server, provider=site.provider)
    assert agent.posted("nothing") == 401
    found = agent.listed()
    assert not found.is_error, found
    (url,) = agent.urls
    asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
    assert asked["code_challenge_method"] == "S256"
    assert asked["resource"] == site.server.mcp, "the token is for this server alone"
    assert agent.tokens is not None
    assert agent.tokens.access_token.count(".") == 2


def test_a_refresh_token_is_good_for_once_and_the_call_goes_on_by_the_new_one(site: Site) -> None:
    agent = Agent(server=site.server, provider=site.provider)
    agent.listed()
    assert agent.tokens is not None
    first = agent.tokens.refresh_token
    assert first
    form = {"grant_type": "refresh_token", "refresh_token": first, "client_id": "agent"}
    new = httpx2.post(f"{site.provider.url}/token", data=form, timeout=60).json()
    assert new["refresh_token"] != first
    assert new["access_token"] != agent.tokens.access_token
    assert agent.posted(new["access_token"]) == 200
    again = httpx2.post(f"{site.provider.url}/token", data=form, timeout=60)
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant"), "a stolen one is of no use"
    rest = {**form, "refresh_token": new["refresh_token"]}
    assert httpx2.post(f"{site.provider.url}/token", data=rest, timeout=60).status_code == 400, "and ends the whole grant"


def test_an_opaque_token_is_asked_about(site: Site) -> None:
    agent = Agent(server=site.server, provider=site.provider, name="opaque-agent")
    found = agent.listed()
    assert not found.is_error, found
    assert agent.tokens is not None
    assert "." not in agent.tokens.access_token


def test_an_id_token_and_a_refresh_token_open_nothing(site: Site) -> None:
    agent = Agent(server=site.server, provider=site.provider)
    agent.listed()
    assert agent.tokens is not None
    assert agent.tokens.refresh_token
    assert agent.posted(agent.tokens.refresh_token) == 401
