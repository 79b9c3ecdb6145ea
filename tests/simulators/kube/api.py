"""The API server: from a request to its answer."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

from tests.simulators.kube import discovery, tables
from tests.simulators.kube.access import Access, Asked
from tests.simulators.kube.answers import Answer, Refusal, Request, User, not_found, of
from tests.simulators.kube.definitions import resource
from tests.simulators.kube.faults import Fault, Faults
from tests.simulators.kube.kinds import BUILT_IN, CORE_EVENTS, Resource
from tests.simulators.kube.selecting import fields_match, labels_match
from tests.simulators.kube.store import Held, Store
from tests.simulators.kube.upkeep import Upkeep
from tests.simulators.kube.writing import Writing

_WRITES = frozenset(("create", "update", "patch", "delete", "deletecollection"))
_REASONS = {429: "TooManyRequests", 500: "InternalError", 503: "ServiceUnavailable", 409: "Conflict", 403: "Forbidden",
            410: "Expired", 404: "NotFound", 504: "Timeout"}  # fmt: skip
KEYS = "/openid/v1/jwks"
_DEFINITIONS = "customresourcedefinitions.apiextensions.k8s.io"


class Api:
    """One API server with its store. ``bookmark_seconds`` is how often a watch says where it is."""

    def __init__(self, *, bookmark_seconds: float = 60.0) -> None:
        self.store = Store()
        self.access = Access(self.store)
        self.faults = Faults()
        self.token_keys: dict[str, Any] = {"keys": []}
        self.services: dict[tuple[str, str], str] = {}
        self.kinds: dict[tuple[str, str], Resource] = {(one.group, one.plural): one for one in BUILT_IN}
        self.bookmark_seconds = bookmark_seconds
        self.asked: Counter[tuple[str, str, str]] = Counter()
        self.log: list[tuple[str, str, str, str, str]] = []
        self.writing = Writing(self)
        self.upkeep = Upkeep(self)
        self.store.listeners.append(self._defined)

    def _defined(self, change: Any) -> None:
        """Serve what a definition defines, as long as there is one."""
        if change.resource != _DEFINITIONS:
            return
        spec = (change.after or change.before).obj["spec"]
        key = spec["group"], spec["names"]["plural"]
        if change.after is None:
            kind = self.kinds.pop(key, None)
            for namespace, name in list(self.store.of(kind.name)) if kind else ():
                self.store.remove(kind.name, namespace, name)
        elif change.before is None or change.before.obj["spec"] != spec:
            self.kinds[key] = resource(change.after.obj)

    async def handle(self, request: Request, certificate: str) -> Answer | None:
        """The answer; `None` ends the connection."""
        try:
            return await self._answer(request, certificate)
        except Refusal as refused:
            return refused.answer()
        except _Cut:
            return None

    async def _answer(self, request: Request, certificate: str) -> Answer:
        user = self.access.who(request.headers.get("authorization", ""), certificate)
        if user is None:
            raise Refusal(401, "Unauthorized", "Unauthorized")
        if request.path == KEYS:
            self.allowed(user, Asked(verb="get", resource=KEYS, path=KEYS))
            if "application/jwk-set+json" not in request.headers.get("accept", ""):
                raise Refusal(406, "NotAcceptable", "only the following media types are accepted: application/jwk-set+json")
            return of(self.token_keys)
        served = discovery.answered(request, self.kinds.values())
        if served is not None:
            return served
        kind, version, asked = self._read(request)
        self.asked[user.name, asked.verb, asked.resource] += 1
        self._fail(self.faults.next_for(asked, late=False))
        self.allowed(user, asked)
        if kind.virtual:
            return of(self.access.review(kind.kind, request.object(), user), 201)
        if asked.verb in _WRITES:
            if self.faults.on_write is not None and not self.faults.on_write(asked, user.name):
                raise _Cut
            answer = await self.writing.done(request, kind, version, asked, user)
            self.log.append((user.name, asked.verb, kind.name, f"{asked.namespace}/{asked.name}", asked.subresource))
            self._fail(self.faults.next_for(asked, late=True))
            return answer
        if asked.verb == "get":
            held = self.store.get(kind.name, asked.namespace, asked.name)
            if held is None:
                raise not_found(kind.group, kind.plural, asked.name)
            if asked.subresource == "scale":
                return of(scale_of(held.obj))
            return self._one(request, kind, version, held)
        return await self._many(request, kind, version, asked)

    def allowed(self, user: User, asked: Asked) -> None:
        """Note the right that *user* uses. Raises `Refusal` if it is not given."""
        self.access.used.add((user.name, asked.verb, asked.group, "/".join(filter(None, (asked.resource, asked.subresource)))))
        if self.access.may(user, asked):
            return
        what = f'{asked.resource} "{asked.name}"' if asked.name else asked.resource
        scope = f'in the namespace "{asked.namespace}"' if asked.namespace else "at the cluster scope"
        self.access.denied.append((user.name, asked.verb, asked.group, asked.resource, asked.subresource))
        raise Refusal(
            403,
            "Forbidden",
            f'{what} is forbidden: User "{user.name}" cannot {asked.verb} resource "{asked.resource}" in API group '
            f'"{asked.group}" {scope}',
            details={"name": asked.name, "group": asked.group, "kind": asked.resource},
        )

    def _fail(self, fault: Fault | None) -> None:
        if fault is None:
            return
        if not fault.status:
            raise _Cut
        reason = _REASONS.get(fault.status, "InternalError")
        raise Refusal(fault.status, reason, f"broken as planned: {fault.status}", retry_after=fault.retry_after)

    def _read(self, request: Request) -> tuple[Resource, str, Asked]:
        """The resource, its version and the verb that *request* names."""
        parts = [one for one in request.path.split("/") if one]
        group, version, rest = "", "", parts
        if parts[:1] == ["api"] and len(parts) > 2:
            group, version, rest = "", parts[1], parts[2:]
        elif parts[:1] == ["apis"] and len(parts) > 3:
            group, version, rest = parts[1], parts[2], parts[3:]
        namespace = ""
        if rest[:1] == ["namespaces"] and len(rest) > 2 and rest[2] not in ("status", "finalize"):
            namespace, rest = rest[1], rest[2:]
        kind = self.kinds.get((group, rest[0])) if rest else None
        if kind is None or version not in kind.versions or len(rest) > 3:
            raise Refusal(404, "NotFound", "the server could not find the requested resource")
        name = rest[1] if len(rest) > 1 else ""
        below = rest[2] if len(rest) > 2 else ""
        if (
            (below == "status" and not kind.status)
            or (below == "scale" and not kind.scale)
            or below not in ("", "status", "scale")
        ):
            raise Refusal(404, "NotFound", "the server could not find the requested resource")
        watching = request.query.get("watch", "") in ("1", "true")
        verb = {
            "GET": "watch" if watching else "get" if name else "list",
            "POST": "create",
            "PUT": "update",
            "PATCH": "patch",
            "DELETE": "delete" if name else "deletecollection",
        }.get(request.method, request.method.lower())
        if watching and name:
            request.query["fieldSelector"], name = f"metadata.name={name}", ""
        asked = Asked(verb=verb, group=group, resource=rest[0], subresource=below, namespace=namespace, name=name)
        return kind, version, asked

    def shown(self, kind: Resource, version: str, obj: dict[str, Any]) -> dict[str, Any]:
        """*obj* in *version*. Without a webhook the versions differ in their name alone."""
        wanted = kind.version(version)
        if kind is CORE_EVENTS:
            return _core_event(obj)
        return obj if obj.get("apiVersion") == wanted else {**obj, "apiVersion": wanted}

    def _one(self, request: Request, kind: Resource, version: str, held: Held, status: int = 200) -> Answer:
        if tables.wanted(request.headers.get("accept", "")):
            return of(tables.table(kind, version, [self.shown(kind, version, held.whole())], {}, whole=_whole(request)), status)
        if held.obj.get("apiVersion") == kind.version(version):
            return Answer(body=held.data(), status=status)
        return of(self.shown(kind, version, held.whole()), status)

    def _chosen(self, held: Held, asked: Asked, query: dict[str, str]) -> bool:
        meta = held.obj["metadata"]
        if asked.namespace and meta.get("namespace", "") != asked.namespace:
            return False
        labels = query.get("labelSelector", "")
        if labels and not labels_match(meta.get("labels") or {}, labels):
            return False
        fields = query.get("fieldSelector", "")
        return not fields or fields_match(_legacy(held.obj), fields)

    async def _many(self, request: Request, kind: Resource, version: str, asked: Asked) -> Answer:
        query = request.query
        if asked.verb == "watch":
            return self._watch(request, kind, version, asked)
        start, at = 0, self.store.version
        if query.get("continue"):
            place, _, then = query["continue"].partition("@")
            start, at = int(place), int(then)
            if at < self.store.forgotten:
                raise Refusal(410, "Expired", "The provided continue parameter is too old to display a consistent list result.")
        found = [one for _, one in sorted(self.store.of(kind.name).items()) if self._chosen(one, asked, query)]
        limit = int(query.get("limit") or 0)
        part = found[start : start + limit] if limit else found[start:]
        metadata = {"resourceVersion": str(at)}
        if limit and start + limit < len(found):
            metadata["continue"] = f"{start + limit}@{at}"
            metadata["remainingItemCount"] = len(found) - start - limit
        if tables.wanted(request.headers.get("accept", "")):
            rows = [self.shown(kind, version, one.whole()) for one in part]
            return of(tables.table(kind, version, rows, metadata, whole=_whole(request)))
        if _metadata(request):
            rows = [_partial(self.shown(kind, version, one.whole())) for one in part]
            return of(
                {"kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1", "metadata": metadata, "items": rows}
            )
        items = b",".join(self._data(kind, version, one) for one in part)
        whole = json.dumps({"kind": f"{kind.kind}List", "apiVersion": kind.version(version), "metadata": metadata})
        return Answer(body=whole[:-1].encode() + b',"items":[' + items + b"]}")

    def _data(self, kind: Resource, version: str, held: Held) -> bytes:
        if held.obj.get("apiVersion") == kind.version(version):
            return held.data()
        return json.dumps(self.shown(kind, version, held.whole()), separators=(",", ":")).encode()

    def _watch(self, request: Request, kind: Resource, version: str, asked: Asked) -> Answer:
        query = request.query
        initial = query.get("sendInitialEvents") == "true"
        since = None if initial or query.get("resourceVersion") in (None, "", "0") else int(query["resourceVersion"])
        begun = self.store.version
        opened = self.store.watch(kind.name, since)
        if opened is None:
            # As a real server does: 200, and an event that says so.
            gone = Refusal(410, "Expired", f"too old resource version: {since} ({self.store.forgotten})").status()

            async def expired() -> AsyncIterator[bytes | None]:
                yield json.dumps({"type": "ERROR", "object": gone}).encode() + b"\n"

            return Answer(stream=expired())
        watcher, missed = opened
        table = tables.wanted(request.headers.get("accept", ""))
        bookmarks = query.get("allowWatchBookmarks") == "true"
        ends = asyncio.get_running_loop().time() + float(query.get("timeoutSeconds") or 1800)

        def line(what: str, held: Held) -> bytes:
            if table:
                obj = tables.table(kind, version, [self.shown(kind, version, held.whole())], {}, whole=_whole(request))
                return json.dumps({"type": what, "object": obj}).encode() + b"\n"
            if _metadata(request):
                obj = _partial(self.shown(kind, version, held.whole()))
                return json.dumps({"type": what, "object": obj}).encode() + b"\n"
            return b'{"type":"%b","object":%b}\n' % (what.encode(), self._data(kind, version, held))

        def bookmark(at: int, annotations: dict[str, str] | None = None) -> bytes:
            meta: dict[str, Any] = {"resourceVersion": str(at), "creationTimestamp": None}
            if annotations:
                meta["annotations"] = annotations
            obj = {"kind": kind.kind, "apiVersion": kind.version(version), "metadata": meta}
            if table:
                obj = {**tables.table(kind, version, [], {"resourceVersion": str(at)}, whole=False)}
                obj["rows"] = [
                    {"cells": [], "object": {"kind": kind.kind, "apiVersion": kind.version(version), "metadata": meta}}
                ]
            return json.dumps({"type": "BOOKMARK", "object": obj}).encode() + b"\n"

        def shown(change: Any) -> bytes:
            before = change.before is not None and self._chosen(change.before, asked, query)
            after = change.after is not None and self._chosen(change.after, asked, query)
            if after:
                return line("MODIFIED" if before else "ADDED", change.after)
            if before:
                last = change.before
                if change.after is not None:  # it left the selection: its old form at the new version
                    meta = {**last.obj["metadata"], "resourceVersion": str(change.version)}
                    last = Held({**last.obj, "metadata": meta}, last.owners, change.version)
                return line("DELETED", last)
            return b""

        async def events() -> AsyncIterator[bytes | None]:
            try:
                if since is None:
                    for _, one in sorted(self.store.of(kind.name).items()):
                        if self._chosen(one, asked, query) and one.version <= begun:
                            yield line("ADDED", one)
                    if initial:
                        yield bookmark(begun, {"k8s.io/initial-events-end": "true"})
                for change in missed:
                    if part := shown(change):
                        yield part
                while (left := ends - asyncio.get_running_loop().time()) > 0:
                    try:
                        change = await asyncio.wait_for(watcher.queue.get(), min(left, self.bookmark_seconds))
                    except TimeoutError:
                        if bookmarks:
                            yield bookmark(self.store.version)
                        continue
                    if change is None:
                        yield None
                        return
                    if part := shown(change):
                        yield part
            finally:
                self.store.watchers.discard(watcher)

        return Answer(stream=events())


class _Cut(Exception):
    """The connection ends without an answer."""


def _metadata(request: Request) -> bool:
    """Are the metadata of objects wanted alone?"""
    return "as=PartialObjectMetadata" in request.headers.get("accept", "")


def _partial(obj: dict[str, Any]) -> dict[str, Any]:
    return {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": obj["metadata"]}


def _whole(request: Request) -> bool:
    return request.query.get("includeObject") == "Object"


def _legacy(obj: dict[str, Any]) -> dict[str, Any]:
    """Events are asked for by ``involvedObject`` in the old API."""
    if obj.get("kind") == "Event" and "regarding" in obj:
        return {**obj, "involvedObject": obj["regarding"]}
    return obj


def _core_event(obj: dict[str, Any]) -> dict[str, Any]:
    """An event in its older form (API reference: Event v1 core)."""
    series = obj.get("series") or {}
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": obj["metadata"],
        "involvedObject": obj.get("regarding") or {},
        "type": obj.get("type"),
        "reason": obj.get("reason"),
        "message": obj.get("note"),
        "source": {"component": obj.get("reportingController")},
        "reportingComponent": obj.get("reportingController"),
        "reportingInstance": obj.get("reportingInstance", ""),
        "eventTime": obj.get("eventTime"),
        "count": series.get("count", 1),
        "firstTimestamp": obj["metadata"]["creationTimestamp"],
        "lastTimestamp": obj["metadata"]["creationTimestamp"],
    }


def scale_of(obj: dict[str, Any]) -> dict[str, Any]:
    meta = {name: obj["metadata"].get(name) for name in ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")}
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": meta,
        "spec": {"replicas": obj["spec"].get("replicas", 1)},
        "status": {"replicas": obj.get("status", {}).get("replicas", 0)},
    }
