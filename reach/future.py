"""Pods that no manifest lists, as witnesses: the next pod of a namespace, and one for each kind of pod that a rule admits.

Two networks can treat every existing pod alike and still differ: one has lost its default deny, or admits another namespace.
So both are asked about pods that could be created. Each witness has just the labels that one selector asks for (one for each
value that it accepts), and those that another selector excludes, because such a pod may be in the one and not in the other.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from arcops.finding import Location
from arcops.seen.network import (
    NAMESPACE_NAME,
    ContainerPort,
    Label,
    NamespaceSeen,
    Network,
    Operator,
    PodSet,
    PolicySeen,
    Protocol,
    Selector,
)
from reach.doubts import LATER_LABELS

_ANY = "arcops-any"
"""A value that no rule is expected to name: it stands for every value that none names."""
_NOWHERE = "arcops-new-namespace"
KIND = "FuturePod"
"""The kind of the pods that stand for future pods; no object of Kubernetes has it."""
_AT = Location(path="")

Labels = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FuturePod:
    """A pod that could be created in the namespace *space* with these *labels*.

    ``subject``: a policy selects such pods and no others, so it is asked about like an existing pod. ``title`` is for people.
    """

    space: str
    labels: Labels
    subject: bool
    title: str


@dataclass(slots=True)
class FuturePods:
    """Those to ask both networks about, and the namespaces that only they live in, with labels."""

    found: dict[tuple[str, Labels], FuturePod] = field(default_factory=dict)
    spaces: dict[str, Labels] = field(default_factory=dict)
    ports: tuple[ContainerPort, ...] = ()

    @property
    def spaces_of(self) -> dict[str, str]:
        """The namespace of each, by its title."""
        return {one.title: one.space for one in self.found.values()}

    @property
    def wider(self) -> dict[str, tuple[str, ...]]:
        """For the title of each: those of the pods without labels in its namespace, and in a new one."""
        return {
            one.title: tuple(title for title in (_title(one.space, {}), _title(_NOWHERE, {})) if title != one.title)
            for one in self.found.values()
        }


def future_pods(networks: tuple[Network, Network], policies: Collection[PolicySeen], spaces: Collection[str]) -> FuturePods:
    """Witnesses for *policies* of both *networks*, and the next pod of each of *spaces* and of a new namespace."""
    made = FuturePods()
    known = {one.name for network in networks for one in network.namespaces}
    changed = _relabelled(networks)
    _add(made, "", {}, subject=False)
    for name in sorted(spaces):
        _add(made, name, {}, subject=False)
    barred = _barred(policies)
    pods = _by_namespace(networks)
    for policy in policies:
        if not _picks(pods, policy):
            for space in _spaces(made, policy.namespaces if not policy.namespace else None, policy.namespace, known, changed):
                for given in _models(policy.pods, barred):
                    _add(made, space, given, subject=True)
        for rule in (*policy.ingress, *policy.egress):
            for peer in rule.peers:
                if peer.block is not None or peer.domain or peer.nodes is not None:
                    continue
                for space in _spaces(made, peer.namespaces, policy.namespace, known, changed):
                    for given in _models(peer.pods or Selector(), barred):
                        _add(made, space, given, subject=False)
    shown = _existing(networks[0]) & _existing(networks[1])
    for key in [key for key in made.found if key in shown]:
        del made.found[key]  # an existing pod shows it
    made.ports = tuple(_named_ports(networks, policies))
    return made


def witness(made: FuturePods, space: str, spaces: Selector, pods: Selector) -> tuple[str, Labels] | None:
    """A pod that *pods* selects, in the namespace *space* or else in a new one that *spaces* selects, as a key of ``found``."""
    given = next(_models(pods, ()), None)
    where = space or next(_spaces(made, spaces, "", (), {}), None)
    if given is None or where is None:
        return None
    _add(made, where, given, subject=False)
    return where, tuple(sorted(given.items()))


def with_future_pods(network: Network, made: FuturePods) -> Network:
    """*network* with a pod for each of the future pods, and with their namespaces."""
    known = {one.name for one in network.namespaces}
    more = [
        NamespaceSeen(name=name, labels=tuple(Label(key=key, value=value) for key, value in given), declared=False, at=_AT)
        for name in dict.fromkeys([*made.spaces, *(one.space for one in made.found.values())])
        if name not in known
        for given in [made.spaces.get(name) or ((NAMESPACE_NAME, name),)]
    ]
    pods = [
        PodSet(
            kind=KIND,
            namespace=one.space,
            name=one.title,
            at=_AT,
            labels=tuple(Label(key=key, value=value) for key, value in one.labels),
            ports=made.ports,
        )
        for one in made.found.values()
    ]
    return replace(network, namespaces=(*network.namespaces, *more), pods=(*network.pods, *pods))


def holds(selector: Selector, given: Mapping[str, str]) -> bool:
    """Does *selector* select an object with the labels *given*?"""
    if any(given.get(one.key) != one.value for one in selector.labels):
        return False
    for asked in selector.expressions:
        value = given.get(asked.key)
        match asked.operator:
            case Operator.IN:
                well = value is not None and value in asked.values
            case Operator.NOT_IN:
                well = value is None or value not in asked.values
            case Operator.EXISTS:
                well = value is not None
            case Operator.DOES_NOT_EXIST:
                well = value is None
        if not well:
            return False
    return True


def _existing(network: Network) -> set[tuple[str, Labels]]:
    """The namespaces and labels of existing pods, without labels that controllers add."""
    return {
        (pods.namespace, tuple(sorted((one.key, one.value) for one in pods.labels if one.key not in LATER_LABELS)))
        for pods in network.pods
    }


def _by_namespace(networks: tuple[Network, Network]) -> dict[str, dict[frozenset[tuple[str, str]], dict[str, str]]]:
    """By namespace, the sets of labels that pods there have; by the empty name, those of all namespaces."""
    found: dict[str, dict[frozenset[tuple[str, str]], dict[str, str]]] = {}
    for network in networks:
        for pods in network.pods:
            given = {label.key: label.value for label in pods.labels}
            words = frozenset(given.items())
            found.setdefault(pods.namespace, {})[words] = given
            found.setdefault("", {})[words] = given
    return found


def _picks(pods: Mapping[str, Mapping[frozenset[tuple[str, str]], dict[str, str]]], policy: PolicySeen) -> bool:
    """Is there a pod that *policy* selects, by its labels and its namespace's name?"""
    return any(holds(policy.pods, given) for given in pods.get(policy.namespace, {}).values())


