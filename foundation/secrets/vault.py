"""HashiCorp Vault and OpenBao: KV version 2, read over HTTP.

The protocol: https://developer.hashicorp.com/vault/api-docs (``secret/kv/kv-v2``: read secret version; ``auth/approle``,
``auth/kubernetes``: login), which OpenBao keeps.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import quote

from arcops.errors import Refused
from foundation.secrets.asking import Asks, Login, Replied, given_field, replied
from foundation.secrets.reference import SecretRef
from foundation.secrets.source import Given

_NO_TOKEN = frozenset((403,))


@dataclass(frozen=True, slots=True, kw_only=True)
class ByToken:
    """Log in with the token that ``token`` reads, again each time, because an agent beside us may renew it."""

    token: Callable[[], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ByAppRole:
    """Log in by AppRole with ``role`` and the secret id that ``secret_id`` reads; ``mount`` is its place below ``auth/``."""

    role: str
    secret_id: Callable[[], str]
    mount: str = "approle"


@dataclass(frozen=True, slots=True, kw_only=True)
class ByKubernetes:
    """Log in as ``role`` with the token of the pod's service account, which ``jwt`` reads."""

    role: str
    jwt: Callable[[], str]
    mount: str = "kubernetes"


By = ByToken | ByAppRole | ByKubernetes


class Vault:
    """The Vault at *address*, asked by *ask*; *namespace* is of Vault Enterprise and OpenBao, or empty."""

    def __init__(
        self, ask: Asks, address: str, by: By, *, clock: Callable[[], float], seconds: float, namespace: str = ""
    ) -> None:
        self._ask = ask
        self._address = address.rstrip("/")
        self._by = by
        self._headers = {"X-Vault-Request": "true", **({"X-Vault-Namespace": namespace} if namespace else {})}
        self._login = Login(self._log_in, clock=clock, seconds=seconds)

    def read(self, ref: SecretRef) -> Given:
        """The field of the newest version. Raises as `SecretSource.read`."""
        path = "/".join(map(_quoted, (*ref.store.split("/"), "data", *ref.name.split("/"))))
        found = self._login.with_token(lambda token: self._get(path, token), _NO_TOKEN)
        if found.status == 404:
            raise Refused("there is no such secret, or its newest version was deleted; is the mount one of KV version 2?")
        if found.status == 403:
            raise Refused("the login may not read it; let its policy read the path with data/ after the mount")
        if found.status != 200:
            raise Refused(f"Vault answers {found.status}")
        fields = found.at("data", "data")
        if not isinstance(fields, Mapping) or not isinstance(found.at("data", "metadata"), Mapping):
            raise Refused("the answer is not that of a secret in KV version 2; check the mount")
        return Given(value=given_field(fields, ref.field), seconds=found.seconds("lease_duration"))

    def _get(self, path: str, token: str) -> Replied:
        return replied(self._ask("GET", f"{self._address}/v1/{path}", {**self._headers, "X-Vault-Token": token}))

    def _log_in(self) -> Given:
        match self._by:
            case ByToken():
                return Given(value=self._by.token(), seconds=0)
            case ByAppRole():
                told = {"role_id": self._by.role, "secret_id": self._by.secret_id()}
            case ByKubernetes():
                told = {"role": self._by.role, "jwt": self._by.jwt()}
        place = "/".join(map(_quoted, self._by.mount.split("/")))
        url = f"{self._address}/v1/auth/{place}/login"
        found = replied(
            self._ask("POST", url, {**self._headers, "Content-Type": "application/json"}, json.dumps(told).encode())
        )
        token = found.text("auth", "client_token")
        if found.status != 200 or not token:
            raise Refused(f"the login at auth/{self._by.mount} is refused ({found.status}); check its role and its credential")
        return Given(value=token, seconds=found.seconds("auth", "lease_duration"))


def _quoted(part: str) -> str:
    return quote(part, safe="")
