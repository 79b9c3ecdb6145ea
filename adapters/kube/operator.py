"""The operator: watches, a queue, workers and the lease, put together."""

from __future__ import annotations

import logging
import os
import random
import secrets
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime

from adapters.kube.accounting import Accounts, Ended
from adapters.kube.api import Changed, Cluster, Denied, NotDone
from adapters.kube.cache import Cache, Kept, Place, place_of
from adapters.kube.handshakes import Handshakes
from adapters.kube.issuers import Issuers
from adapters.kube.keys import ServerKey
from adapters.kube.kinds import SECRET, SERVERS, SLICE, owned
from adapters.kube.lease import DURATION, Leading, NotLeading
from adapters.kube.other_policies import POLICIES, group_of, kept_small, selected
from adapters.kube.passes import Named, Passes
from adapters.kube.queue import Queue
from adapters.kube.secret_versions import versions_alone
from adapters.kube.slices import of_service
from adapters.kube.sources import Sources
from adapters.kube.telling import Telling
from adapters.kube.watching import Watching
from arcops.errors import ArcOpsError, Unavailable
from manifests.crds.definitions import ServerKind
from manifests.objects import Json, inner
from manifests.server.names import MANAGED_LABEL, MANAGER

_log = logging.getLogger(__name__)
LEASE_NAME = "arcops-operator"
LABELS = f"{MANAGED_LABEL}={MANAGER}"
WORKERS = 4


def holder_name() -> str:
    """A name for this process that no other has."""
    return f"{os.uname().nodename[:100]}-{os.getpid()}-{secrets.token_hex(4)}"


