"""The address of a Service: connections go to its ready pods, one client's to the same pod if the Service says so
(Kubernetes, "Virtual IPs and Service Proxies").
"""

from __future__ import annotations

import asyncio
import itertools
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from tests.simulators.kube.kubelet import _pump

if TYPE_CHECKING:
    from tests.simulators.kube.api import Api

SLICES = "endpointslices.discovery.k8s.io"


class Balancer:
    """Listens for one Service."""

    def __init__(self, api: Api, namespace: str, name: str) -> None:
        self._api, self._namespace, self._name = api, namespace, name
        self._turn = itertools.count()
        self._chosen: dict[str, str] = {}
        self.sent: list[str] = []

    def ends(self) -> list[str]:
        """The ready pods with their port."""
        found = []
        for (namespace, _), held in self._api.store.of(SLICES).items():
            labels = held.obj["metadata"]["labels"]
            if namespace == self._namespace and labels.get("kubernetes.io/service-name") == self._name:
                port = held.obj["ports"][0]["port"]
                found += [f"{one['addresses'][0]}:{port}" for one in held.obj["endpoints"] if one["conditions"]["ready"]]
        return sorted(found)

    def choose(self, client: str) -> str:
        """The pod for a connection of *client*; empty without one."""
        ends = self.ends()
        if not ends:
            return ""
        service = self._api.store.get("services", self._namespace, self._name)
        sticky = service is not None and service.obj["spec"].get("sessionAffinity") == "ClientIP"
        if sticky and self._chosen.get(client) in ends:
            return self._chosen[client]
        chosen = ends[next(self._turn) % len(ends)]
        self._chosen[client] = chosen
        return chosen

    async def entered(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Lead one connection to a pod."""
        end = self.choose(writer.get_extra_info("peername")[0])
        self.sent.append(end)
        host, _, port = end.rpartition(":")
        try:
            there: Any = await asyncio.open_connection(host, int(port or 0))
        except (OSError, ValueError):
            writer.transport.abort()
            return
        with suppress(ConnectionError):
            await asyncio.gather(_pump(reader, there[1]), _pump(there[0], writer))
