"""Handshakes with servers, beside the passes: a pass asks for one and goes on; when it is there, another pass is made."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from adapters.kube.keys import ServerKey
from adapters.kube.sources import Sources
from services.operator.observed import Handshake
from services.operator.resource import ServerResource

GOOD_SECONDS, BAD_SECONDS = 300.0, 5.0
"""How long an answer counts."""
_AT_ONCE = 8
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Heard:
    uid: str
    handshake: Handshake
    at: float


class Handshakes:
    """The last handshake of each server."""

    def __init__(
        self, sources: Sources, again: Callable[[ServerKey], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._sources, self._again, self._clock = sources, again, clock
        self._pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="handshake")
        self._lock = threading.Lock()
        self._heard: dict[ServerKey, _Heard] = {}
        self._asking: set[ServerKey] = set()

    def of(self, key: ServerKey, uid: str) -> Handshake | None:
        """What the server said last."""
        found = self._heard.get(key)
        return found.handshake if found is not None and found.uid == uid else None

    def want(self, key: ServerKey, resource: ServerResource, addresses: tuple[str, ...], generation: int) -> None:
        """Ask the server again if what it said is of another *generation*, or too long ago."""
        uid = resource.identity.uid
        with self._lock:
            found = self._heard.get(key)
            if found is not None and found.uid == uid and found.handshake.of == generation:
                counts = BAD_SECONDS if found.handshake.problem else GOOD_SECONDS
                if self._clock() - found.at < counts:
                    return
            if key in self._asking:
                return
            self._asking.add(key)
        self._pool.submit(self._ask, key, resource, addresses, generation)

    def _ask(self, key: ServerKey, resource: ServerResource, addresses: tuple[str, ...], generation: int) -> None:
        try:
            try:
                found = self._sources.shake(resource, addresses, generation)
            except Exception as error:  # one server's fault must not end the operator
                _log.exception("the handshake of %s failed", key)
                found = Handshake(of=generation, problem=f"it could not be asked: {type(error).__name__}")
            with self._lock:
                self._heard[key] = _Heard(resource.identity.uid, found, self._clock())
        finally:
            with self._lock:
                self._asking.discard(key)
            self._again(key)

    def forget(self, key: ServerKey) -> None:
        """The resource is gone."""
        with self._lock:
            self._heard.pop(key, None)

    def forget_all(self) -> None:
        """Ask every server again."""
        with self._lock:
            self._heard.clear()

    def end(self) -> None:
        """Ask no more."""
        self._pool.shutdown(wait=False, cancel_futures=True)
