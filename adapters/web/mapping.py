"""The map of a network, drawn from the evidence in the store, and never from files, which may have changed since."""

from __future__ import annotations

import threading
from collections import OrderedDict

from adapters.web.asked import digest
from adapters.web.replies import Problem, Reply
from adapters.web.showing import Asked, owner_of
from adapters.web.words import short
from arcops.errors import Refused, Unavailable
from arcops.seen.declared import Declared
from capabilities.kept import ChangedBytes, kept_bytes
from capabilities.network.map import BODIES, drawn, kept_network
from capabilities.patience import patient
from capabilities.place import Place
from reach.drawing import STYLE_DIGEST

KINDS = frozenset(BODIES)
"""Kinds of evidence that have a map."""
PATIENCE = 10.0
"""Seconds to wait for a turn: a large network takes a core for seconds."""
_DRAWING = threading.BoundedSemaphore(2)
_POLICY = f"default-src 'none'; style-src 'sha256-{STYLE_DIGEST}'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
"""What a drawing may do when it is opened by itself: use the one style that every drawing has."""


def evidence_map(asked: Asked) -> Reply:
    """The map of the network in one evidence body."""
    digest(asked.digest, "evidence")
    owner, record = owner_of(asked)
    kind = record.kind if record is not None else "network"
    name = owner.report.subject.name if owner is not None and owner.report is not None else short(asked.digest)
    name = f"{name}, as declared" if kind == Declared.KIND else name
    try:
        svg = _drawn(asked.digest, kind, name, asked.at)
    except ChangedBytes as error:
        raise Problem(
            409, "These bytes were changed", f"{error}.", "Run 'arcops store check' to see what else changed."
        ) from error
    except Refused as error:
        raise Problem(
            404, "There is no map of this", f"{error}.", "Open the evidence itself, or choose it from a list."
        ) from error
    return Reply(body=svg, kind="image/svg+xml; charset=utf-8", more={"Content-Security-Policy": _POLICY})


class _Maps:
    """The last drawings. They are named by the content of their evidence, so they never become outdated."""

    def __init__(self, most: int) -> None:
        self._known: OrderedDict[tuple[str, str, str], bytes] = OrderedDict()
        self._lock = threading.Lock()
        self._most = most

    def get(self, key: tuple[str, str, str]) -> bytes | None:
        with self._lock:
            if key in self._known:
                self._known.move_to_end(key)
            return self._known.get(key)

    def put(self, key: tuple[str, str, str], svg: bytes) -> None:
        with self._lock:
            self._known[key] = svg
            while len(self._known) > self._most:
                self._known.popitem(last=False)


_MAPS = _Maps(most=16)


def _drawn(evidence: str, kind: str, name: str, at: Place) -> bytes:
    """The drawing, made once. The bytes that it is made from are checked each time, even if the drawing is kept."""
    known = _MAPS.get((evidence, kind, name))
    if known is not None:
        kept_bytes(evidence, at)
        return known
    if not _DRAWING.acquire(timeout=PATIENCE):
        raise Unavailable("too many maps are being drawn now")
    try:
        with patient(at):
            svg = drawn(kept_network(kind, evidence, at), name).svg.encode()
    finally:
        _DRAWING.release()
    _MAPS.put((evidence, kind, name), svg)
    return svg
