"""The way to the API server: a context of a kubeconfig, or the service account of the pod in which the operator runs."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace

from arcops.errors import Refused
from arcops.request import LiveCluster
from arcops.tier import Tier
from foundation.egress import cluster, tls
from foundation.egress.kube import KubeClient
from tasks.kubernetes.config import Access, access, bearer
from tasks.kubernetes.program import run

_RENEWED_SECONDS = 60.0
"""How often the token is read again: the kubelet replaces it while the process runs."""
_CONNECTIONS = 16


def connected(live: LiveCluster, tier: Tier, environment: Mapping[str, str]) -> KubeClient:
    """A client as *live* says. Raises `Refused` if there is no such context, or *tier* does not reach its server."""
    cluster.refuse_unreached(tier)
    found = _whole(access(live, environment), environment)
    try:
        plain = found.server.lower().startswith("http://")
        own = {"certificate": found.certificate, "key": found.key}
        context = tls.none() if plain else tls.context(found.authority, verify=found.verify, **own)
    except tls.NotUsable:
        raise Refused("TLS cannot use the certificates or the key of the kubeconfig; write them again") from None
    way = cluster.ClusterWay(
        server=found.server, tls=context, verify=found.verify, tls_name=found.tls_name, proxy=found.proxy, direct=found.direct
    )
    again = _Renewed(found.authorization, lambda: _whole(access(live, environment), environment).authorization)
    return KubeClient(tier, way, again, connections=_CONNECTIONS)


class _Renewed:
    """The header's value, read again from time to time. If it cannot be read, the one before goes on."""

    def __init__(self, first: str, read: Callable[[], str]) -> None:
        self._value, self._read = first, read
        self._at = time.monotonic()
        self._lock = threading.Lock()

    def __call__(self) -> str:
        if time.monotonic() - self._at > _RENEWED_SECONDS and self._lock.acquire(blocking=False):
            try:
                self._at = time.monotonic()
                self._value = self._read()
            except Refused:
                pass
            finally:
                self._lock.release()
        return self._value


def _whole(found: Access, environment: Mapping[str, str]) -> Access:
    """*found*, with what its program gives."""
    if found.program is None:
        return found
    gave = run(found.program, environment, lambda: None)
    header = bearer(gave.token, found.program.user)
    return replace(found, program=None, authorization=header, certificate=gave.certificate, key=gave.key)
