"""``GET /servers``: the servers of the cluster that the caller may see, over all namespaces, from what the operator watches.

Who calls is said by a token for the audience `AUDIENCE`, which the API server reviews (TokenReview), so that no one has to show
a token that opens the API server itself. What they may list is asked for each namespace, and what they may get, if they may not
list it, for each server by its name (SubjectAccessReview); what cannot be asked is not shown. ``?namespace=`` and ``?name=``
narrow what is looked at.
"""

from __future__ import annotations

import asyncio
import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from adapters.kube.api import Cluster, NotDone
from adapters.kube.cache import Kept, Place
from adapters.kube.kinds import ACCESS_REVIEW, SERVERS, TOKEN_REVIEW, Kind
from adapters.kube.operator import Operator
from arcops.errors import ArcOpsError
from manifests.objects import Json, inner
from services.operator.conditions import condition_in

PATH = "/servers"
AUDIENCE = "arcops-operator"
_COUNTS_SECONDS = 10.0
"""How long an answer of the API server counts: so late is a right noticed that was taken away."""
_MOST_KEPT, _MOST_TOKEN = 10_000, 16 * 1024
_MOST_NAMES = 100
"""So many servers are asked about by their names for one request; more are left out, and the answer says that it is not
whole."""
_SECONDS = 5.0
K = TypeVar("K")
V = TypeVar("V")


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who asks, as the API server says. ``id`` stands for all of it."""

    id: str
    spec: Mapping[str, object]


class Rights:
    """What callers may see, as the API server answers; each answer counts for some seconds."""

    def __init__(self, cluster: Cluster, clock: Callable[[], float] = time.monotonic) -> None:
        self._cluster, self._clock = cluster, clock
        self._lock = threading.Lock()
        self._callers: OrderedDict[str, tuple[float, Caller | None]] = OrderedDict()
        self._allowed: OrderedDict[tuple[str, str, str, str], tuple[float, bool]] = OrderedDict()

    def caller(self, token: str) -> Caller | None:
        """Who *token* names; `None` if it does not count here. Raises `NotDone` and `Unavailable`."""
        key = hashlib.sha256(token.encode()).hexdigest()
        return self._kept(self._callers, key, lambda: self._reviewed(token))

    def may_list(self, caller: Caller, kind: Kind, namespace: str) -> bool:
        """May *caller* list *kind* in *namespace*, or everywhere if that is empty? Raises as `caller`."""
        return self._may(caller, kind, "list", namespace, "")

    def may_get(self, caller: Caller, kind: Kind, place: Place) -> bool:
        """May *caller* get the one at *place*? Raises as `caller`."""
        return self._may(caller, kind, "get", *place)

    def _may(self, caller: Caller, kind: Kind, verb: str, namespace: str, name: str) -> bool:
        def ask() -> bool:
            attributes = {"verb": verb, "group": kind.group, "resource": kind.plural, "version": "*"}
            attributes |= {"namespace": namespace} if namespace else {}
            attributes |= {"name": name} if name else {}
            said = self._review(ACCESS_REVIEW, {**caller.spec, "resourceAttributes": attributes})
            return said.get("allowed") is True and said.get("denied") is not True

        return self._kept(self._allowed, (caller.id, kind.plural, namespace, name), ask)

    def _reviewed(self, token: str) -> Caller | None:
        said = self._review(TOKEN_REVIEW, {"token": token, "audiences": [AUDIENCE]})
        audiences, user = said.get("audiences"), said.get("user")
        if said.get("authenticated") is not True or not isinstance(user, dict) or not user.get("username"):
            return None
        if not isinstance(audiences, list) or AUDIENCE not in audiences:
            return None  # a token for someone else; an API server that knows no audiences says so by leaving them out
        spec = {"user": user["username"], **{name: user[name] for name in ("uid", "groups", "extra") if user.get(name)}}
        return Caller(id=hashlib.sha256(repr(sorted(spec.items())).encode()).hexdigest(), spec=spec)

    def _review(self, kind: Kind, spec: Mapping[str, object]) -> Mapping[str, Json]:
        body = {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": {}, "spec": dict(spec)}
        status = self._cluster.create(kind, "", body, seconds=_SECONDS).get("status")
        return status if isinstance(status, dict) else {}

    def _kept(self, kept: OrderedDict[K, tuple[float, V]], key: K, ask: Callable[[], V]) -> V:
        now = self._clock()
        with self._lock:
            found = kept.get(key)
        if found is not None and now - found[0] < _COUNTS_SECONDS:
            return found[1]
        value = ask()
        with self._lock:
            kept[key] = (now, value)
            kept.move_to_end(key)
            while len(kept) > _MOST_KEPT:
                kept.popitem(last=False)
        return value


def routes(operator: Operator, cluster: Cluster) -> list[BaseRoute]:
    """The route of the servers that *operator* knows, by the rights that *cluster* knows."""
    rights = Rights(cluster)

    async def servers(request: Request) -> Response:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token or len(token) > _MOST_TOKEN or not token.isascii():
            return _no(401, f"show a token for the audience {AUDIENCE} (Authorization: Bearer …)")
        try:
            caller = await asyncio.to_thread(rights.caller, token)
            if caller is None:
                return _no(401, f"the token does not count here; get one for the audience {AUDIENCE}")
            narrowed = Narrowed(namespace=request.query_params.get("namespace"), name=request.query_params.get("name"))
            found, whole = await asyncio.to_thread(_allowed, operator, rights, caller, narrowed)
        except (NotDone, ArcOpsError):
            return _no(503, "the API server does not say who you are, or what you may see; ask again")
        return JSONResponse({"servers": found, "whole": whole}, headers={"Cache-Control": "no-store"})

    return [Route(PATH, servers, methods=["GET"])]


@dataclass(frozen=True, slots=True, kw_only=True)
class Narrowed:
    """Which servers are looked at: those of this ``namespace`` and this ``name`` alone, unless they are `None`."""

    namespace: str | None = None
    name: str | None = None

    def has(self, place: Place) -> bool:
        """Is the one at *place* among them?"""
        return self.namespace in (None, place[0]) and self.name in (None, place[1])


def _allowed(operator: Operator, rights: Rights, caller: Caller, narrowed: Narrowed) -> tuple[list[dict[str, object]], bool]:
    """What *caller* may see of *narrowed*, and whether that is all of it."""
    found: list[dict[str, object]] = []
    left = _MOST_NAMES
    for kind in SERVERS:
        everywhere = rights.may_list(caller, kind, "")
        for place, one in sorted(operator.servers(kind.kind), key=lambda each: each[0]):
            if not narrowed.has(place):
                continue
            listed = everywhere or (place[0] != "" and rights.may_list(caller, kind, place[0]))
            if not listed:
                left -= 1
            if listed or (left >= 0 and rights.may_get(caller, kind, place)):
                found.append(_server(kind, place, one))
    return sorted(found, key=lambda one: (str(one["namespace"]), str(one["name"]), str(one["kind"]))), left >= 0


def _server(kind: Kind, place: Place, one: Kept) -> dict[str, object]:
    value = one.value()
    ready = condition_in(value.get("status"), "Ready")
    status = {name: inner(value, "status", name) or "" for name in ("url", "verdict", "protocolVersion", "server")}
    told: dict[str, object] = {
        "kind": kind.kind,
        "namespace": place[0],
        "name": place[1],
        "ready": ready.get("status") == "True",
    }
    return told | {"reason": ready.get("reason", ""), "transport": inner(value, "spec", "transport") or "stdio"} | status


def _no(status: int, why: str) -> Response:
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else {}
    return JSONResponse({"problem": why}, status_code=status, headers={**headers, "Cache-Control": "no-store"})
