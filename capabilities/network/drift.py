"""Network drift: what may talk in a cluster that was not declared to, and the other way about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from arcops.errors import Refused, Unavailable
from arcops.evidence import Body
from arcops.result import Report
from arcops.seen.declared import Declared
from arcops.seen.network import Network
from artifacts.beneath import stat_within
from artifacts.wire import from_json
from capabilities.contract import Deployed, Left, Place, Scope, tool
from capabilities.kept import kept_bytes, left_about
from capabilities.live import looks, meant, parameters
from capabilities.model.check import Judged, evaluate, judging_policy, worker_policy
from capabilities.patience import patient
from flows.plan import all_gates
from flows.subjects.evaluations import NETWORK_DRIFT
from gates.network.drift.gate import DriftPolicy
from reach.drift import Drift, compare
from reach.question import said_doubts

B = TypeVar("B", bound=Body)


@dataclass(frozen=True, slots=True, kw_only=True)
class DiffNetwork:
    """What was declared, what to hold against it, and by which policy."""

    declared: Path
    """The folder or file that says how it should be."""
    live: Path | None = None
    """The folder or file that says how it is: a saved cluster, or what 'kubectl get -o yaml' prints; none for a live one."""
    context: str = ""
    """The cluster to look at: a context of the kubeconfig; through a server, the name that its operator gave the cluster."""
    kubeconfig: Path | None = None
    """Only on one's own command line: the kubeconfig, one's own where none is named. A server takes none."""
    policy: str = "network-drift"
    """The name of a registered policy, or its digest (sha256:…); on one's own command line also a file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Differing(Judged):
    """What differs, what that changes, and the signed artifact that says so."""

    drift: Drift
    """Computed from the evidence that the artifact names; empty where there is none."""
    doubts: tuple[str, ...]
    """What keeps the answer from being certain, on either side."""


def _parameters(ask: DiffNetwork, at: Place) -> Mapping[str, object]:
    policy = worker_policy(ask.policy, at)
    what = meant(at, target=ask.live, context=ask.context, kubeconfig=ask.kubeconfig)
    return {**parameters(what, at), "declared": str(at.reach(ask.declared)), "policy": policy}


def _answer(ask: DiffNetwork, left: Left, at: Place) -> Differing:
    what = meant(at, target=ask.live, context=ask.context, kubeconfig=ask.kubeconfig)
    report = left_about(left, at, name=what.name, kind=NETWORK_DRIFT.kind_of(what.cluster))
    return _differing(report, left.artifact, at)


@tool(
    title="Compare a network with what was declared",
    scope=Scope.CHECK,
    reads_only=True,
    long=True,
    connects=looks,
    deployed=Deployed(name="network-drift/network-drift", parameters=_parameters, answer=_answer),
)
def diff_network(ask: DiffNetwork, at: Place) -> Differing:
    """Compare declared Kubernetes manifests with a cluster, live or saved, by who may talk to whom, not only by their text.

    Keeps a signed artifact: RED where more may talk than was declared or something could not be seen, AMBER where less may.
    """
    what = meant(at, target=ask.live, context=ask.context, kubeconfig=ask.kubeconfig)
    for path in (ask.declared, *((what.target,) if what.cluster is None else ())):
        if stat_within(path, at.within) is None:
            raise Refused(f"{path} does not exist; name a folder or a file with manifests")
    report, digest = evaluate(
        what.target.absolute(),
        NETWORK_DRIFT.kind_of(what.cluster),
        ask.policy,
        (),
        at,
        named=what.name,
        cluster=what.cluster,
        declared=ask.declared.absolute(),
        gates=[gate for gate in all_gates() if NETWORK_DRIFT.judges(gate)],
    )
    return _differing(report, digest, at)


def _differing(report: Report, digest: str, at: Place) -> Differing:
    """What the artifact says, spelled out from the evidence that it names."""
    declared, live = _kept(Declared, report, at), _kept(Network, report, at)
    if declared is None or live is None:
        missing = tuple(f"{one.kind}: {one.reason}" for one in report.missing)
        return Differing(report=report, artifact=digest, drift=Drift(objects=(), reach=()), doubts=missing)
    policy = judging_policy(report, at)
    own = policy.gates.get("drift") if policy is not None else None
    judged = own if isinstance(own, DriftPolicy) else DriftPolicy()
    doubts = [f"declared: {one}" for one in said_doubts(declared.network, judged.harmless)]
    doubts += [f"live: {one}" for one in said_doubts(live, judged.harmless)]
    try:
        with patient(at):
            found = compare(declared.network, live, judged.as_found)
    except (Refused, Unavailable) as error:  # the artifact is kept and stands; only its spelling out is left off
        found = Drift(objects=(), reach=())
        doubts.append(f"what differs is not listed here: {error}")
    return Differing(report=report, artifact=digest, drift=found, doubts=tuple(doubts))


def _kept(body: type[B], report: Report, at: Place) -> B | None:
    """The evidence of this kind that *report* rests on, as the store keeps it."""
    for one in report.evidence:
        if one.kind == body.KIND:
            return from_json(body, kept_bytes(one.digest, at))
    return None
