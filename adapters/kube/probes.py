"""How the operator is, at a port of its own without TLS and tokens: the kubelet has neither.

``/livez``: its threads run. ``/readyz``: every kind was listed, and what it does can be recorded. ``/metrics``: counts, without
names of resources (`adapters.kube.accounting`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from adapters.http.health import Health
from adapters.kube.operator import Operator


def probes(operator: Operator) -> ASGIApp:
    """The application that says how *operator* is."""
    tells, registry = operator.accounts.tells, operator.accounts.registry
    registry.register(_Now(operator))
    health = Health(
        alive={"threads": operator.dead},
        probes={
            "lists": lambda: "" if operator.synchronised else "not every kind was listed yet",
            "records": tells.healthy if tells is not None else str,
        },
        notes={"watches": lambda: "; ".join(operator.problems())},
        started=True,
    )

    async def metrics(request: Request) -> Response:
        encode, kind = choose_encoder(request.headers.get("accept", ""))
        body = await asyncio.to_thread(encode, registry)
        return Response(body, headers={"content-type": kind, "cache-control": "no-store"})

    return Starlette(routes=[*health.routes(), Route("/metrics", metrics, methods=["GET"])])


class _Now(Collector):
    """The state at the time of the request."""

    def __init__(self, operator: Operator) -> None:
        self._operator = operator

    def collect(self) -> Iterator[Metric]:
        yield GaugeMetricFamily("arcops_operator_leads", "Does this process write?", float(self._operator.lease.leads))
        yield GaugeMetricFamily("arcops_operator_waiting", "Resources that wait for a pass.", len(self._operator.queue))
        watched = GaugeMetricFamily("arcops_operator_watched", "Can this kind be watched?", labels=("resource",))
        for resource, well in sorted(self._operator.watched().items()):
            watched.add_metric((resource,), float(well))
        yield watched