def _relabelled(networks: tuple[Network, Network]) -> dict[str, tuple[dict[str, str], ...]]:
    """The namespaces that do not have the same labels in both, with their labels in each."""
    labels = [
        {one.name: {label.key: label.value for label in one.labels} for one in network.namespaces} for network in networks
    ]
    names = {*labels[0], *labels[1]}
    return {
        name: tuple(given.get(name, {NAMESPACE_NAME: name}) for given in labels)
        for name in sorted(names)
        if labels[0].get(name) != labels[1].get(name)
    }


def _spaces(
    made: FuturePods,
    selector: Selector | None,
    own: str,
    known: Collection[str],
    changed: Mapping[str, tuple[dict[str, str], ...]],
) -> Iterator[str]:
    """The names of namespaces that stand for all those that *selector* means; `None` means *own*."""
    if selector is None and own:
        yield own
        return
    for given in _models(selector or Selector(), ()):
        name = given.get(NAMESPACE_NAME, "")
        if name and name != _ANY:
            made.spaces.setdefault(name, tuple(sorted(given.items())))
            yield name
        else:
            fresh = _fresh(given)
            made.spaces.setdefault(fresh, tuple(sorted({**given, NAMESPACE_NAME: fresh}.items())))
            yield fresh
    # A namespace whose labels changed may now be meant, or no longer.
    for name, both in changed.items():
        if name in known and len({holds(selector or Selector(), given) for given in both}) > 1:
            yield name


