"""EgressFirewalls of OVN-Kubernetes (``k8s.ovn.org``) and EgressNetworkPolicies of OpenShift SDN (``network.openshift.io``).

Each is for all pods of its namespace and for addresses outside alone: the first rule that names an address decides, and what no
rule names is allowed. What it allows must be allowed by NetworkPolicies, too, so here its ``Allow`` passes the question on.
"""

from __future__ import annotations

from collections.abc import Iterator

from arcops.seen.network import Action, Block, Direction, Peer, PolicyRule, PolicySeen, PolicyTier, PortRange, Selector
from tasks.kubernetes.manifests.fields import Field, text_at
from tasks.kubernetes.manifests.names import selector
from tasks.kubernetes.manifests.policy import cidr, port_number, protocol

KINDS = {("k8s.ovn.org", "EgressFirewall"), ("network.openshift.io", "EgressNetworkPolicy")}
_BEFORE_ALL = -1_000_000
_ACTIONS = {"Allow": Action.PASS, "Deny": Action.DENY}


def egress_firewall(found: Field, kind: str, namespace: str, name: str) -> PolicySeen:
    """The policy at *found*."""
    spec = found.get("spec")
    if spec is None:
        found.complaints.add(found.line, "spec", f"an {kind} needs a spec")
    else:
        spec.only("egress")
    return PolicySeen(
        kind=kind,
        namespace=namespace,
        name=name,
        at=found.at,
        tier=PolicyTier.ADMIN,
        pods=Selector(),
        directions=(Direction.EGRESS,),
        declared=True,
        egress=tuple(one for item in spec.items("egress") for one in _rule(item)) if spec is not None else (),
        stage=_BEFORE_ALL,
    )


def _rule(item: Field) -> Iterator[PolicyRule]:
    item.only("type", "to", "ports")
    said = text_at(item.get("type"))
    if said not in _ACTIONS:
        item.complaints.add(item.line, f"{item.path}.type", f"{said[:20]!r} is not one of {', '.join(_ACTIONS)}")
        return
    to = item.get("to")
    peer = _peer(to) if to is not None else None
    if peer is None:
        item.complaints.add(item.line, f"{item.path}.to", "a rule needs one of cidrSelector, dnsName and nodeSelector")
        return
    yield PolicyRule(at=item.at, field=item.path, action=_ACTIONS[said], peers=(peer,), ports=tuple(_ports(item)))


def _peer(to: Field) -> Peer | None:
    to.only("cidrSelector", "dnsName", "nodeSelector")
    block, name, nodes = to.get("cidrSelector"), to.get("dnsName"), to.get("nodeSelector")
    if sum(one is not None for one in (block, name, nodes)) != 1:
        return None
    if block is not None:
        return Peer(at=block.at, block=Block(cidr=str(cidr(block) or "")))
    if name is not None:
        return Peer(at=name.at, domain=name.text().lower().rstrip(".") or "?")
    assert nodes is not None  # noqa: S101  # one of the three is there
    return Peer(at=nodes.at, nodes=selector(nodes) or Selector())


def _ports(item: Field) -> Iterator[PortRange]:
    for port in item.items("ports"):
        port.only("protocol", "port")
        number = port.get("port")
        named = protocol(port.get("protocol"))
        if number is None:
            yield PortRange(protocol=named)
        else:
            value = port_number(number, number.whole())
            yield PortRange(protocol=named, first=value or 1, last=value)
