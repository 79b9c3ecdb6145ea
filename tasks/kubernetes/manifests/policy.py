"""NetworkPolicy (``networking.k8s.io/v1``): read strictly, and refused if the API server refuses it, with the same paths.

Two forms are refused that older servers accept: leading zeros in addresses, which some read as octal, and IPv4 written as IPv6.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from functools import lru_cache

from arcops.seen.network import Block, Direction, Peer, PolicyRule, PolicySeen, PolicyTier, PortRange, Protocol, Selector
from tasks.kubernetes.manifests.fields import Field
from tasks.kubernetes.manifests.names import port_name, selector

Net = ipaddress.IPv4Network | ipaddress.IPv6Network
_SIDES = {Direction.INGRESS: ("ingress", "from"), Direction.EGRESS: ("egress", "to")}


def network_policy(found: Field, namespace: str, name: str) -> PolicySeen:
    """The policy at *found*."""
    found.only("apiVersion", "kind", "metadata", "spec", "status")
    spec = found.get("spec")
    rules: dict[Direction, tuple[PolicyRule, ...]] = dict.fromkeys(Direction, ())
    declared: tuple[Direction, ...] = ()
    pods = None
    if spec is not None:
        spec.only("podSelector", "policyTypes", "ingress", "egress")
        pods = selector(spec.get("podSelector"))
        for direction, (list_name, peers) in _SIDES.items():
            rules[direction] = tuple(_rule(item, peers) for item in spec.items(list_name))
        declared = tuple(_types(spec))
    return PolicySeen(
        kind="NetworkPolicy",
        namespace=namespace,
        name=name,
        at=found.at,
        tier=PolicyTier.NAMESPACE,
        pods=pods or Selector(),
        directions=declared
        or ((Direction.INGRESS, Direction.EGRESS) if rules[Direction.EGRESS] else (Direction.INGRESS,)),  # the server's default
        declared=bool(declared),
        ingress=rules[Direction.INGRESS],
        egress=rules[Direction.EGRESS],
    )


def _types(spec: Field) -> Iterator[Direction]:
    known = {direction.value: direction for direction in Direction}
    items = list(spec.items("policyTypes"))
    if len(items) > len(known):
        items[0].complaints.add(items[0].line, "spec.policyTypes", "there are only two types, so at most two are allowed")
    seen = set()
    for item in items:
        text = item.text()
        if text not in known:
            item.wrong(f"{text[:80]!r} is not one of {', '.join(sorted(known))}")
        elif text not in seen:
            seen.add(text)
            yield known[text]


def _rule(item: Field, peers: str) -> PolicyRule:
    item.only(peers, "ports")
    return PolicyRule(
        at=item.at,
        field=item.path,
        peers=tuple(_peer(peer) for peer in item.items(peers)),
        ports=tuple(_port(port) for port in item.items("ports")),
    )


def protocol(found: Field | None) -> Protocol:
    """The protocol at *found*; TCP if it names no protocol."""
    if found is None:
        return Protocol.TCP
    text = found.text("TCP")
    known = {one.value: one for one in Protocol}
    if text not in known:
        found.wrong(f"{text[:80]!r} is not one of {', '.join(sorted(known))}")
        return Protocol.TCP
    return known[text]


def port_number(found: Field, number: int) -> int:
    """*number*, the value at *found*, if it is a port; else 0, and the API server refuses it."""
    if 1 <= number <= 65535:
        return number
    found.wrong(f"{number} is not a port; use 1 to 65535")
    return 0


def _port(item: Field) -> PortRange:
    item.only("protocol", "port", "endPort")
    named = protocol(item.get("protocol"))
    port, end = item.get("port"), item.get("endPort")
    if port is None:
        if end is not None:
            end.wrong("endPort needs a port, the first of the range")
        return PortRange(protocol=named)
    value = port.whole_or_text()
    if isinstance(value, str):
        if problem := port_name(value):
            port.wrong(f"{value[:80]!r}: {problem}")
        if end is not None:
            end.wrong("endPort needs a port number, not a port name")
        return PortRange(protocol=named, name=value or "-")
    first = port_number(port, value)
    last = first
    if end is not None:
        last = end.whole(first)
        if last < value:
            end.wrong(f"{last} is lower than {value}, the first port of the range")
        last = port_number(end, last)
    return PortRange(protocol=named, first=first, last=last) if first and last >= first else _no_port(named)


def _no_port(named: Protocol) -> PortRange:
    """A range without any port: a value that the server refuses allows nothing, and the complaint makes the verdict RED."""
    return PortRange(protocol=named, first=1, last=0)


def _peer(item: Field) -> Peer:
    item.only("podSelector", "namespaceSelector", "ipBlock")
    pods, namespaces = selector(item.get("podSelector")), selector(item.get("namespaceSelector"))
    block_at = item.get("ipBlock")
    if pods is None and namespaces is None and block_at is None:
        item.wrong("a peer needs podSelector, namespaceSelector or ipBlock; this one has none of them")
        return Peer(at=item.at, block=Block(cidr=""))  # matches nothing
    if block_at is None:
        return Peer(at=item.at, namespaces=namespaces, pods=pods)
    if pods is not None or namespaces is not None:
        item.wrong("a peer is either pods or an ipBlock, not both")
    return Peer(at=item.at, block=_block(block_at))


def _block(found: Field) -> Block:
    found.only("cidr", "except")
    cidr_at = found.get("cidr")
    if cidr_at is None or not cidr_at.text():
        found.complaints.add(found.line, f"{found.path}.cidr", "an ipBlock needs a cidr")
        return Block(cidr="")
    whole = cidr(cidr_at)
    excepts = []
    for item in found.items("except"):
        part = cidr(item)
        if part is None:
            continue
        if whole is not None and not (part.version == whole.version and _inside(part, whole)):
            item.wrong(f"{part} is not a smaller block inside {whole}")
        excepts.append(str(part))
    return Block(cidr=str(whole) if whole is not None else "", excepts=tuple(excepts))


def _inside(part: Net, whole: Net) -> bool:
    return part.prefixlen > whole.prefixlen and part.network_address in whole


def block_of(found: Field, *, single: bool = False) -> Block | None:
    """The block at *found*; with *single*, a bare address is allowed, too. `None`, and it is refused, if it is not a block."""
    network = cidr(found, single=single)
    return Block(cidr=str(network)) if network is not None else None


def cidr(found: Field, *, single: bool = False) -> Net | None:
    """The network at *found*; `None`, and the API server refuses it, if it is not a network."""
    text = found.text()
    if single and "/" not in text:
        text = f"{text}/{128 if ':' in text else 32}"
    made = _network(text)
    if isinstance(made, str):
        found.wrong(made)
        return None
    return made


@lru_cache(maxsize=10_000)
def _network(text: str) -> Net | str:
    """The network that *text* names, or why the API server refuses it."""
    address, slash, length = text.partition("/")
    try:
        if (
            not slash
            or not length.isascii()
            or not length.isdigit()
            or (len(length) > 1 and length[0] == "0")
            or "%" in address
        ):
            raise ValueError(text)
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        return f"{text[:80]!r} is not a CIDR; write one like 10.9.8.0/24 or 2001:db8::/64"
    if isinstance(network, ipaddress.IPv6Network) and network.network_address.ipv4_mapped is not None:
        return f"{text[:80]!r} is IPv4 written as IPv6; write it as IPv4"
    return network
