"""Network drift: what may talk in a cluster and was not declared, and what was declared and may not talk."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

from arcops.errors import Refused, Unavailable
from arcops.evidence import Body
from arcops.result import Report
from arcops.seen.declared import Declared
from arcops.seen.network import Network
from arcops.subjects.network import DeclaredNetwork
from artifacts.wire import from_json
from capabilities.contract import Scope, tool
from capabilities.judging import Judged, deployed, judged, judging_policy
from capabilities.kept import kept_bytes
from capabilities.patience import patient
from flows.place import Place
from flows.subjects.live import looks
from flows.subjects.network import NETWORK_DRIFT
from gates.network.drift.gate import DriftPolicy
from reach.drift import Drift, compare
from reach.question import said_doubts

B = TypeVar("B", bound=Body)


@dataclass(frozen=True, slots=True, kw_only=True)
class DiffNetwork(DeclaredNetwork):
    """What was declared, what to compare it with, and by which policy to judge."""

    policy: str = "network-drift"
    """The name of a registered policy, or its digest (sha256:…); on one's own command line also a file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Differing(Judged):
    """What differs, what that changes, and the signed artifact that says so."""

    drift: Drift
    """Computed from the evidence that the artifact names; empty if there is no such evidence."""
    doubts: tuple[str, ...]
    """Why the answer is not certain, on either side."""


def _differing_of(ask: DiffNetwork, report: Report, digest: str, at: Place) -> Differing:
    return _differing(report, digest, at)


@tool(
    title="Compare a network with what was declared",
    scope=Scope.CHECK,
    long=True,
    connects=looks,
    deployed=deployed(NETWORK_DRIFT, _differing_of),
)
def diff_network(ask: DiffNetwork, at: Place) -> Differing:
    """Compare declared Kubernetes manifests with a live or saved cluster: what may talk to what, not only the text.

    It keeps a signed artifact: RED if more may talk than was declared, or if something could not be seen; AMBER if less may.
    """
    found = judged(NETWORK_DRIFT, ask, ask.policy, at)
    return _differing(found.report, found.artifact, at)


def _differing(report: Report, digest: str, at: Place) -> Differing:
    """What the artifact says, in full, from the evidence that it names."""
    declared, live = _kept(Declared, report, at), _kept(Network, report, at)
    if declared is None or live is None:
        missing = tuple(f"{one.kind}: {one.reason}" for one in report.missing)
        return Differing(report=report, artifact=digest, drift=Drift(objects=(), reach=()), doubts=missing)
    policy = judging_policy(report, at)
    own = policy.gates.get("drift") if policy is not None else None
    policy_here = own if isinstance(own, DriftPolicy) else DriftPolicy()
    doubts = [f"declared: {one}" for one in said_doubts(declared.network, policy_here.harmless)]
    doubts += [f"live: {one}" for one in said_doubts(live, policy_here.harmless)]
    try:
        with patient(at):
            found = compare(declared.network, live, policy_here.as_found)
    except (Refused, Unavailable) as error:  # the artifact is kept and valid; only this list is left out
        found = Drift(objects=(), reach=())
        doubts.append(f"the differences are not listed here: {error}")
    return Differing(report=report, artifact=digest, drift=found, doubts=tuple(doubts))


def _kept(body: type[B], report: Report, at: Place) -> B | None:
    """The evidence of this kind that *report* names, as the store keeps it."""
    for one in report.evidence:
        if one.kind == body.KIND:
            return from_json(body, kept_bytes(one.digest, at))
    return None
