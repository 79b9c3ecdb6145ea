"""Calico's policies and what they depend on: tiers, and sets of networks (``projectcalico.org/v3``, and
``crd.projectcalico.org/v1``, in which the API server keeps them).

Tiers decide one after the other, by their order. In a tier the policies decide by theirs, rule by rule; ``Pass`` leaves the
rest of the tier out. If policies of a tier select a pod and no rule has decided, the tier's default action does. The
NetworkPolicies of Kubernetes have the order 1000 in the tier ``default``. Tiers and sets may be in any file, so all is read
when all files are known. What has no meaning here is named, with its line.
"""

from __future__ import annotations

from collections.abc import Mapping as MappingOf
from dataclasses import dataclass, field
from itertools import product

from arcops.finding import Location
from arcops.seen.network import Complaint, Direction, NamespaceSeen, PolicySeen, PolicyTier, Selector
from tasks.kubernetes.manifests.calico_rules import NetworkSet, Scope, Unclear, known, rules_of
from tasks.kubernetes.manifests.calico_selectors import NotSelector, alternatives
from tasks.kubernetes.manifests.fields import Field, text_at
from tasks.kubernetes.manifests.names import labels
from tasks.kubernetes.manifests.nodes import Mapping, Scalar
from tasks.kubernetes.manifests.policy import block_of

GROUPS = ("projectcalico.org", "crd.projectcalico.org")
POLICIES = {"NetworkPolicy": "CalicoNetworkPolicy", "GlobalNetworkPolicy": "GlobalNetworkPolicy"}
"""The kinds of policies, and the names by which they are told from others."""
KINDS = frozenset((*POLICIES, "Tier", "NetworkSet", "GlobalNetworkSet"))
_DEFAULT = "default"
_OF_KUBERNETES = 1000
"""The order of NetworkPolicies in the tier ``default``."""
_LAST = 10**15
"""The order, in thousandths, of what has none."""
_BUILT_IN = {
    "kube-admin": (1000.0, False),
    "adminnetworkpolicy": (1000.0, False),
    _DEFAULT: (1_000_000.0, True),
    "kube-baseline": (10_000_000.0, False),
    "baselineadminnetworkpolicy": (10_000_000.0, False),
}
"""Tiers that every cluster with Calico has: their order, and whether their end denies (Calico, ``Tier``)."""
_SPEC = frozenset(
    (
        "tier",
        "order",
        "selector",
        "namespaceSelector",
        "types",
        "ingress",
        "egress",
        "performanceHints",
        "applyOnForward",
        "preDNAT",
        "doNotTrack",
    )
)
_HOSTS = ("applyOnForward", "preDNAT", "doNotTrack")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Waiting:
    """A policy that was met, and its place among the policies."""

    found: Field
    kind: str
    namespace: str
    name: str
    place: int


