"""Selectors and ports as Cilium writes them: one selector over labels of pods and of their namespaces, ports as strings."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from arcops.seen.network import NAMESPACE_NAME, Label, Operator, PortRange, Protocol, Requirement, Selector
from tasks.kubernetes.manifests.fields import Field, text_at, whole_at
from tasks.kubernetes.manifests.names import label_key, label_value, port_name
from tasks.kubernetes.manifests.policy import port_number

Tell = Callable[[Field, str], None]
"""Reports that the value of a field is not understood here."""
_NAMESPACE = "io.kubernetes.pod.namespace"
_NAMESPACE_LABELS = "io.cilium.k8s.namespace.labels."
_OTHERS = "io.cilium."
_PROXIES = ("listener", "terminatingTLS", "originatingTLS")


def endpoints(found: Field, tell: Tell) -> tuple[Selector | None, Selector] | None:
    """Namespaces (`None` if the selector says nothing about them) and pods; `None` if the selector is not understood."""
    found.only("matchLabels", "matchExpressions")
    spaces: list[Label | Requirement] = []
    pods: list[Label | Requirement] = []
    labels = found.get("matchLabels")
    for text, value in labels.members() if labels is not None else ():
        key = _key(text, value, tell)
        if key is None:
            return None
        of_namespace, name = key
        worth = value.text()
        if problem := label_value(worth):
            value.wrong(f"{worth[:80]!r} in a label: {problem}")
        (spaces if of_namespace else pods).append(Label(key=name, value=worth))
    for item in found.items("matchExpressions"):
        item.only("key", "operator", "values")
        at = item.get("key") or item
        key = _key(text_at(item.get("key")), at, tell)
        if key is None:
            return None
        of_namespace, name = key
        asked = _requirement(item, name)
        if asked is None:
            return None
        (spaces if of_namespace else pods).append(asked)
    return (_selector(spaces) if spaces else None), _selector(pods)


def _selector(asked: list[Label | Requirement]) -> Selector:
    labels = sorted(one for one in asked if isinstance(one, Label))
    return Selector(labels=tuple(labels), expressions=tuple(one for one in asked if isinstance(one, Requirement)))


def _requirement(item: Field, key: str) -> Requirement | None:
    named = text_at(item.get("operator"))
    known = {operator.value: operator for operator in Operator}
    values = tuple(one.text() for one in item.items("values"))
    if named not in known:
        item.complaints.add(item.line, f"{item.path}.operator", f"{named[:80]!r} is not one of {', '.join(known)}")
        return None
    if (known[named] in (Operator.IN, Operator.NOT_IN)) is not bool(values):
        item.complaints.add(item.line, f"{item.path}.values", f"{named} cannot be used with {len(values)} values")
        return None
    return Requirement(key=key, operator=known[named], values=tuple(dict.fromkeys(values)))


def _key(text: str, at: Field, tell: Tell) -> tuple[bool, str] | None:
    """Is the label *text* one of the namespace, and what is its name there? `None` if it is of neither namespace nor pod."""
    source, colon, rest = text.partition(":")
    if not colon:
        source, rest = "any", text
    if source in ("any", "k8s"):
        if rest == _NAMESPACE:
            return True, NAMESPACE_NAME
        if rest.startswith(_NAMESPACE_LABELS):
            return True, rest.removeprefix(_NAMESPACE_LABELS)
        if not rest.startswith((_OTHERS, "reserved.")):
            if problem := label_key(rest):
                at.wrong(f"{text[:80]!r} in a label: {problem}")
            return False, rest
    tell(at, f"ArcOps does not know which pods have the label {text[:80]!r} in Cilium")
    return None


def ports(item: Field, tell: Tell, *, denies: bool) -> tuple[PortRange, ...] | None:
    """The ports of a rule; empty for all ports; `None` if they are not understood."""
    found: list[PortRange] = []
    for group in item.items("toPorts"):
        if denies:
            group.only("ports")
        else:
            group.only("ports", "rules", "serverNames", *_PROXIES)
        for name in _PROXIES:
            proxy = group.get(name)
            if proxy is not None:
                tell(proxy, "it sends requests through a proxy, and ArcOps does not know what the proxy allows")
                return None
        listed = [one for port in group.items("ports") for one in _port(port, tell)]
        if not listed:
            tell(group, "it names no port that ArcOps understands")
            return None
        found += listed
    return tuple(found)


def _port(item: Field, tell: Tell) -> Iterator[PortRange]:
    item.only("port", "endPort", "protocol")
    at = item.get("port")
    named = text_at(item.get("protocol"), "ANY").upper() or "ANY"
    known: dict[str, Protocol | None] = {**{one.value: one for one in Protocol}, "ANY": None}
    if named not in known:
        tell(item, f"ArcOps does not know the protocol {named[:20]!r}")
        return
    if at is None:
        item.complaints.add(item.line, f"{item.path}.port", "a port needs its number or name")
        return
    text = at.text()
    if not (text.isascii() and text.isdigit()):
        if problem := port_name(text.lower()):
            at.wrong(f"{text[:80]!r}: {problem}")
        elif item.get("endPort") is not None:
            at.wrong("endPort needs a port number, not a port name")
        else:
            yield PortRange(protocol=known[named], name=text.lower())
        return
    if int(text[:6]) == 0:
        yield PortRange(protocol=known[named])
        return
    first = port_number(at, int(text[:6]))
    end_at = item.get("endPort")
    last = first
    if end_at is not None:
        last = whole_at(end_at)
        if last < first:
            end_at.wrong(f"{last} is lower than {text[:6]}, the first port of the range")
            return
        last = port_number(end_at, last)
    if first and last:
        yield PortRange(protocol=known[named], first=first, last=last)
