"""Secrets of other programs, kept in memory until they expire: one question at a time for each, and few of them.

A secret that was replaced is seen when it expires, at once after `forget`, and by who asks for the `latest`. If the place is
down, what is kept counts until it expires and no longer.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass

from arcops.errors import ArcOpsError, Refused, Unavailable, told_again
from foundation.secrets.local import MOST_BYTES
from foundation.secrets.reference import Scheme, SecretRef
from foundation.secrets.source import SecretSource, Sources

MOST_KEPT = 256
REST_SECONDS = 1.0
"""How long a place that did not answer is left alone. Without it, each caller would wait for the same silence in turn."""
_EARLIER = 0.1
"""Up to this part of its time a secret expires earlier, at random, so that many hosts do not ask in the same second."""


def boot_clock() -> float:
    """Seconds that go on while the machine sleeps, so that a secret expires meanwhile."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


@dataclass(frozen=True, slots=True)
class _Kept:
    value: str
    until: float

    def __repr__(self) -> str:
        return "_Kept()"


class Secrets:
    """What *sources* have. A secret counts for as long as its place says, and at most *seconds*.

    *clock* gives seconds; *learned* is called with each secret that came, before anybody else has it.
    """

    def __init__(
        self,
        sources: Sources,
        *,
        seconds: float,
        clock: Callable[[], float] = boot_clock,
        learned: Callable[[str], object] | None = None,
    ) -> None:
        self._sources = sources
        self._seconds = seconds
        self._clock = clock
        self._learned = learned
        self._lock = threading.Lock()
        self._opened: dict[Scheme, SecretSource] = {}
        self._kept: dict[SecretRef, _Kept] = {}
        self._asked: dict[SecretRef, Future[str]] = {}
        self._silent: dict[SecretRef, tuple[float, str]] = {}

    def __repr__(self) -> str:
        return f"Secrets({len(self._kept)} kept)"

    def value(self, ref: SecretRef, what: str) -> str:
        """The secret at *ref*, named *what* in errors.

        Raises `Unavailable` if its place does not answer and what was kept has expired, and `Refused` as its place does.
        """
        with self._lock:
            kept = self._counts(ref)
            if kept is not None:
                return kept
            asking, mine = self._question(ref)
        return self._answered(ref, asking, mine, what)

    def latest(self, ref: SecretRef, what: str) -> str:
        """The secret as its place has it now; if the place does not answer, what is kept, until it expires."""
        try:
            with self._lock:
                asking, mine = self._question(ref)
            return self._answered(ref, asking, mine, what)
        except Unavailable:
            with self._lock:
                kept = self._counts(ref)
            if kept is None:
                raise
            return kept

    def forget(self, ref: SecretRef) -> None:
        """The next one who asks for *ref* gets what its place has then. An answer that is under way is not kept."""
        with self._lock:
            self._kept.pop(ref, None)
            self._asked.pop(ref, None)
            self._silent.pop(ref, None)

    def _counts(self, ref: SecretRef) -> str | None:
        """What is kept, if it has not expired; else it is dropped. Called with the lock."""
        kept = self._kept.get(ref)
        if kept is not None and self._clock() >= kept.until:
            del self._kept[ref]
            return None
        return kept.value if kept is not None else None

    def _question(self, ref: SecretRef) -> tuple[Future[str], bool]:
        """The question that is under way, or a new one and true: the caller must ask it. Called with the lock."""
        asking = self._asked.get(ref)
        if asking is not None:
            return asking, False
        until, said = self._silent.get(ref, (0.0, ""))
        if self._clock() < until:
            raise Unavailable(said)
        asking = self._asked[ref] = Future()
        return asking, True

    def _answered(self, ref: SecretRef, asking: Future[str], mine: bool, what: str) -> str:
        if not mine:
            try:
                return asking.result()
            except ArcOpsError as error:
                raise told_again(error) from None
        try:
            value, seconds = self._read(ref, what)
        except BaseException as error:
            told = (
                error if isinstance(error, ArcOpsError) else Unavailable(f"{_cannot(ref, what)}: the question was broken off")
            )
            with self._lock:
                if self._asked.get(ref) is asking:
                    del self._asked[ref]
                    if isinstance(told, Refused):
                        self._kept.pop(ref, None)  # its place says that it is not ours any more
                    if isinstance(told, Unavailable):
                        self._silent[ref] = (self._clock() + REST_SECONDS, str(told))
                        self._few(self._silent)
            asking.set_exception(told_again(told))
            raise
        with self._lock:
            if self._asked.get(ref) is asking:  # else somebody said meanwhile that it is to be forgotten
                del self._asked[ref]
                self._silent.pop(ref, None)
                self._kept.pop(ref, None)
                if seconds > 0:
                    self._kept[ref] = _Kept(value, self._clock() + seconds * (1 - _EARLIER * random.random()))  # noqa: S311
                    self._few(self._kept)
        asking.set_result(value)
        return value

    def _read(self, ref: SecretRef, what: str) -> tuple[str, float]:
        try:
            given = self._source(ref.scheme).read(ref)
            value = _usable(given.value)
        except Refused as error:
            raise Refused(f"{_cannot(ref, what)}: {error}") from None
        except Unavailable as error:
            raise Unavailable(f"{_cannot(ref, what)}: {error}") from None
        if self._learned is not None:
            self._learned(value)
        return value, self._seconds if given.seconds is None else min(given.seconds, self._seconds)

    def _source(self, scheme: Scheme) -> SecretSource:
        source = self._opened.get(scheme)
        if source is None:
            opened = self._sources[scheme]()
            with self._lock:
                source = self._opened.setdefault(scheme, opened)
        return source

    def _few(self, held: dict[SecretRef, _Kept] | dict[SecretRef, tuple[float, str]]) -> None:
        while len(held) > MOST_KEPT:
            del held[next(iter(held))]  # the one that came first


def _cannot(ref: SecretRef, what: str) -> str:
    return f"the {what} cannot be had from {ref}"


def _usable(value: str) -> str:
    """*value* without the ends of its last line, like a file's."""
    text = value.strip("\r\n")
    if not text:
        raise Refused("the secret there is empty")
    if len(text) > MOST_BYTES or len(text.encode("utf-8", "surrogatepass")) > MOST_BYTES:
        raise Refused(f"the secret there has more than {MOST_BYTES:,} bytes")
    if not _is_text(text):
        raise Refused("the secret there is not text")
    return text


def _is_text(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return "\x00" not in text
