"""Policies of the network plugin Cilium (``cilium.io/v2``): CiliumNetworkPolicy and CiliumClusterwideNetworkPolicy.

How they differ from a NetworkPolicy: a direction is closed by default if it has any rule, even an empty one (``{}``), which
allows nothing; ``enableDefaultDeny`` can change that; a rule that denies wins over every rule that allows; blocks of addresses
never mean pods. Rules for requests (``rules``, ``serverNames``) only narrow what their ports allow, and are not read.
Everything else that is not understood here is reported, so that it is never ignored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from arcops.finding import Location
from arcops.seen.network import Action, Block, Complaint, Direction, Peer, PolicyRule, PolicySeen, PolicyTier, Selector
from tasks.kubernetes.manifests._cilium_selectors import Tell, endpoints
from tasks.kubernetes.manifests._cilium_selectors import ports as ports_of
from tasks.kubernetes.manifests.fields import Field
from tasks.kubernetes.manifests.nodes import Sequence
from tasks.kubernetes.manifests.policy import block_of

KINDS = frozenset(("CiliumNetworkPolicy", "CiliumClusterwideNetworkPolicy"))
_SPEC = (
    "endpointSelector", "nodeSelector", "ingress", "ingressDeny", "egress", "egressDeny", "enableDefaultDeny",
    "labels", "description", "log",
)  # fmt: skip
_LISTS = {
    Direction.INGRESS: (("ingress", Action.ALLOW), ("ingressDeny", Action.DENY)),
    Direction.EGRESS: (("egress", Action.ALLOW), ("egressDeny", Action.DENY)),
}
_EVERYWHERE = ("0.0.0.0/0", "::/0")
_WORLD = {"world": _EVERYWHERE, "world-ipv4": _EVERYWHERE[:1], "world-ipv6": _EVERYWHERE[1:]}
_NODES = ("host", "remote-node", "kube-apiserver", "health", "ingress", "unmanaged", "init")


def cilium_policies(found: Field, kind: str, namespace: str, name: str) -> tuple[tuple[PolicySeen, ...], tuple[Complaint, ...]]:
    """The policies at *found*, one for each of its specs, and what in them is not understood."""
    found.only("apiVersion", "kind", "metadata", "spec", "specs", "status")
    unclear: list[Complaint] = []

    def tell(field: Field, text: str) -> None:
        at = Location(path=field.complaints.path, line=field.line)
        unclear.append(Complaint(at=at, about=field.complaints.about, field=field.path, text=text))

    listed = list(found.items("specs"))
    single = found.get("spec")
    if single is None and not listed:
        found.complaints.add(found.line, "spec", f"a {kind} needs a spec or specs")
    specs = [(name, single)] if single is not None else []
    specs += [(f"{name} specs[{number}]", one) for number, one in enumerate(listed)]
    read = (_policy(spec, kind, namespace, title, found.at, tell) for title, spec in specs)
    return tuple(one for one in read if one is not None), tuple(unclear)


def _policy(spec: Field, kind: str, namespace: str, name: str, at: Location, tell: Tell) -> PolicySeen | None:
    spec.only(*_SPEC)
    nodes, chosen = spec.get("nodeSelector"), spec.get("endpointSelector")
    if nodes is not None:
        tell(nodes, "this policy selects nodes, and ArcOps does not know what they may do")
        return None
    if chosen is None:
        spec.complaints.add(spec.line, f"{spec.path}.endpointSelector", "a Cilium policy needs an endpointSelector")
        return None
    subject = endpoints(chosen, tell)
    if subject is None:
        return None
    spaces, pods = subject
    if namespace and spaces is not None:
        tell(chosen, "a CiliumNetworkPolicy applies only to its own namespace, but this selector names namespaces")
        return None
    rules: dict[Direction, tuple[PolicyRule, ...]] = {}
    closed = spec.get("enableDefaultDeny")
    if closed is not None:
        closed.only("ingress", "egress")
    directions = []
    for direction, lists in _LISTS.items():
        rules[direction] = tuple(
            rule
            for list_name, action in lists
            for item in spec.items(list_name)
            if (rule := _rule(item, action, direction, clusterwide=not namespace, tell=tell)) is not None
        )
        said = closed.get(direction.value.lower()) if closed is not None else None
        written = any(True for list_name, _ in lists for _ in spec.items(list_name))
        if said.true() if said is not None else written:
            directions.append(direction)
    return PolicySeen(
        kind=kind,
        namespace=namespace,
        name=name,
        at=at,
        tier=PolicyTier.NAMESPACE,
        pods=pods,
        namespaces=None if namespace else spaces or Selector(),
        directions=tuple(directions),
        declared=True,
        ingress=rules[Direction.INGRESS],
        egress=rules[Direction.EGRESS],
    )


def _rule(item: Field, action: Action, direction: Direction, *, clusterwide: bool, tell: Tell) -> PolicyRule | None:
    """The rule at *item*; `None` if it allows nothing, is not understood (which is reported), or is refused."""
    side = "from" if direction is Direction.INGRESS else "to"
    members: dict[str, Callable[[Field], Iterator[Peer]]] = {
        f"{side}Endpoints": lambda one: _pods(one, clusterwide, tell),
        f"{side}CIDR": _address,
        f"{side}CIDRSet": lambda one: _block(one, tell),
        f"{side}Entities": lambda one: _entity(one, tell),
    }
    if direction is Direction.EGRESS and action is Action.ALLOW:
        members["toFQDNs"] = _name
    strange = [f"{side}Requires", f"{side}Groups", f"{side}Nodes", "icmps"]
    strange += ["toServices"] if direction is Direction.EGRESS else []
    strange += ["authentication"] if action is Action.ALLOW else []
    item.only(*members, *strange, "toPorts")
    unclear = [one for name in strange if (one := item.get(name)) is not None]
    for one in unclear:
        tell(one, f"ArcOps does not know the effect of {one.path.rpartition('.')[2]} on the rule")
    named = [name for name in members if item.get(name) is not None]
    for name in named:
        listed = item.get(name)
        if listed is not None and isinstance(listed.node, Sequence) and not listed.node.items:
            tell(listed, "an empty list means no peer in some versions of Cilium, and every peer in others")
            unclear.append(listed)
    if len(named) > 1:
        item.wrong(f"{' and '.join(named)} cannot be used in the same rule; write two rules")
        return None
    ports = ports_of(item, tell, denies=action is Action.DENY)
    if unclear or ports is None:
        return None
    if not named and not ports:  # {} closes the direction and allows nothing, the opposite of its meaning in a NetworkPolicy
        if action is Action.DENY:
            tell(item, "a deny rule without peers and ports has different meanings in different versions of Cilium")
        return None
    found = [one for name in named for field in item.items(name) for one in _or_no_peer(members[name](field), field)]
    anyone = any(one.block is not None and one.block.cidr == "*" for one in found)
    return PolicyRule(at=item.at, field=item.path, action=action, peers=() if anyone else tuple(found), ports=ports)


def _or_no_peer(peers: Iterator[Peer], field: Field) -> Iterator[Peer]:
    """*peers*, or a peer that matches nothing if none could be read: otherwise the rule would match every peer."""
    listed = list(peers)
    yield from listed or [Peer(at=field.at, block=Block(cidr=""))]


def _pods(field: Field, clusterwide: bool, tell: Tell) -> Iterator[Peer]:
    chosen = endpoints(field, tell)
    if chosen is not None:
        spaces, pods = chosen
        yield Peer(at=field.at, namespaces=spaces if spaces is not None or not clusterwide else Selector(), pods=pods)


def _address(field: Field) -> Iterator[Peer]:
    block = block_of(field, single=True)
    if block is not None:
        yield Peer(at=field.at, block=block)


def _block(field: Field, tell: Tell) -> Iterator[Peer]:
    field.only("cidr", "except", "cidrGroupRef", "cidrGroupSelector")
    for name in ("cidrGroupRef", "cidrGroupSelector"):
        elsewhere = field.get(name)
        if elsewhere is not None:
            tell(elsewhere, "the addresses are in a CiliumCIDRGroup, which ArcOps does not read")
            return
    at = field.get("cidr")
    if at is None:
        field.complaints.add(field.line, f"{field.path}.cidr", "a block of addresses needs a cidr")
        return
    whole = block_of(at)
    if whole is not None:
        excepts = (block_of(one) for one in field.items("except"))
        yield Peer(at=field.at, block=Block(cidr=whole.cidr, excepts=tuple(one.cidr for one in excepts if one is not None)))


def _entity(field: Field, tell: Tell) -> Iterator[Peer]:
    text = field.text()
    if text == "all":
        yield Peer(at=field.at, block=Block(cidr="*"))
    elif text in _WORLD:
        yield from (Peer(at=field.at, block=Block(cidr=one)) for one in _WORLD[text])
    elif text == "cluster":
        yield Peer(at=field.at, namespaces=Selector())
        yield Peer(at=field.at, nodes=Selector())
    elif text in _NODES:
        yield Peer(at=field.at, nodes=Selector())
    elif text != "none":
        tell(field, f"ArcOps does not know the entity {text[:40]!r}")


def _name(field: Field) -> Iterator[Peer]:
    field.only("matchName", "matchPattern")
    exact, pattern = field.get("matchName"), field.get("matchPattern")
    if (exact is None) == (pattern is None):
        field.wrong("a host needs exactly one of matchName and matchPattern")
        return
    text = (exact or pattern or field).text().lower().rstrip(".")
    if not text or (exact is not None and "*" in text):
        field.wrong(f"{text[:80]!r} is not a host name; write a pattern in matchPattern")
        return
    yield Peer(at=field.at, domain=text)
