"""Vault's KV version 2 and three of its logins, as https://developer.hashicorp.com/vault/api-docs describes them."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

from tests.simulators.answering import Answer, Asked, Simulator, answering

_FORBIDDEN: Answer = (403, {"errors": ["permission denied"]})
_NONE: Answer = (404, {"errors": []})


@dataclass(kw_only=True)
class VaultServer(Simulator):
    """``kept`` maps a mount and path to its versions, each a set of fields, or ``None`` if it was deleted.

    ``tokens`` are those that count; each login adds one, for ``lease`` seconds by its word.
    """

    kept: dict[tuple[str, str], list[dict[str, object] | None]] = field(default_factory=dict)
    tokens: set[str] = field(default_factory=lambda: {"root-token"})
    namespace: str = ""
    lease: int = 3600
    secret_ids: dict[str, str] = field(default_factory=dict)
    accounts: dict[str, str] = field(default_factory=dict)
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def put(self, mount: str, path: str, **fields: object) -> None:
        """A new version."""
        self.kept.setdefault((mount, path), []).append(dict(fields))

    @property
    def reads(self) -> int:
        """How often a secret was asked for."""
        return sum("/data/" in one.path for one in self.asked)

    def answer(self, asked: Asked) -> Answer:
        path = unquote(asked.path).removeprefix("/v1/")
        if asked.headers.get("X-Vault-Namespace", "") != self.namespace:
            return _NONE
        if asked.method == "POST" and path.startswith("auth/") and path.endswith("/login"):
            return self._login(path.removeprefix("auth/").removesuffix("/login"), asked)
        if asked.headers.get("X-Vault-Token") not in self.tokens:
            return _FORBIDDEN
        mount, _, name = path.partition("/data/")
        versions = self.kept.get((mount, name))
        if asked.method != "GET" or not versions:
            return _NONE
        metadata = {
            "version": len(versions),
            "destroyed": False,
            "deletion_time": "" if versions[-1] else "2026-01-02T03:04:05Z",
        }
        body = {"request_id": "r", "lease_id": "", "lease_duration": 0, "data": {"data": versions[-1], "metadata": metadata}}
        return (200 if versions[-1] is not None else 404), body

    def _login(self, mount: str, asked: Asked) -> Answer:
        told = asked.json()
        known, given = (self.secret_ids, ("role_id", "secret_id")) if mount == "approle" else (self.accounts, ("role", "jwt"))
        if known.get(str(told.get(given[0]))) != told.get(given[1]):
            return 400, {"errors": [f"invalid role or secret ID: {told}"]}
        token = f"hvs.login-{next(self.numbers)}"
        self.tokens.add(token)
        return 200, {"auth": {"client_token": token, "lease_duration": self.lease, "renewable": True}}


@contextmanager
def vault(tls: Path | None = None) -> Iterator[VaultServer]:
    server = VaultServer()
    with answering(server, tls):
        yield server
