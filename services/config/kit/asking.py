"""How the kit asks a service: by the names of operations, at the paths that its discovery document gives them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

from artifacts.public_key import PublicKey, load_public_key

DISCOVERY = "/.well-known/mcp-configuration"


class Failed(Exception):
    """The service does not do what the check asks. The message says what it did."""


class NotAsked(Exception):
    """The check needs something that is not here, such as a second profile or a token of another role."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the service answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body as JSON. Raises `Failed` if it is no JSON."""
        try:
            return json.loads(self.body)
        except ValueError:
            raise Failed(f"the answer (status {self.status}) is no JSON: {self.body[:80]!r}") from None


Transport = Callable[[str, str, Mapping[str, str], bytes], Answer]
"""Called with the method, the path with its query, headers and a body."""


@dataclass(slots=True, kw_only=True)
class Service:
    """A service to be checked.

    ``tokens`` are bearer tokens by role: ``reader``, ``publisher``, ``auditor``; a role without one uses the publisher's.
    ``keys`` are public keys that the checker was given; without them, those that the service names are used, which the report
    says. With ``read_only`` nothing is written. ``draft`` is one that the service accepts; the kit publishes it with changes.
    """

    transport: Transport
    tokens: Mapping[str, str] = field(default_factory=dict)
    keys: tuple[PublicKey, ...] = ()
    read_only: bool = False
    draft: str = ""
    number: int = 0
    """That of the last version that the kit published."""
    _found: dict[str, Any] = field(default_factory=dict)

    def ask(
        self, method: str, path: str, *, role: str = "reader", body: object = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """The answer to one request."""
        token = self.tokens.get(role) or self.tokens.get("publisher", "")
        return self.ask_as(token, method, path, body=body, headers=headers)

    def ask_as(
        self, token: str, method: str, path: str, *, body: object = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """The answer to one request with *token*, or without one if it is empty."""
        data = b"" if body is None else json.dumps(body).encode()
        sent = dict(headers or {}) | ({"Authorization": f"Bearer {token}"} if token else {})
        return self.transport(method, path, sent | ({"Content-Type": "application/json"} if data else {}), data)

    def good(self, method: str, path: str, **more: Any) -> Any:
        """The JSON of an answer that must be good. Raises `Failed` if it is not."""
        found = self.ask(method, path, **more)
        if not 200 <= found.status < 300:
            raise Failed(f"{method} {path} answers {found.status}: {found.body[:120].decode('utf-8', 'replace')}")
        return found.json()

    @property
    def discovery(self) -> dict[str, Any]:
        """The discovery document."""
        if "discovery" not in self._found:
            said = self.good("GET", DISCOVERY)
            if not isinstance(said, dict) or not isinstance(said.get("operations"), dict):
                raise Failed(f"{DISCOVERY} names no operations")
            self._found["discovery"] = said
        found: dict[str, Any] = self._found["discovery"]
        return found

    def path(self, operation: str, *parts: str, **query: str) -> str:
        """The path of *operation* with its parts and its query. Raises `Failed` if the service does not name it."""
        said = self.discovery["operations"].get(operation)
        if not isinstance(said, dict) or not isinstance(said.get("path"), str):
            raise Failed(f"the discovery document does not name the operation {operation}")
        path = str(said["path"])
        for one in parts:
            path = path.replace("{}", quote(one, safe=""), 1)
        return path + (f"?{urlencode(query)}" if query else "")

    def target(self) -> tuple[str, str]:
        """A client and a profile in which something is released. Raises `Failed` if there is no such client."""
        for one in self.clients():
            if one.get("profiles"):
                return str(one["clientId"]), str(one["profiles"][0])
        raise Failed("no client has a profile in which something is released, so there is no artifact to look at")

    def clients(self) -> list[dict[str, Any]]:
        """The client families."""
        found = self.good("GET", self.path("ListClients")).get("clients")
        if not isinstance(found, list) or not found:
            raise Failed("ListClients lists no client")
        return found

    def artifact(self, client: str = "", profile: str = "") -> tuple[dict[str, Any], Answer]:
        """An artifact, and the answer that it came in."""
        if not client:
            client, profile = self.target()
        found = self.ask("GET", self.path("GetConfig", client, profile))
        if found.status != 200:
            raise Failed(f"GetConfig({client}, {profile}) answers {found.status}")
        said = found.json()
        if not isinstance(said, dict):
            raise Failed("GetConfig answers no object")
        return said, found

    def trusted(self) -> tuple[PublicKey, ...]:
        """The keys that signatures are checked with."""
        if self.keys:
            return self.keys
        said = self.good("GET", self.path("GetKeys")).get("keys") or []
        return tuple(load_public_key(str(one["pem"]).encode(), where="a key of the service") for one in said)


def sha256(data: bytes) -> str:
    """``sha256:`` and the hex digest of *data*."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"
