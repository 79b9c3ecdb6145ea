"""What the control plane does by itself: garbage collection by owner references, and emptying namespaces that end."""

from __future__ import annotations

import asyncio
import copy
from typing import TYPE_CHECKING

from tests.simulators.kube.store import Change

if TYPE_CHECKING:
    from tests.simulators.kube.api import Api


class Upkeep:
    """Garbage collection (Kubernetes, "Garbage Collection"), in the background of each removal. With ``collects`` off, and with
    ``holds`` on, objects and namespaces stay.
    """

    def __init__(self, api: Api) -> None:
        self._api = api
        self._owned: dict[str, set[tuple[str, str, str]]] = {}
        self.uids: set[str] = set()
        self.collects = True
        self.holds = False
        self.kubelet = False
        api.store.listeners.append(self._changed)

    def _changed(self, change: Change) -> None:
        if change.after is not None:
            meta = change.after.obj["metadata"]
            place = change.resource, meta.get("namespace", ""), meta["name"]
            self.uids.add(meta["uid"])
            references = meta.get("ownerReferences") or ()
            for one in references:
                self._owned.setdefault(one["uid"], set()).add(place)
            if change.before is None and references and not any(one["uid"] in self.uids for one in references):
                asyncio.get_running_loop().call_soon(self._collect, references[0]["uid"])
            if change.resource == "namespaces" and meta.get("deletionTimestamp") and not self.holds:
                asyncio.get_running_loop().call_soon(self.empty, meta["name"])
            return
        assert change.before is not None
        uid = change.before.obj["metadata"]["uid"]
        self.uids.discard(uid)
        if uid in self._owned:
            asyncio.get_running_loop().call_soon(self._collect, uid)

    def _collect(self, uid: str) -> None:
        if not self.collects:
            return
        for resource, namespace, name in self._owned.pop(uid, set()):
            held = self._api.store.get(resource, namespace, name)
            if held is None:
                continue
            references = held.obj["metadata"].get("ownerReferences") or []
            left = [one for one in references if one["uid"] in self.uids]
            if not left:
                kind = next(one for one in self._api.kinds.values() if one.name == resource)
                self._api.writing.delete(kind, namespace, name)

    def orphan(self, uid: str) -> None:
        for resource, namespace, name in self._owned.pop(uid, set()):
            held = self._api.store.get(resource, namespace, name)
            if held is not None:
                obj = copy.deepcopy(held.obj)
                obj["metadata"]["ownerReferences"] = [one for one in obj["metadata"]["ownerReferences"] if one["uid"] != uid]
                self._api.store.put(resource, obj, held.owners)

    def empty(self, namespace: str) -> None:
        """Delete all that is in *namespace*, and then itself."""
        for kind in list(self._api.kinds.values()):
            if kind.namespaced:
                for place, name in list(self._api.store.of(kind.name)):
                    if place == namespace:
                        self._api.writing.delete(kind, place, name)
        left = any(
            place == namespace
            for kind in self._api.kinds.values()
            if kind.namespaced
            for place, _ in self._api.store.of(kind.name)
        )
        if left:
            asyncio.get_running_loop().call_later(0.1, self.empty, namespace)
        else:
            self._api.store.remove("namespaces", "", namespace)