def _fresh(given: Mapping[str, str]) -> str:
    words = ",".join(f"{key}={value}" for key, value in sorted(given.items()) if key != NAMESPACE_NAME)
    return f"{_NOWHERE} {words}" if words else _NOWHERE


def _models(selector: Selector, barred: Iterable[tuple[str, str]]) -> Iterator[dict[str, str]]:
    """Labels that *selector* selects: the fewest, one set for each value that it lists, and those with each of *barred*."""
    least = {one.key: one.value for one in selector.labels}
    values = {asked.key: asked.values for asked in selector.expressions if asked.operator is Operator.IN and asked.values}
    for asked in selector.expressions:
        if asked.operator is Operator.IN and asked.values:
            least.setdefault(asked.key, next((one for one in asked.values), _ANY))
        elif asked.operator is Operator.EXISTS:
            least.setdefault(asked.key, _ANY)
    tried = [least]
    tried += [{**least, key: value} for key, found in values.items() for value in found]
    tried += [{**least, key: value} for key, value in barred if key not in least]
    seen = set()
    for given in tried:
        words = tuple(sorted(given.items()))
        if words not in seen and holds(selector, given):
            seen.add(words)
            yield given


def _barred(policies: Iterable[PolicySeen]) -> tuple[tuple[str, str], ...]:
    """The labels of pods that some selector excludes."""
    found: dict[tuple[str, str], None] = {}
    for policy in policies:
        peers = [peer.pods for rule in (*policy.ingress, *policy.egress) for peer in rule.peers]
        for selector in (policy.pods, *peers):
            for asked in selector.expressions if selector is not None else ():
                if asked.operator is Operator.NOT_IN:
                    found.update(dict.fromkeys((asked.key, value) for value in asked.values))
                elif asked.operator is Operator.DOES_NOT_EXIST:
                    found[asked.key, _ANY] = None
    return tuple(found)


def _add(made: FuturePods, space: str, given: Mapping[str, str], *, subject: bool) -> None:
    name = space or _NOWHERE
    if not space:
        made.spaces.setdefault(name, ((NAMESPACE_NAME, name),))
    key = name, tuple(sorted(given.items()))
    earlier = made.found.get(key)
    if earlier is None or (subject and not earlier.subject):
        made.found[key] = FuturePod(space=name, labels=key[1], subject=subject, title=_title(name, given))


def _title(space: str, given: Mapping[str, str]) -> str:
    labels = ",".join(f"{key}={value}" if value != _ANY else key for key, value in sorted(given.items()))
    if not space.startswith(_NOWHERE):
        where = f"in namespace {space}"
    else:
        words = space.removeprefix(_NOWHERE).strip().replace(f"={_ANY}", "")
        where = f"in a new namespace {words}".rstrip()
    return f"a new pod {labels} {where}" if labels else f"a new pod {where}"


def _named_ports(networks: tuple[Network, Network], policies: Iterable[PolicySeen]) -> Iterator[ContainerPort]:
    """The ports that rules name, with the numbers that existing pods give them: nothing else says what they may mean."""
    asked = {port.name for one in policies for rule in (*one.ingress, *one.egress) for port in rule.ports if port.name}
    numbers: dict[tuple[Protocol, str], int] = {}
    for network in networks:
        for pods in network.pods:
            for port in pods.ports:
                if port.name in asked:
                    key = port.protocol, port.name
                    numbers[key] = min(port.number, numbers.get(key, port.number))
    for (protocol, name), number in sorted(numbers.items(), key=lambda one: (one[0][0].value, one[0][1])):
        yield ContainerPort(protocol=protocol, number=number, name=name)
    for number, name in enumerate(sorted(asked - {name for _, name in numbers}), start=FIRST_UNKNOWN):
        yield ContainerPort(protocol=Protocol.TCP, number=number, name=name)


FIRST_UNKNOWN = 60001
"""Ports by a name that no pod has get numbers from here, so that a rule about them shows at all."""
