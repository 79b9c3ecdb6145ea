"""Does the network of a cluster still allow the declared connections, and no others?

Why: manifests are reviewed, but clusters are changed by hand, by controllers and by attackers. A policy that was edited in the
cluster keeps its name, so a comparison of names or texts says too little. What counts is which connections are possible now
that were not declared.

Judged: for every namespace, which connections are allowed by the declared manifests and by the cluster's own objects, each
computed from all policies together, with the API server's defaults filled in on both sides. Pods are compared by owner and
labels; so are pods that could be created: the next one of each namespace, and those that a rule names. What the mesh and
gateways open is compared, too. More connections are RED, fewer are AMBER, and changes of text without effect are noted. What
could not be read or understood on either side is UNKNOWN. Namespaces under 'asFound' that are not declared are accepted as they
are.

Fix: apply the declared manifests again, or declare what you want and have it reviewed. 'arcops network reach' says which rules
decide about one connection.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from arcops.control import nist, soc
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
    asks="Could all declared manifests be read and judged?",
    fix="Correct the file at that line, or replace it by plain manifests; 'arcops network check' gives details.",
)
SEEN = Rule(
    id="drift/seen",
    asks="Could everything in the cluster that affects the network be read and judged?",
    fix="Grant the role in deployments/kubernetes/network-reader.yaml, and check again: what was not seen may open anything.",
)
SCOPE = Rule(
    id="drift/scope",
    asks="Is at least one namespace compared?",
    fix="Declare a namespace, or narrow 'asFound' of gate 'drift': it accepts every namespace of the cluster as it is.",
)
GAINED = Rule(
    id="drift/gained",
    asks="Are all connections that the cluster allows declared?",
    fix="Apply the declared manifests again and remove objects that they do not name; if you want the connection, declare it.",
)
LOST = Rule(
    id="drift/lost",
    asks="Does the cluster allow all declared connections?",
    fix="Apply the declared manifests again; if you no longer want the connection, remove it from them.",
)
LAYERS = Rule(
    id="drift/layers",
    asks="Could the effect of all differences in the mesh be computed?",
    fix="Apply the declared object again, or declare it as it is: it uses fields whose effect is not computed.",
)
TEXT = Rule(
    id="drift/text",
    asks="Was the text of the objects compared?",
    fix="Apply the declared manifests again, so that the cluster shows what was declared.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftPolicy:
    """``as_found`` are patterns of namespaces (``kube-*``) that are accepted as the cluster has them, if they are not declared.

    ``harmless`` are kinds (``Kind.group``) that do not affect the network.
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
    speaks_to=nist("CM-2", "CM-3") + soc("CC8.1"),
)
def drift(seen: Seen, policy: DriftPolicy) -> Iterator[Finding]:
    """The findings on the differences."""
    declared, live = seen[Declared], seen[Network]
    yield from _clear(DECLARED, declared.body.network, declared, policy, "All declared manifests could be read and judged.")
    yield from _clear(SEEN, live.body, live, policy, "Everything that the cluster showed could be read and judged.")
    found = compare(declared.body.network, live.body, policy.as_found)
    yield _scope(found, declared, live)
    both = (declared, live)
    changes = {way: [one for one in found.reach if one.way is way] for way in Way}
    yield from listed(
        (_gained(one, both) for one in changes[Way.GAINED]),
        GAINED.passes("All connections that the cluster allows are declared.", *both),
    )
    yield from listed(
        (_lost(one, both) for one in changes[Way.LOST]), LOST.passes("The cluster allows all declared connections.", *both)
    )
    yield from listed(
        (_layer(one, both) for one in found.layers),
        LAYERS.passes("The effect of all differences above the policies is known.", *both),
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
        return SCOPE.unknown("No namespace was compared, because 'asFound' covers every one.", declared, live)
    taken = f"; accepted as found: {', '.join(found.as_found[:20])}" if found.as_found else ""
    more = f" and {len(found.as_found) - 20} more" if len(found.as_found) > 20 else ""
    return SCOPE.passes(shown(f"{len(compared)} namespace(s) were compared{taken}{more}."), declared, live)


Both = tuple[Evidence[Declared], Evidence[Network]]


def _gained(one: Change, both: Both) -> Finding:
    text = f"{one.source} may open connections to {one.target} ({one.ports}), which was not declared."
    return GAINED.fails(shown(text), *both, about=_way(one))


def _lost(one: Change, both: Both) -> Finding:
    text = f"{one.source} may not open connections to {one.target} ({one.ports}), although this was declared."
    return LOST.warns(shown(text), *both, about=_way(one))


def _way(one: Change) -> str:
    return shown(f"{one.source} to {one.target}: {one.ports}")


def _layer(one: Difference, both: Both) -> Finding:
    text = f"{_differs(one)}; it uses fields whose effect ArcOps does not compute."
    return LAYERS.unknown(shown(text), *both, about=shown(one.title), location=one.at)


def _notes(found: Drift, both: Both) -> Iterator[Finding]:
    """Differences in the text. They are not faults: their effects are among the connections."""
    for one in found.objects[:MOST]:
        yield TEXT.passes(shown(f"{_differs(one)}."), *both, about=shown(one.title), location=one.at)
    if len(found.objects) > MOST:
        yield TEXT.passes(f"{len(found.objects) - MOST} more objects differ and are not listed here.", *both)
    if not found.objects:
        yield TEXT.passes("No object differs from its declaration.", *both)


def _differs(one: Difference) -> str:
    at = place(one.at)
    words = {
        Way.GAINED: f"{one.title} is not declared ({at} in the cluster)",
        Way.LOST: f"{one.title} is not in the cluster (declared at {at})",
        None: f"{one.title} differs from its declaration ({at} in the cluster)",
    }
    return words[one.way]
