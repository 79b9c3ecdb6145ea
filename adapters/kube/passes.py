"""One pass over one resource: what is seen, what the pure pass wants, and the writes, each only while this process leads."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Protocol

from adapters.kube.accounting import Accounts, Wrote
from adapters.kube.api import MANAGER, SECONDS, Absent, Changed, Cluster, Denied, NotDone
from adapters.kube.cache import Cache, Kept, controller
from adapters.kube.handshakes import Handshakes
from adapters.kube.issuers import Issuers
from adapters.kube.keys import ServerKey
from adapters.kube.kinds import SERVERS, Kind
from adapters.kube.other_policies import POLICIES, groups_about, own_policies
from adapters.kube.remembering import Remembering
from adapters.kube.secret_data import SecretData
from adapters.kube.sources import Sources
from adapters.kube.steps import Steps
from adapters.kube.telling import Telling
from arcops.errors import Broken
from manifests.objects import Json, KubeObject, ObjectName, Thawed, inner, thawed
from manifests.server.names import MANAGED_LABEL
from manifests.server.names import MANAGER as LABELLED
from manifests.server.spec import ServerType
from services.operator.adding import added, removal
from services.operator.conditions import condition_in
from services.operator.needs import issuer_to_fetch, needs
from services.operator.observed import Child, Handshake, Observed, SeenConfigMap, SeenSecret
from services.operator.planning import namespace_of
from services.operator.readiness import rolled_out
from services.operator.reconcile import Event, Outcome, Weight, reconcile, unchanged
from services.operator.resource import Problems, ServerResource

_log = logging.getLogger(__name__)
_KINDS = {one.kind: one for one in SERVERS}
Named = tuple[str, str, str]
"""Kind, namespace and name of an object of others that a resource names."""


class Allowed(Protocol):
    """How many seconds this process may still write."""

    def __call__(self) -> float:
        """Raises `NotLeading` after the last one."""


class Passes:
    """Makes passes. ``servers`` are the caches of the resources by kind, ``owned`` those of their objects, ``slices`` that of
    EndpointSlices, ``secrets`` those of the versions of Secrets by namespace. ``references`` hears what a resource names.
    """

    def __init__(
        self,
        cluster: Cluster,
        sources: Sources,
        *,
        servers: Mapping[str, Cache],
        owned: Mapping[Kind, Cache],
        slices: Cache,
        secrets: Mapping[str, Cache],
        handshakes: Handshakes,
        issuers: Issuers,
        telling: Telling,
        accounts: Accounts,
        allowed: Allowed,
        now: Callable[[], datetime],
        references: Callable[[ServerKey, frozenset[Named]], None] = lambda key, names: None,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._sleep = sleep
        self._steps, self._last = Steps(clock), Remembering()
        self._cluster, self._sources, self._servers, self._owned = cluster, sources, servers, owned
        self._by_kind = {(one.api_version, one.kind): one for one in owned}
        self._slices, self._secrets, self._telling = slices, secrets, telling
        self._secret_data = SecretData(cluster)
        self._handshakes, self._issuers, self._accounts = handshakes, issuers, accounts
        self._allowed, self._now, self._references = allowed, now, references

    def make(self, key: ServerKey) -> float:
        """Make one; gives after how many seconds to look again without news, 0 for never."""
        found = self._servers[key.kind].get((key.namespace, key.name))
        if found is None:
            self._handshakes.forget(key)
            self._issuers.forget(key)
            self._accounts.forget(key)
            self._steps.forget(key)
            self._last.forget(key)
            self._references(key, frozenset())
            self._sweep()
            return 0.0
        value = found.value()
        if inner(value, "metadata", "deletionTimestamp"):
            return 0.0  # its objects go with it; there is nothing left to do
        resource = self._last.read(key, value)
        observed = self._observed(key, found, value, resource)
        now = self._now()
        outcome = self._wanted(key, resource, observed, now)
        unknown = {one.name for one in outcome.writes} - observed.children.keys()
        if unknown and (found_there := self._looked_up(unknown)):
            observed = replace(observed, children={**observed.children, **found_there})
            outcome = self._wanted(key, resource, observed, now)
        try:
            self._carry_out(key, value, resource, observed, outcome)
        except Denied as denied:
            self._accounts.stands(key, outcome, denied="WriteDenied")
            self._steps.forget(key)
            self._say(key, value, found, outcome, now, problem=str(denied))
            raise
        self._accounts.stands(key, outcome)
        if (rest := self._steps.rest(key, found.uid, outcome, observed.status)) > 0:
            return min(rest, outcome.look_again_seconds)
        self._say(key, value, found, outcome, now)
        return outcome.look_again_seconds

    def _wanted(self, key: ServerKey, resource: ServerResource | Problems, observed: Observed, now: datetime) -> Outcome:
        before = self._last.made(key)
        outcome = reconcile(resource, observed, self._sources.site(), self._sources.verdicts(), now, before)
        self._last.keep(key, outcome.made)
        return outcome

    def _sweep(self) -> None:
        """Remove what no garbage collector does: objects of the whole cluster whose resource, of a namespace, is gone."""
        if not all(one.ready.is_set() for one in self._servers.values()):
            return
        for kind, cache in self._owned.items():
            for (_, name), one in cache.items() if not kind.namespaced else ():
                if one.owner and not any(servers.place_of(one.owner) for servers in self._servers.values()):
                    self._cluster.delete(kind, "", name, one.uid, seconds=self._seconds())

    # -- what is seen

    def _observed(
        self, key: ServerKey, found: Kept, value: Mapping[str, Json], resource: ServerResource | Problems
    ) -> Observed:
        children = {}
        for kind, cache in self._owned.items():
            for (namespace, name), one in cache.owned(found.uid):
                place = ObjectName(api_version=kind.api_version, kind=kind.kind, namespace=namespace, name=name)
                children[place] = _child(place, one.value())
        status = value.get("status")
        observed = Observed(children=children, status=status if isinstance(status, Mapping) else {})
        if isinstance(resource, Problems):
            return observed
        namespace = namespace_of(resource.identity, self._sources.site())
        named = needs(resource)
        secrets = self._secrets.get(namespace)
        told = {("ConfigMap", namespace, name) for name in named.config_maps}
        told |= {("Secret", namespace, name) for name in named.secrets if secrets is not None}
        self._references(key, frozenset(told))
        seen = ((name, self._config_map(namespace, name)) for name in sorted(named.config_maps))
        observed = replace(
            observed,
            config_maps={name: one for name, one in seen if one is not None},
            secrets=self._versions(secrets, namespace, named.secrets) if secrets is not None else {},
            policies=self._policies(namespace, resource.identity.name, children),
            handshake=self._handshake(key, resource, children, namespace),
        )
        return self._with_keys(key, resource, observed)

    def _versions(self, cache: Cache, namespace: str, names: frozenset[str]) -> Mapping[str, SeenSecret] | None:
        """The Secrets *names*; `None` if none was seen yet."""
        if not cache.ready.is_set():
            return None
        there = ((name, cache.get((namespace, name))) for name in sorted(names))
        return {name: self._secret_data.seen((namespace, name), one) for name, one in there if one is not None}

    def _policies(
        self, namespace: str, server: str, children: Mapping[ObjectName, Child]
    ) -> tuple[Mapping[str, Json], ...] | None:
        """The network policies in *namespace* that may select pods of the *server*, except its own among its *children*;
        `None` if some were not seen yet.
        """
        kinds = {kind: cache for kind, cache in self._owned.items() if kind.kind in POLICIES}
        if not all(one.ready.is_set() for one in kinds.values()):
            return None
        own, found = frozenset(own_policies(children, server)), list[Mapping[str, Json]]()
        for kind, cache in kinds.items():
            for group in groups_about(namespace, server):
                for (_, name), one in cache.within(group):
                    place = ObjectName(api_version=kind.api_version, kind=kind.kind, namespace=namespace, name=name)
                    if place not in own:
                        found.append(one.value())
        return tuple(found)

    def _with_keys(self, key: ServerKey, resource: ServerResource, observed: Observed) -> Observed:
        issuer = issuer_to_fetch(resource, observed, self._sources.site())
        if issuer is None:
            self._issuers.forget(key)
            return observed
        text, problem = self._issuers.of(key, issuer)
        return replace(observed, key_sets={issuer.issuer: text} if text else {}, key_problem=problem)

    def _config_map(self, namespace: str, name: str) -> SeenConfigMap | None:
        kind = next(one for one in self._owned if one.kind == "ConfigMap")
        found = self._cluster.read(kind, namespace, name)
        if found is None:
            return None
        data = found.get("data")
        texts = {str(one): str(text) for one, text in data.items()} if isinstance(data, Mapping) else {}
        return SeenConfigMap(resource_version=str(inner(found, "metadata", "resourceVersion")), data=texts)

    def _handshake(
        self, key: ServerKey, resource: ServerResource, children: Mapping[ObjectName, Child], namespace: str
    ) -> Handshake | None:
        uid = resource.identity.uid
        if resource.spec.type is ServerType.REMOTE:
            self._handshakes.want(key, resource, (), resource.identity.generation)
            return self._handshakes.of(key, uid)
        for name, child in children.items():
            if name.kind != "Deployment":
                continue
            generation = inner(child.live, "metadata", "generation")
            seen = inner(child.live, "status", "observedGeneration")
            if isinstance(generation, int) and seen == generation and rolled_out(child):
                addresses = self._addresses(namespace, name.name)
                if addresses:
                    self._handshakes.want(key, resource, addresses, generation)
        return self._handshakes.of(key, uid)

    def _addresses(self, namespace: str, service: str) -> tuple[str, ...]:
        """The addresses of ready pods, by the EndpointSlices of the *service*."""
        found: list[str] = []
        for (_, _), one in self._slices.owned(f"{namespace}/{service}"):
            endpoints = one.value().get("endpoints")
            for end in endpoints if isinstance(endpoints, list) else ():
                if inner(end, "conditions", "ready") is True:
                    addresses = inner(end, "addresses")
                    found += [str(at) for at in addresses] if isinstance(addresses, list) else []
        return tuple(sorted(found))

    def _looked_up(self, names: set[ObjectName]) -> dict[ObjectName, Child]:
        """Those of *names* that are there though no watch shows them: of others, or without our label."""
        found = {}
        for name in names:
            kind = self._kind(name)
            value = self._cluster.read(kind, name.namespace, name.name)
            if value is not None:
                found[name] = _child(name, value)
        return found

    # -- what is written

    def _carry_out(
        self,
        key: ServerKey,
        value: Mapping[str, Json],
        resource: ServerResource | Problems,
        observed: Observed,
        outcome: Outcome,
    ) -> None:
        uid = str(inner(value, "metadata", "uid"))
        for one in outcome.writes:
            there = observed.children.get(one.name)
            with self._accounts.writing(key, one.name) as wrote:
                self._apply(one, there, uid)
                wrote(Wrote.CREATED if there is None else Wrote.PUT_BACK if unchanged(one, there) else Wrote.CHANGED)
        for gone in outcome.deletions:
            kind = self._kind(gone.name)
            with self._accounts.writing(key, gone.name) as wrote:
                self._cluster.delete(kind, gone.name.namespace, gone.name.name, gone.uid, seconds=self._seconds())
                wrote(Wrote.DELETED)

    def _apply(self, wanted: KubeObject, there: Child | None, owner: str) -> None:
        """Apply *wanted*: over all other managers if the object is ours, over no one if it is new."""
        name, kind = wanted.name, self._kind(wanted.name)
        body: dict[str, Thawed] | bytes = wanted.text.encode()
        if there is not None:
            if there.owner != owner:
                raise Broken(f"{name} is not ours, and would have been written")
            body = wanted.value
            metadata = body["metadata"]
            assert isinstance(metadata, dict)  # noqa: S101
            metadata["uid"] = there.uid  # of this object, and of no other that has its name by now
        done = self._cluster.apply(kind, name.namespace, name.name, body, force=there is not None, seconds=self._seconds())
        if there is None and not done.created and not self._only_ours(done.value):
            # Between our look and our write someone else created it. Take back what we applied; it stays theirs.
            bare = {"apiVersion": name.api_version, "kind": name.kind, "metadata": {"name": name.name}}
            self._cluster.apply(kind, name.namespace, name.name, bare, force=False, seconds=self._seconds())
            raise _Taken(name)
        value = self._without_additions(kind, wanted, done.value)
        self._owned[kind].wrote(dict(value))

    def _without_additions(self, kind: Kind, wanted: KubeObject, value: Mapping[str, Json]) -> Mapping[str, Json]:
        """Take away what others added to the object, which an apply leaves alone. Raises `Denied` if it comes back at once."""
        prefixes, said = self._sources.site().allowed_prefixes, wanted.value
        patch = removal(value, said, prefixes)
        if not patch:
            return value
        name, uid = wanted.name, inner(value, "metadata", "uid")
        exactly = {**patch, "metadata": {"uid": uid}}
        value = self._cluster.patch(kind, name.namespace, name.name, exactly, seconds=self._seconds())
        if again := added(value, said, prefixes):
            raise _Added(name, again[0])
        return value

    @staticmethod
    def _only_ours(value: Mapping[str, Json]) -> bool:
        managers = inner(value, "metadata", "managedFields")
        return isinstance(managers, list) and all(inner(one, "manager") == MANAGER for one in managers)

    def _say(
        self, key: ServerKey, value: dict[str, Json], found: Kept, outcome: Outcome, now: datetime, *, problem: str = ""
    ) -> None:
        """Write the status, and tell the events."""
        status, events, changed = outcome.status, outcome.events, outcome.status_changed
        if problem:
            status, changed = _denied(outcome.status, value, problem, now)
            events = (Event(weight=Weight.WARNING, reason="WriteDenied", text=problem),) if changed else ()
        if changed:
            metadata: dict[str, object] = {"name": key.name, "uid": found.uid}
            if key.namespace:
                metadata["namespace"] = key.namespace
            kind = _KINDS[key.kind]
            body = {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": metadata, "status": thawed(status)}
            try:
                done = self._cluster.apply(
                    kind, key.namespace, key.name, body, force=True, below="status", seconds=self._seconds()
                )
            except Absent:
                return  # it was deleted meanwhile
            self._servers[key.kind].wrote(dict(done.value))
        for event in events:
            try:
                self._telling.tell(value, event, now, seconds=self._seconds())
            except NotDone as error:
                _log.info("an event about %s was not told: %s", key, error)

    def _kind(self, name: ObjectName) -> Kind:
        found = self._by_kind.get((name.api_version, name.kind))
        if found is None:
            raise Broken(f"the operator does not know how to write {name} of {name.api_version}")
        return found

    def _seconds(self) -> float:
        """How long the next write may take. Raises `NotLeading`; waits if the server asked for that."""
        self._allowed()
        while (rest := self._cluster.resting()) > 0:
            self._sleep(rest)
        return min(SECONDS, self._allowed())


class _Taken(Changed):
    """An object of another one has our name."""

    def __init__(self, name: ObjectName) -> None:
        Exception.__init__(self, f"{name} was created by another one meanwhile")
        self.status, self.reason, self.retry_after = 409, "Conflict", 0.0


class _Added(Denied):
    """Something adds to an object what may not stay there."""

    def __init__(self, name: ObjectName, field: str) -> None:
        text = f"{name} got {field} from someone else as soon as it was written, such as a webhook, and that may open it"
        Exception.__init__(self, f"{text}; make an exception for objects with the label {MANAGED_LABEL}={LABELLED} there")
        self.status, self.reason, self.retry_after = 403, "Forbidden", 0.0


def _child(name: ObjectName, value: dict[str, Json]) -> Child:
    return Child(
        name=name,
        uid=str(inner(value, "metadata", "uid")),
        owner=controller(value)[1],
        resource_version=str(inner(value, "metadata", "resourceVersion")),
        live=value,
    )


def _denied(
    status: Mapping[str, Json], value: Mapping[str, Json], problem: str, now: datetime
) -> tuple[Mapping[str, Json], bool]:
    """The *status* of a resource whose objects the API server does not let us write."""
    before = condition_in(value.get("status"), "Ready")
    same = before.get("status") == "False" and before.get("reason") == "WriteDenied" and before.get("message") == problem
    since = before.get("lastTransitionTime") if before.get("status") == "False" else None
    made: list[Json] = []
    told = status.get("conditions")
    for one in told if isinstance(told, list | tuple) else ():
        if isinstance(one, Mapping) and one.get("type") == "Ready":
            one = {
                **one, "status": "False", "reason": "WriteDenied", "message": problem,
                "lastTransitionTime": since or f"{now:%Y-%m-%dT%H:%M:%SZ}",
            }  # fmt: skip
        made.append(one)
    kept = {name: one for name, one in status.items() if name != "url"}
    return {**kept, "conditions": made}, not same
