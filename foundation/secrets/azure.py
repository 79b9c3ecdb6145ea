"""Azure Key Vault: Get Secret, with a token of Microsoft Entra.

The protocol: Key Vault REST API 7.4, Secrets - Get Secret; the client credentials flow of the Microsoft identity platform
(v2.0), with a shared secret or with a federated credential (RFC 7523), which workload identity on Kubernetes uses.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from arcops.errors import Refused
from foundation.secrets.asking import Asks, Login, Replied, replied
from foundation.secrets.reference import SecretRef
from foundation.secrets.source import Given

_VERSION = "7.4"
_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
VAULT = "{vault}"
"""Stands for the key vault's name in its address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entra:
    """The application that asks: its ``tenant`` and ``client``, and what reads its ``secret``, or else its ``assertion``.

    ``authority`` is the address of Entra; ``scope`` is the resource for which a token is asked.
    """

    tenant: str
    client: str
    secret: Callable[[], str] | None
    assertion: Callable[[], str] | None
    authority: str
    scope: str


class KeyVaults:
    """Every key vault whose address is *address* with its name for ``{vault}``."""

    def __init__(
        self,
        ask: Asks,
        by: Entra,
        address: str,
        *,
        clock: Callable[[], float],
        now: Callable[[], datetime],
        seconds: float,
    ) -> None:
        self._ask = ask
        self._by = by
        self._address = address.rstrip("/")
        self._now = now
        self._login = Login(self._log_in, clock=clock, seconds=seconds)

    def read(self, ref: SecretRef) -> Given:
        """The version that *ref* names, or the newest. Raises as `SecretSource.read`."""
        base = self._address.replace(VAULT, ref.store)
        url = f"{base}/secrets/{ref.name}{f'/{ref.version}' if ref.version else ''}?api-version={_VERSION}"
        found = self._login.with_token(lambda token: self._get(url, token), frozenset((401,)))
        if found.status == 404:
            raise Refused("the key vault has no such secret or version")
        if found.status == 401:
            raise Refused("the key vault refuses the token; check the tenant of the vault and AZURE_TENANT_ID")
        if found.status == 403:
            raise Refused("the application may not read it, or it is disabled; give it the role Key Vault Secrets User")
        value = found.text("value")
        if found.status != 200 or value is None:
            raise Refused(f"the key vault answers {found.status} without a secret")
        return Given(value=value, seconds=self._left(found))

    def _left(self, found: Replied) -> float | None:
        """The seconds until the secret's own end. The service gives it out after that too, so the end is held here."""
        ends = found.seconds("attributes", "exp")
        if ends is None:
            return None
        left = ends - self._now().timestamp()
        if left <= 0:
            raise Refused("the secret there has expired by its own date; write a new version")
        return left

    def _get(self, url: str, token: str) -> Replied:
        return replied(self._ask("GET", url, {"Authorization": f"Bearer {token}"}))

    def _log_in(self) -> Given:
        told = {"grant_type": "client_credentials", "client_id": self._by.client, "scope": self._by.scope}
        if self._by.secret is not None:
            told["client_secret"] = self._by.secret()
        elif self._by.assertion is not None:
            told |= {"client_assertion_type": _ASSERTION, "client_assertion": self._by.assertion()}
        url = f"{self._by.authority.rstrip('/')}/{self._by.tenant}/oauth2/v2.0/token"
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        found = replied(self._ask("POST", url, form, urlencode(told).encode()))
        token = found.text("access_token")
        if found.status != 200 or not token:
            raise Refused(f"Entra refuses the login of the application ({found.status}); check its id, tenant and credential")
        return Given(value=token, seconds=found.seconds("expires_in"))