class Operator:
    """One process of the operator; of several, one leads. ``holder`` is the name that no other process has."""

    def __init__(
        self,
        cluster: Cluster,
        sources: Sources,
        *,
        holder: str,
        accounts: Accounts | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        clock: Callable[[], float] = time.monotonic,
        workers: int = WORKERS,
        duration: float = DURATION,
    ) -> None:
        self._cluster = cluster
        self.queue = Queue(clock=clock, drawn=random.random)
        namespace = sources.site().operator_namespace
        self._cluster_namespace = sources.site().cluster_namespace
        self.lease = Leading(
            cluster,
            namespace=namespace,
            name=LEASE_NAME,
            holder=holder,
            began=self._began,
            ended=self.queue.clear,
            clock=clock,
            duration=duration,
        )
        self._named: dict[Named, set[ServerKey]] = defaultdict(set)
        self._naming: dict[ServerKey, frozenset[Named]] = {}
        self._lock = threading.Lock()
        self._servers = {one.kind: Cache(self._server_changed(one.kind)) for one in SERVERS}
        self._owned = {
            one: Cache(self._object_changed, group_of) if one.kind in POLICIES else Cache(self._object_changed)
            for one in owned(sources.site())
        }
        self._slices = Cache(self._slice_changed)
        self._secrets = {one: Cache(self._secret_changed) for one in sources.site().rotating}
        self.handshakes = Handshakes(sources, self.queue.add)
        self.issuers = Issuers(cluster, sources, self.queue.add, clock)
        self.accounts = accounts or Accounts(holder=holder, now=now)
        self.passes = Passes(
            cluster,
            sources,
            servers=self._servers,
            owned=self._owned,
            slices=self._slices,
            secrets=self._secrets,
            handshakes=self.handshakes,
            issuers=self.issuers,
            telling=Telling(cluster, instance=holder),
            accounts=self.accounts,
            allowed=self.lease.left,
            now=now,
            references=self._refers,
            clock=clock,
        )
        self.watches = [Watching(cluster, one, self._servers[one.kind]) for one in SERVERS]
        self.watches += [
            Watching(cluster, one, cache, keep=kept_small)
            if one.kind in POLICIES
            else Watching(cluster, one, cache, labels="" if one.kind == "ConfigMap" else LABELS, keep=self._keeps)
            for one, cache in self._owned.items()
        ]
        self.watches.append(Watching(cluster, SLICE, self._slices, labels=LABELS, keep=of_service))
        self.watches += [
            Watching(cluster, SECRET, cache, namespace=namespace, keep=versions_alone(cache), metadata=True)
            for namespace, cache in self._secrets.items()
        ]
        self._workers = [threading.Thread(target=self._work, name=f"worker-{n}", daemon=True) for n in range(workers)]

    @property
    def made(self) -> int:
        """How many passes came to their end."""
        return self.accounts.passes[Ended.DONE]

    @property
    def failed(self) -> int:
        """How many did not, and are made again."""
        return self.accounts.passes.total() - self.made

    def dead(self) -> str:
        """Which thread ended by itself, so that only another process goes on; empty if all of them run."""
        ended = [one.name for one in (self.lease, *self.watches, *self._workers) if one.ident and not one.is_alive()]
        return "" if self.queue.ended or not ended else f"{', '.join(ended)} ended"

    def start(self) -> None:
        """Watch, and work if this process leads."""
        for one in (*self.watches, *self._workers):
            one.start()
        self.lease.start()

    def end(self, seconds: float = 10.0) -> None:
        """Finish what is worked on, give the lease back, and stop."""
        until = time.monotonic() + seconds
        self.queue.end()
        for one in self._workers:
            one.join(max(0.0, until - time.monotonic()))
        self.lease.end()
        for watch in self.watches:
            watch.end()
        self.handshakes.end()
        self.issuers.end()
        for thread in (self.lease, *self.watches):
            thread.join(max(0.1, until - time.monotonic()))
        self._cluster.close()

    @property
    def synchronised(self) -> bool:
        """Was every kind listed?"""
        return all(one.cache.ready.is_set() for one in self.watches)

    @property
    def idle(self) -> bool:
        """Is there nothing to do?"""
        return self.lease.leads and self.synchronised and self.queue.idle

    def watched(self) -> dict[str, bool]:
        """Of each resource, can it be watched now?"""
        found: dict[str, bool] = {}
        for one in self.watches:
            found[one.kind.plural] = found.get(one.kind.plural, True) and not one.problem
        return found

    def servers(self, kind: str) -> list[tuple[Place, Kept]]:
        """The resources of this *kind* as they are watched."""
        return self._servers[kind].items()

    def problems(self) -> list[str]:
        """What cannot be watched, and why."""
        return [f"{one.kind.plural}: {one.problem}" for one in self.watches if one.problem]

    # -- from changes to keys

    def all_again(self) -> None:
        """Make a pass over everything."""
        self._began()

    def _began(self) -> None:
        for kind, cache in self._servers.items():
            for namespace, name in cache.places():
                self.queue.add(ServerKey(kind=kind, namespace=namespace, name=name))

    def _add(self, key: ServerKey) -> None:
        if self.lease.leads:
            self.queue.add(key)

    def _server_changed(self, kind: str) -> Callable[[Place, Kept | None, Kept | None], None]:
        def told(place: Place, before: Kept | None, after: Kept | None) -> None:
            self._add(ServerKey(kind=kind, namespace=place[0], name=place[1]))

        return told

    def _object_changed(self, place: Place, before: Kept | None, after: Kept | None) -> None:
        seen = [one for one in (before, after) if one is not None]
        for above, namespace in {(one.above, place[0] or self._namespace_of(one)) for one in seen if one.owner}:
            self._owner_of(above, namespace)
        for group in {one.group for one in seen if one.group}:
            if self.lease.leads:
                self._servers_in(*selected(group))

    def _namespace_of(self, one: Kept) -> str:
        """The namespace of the owner of an object of the whole cluster."""
        cache = self._servers.get(one.above[0])
        found = cache.place_of(one.owner) if cache is not None else None
        return found[0] if found is not None else ""

    def _owner_of(self, above: tuple[str, str], namespace: str) -> None:
        kind, name = above
        if kind == ServerKind.CLUSTER.value:
            self._add(ServerKey(kind=kind, namespace="", name=name))
        elif kind == ServerKind.NAMESPACED.value:
            self._add(ServerKey(kind=kind, namespace=namespace, name=name))

    def _servers_in(self, namespace: str, server: str) -> None:
        """Those whose pods are in *namespace*; with the name *server*, if it is given."""
        for kind, cache in self._servers.items():
            whole = kind == ServerKind.CLUSTER.value
            if whole and namespace != self._cluster_namespace:
                continue
            at = "" if whole else namespace
            for place in [(at, server)] if server else cache.places():
                if place[0] == at and cache.get(place) is not None:
                    self._add(ServerKey(kind=kind, namespace=at, name=place[1]))

    def _slice_changed(self, place: Place, before: Kept | None, after: Kept | None) -> None:
        for one in (before, after):
            if one is not None:
                self._owner_of(one.above, place[0])

    def _keeps(self, value: dict[str, Json]) -> bool:
        """Is *value* an object of ours? A ConfigMap of others that a resource names makes a pass, and is not kept."""
        if inner(value, "metadata", "labels", MANAGED_LABEL) == MANAGER:
            return True
        if value.get("kind") == "ConfigMap":
            self._named_changed("ConfigMap", place_of(value))
        return False

    def _secret_changed(self, place: Place, before: Kept | None, after: Kept | None) -> None:
        self._named_changed("Secret", place)

    def _named_changed(self, kind: str, place: Place) -> None:
        for key in tuple(self._named.get((kind, *place), ())):
            self._add(key)

    def _refers(self, key: ServerKey, names: frozenset[Named]) -> None:
        """*key* names the objects *names*."""
        with self._lock:
            before = self._naming.get(key, frozenset())
            for one in before - names:
                self._named[one].discard(key)
            for one in names - before:
                self._named[one].add(key)
            if names:
                self._naming[key] = names
            else:
                self._naming.pop(key, None)

    # -- work

    def _work(self) -> None:
        for watch in self.watches:
            while not watch.cache.ready.wait(0.5):
                if watch.problem or self.queue.ended:
                    break  # one kind that cannot be seen does not stop the others: its writes fail, and say so
        while (key := self.queue.take()) is not None:
            try:
                self._pass(key)
            finally:
                self.queue.done(key)

    def _pass(self, key: ServerKey) -> None:
        begun = time.monotonic()
        again, rest, ended = 0.0, 0.0, Ended.DONE
        try:
            again = self.passes.make(key)
        except NotLeading:
            return
        except Changed as error:
            ended = Ended.CHANGED
            _log.info("%s: %s", key, error)
            self.queue.failed(key)
        except NotDone as error:
            ended = Ended.DENIED if isinstance(error, Denied) else Ended.FAILED
            rest = self.queue.failed(key, error.retry_after)
            _log.warning("%s: %s; again in %.1f seconds", key, error, rest)
        except ArcOpsError as error:
            ended = Ended.FAILED
            rest = self.queue.failed(key)
            log = _log.info if isinstance(error, Unavailable) else _log.warning
            log("%s: %s; again in %.1f seconds", key, error, rest)
        except Exception:  # a fault in one resource must not end the operator
            ended = Ended.BROKEN
            _log.exception("the pass over %s broke", key)
            self.queue.failed(key)
        else:
            self.queue.succeeded(key)
            if again:
                self.queue.add_later(key, again)
        self.accounts.passed(key.kind, ended, time.monotonic() - begun)
