"""Is the data of a Secret another one than before? Asked of the data itself, when its metadata say that it may be.

A manager that holds data and changes a label only has the same entry in the metadata as after a change of the data. So the
Secret is read then, if a resource names it. Of its data nothing is kept but a digest with a key that this process has alone:
a digest without one would give away short secrets.
"""

from __future__ import annotations

import hashlib
import secrets
import threading
from collections import OrderedDict
from dataclasses import dataclass, replace

from adapters.kube.api import Cluster, Denied
from adapters.kube.cache import Kept, Place
from adapters.kube.kinds import SECRET
from adapters.kube.secret_versions import version_of
from manifests.objects import inner, text_of
from services.operator.observed import SeenSecret

MOST = 10_000


@dataclass(frozen=True, slots=True)
class _Known:
    uid: str
    seen: SeenSecret
    digest: bytes | None


class SecretData:
    """The Secrets that resources name, each with the first version that had the data of now."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster, self._key = cluster, secrets.token_bytes(32)
        self._lock = threading.Lock()
        self._known: OrderedDict[Place, _Known] = OrderedDict()

    def seen(self, place: Place, one: Kept) -> SeenSecret:
        """The Secret at *place*, which the watch keeps as *one*. Raises `NotDone` and `Unavailable`."""
        version = version_of(one)
        with self._lock:
            known = self._known.get(place)
        if known is not None and known.uid == one.uid and known.seen.version == version:
            return known.seen
        digest = self._digest(place)
        seen = SeenSecret(version=version, since=version)
        if known is not None and known.uid == one.uid and digest is not None and digest == known.digest:
            seen = replace(seen, since=known.seen.since)
        with self._lock:
            self._known[place] = _Known(one.uid, seen, digest)
            self._known.move_to_end(place)
            while len(self._known) > MOST:
                self._known.popitem(last=False)
        return seen

    def _digest(self, place: Place) -> bytes | None:
        """Of the data; `None` if it cannot be read, or is not there."""
        try:
            found = self._cluster.read(SECRET, *place)
        except Denied:
            return None  # what cannot be compared counts as changed
        if found is None:
            return None
        return hashlib.blake2b(text_of(inner(found, "data")).encode(), key=self._key).digest()
