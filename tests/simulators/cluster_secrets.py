"""A Kubernetes API server as far as reading one Secret goes, with what a role allows."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.simulators.answering import Answer, Asked, Simulator, answering


@dataclass(kw_only=True)
class ClusterSecrets(Simulator):
    """``kept`` maps a namespace and name to the Secret's ``data``; ``allowed`` are the namespaces that ``token`` may read."""

    token: str = "a-service-account"
    allowed: set[str] = field(default_factory=lambda: {"arcops"})
    kept: dict[tuple[str, str], dict[str, str]] = field(default_factory=dict)

    def put(self, namespace: str, name: str, **data: bytes) -> None:
        self.kept[namespace, name] = {key: base64.b64encode(value).decode() for key, value in data.items()}

    def answer(self, asked: Asked) -> Answer:
        if asked.headers.get("Authorization") != f"Bearer {self.token}":
            return _status(401, "Unauthorized")
        _, api, version, kind, namespace, resource, name = asked.path.split("/")
        if (api, version, kind, resource) != ("api", "v1", "namespaces", "secrets") or namespace not in self.allowed:
            return _status(403, "Forbidden")
        data = self.kept.get((namespace, name))
        if data is None:
            return _status(404, "NotFound")
        metadata = {"name": name, "namespace": namespace, "resourceVersion": "1"}
        return 200, {"kind": "Secret", "apiVersion": "v1", "metadata": metadata, "data": data, "type": "Opaque"}


def _status(code: int, reason: str) -> Answer:
    return code, {
        "kind": "Status",
        "apiVersion": "v1",
        "status": "Failure",
        "reason": reason,
        "code": code,
        "message": "hunter2",
    }


@contextmanager
def cluster_secrets() -> Iterator[ClusterSecrets]:
    server = ClusterSecrets()
    with answering(server):
        yield server
