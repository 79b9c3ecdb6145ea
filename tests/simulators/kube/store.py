"""The objects with their history (Kubernetes, "API Concepts": resource versions, watches, bookmarks, 410 Gone)."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.simulators.kube.fields import Owned, shown


class Held:
    """One object at one resource version. It is never changed: another one takes its place."""

    __slots__ = ("_bytes", "obj", "owners", "version")

    def __init__(self, obj: dict[str, Any], owners: list[Owned], version: int) -> None:
        self.obj, self.owners, self.version = obj, owners, version
        self._bytes: bytes | None = None

    def whole(self) -> dict[str, Any]:
        """With ``managedFields``."""
        if not self.owners:
            return self.obj
        return {**self.obj, "metadata": {**self.obj["metadata"], "managedFields": shown(self.owners)}}

    def data(self) -> bytes:
        if self._bytes is None:
            self._bytes = json.dumps(self.whole(), separators=(",", ":")).encode()
        return self._bytes


@dataclass(frozen=True, slots=True)
class Change:
    """``before`` is what the object was, ``after`` what it is; one of them may be missing."""

    version: int
    resource: str
    before: Held | None
    after: Held | None

    @property
    def kind(self) -> str:
        return "ADDED" if self.before is None else "DELETED" if self.after is None else "MODIFIED"


Listener = Callable[[Change], None]


@dataclass(eq=False)
class Watcher:
    """Changes of one resource that no one took yet."""

    resource: str
    queue: asyncio.Queue[Change | None]


@dataclass
class Store:
    """``kept`` is how many changes a watch may go back."""

    kept: int = 20_000
    version: int = 1000
    objects: dict[str, dict[tuple[str, str], Held]] = field(default_factory=dict)
    history: deque[Change] = field(default_factory=deque)
    forgotten: int = 1000
    watchers: set[Watcher] = field(default_factory=set)
    listeners: list[Listener] = field(default_factory=list)
    writes: int = 0

    def of(self, resource: str) -> dict[tuple[str, str], Held]:
        return self.objects.setdefault(resource, {})

    def get(self, resource: str, namespace: str, name: str) -> Held | None:
        return self.of(resource).get((namespace, name))

    def put(self, resource: str, obj: dict[str, Any], owners: list[Owned]) -> Held:
        """Keep *obj* with the next resource version."""
        self.version += 1
        self.writes += 1
        meta = {key: one for key, one in obj["metadata"].items() if key != "managedFields"}
        meta["resourceVersion"] = str(self.version)
        after = Held({**obj, "metadata": meta}, owners, self.version)
        place = (meta.get("namespace", ""), meta["name"])
        before = self.of(resource).get(place)
        self.of(resource)[place] = after
        self._tell(Change(self.version, resource, before, after))
        return after

    def remove(self, resource: str, namespace: str, name: str) -> Held | None:
        """Remove it; what is gone has the resource version of its removal, as a watch shows it."""
        before = self.of(resource).pop((namespace, name), None)
        if before is None:
            return None
        self.version += 1
        self.writes += 1
        meta = {**before.obj["metadata"], "resourceVersion": str(self.version)}
        last = Held({**before.obj, "metadata": meta}, before.owners, self.version)
        self._tell(Change(self.version, resource, last, None))
        return last

    def _tell(self, change: Change) -> None:
        self.history.append(change)
        while len(self.history) > self.kept:
            self.forgotten = self.history.popleft().version
        for one in self.watchers:
            if one.resource == change.resource:
                one.queue.put_nowait(change)
        for listen in self.listeners:
            listen(change)

    def forget(self) -> None:
        """Compact: no watch may start before now."""
        self.history.clear()
        self.forgotten = self.version

    def watch(self, resource: str, since: int | None) -> tuple[Watcher, list[Change]] | None:
        """A watcher, and what it missed after *since*; `None` if this is not known any more (410)."""
        missed: list[Change] = []
        if since is not None:
            if since < self.forgotten:
                return None
            missed = [one for one in self.history if one.version > since and one.resource == resource]
        watcher = Watcher(resource, asyncio.Queue())
        self.watchers.add(watcher)
        return watcher, missed

    def cut(self) -> None:
        """End every watch without a word."""
        for one in list(self.watchers):
            one.queue.put_nowait(None)
