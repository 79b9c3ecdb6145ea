"""Keeps one cache as the API server is: list → watch with bookmarks → list again when the server forgot → and so on."""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable

from adapters.kube import cache as caches
from adapters.kube.api import Absent, Cluster, Denied, Expired, NotDone, lines
from adapters.kube.cache import Cache
from adapters.kube.kinds import Kind
from arcops.errors import ArcOpsError, Unavailable
from foundation.egress.kube import Stream
from manifests.objects import Json, inner

_log = logging.getLogger(__name__)
_MOST_REST = 30.0


class Watching(threading.Thread):
    """One kind, or its *metadata* alone, everywhere or in one namespace, with *labels*. ``problem`` says why it cannot be
    watched now.
    """

    def __init__(
        self,
        cluster: Cluster,
        kind: Kind,
        cache: Cache,
        *,
        namespace: str = "",
        labels: str = "",
        keep: Callable[[dict[str, Json]], bool] = lambda value: True,
        metadata: bool = False,
    ) -> None:
        super().__init__(name=f"watch-{kind.plural}", daemon=True)
        self._cluster, self.kind, self.cache = cluster, kind, cache
        self._namespace, self._labels, self._keep, self._metadata = namespace, labels, keep, metadata
        self._ended = threading.Event()
        self._stream: Stream | None = None
        self.problem = ""
        self.lists = 0

    def run(self) -> None:
        """Go on until the end."""
        failures = expired = 0
        version = ""
        while not self._ended.is_set():
            try:
                if not version:
                    version = self._list()
                version = self._watch(version)
                failures = expired = 0
                self._well()
            except Expired:
                version = ""
                failures = 0
                if expired:  # a server that forgets what it has just listed is not asked without a rest
                    self._ended.wait(_rest(expired))
                expired = min(expired + 1, 10)
            except (NotDone, ArcOpsError) as error:
                if isinstance(error, Absent | Denied):
                    version = ""  # after a definition came, or a right, nothing of before counts
                self._ill(str(error), quiet=isinstance(error, Unavailable) and not failures)
                least = error.retry_after if isinstance(error, NotDone) else 0.0
                self._ended.wait(max(least, _rest(failures)))
                failures = min(failures + 1, 10)

    def end(self) -> None:
        """Stop."""
        self._ended.set()
        if self._stream is not None:
            self._stream.close()

    def _list(self) -> str:
        found: list[tuple[caches.Place, caches.Kept]] = []
        following = ""
        while True:
            page = self._cluster.page(self.kind, self._namespace, self._labels, following, metadata=self._metadata)
            for value in page.items:
                value["apiVersion"], value["kind"] = self.kind.api_version, self.kind.kind  # items of a list have neither
                if self._keep(value):
                    found.append(self.cache.kept(value))
            following = page.following
            if not following:
                self.cache.replace(found, page.version)
                self.lists += 1
                self._well()
                return page.version

    def _watch(self, version: str) -> str:
        self._stream = self._cluster.watch(self.kind, self._namespace, self._labels, version, metadata=self._metadata)
        if self._ended.is_set():
            self._stream.close()
        try:
            for what, value in lines(self._stream):
                version = str(inner(value, "metadata", "resourceVersion") or version)
                if what == "BOOKMARK":
                    self.cache.at(version)
                else:
                    self.changed(value, deleted=what == "DELETED")
        except Unavailable as error:
            # What it told before counts: the next watch begins there.
            if not self._ended.is_set():
                _log.info("%s: %s", self.kind.plural, error)
                self._ended.wait(random.uniform(0.05, 0.2))  # noqa: S311
        finally:
            self._stream = None
        return version

    def changed(self, value: dict[str, Json], *, deleted: bool) -> None:
        """What is deleted, and what is ours no more by its labels, is gone; those who name it are told in any case."""
        keeps = self._keep(value)
        if keeps and not deleted:
            self.cache.heard(value)
        elif deleted or self.cache.get(caches.place_of(value)) is not None:
            self.cache.gone(value)

    def _well(self) -> None:
        if self.problem:
            _log.warning("%s are watched again", self.kind.plural)
        self.problem = ""

    def _ill(self, problem: str, *, quiet: bool) -> None:
        if problem != self.problem and not quiet:
            _log.warning("%s cannot be watched: %s", self.kind.plural, problem)
        self.problem = problem


def _rest(times: int) -> float:
    """Seconds until it is tried again, after so many *times*; not for all watches at once."""
    return min(_MOST_REST, 0.1 * 2.0**times) * random.uniform(0.75, 1.25)  # noqa: S311