@dataclass(slots=True)
class Calico:
    """What was met so far."""

    _policies: list[_Waiting] = field(default_factory=list)
    _tiers: dict[str, tuple[float, bool]] = field(default_factory=lambda: dict(_BUILT_IN))
    _sets: list[NetworkSet] = field(default_factory=list)
    unread: list[Complaint] = field(default_factory=list)
    refused: list[Complaint] = field(default_factory=list)

    def take(self, found: Field, kind: str, namespace: str, name: str, place: int) -> None:
        """Keep the object at *found* until `complete`; *place* is how many policies were read before it."""
        if kind in POLICIES:
            self._policies.append(_Waiting(found=found, kind=kind, namespace=namespace, name=name, place=place))
            return
        title = f"{kind} {namespace}/{name}" if namespace else f"{kind} {name}"
        try:
            if kind == "Tier":
                self._tiers[name] = _tier(found, name)
            else:
                self._sets.append(_set(found, namespace))
        except Unclear as error:
            self.unread.append(_complaint(title, error))

    def complete(self, policies: list[PolicySeen], namespaces: MappingOf[str, NamespaceSeen]) -> None:
        """Put the policies that were met among the others, each in its place."""
        spaces = {name: one.labels for name, one in namespaces.items()}
        for one in reversed(self._policies):
            before = len(one.found.complaints.found)
            try:
                policies[one.place : one.place] = self._read(one, Scope(one.namespace, spaces, self._sets))
            except Unclear as error:
                name = f"{one.namespace}/{one.name}" if one.namespace else one.name
                self.unread.append(_complaint(f"{POLICIES[one.kind]} {name}", error))
            self.refused += one.found.complaints.found[before:]
        self._policies.clear()

    def _read(self, one: _Waiting, scope: Scope) -> list[PolicySeen]:
        spec = one.found.get("spec")
        if spec is None:
            raise Unclear("it has no spec", one.found)
        known(spec, _SPEC)
        for name in _HOSTS:
            given = spec.get(name)
            if given is not None and given.true():
                raise Unclear(f"{given.path} makes it a policy for what a node forwards", given)
        tier, stage, closes, beside = self._place(spec)
        order = _order(spec)
        if beside and order == _OF_KUBERNETES:
            at = spec.get("order") or spec
            raise Unclear("it has the order of NetworkPolicies, so their names decide which comes first", at)
        if beside and (order is None or order > _OF_KUBERNETES):
            tier = PolicyTier.LATE
        rules = {way: rules_of(spec, way, scope) for way in Direction}
        directions = _directions(spec, rules)
        chosen, spaces = spec.get("selector"), spec.get("namespaceSelector")
        if one.namespace and spaces is not None:
            raise Unclear(f"{spaces.path} is no field of a policy of one namespace", spaces)
        places: tuple[Selector | None, ...] = (None,) if one.namespace else _selected(spaces, spec, spaces=True)
        return [
            PolicySeen(
                kind=POLICIES[one.kind],
                namespace=one.namespace,
                name=one.name,
                at=one.found.at,
                tier=tier,
                pods=pods,
                namespaces=where,
                priority=_LAST if order is None else int(order * 1000),
                directions=directions,
                declared=True,
                ingress=rules[Direction.INGRESS] if Direction.INGRESS in directions else (),
                egress=rules[Direction.EGRESS] if Direction.EGRESS in directions else (),
                stage=stage,
                beside=beside,
                closes=closes and not beside,
            )
            for pods, where in product(_selected(chosen, spec), places)
        ]

    def _place(self, spec: Field) -> tuple[PolicyTier, int, bool, bool]:
        """The tier of the policy *spec* in our words, its stage, whether its end denies, and whether it is ``default``."""
        given = spec.get("tier")
        name = text_at(given) or _DEFAULT
        if name not in self._tiers:
            text = f"its Tier {name!r} is in no file, so its place among the others is not known; add it"
            raise Unclear(text, given or spec)
        ranks = {one: number for number, one in enumerate(sorted(self._tiers, key=lambda one: (self._tiers[one][0], one)))}
        rank, beside = ranks[name], name == _DEFAULT
        if rank <= ranks[_DEFAULT]:
            return PolicyTier.ADMIN, rank - ranks["kube-admin"], self._tiers[name][1], beside
        return PolicyTier.BASELINE, rank - ranks["kube-baseline"], self._tiers[name][1], beside


def _selected(given: Field | None, spec: Field, *, spaces: bool = False) -> tuple[Selector, ...]:
    try:
        return alternatives(text_at(given), spaces=spaces)
    except NotSelector as error:
        raise Unclear(str(error), given or spec) from None


def _directions(spec: Field, rules: MappingOf[Direction, tuple[object, ...]]) -> tuple[Direction, ...]:
    types = [one.text() for one in spec.items("types")]
    if set(types) - {way.value for way in Direction}:
        raise Unclear("its types are others than Ingress and Egress", spec.get("types") or spec)
    if types:
        return tuple(way for way in Direction if way.value in types)
    # As Calico's API does.
    return tuple(way for way in Direction if rules[way] or (way is Direction.INGRESS and not rules[Direction.EGRESS]))


def _tier(found: Field, name: str) -> tuple[float, bool]:
    spec = found.get("spec")
    if spec is None:
        return _BUILT_IN.get(name) or (float("inf"), True)
    known(spec, frozenset(("order", "defaultAction")))
    order, action = _order(spec), spec.get("defaultAction")
    said = text_at(action)
    if said not in ("", "Deny", "Pass"):
        raise Unclear(f"{said[:20]!r} is no default action of a tier", action or spec)
    if name in _BUILT_IN:
        if name == _DEFAULT and said == "Pass":
            raise Unclear("the end of the tier 'default' is changed, and with it what NetworkPolicies mean", action or spec)
        if order is not None and order != _BUILT_IN[name][0]:
            raise Unclear(f"the tier {name!r} has another order than Calico gives it", spec.get("order") or spec)
        return _BUILT_IN[name]
    return (float("inf") if order is None else order), said != "Pass"


def _set(found: Field, namespace: str) -> NetworkSet:
    spec = found.get("spec")
    nets = []
    if spec is not None:
        known(spec, frozenset(("nets",)))
        nets = [block for one in spec.items("nets") if (block := block_of(one, single=True)) is not None]
    return NetworkSet(namespace, labels(found.within("metadata", "labels")), tuple(nets), found.at)


def _order(spec: Field) -> float | None:
    node = spec.node.items.get("order") if isinstance(spec.node, Mapping) else None
    if node is None or (isinstance(node, Scalar) and node.value is None):
        return None
    try:
        return float(str(node.value)) if isinstance(node, Scalar) else None
    except ValueError:
        raise Unclear("its order is not a number", spec) from None


def _complaint(title: str, error: Unclear) -> Complaint:
    at = Location(path=error.found.complaints.path, line=error.found.line)
    return Complaint(at=at, about=title, field=error.found.path, text=f"this object of Calico is not understood: {error}")
