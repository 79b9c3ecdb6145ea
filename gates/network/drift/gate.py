"""Does the network of a cluster still let talk what was declared, and nothing else?

Why: manifests are reviewed, and clusters are changed by hand, by controllers and by whoever got in. A policy that was edited in
the cluster keeps its name, so comparing names or texts says too little: what counts is who may talk now that could not before.

Judged: for every namespace, who may open connections to whom by the declared manifests and by the cluster's own objects, each
computed from all policies together, with the API server's defaults filled in on both sides. More is RED, less is AMBER, and
text that changes nothing is noted. What could not be read or seen on either side, and what differs in the mesh or at gateways,
whose effect nothing here computes, is UNKNOWN. Namespaces under 'asFound' that nobody declared are taken as they are.

Fix: apply the declared manifests again, or declare what is really wanted and have it reviewed. 'arcops network reach' says
which rules decide about one connection.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from arcops.evidence import Evidence, Seen
from arcops.finding import Finding, Rule
from arcops.gate import gate
from arcops.seen.declared import Declared
from arcops.seen.network import Network
from arcops.subjects.network import DeclaredNetwork
from gates.listing import MOST, listed
from gates.network.words import named, place, said
from gates.words import shown
from reach.doubts import doubts
from reach.drift import Change, Difference, Drift, Way, compare, declared_namespaces

DECLARED = Rule(
    id="drift/declared",
    asks="Could everything that was declared be read and understood?",
    fix="Mend the file at that line, or put what it stands for there as plain manifests; 'arcops network check' tells more.",
)
SEEN = Rule(
    id="drift/seen",
    asks="Could everything in the cluster that may move packets be seen and understood?",
    fix="Grant the role in deployments/kubernetes/network-reader.yaml, and look again; what was not seen may open anything.",
)
SCOPE = Rule(
    id="drift/scope",
    asks="Is at least one namespace compared?",
    fix="Declare a namespace, or narrow 'asFound' of gate 'drift': it takes every namespace of the cluster as it is.",
)
GAINED = Rule(
    id="drift/gained",
    asks="May nothing talk that was not declared to?",
    fix="Apply the declared manifests again and remove what they do not name; if it is wanted, declare it.",
)
LOST = Rule(
    id="drift/lost",
    asks="May everything talk that was declared to?",
    fix="Apply the declared manifests again; if it is no longer wanted, take it out of them.",
)
LAYERS = Rule(
    id="drift/layers",
    asks="Do mesh and gateways say what was declared?",
    fix="Apply the declared object again, or declare it as it is; what it changes is not computed here.",
)
TEXT = Rule(
    id="drift/text",
    asks="Was the text of both sides compared?",
    fix="Apply the declared manifests again, so that the next reader finds what was declared.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftPolicy:
    """``as_found`` are patterns of namespaces (``kube-*``) that are taken as the cluster has them, where nobody declared them.

    ``harmless`` are kinds (``Kind.group``) that move no packet.
    """

    as_found: tuple[str, ...] = ()
    harmless: tuple[str, ...] = ()


@gate(
    "drift",
    judges=(DeclaredNetwork,),
    needs=(Declared, Network),
    policy=DriftPolicy,
    rules=(DECLARED, SEEN, SCOPE, GAINED, LOST, LAYERS, TEXT),
    takes=("network",),
)
def drift(seen: Seen, policy: DriftPolicy) -> Iterator[Finding]:
    """The findings on what differs."""
    declared, live = seen[Declared], seen[Network]
    yield from _clear(DECLARED, declared.body.network, declared, policy, "Everything that was declared is understood.")
    yield from _clear(SEEN, live.body, live, policy, "Everything that the cluster showed is understood.")
    found = compare(declared.body.network, live.body, policy.as_found)
    yield _scope(found, declared, live)
    both = (declared, live)
    changes = {way: [one for one in found.reach if one.way is way] for way in Way}
    yield from listed(
        (_gained(one, both) for one in changes[Way.GAINED]),
        GAINED.passes("Nothing may talk that was not declared to.", *both),
    )
    yield from listed(
        (_lost(one, both) for one in changes[Way.LOST]), LOST.passes("Everything may talk that was declared to.", *both)
    )
    yield from listed(
        (_layer(one, both) for one in found.layers), LAYERS.passes("Mesh and gateways are told what was declared.", *both)
    )
    yield from _notes(found, both)


def _clear(
    rule: Rule, network: Network, evidence: Evidence[Declared] | Evidence[Network], policy: DriftPolicy, well: str
) -> Iterator[Finding]:
    complaints = (*network.unread, *network.refused, *doubts(network, policy.harmless))
    unclear = (rule.unknown(said(one), evidence, about=named(one), location=one.at) for one in complaints)
    yield from listed(unclear, rule.passes(well, evidence))


def _scope(found: Drift, declared: Evidence[Declared], live: Evidence[Network]) -> Finding:
    compared = (declared_namespaces(declared.body.network) | declared_namespaces(live.body)) - {*found.as_found}
    if not compared:
        return SCOPE.unknown("No namespace was compared, for every one is taken as found.", declared, live)
    taken = f"; taken as found: {', '.join(found.as_found[:20])}" if found.as_found else ""
    more = f" and {len(found.as_found) - 20} more" if len(found.as_found) > 20 else ""
    return SCOPE.passes(shown(f"{len(compared)} namespace(s) were compared{taken}{more}."), declared, live)


Both = tuple[Evidence[Declared], Evidence[Network]]


def _gained(one: Change, both: Both) -> Finding:
    text = f"{one.source} may open connections to {one.target} ({one.ports}), which was not declared."
    return GAINED.fails(shown(text), *both, about=_way(one))


def _lost(one: Change, both: Both) -> Finding:
    text = f"{one.source} was declared to reach {one.target} ({one.ports}), and may not."
    return LOST.warns(shown(text), *both, about=_way(one))


def _way(one: Change) -> str:
    return shown(f"{one.source} to {one.target}: {one.ports}")


def _layer(one: Difference, both: Both) -> Finding:
    text = f"{_differs(one)}; what that changes is not known here."
    return LAYERS.unknown(shown(text), *both, about=shown(one.title), location=one.at)


def _notes(found: Drift, both: Both) -> Iterator[Finding]:
    """What differs in the text. It is no fault in itself: what it changes is among the connections."""
    for one in found.objects[:MOST]:
        yield TEXT.passes(shown(f"{_differs(one)}."), *both, about=shown(one.title), location=one.at)
    if len(found.objects) > MOST:
        yield TEXT.passes(f"{len(found.objects) - MOST} more objects differ and are not listed here.", *both)
    if not found.objects:
        yield TEXT.passes("No object says anything else than was declared.", *both)


def _differs(one: Difference) -> str:
    at = place(one.at)
    words = {
        Way.GAINED: f"{one.title} is not declared ({at} in the cluster)",
        Way.LOST: f"{one.title} is not in the cluster (declared at {at})",
        None: f"{one.title} says something else than was declared ({at} in the cluster)",
    }
    return words[one.way]
