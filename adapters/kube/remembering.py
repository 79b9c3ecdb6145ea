"""What the last passes read and made, so that the next pass over the same resource need not do it again.

Nothing is decided by it: a pass without it comes to the same. It holds what was used last, and forgets the rest.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from adapters.kube.keys import ServerKey
from manifests.objects import Json
from services.operator.reconcile import Made
from services.operator.resource import Problems, ServerResource, parse

MOST = 2048
"""Some 20 kB each."""


@dataclass(slots=True)
class _Last:
    said: bytes
    resource: ServerResource | Problems
    made: Made | None = None


class Remembering:
    """The last pass over each resource."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._last: OrderedDict[ServerKey, _Last] = OrderedDict()

    def __len__(self) -> int:
        return len(self._last)

    def read(self, key: ServerKey, value: Mapping[str, Json]) -> ServerResource | Problems:
        """What *value* says, as `parse` does. Its status and its version say nothing of what is wanted."""
        metadata = value.get("metadata")
        of = {name: one for name, one in metadata.items() if name != "resourceVersion"} if isinstance(metadata, Mapping) else {}
        said = msgspec.json.encode({**value, "metadata": of, "status": None})
        with self._lock:
            found = self._last.get(key)
            if found is not None and found.said == said:
                self._last.move_to_end(key)
                return found.resource
        read = parse(value)
        with self._lock:
            self._last[key] = _Last(said, read)
            self._last.move_to_end(key)
            if len(self._last) > self._most:
                self._last.popitem(last=False)
        return read

    def made(self, key: ServerKey) -> Made | None:
        """What was made of what `read` gave last, `None` if another was read since or it is forgotten."""
        found = self._last.get(key)
        return found.made if found is not None else None

    def keep(self, key: ServerKey, made: Made | None) -> None:
        """This was made now."""
        with self._lock:
            if (found := self._last.get(key)) is not None:
                found.made = made

    def forget(self, key: ServerKey) -> None:
        """The resource is gone."""
        with self._lock:
            self._last.pop(key, None)
