"""Azure Key Vault's Get Secret (7.4) and the token endpoint of Microsoft Entra (v2.0, client credentials)."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

from tests.simulators.answering import Answer, Asked, Simulator, answering

_JWT = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@dataclass(kw_only=True)
class KeyVaultServer(Simulator):
    """``kept`` maps a secret's name to its versions, each an id, its value and its attributes. ``tokens`` are those that count.

    The application ``client`` of ``tenant`` logs in with ``secret``, or with ``assertion``.
    """

    tenant: str = "the-tenant"
    client: str = "the-client"
    secret: str = "the-client-secret"
    assertion: str = ""
    scope: str = "https://vault.azure.net/.default"
    kept: dict[str, list[tuple[str, str, dict[str, object]]]] = field(default_factory=dict)
    tokens: set[str] = field(default_factory=set)
    logins: int = 0
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def put(self, name: str, value: str, version: str = "", **attributes: object) -> None:
        self.kept.setdefault(name, []).append((version or f"{next(self.numbers):032x}", value, {"enabled": True, **attributes}))

    def answer(self, asked: Asked) -> Answer:
        parts = urlsplit(asked.path)
        if parts.path == f"/{self.tenant}/oauth2/v2.0/token" and asked.method == "POST":
            return self._token({name: values[0] for name, values in parse_qs(asked.body.decode()).items()})
        if parse_qs(parts.query).get("api-version") != ["7.4"]:
            return 400, {"error": {"code": "BadParameter"}}
        if asked.headers.get("Authorization", "").removeprefix("Bearer ") not in self.tokens:
            return 401, {"error": {"code": "Unauthorized", "message": "AKV10032: invalid issuer"}}
        _, _, name, *version = parts.path.split("/")
        versions = [one for one in self.kept.get(name, ()) if not version or one[0] == version[0]]
        if not versions:
            return 404, {"error": {"code": "SecretNotFound"}}
        found, value, attributes = versions[-1]
        if not attributes["enabled"]:
            return 403, {"error": {"code": "Forbidden", "innererror": {"code": "SecretDisabled"}}}
        return 200, {"value": value, "id": f"{self.url}/secrets/{name}/{found}", "attributes": attributes}

    def _token(self, told: dict[str, str]) -> Answer:
        self.logins += 1
        by_secret = told.get("client_secret") == self.secret and not self.assertion
        by_jwt = bool(self.assertion) and told.get("client_assertion") == self.assertion
        by_jwt = by_jwt and told.get("client_assertion_type") == _JWT
        right = told.get("grant_type") == "client_credentials" and told.get("scope") == self.scope
        if not (right and told.get("client_id") == self.client and (by_secret or by_jwt)):
            return 401, {"error": "invalid_client", "error_description": f"AADSTS7000215: {told}"}
        token = f"entra-token-{next(self.numbers)}"
        self.tokens.add(token)
        return 200, {"token_type": "Bearer", "expires_in": 3599, "ext_expires_in": 3599, "access_token": token}


@contextmanager
def key_vault() -> Iterator[KeyVaultServer]:
    server = KeyVaultServer()
    with answering(server):
        yield server
