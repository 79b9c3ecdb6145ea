"""A Kubernetes Secret, read through the API server.

The protocol: Kubernetes API, core/v1, read the specified Secret; ``data`` is base64 (RFC 4648).
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping

from arcops.errors import Refused
from foundation.secrets.asking import Asks, replied
from foundation.secrets.reference import SecretRef
from foundation.secrets.source import Given


class KubernetesSecrets:
    """The Secrets of the cluster whose API server is at *server*. *token* reads ours, each time, because it is replaced."""

    def __init__(self, ask: Asks, server: str, token: Callable[[], str]) -> None:
        self._ask = ask
        self._server = server.rstrip("/")
        self._token = token

    def read(self, ref: SecretRef) -> Given:
        """The value of the key. Raises as `SecretSource.read`."""
        url = f"{self._server}/api/v1/namespaces/{ref.store}/secrets/{ref.name}"
        found = replied(self._ask("GET", url, {"Authorization": f"Bearer {self._token()}"}))
        if found.status == 404:
            raise Refused("the cluster has no such Secret")
        if found.status in (401, 403):
            raise Refused("the service account may not read it; let a role get this Secret by its name")
        if found.status != 200 or found.text("kind") != "Secret":
            raise Refused(f"the API server answers {found.status} without a Secret")
        data = found.at("data")
        kept = data.get(ref.field) if isinstance(data, Mapping) else None
        if not isinstance(kept, str):
            raise Refused(f"the Secret has no key {ref.field}")
        try:
            return Given(value=base64.b64decode(kept, validate=True).decode("utf-8"))
        except (binascii.Error, ValueError):  # its text would quote the secret
            raise Refused(f"the key {ref.field} is not text in UTF-8") from None
