"""One question, answered with the rules that decide: may this end connect to that one, on this port?"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from itertools import groupby

from arcops.finding import Location
from arcops.seen.network import Action, Direction, PodSet, PolicySeen, PolicyTier, Protocol
from reach.addresses import Address, Domain
from reach.clauses import Clause
from reach.world import World

End = PodSet | Address | Domain


class Layer(Enum):
    """What decides: network policies, by addresses and labels, or the mesh, by identities."""

    NETWORK = "network"
    MESH = "mesh"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Why one side lets a packet through or not. ``rule`` is the field of the rule, empty if a whole policy decides."""

    direction: Direction
    allows: bool
    policy: str
    rule: str
    at: Location | None
    text: str
    layer: Layer = Layer.NETWORK


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The answer, and the reasons on both sides. Each listed rule that allows would be enough for its side."""

    allowed: bool
    reasons: tuple[Reason, ...]


def decide(world: World, source: End, target: End, protocol: Protocol, port: int) -> Decision:
    """May *source* open a connection to *port* of *target*? Ends are pods of the world's network, addresses
    outside, or host names that its rules name. Between pods of an ambient mesh, policies see the port of its tunnel.
    """
    reasons: list[Reason] = []
    seen = world.wire_port(source, target, protocol, port)
    if isinstance(source, PodSet):
        reasons += _side(world, Direction.EGRESS, source, target, protocol, seen)
    if isinstance(target, PodSet):
        reasons += _side(world, Direction.INGRESS, target, source, protocol, seen)
    if seen != port:
        reasons = [replace(one, text=f"{one.text} (as TCP {seen}, the tunnel of the ambient mesh)") for one in reasons]
    sides = {direction: [one for one in reasons if one.direction is direction] for direction in Direction}
    return Decision(allowed=all(found[0].allows for found in sides.values() if found), reasons=tuple(reasons))


def _side(world: World, direction: Direction, subject: PodSet, peer: End, protocol: Protocol, port: int) -> list[Reason]:
    """The reasons of one side, all of which agree."""
    pods = world.network.pods
    mine = world.position(subject)
    other = world.position(peer) if isinstance(peer, PodSet) else len(pods) + world.terrain.outside.position(peer)
    piece = world.terrain.ports.position(protocol, port)
    about = list(world.about(mine))
    world.effort.spend(len(world.network.policies), steps=2 * sum(len(clauses) for _, clauses in about) + len(about) + 10)
    hits = sorted(
        (
            clause
            for _, clauses in about
            for clause in clauses
            if clause.direction is direction and clause.subject[mine] and clause.peers[other] and clause.ports[piece]
        ),
        key=lambda one: (one.policy.stage, one.last),
    )
    first, before = _first(hits, PolicyTier.ADMIN)
    if first is not None and first.rule.action is not Action.PASS:
        return [_by(first)]
    beneath = first is not None
    if not beneath:
        own = [_by(clause) for clause in hits if clause.policy.tier is PolicyTier.NAMESPACE]
        isolating = [policy for policy, _ in about if direction in policy.isolates]
        denying = [one for one in own if not one.allows]
        if denying or (isolating and own):
            return _by_place(denying or own)
        late, _ = _first(hits, PolicyTier.LATE)
        if late is not None and late.rule.action is not Action.PASS:
            return [_by(late)]
        if late is not None:
            before = [*before, _by(late)]
        elif isolating:
            return _by_place([_isolated(direction, subject, policy) for policy in isolating])
    last, passed = _first(hits, PolicyTier.BASELINE)
    if last is not None:
        return [_by(last)]
    before = [*before, *passed]
    if beneath or before:
        text = f"no policy after that decides about {subject.title}, so it is allowed"
        return [Reason(direction=direction, allows=True, policy="", rule="", at=subject.at, text=text), *before]
    text = f"no policy isolates {subject.title} for {direction.value.lower()}, so every connection is allowed"
    return [Reason(direction=direction, allows=True, policy="", rule="", at=subject.at, text=text)]


def _first(hits: list[Clause], tier: PolicyTier) -> tuple[Clause | None, list[Reason]]:
    """What decides in *tier*: in each stage the first hit, until one is no Pass to the next stage; and those that passed it on.

    A Pass that is answered leaves the NetworkPolicies out, too.
    """
    passed: list[Reason] = []
    for _, stage in groupby((one for one in hits if one.policy.tier is tier), key=lambda one: one.policy.stage):
        clause = next(stage)
        if clause.rule.action is not Action.PASS:
            return clause, passed
        passed.append(_by(clause))
        if clause.policy.beside:
            return clause, passed
    return None, passed


def _by_place(reasons: list[Reason]) -> list[Reason]:
    """NetworkPolicies have no order, so they are listed in the order of the manifests."""
    return sorted(reasons, key=lambda one: (one.at.path, one.at.line) if one.at is not None else ("", 0))


def _by(clause: Clause) -> Reason:
    allows = clause.rule.action is not Action.DENY
    word = {Action.ALLOW: "allows it", Action.DENY: "denies it", Action.PASS: "passes it on"}[clause.rule.action]
    return Reason(
        direction=clause.direction,
        allows=allows,
        policy=clause.policy.title,
        rule=clause.rule.field,
        at=clause.rule.at,
        text=f"{clause.policy.title} {word} by {clause.rule.field or 'the end of its tier, because no rule has decided'}",
    )


def _isolated(direction: Direction, subject: PodSet, policy: PolicySeen) -> Reason:
    text = f"{policy.title} isolates {subject.title} for {direction.value.lower()}, and no rule allows it"
    return Reason(direction=direction, allows=False, policy=policy.title, rule="", at=policy.at, text=text)
