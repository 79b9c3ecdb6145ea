"""Situations for the gate ``admission``, each with the verdict it must get."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from arcops.gate import Example
from arcops.seen.clearances import Clearance, Clearances, Doubt
from arcops.seen.workloads import Workloads, WorkloadSeen
from arcops.signer import ProvenSigner, SignerRule
from arcops.verdict import Verdict
from gates.cluster.admission.gate import OWN, AdmissionPolicy

_KEY = f"sha256:{'5' * 64}"
_MODEL = f"sha256:{'1' * 64}"
_POLICY, _OTHER = f"sha256:{'4' * 64}", f"sha256:{'7' * 64}"
_DAY = datetime(2026, 11, 20, tzinfo=UTC)
_WORKLOADS = Workloads(sha256="22" * 32, workloads=(WorkloadSeen(name="Deployment shop/search", models=(_MODEL,)),))
_GREEN = Clearance(
    model=_MODEL,
    kind="model",
    name="minilm",
    artifact=f"sha256:{'3' * 64}",
    position=3,
    verdict=Verdict.GREEN,
    policy_name="sovereign",
    policy_digest=_POLICY,
    judged_at=_DAY,
    valid_until=_DAY + timedelta(days=7),
    signers=(ProvenSigner(key=_KEY),),
)


def examples() -> Iterator[Example[AdmissionPolicy]]:
    ours = AdmissionPolicy(signers=(SignerRule(key=_KEY),), policies=(_POLICY,))
    later = _DAY + timedelta(hours=1)
    red = replace(_GREEN, verdict=Verdict.RED)

    def example(
        name: str,
        verdict: Verdict,
        *found: Clearance,
        policy: AdmissionPolicy = ours,
        asked: Workloads = _WORKLOADS,
        **more: object,
    ) -> Example[AdmissionPolicy]:
        body = replace(Clearances(found=found, own_key=_KEY), **more)  # type: ignore[arg-type]  # the examples name real fields
        return Example(name=name, verdict=verdict, evidence=(asked, body), policy=policy)

    yield example("cleared", Verdict.GREEN, _GREEN)
    yield example("cleared by this site's own key", Verdict.GREEN, _GREEN, policy=replace(ours, signers=(SignerRule(key=OWN),)))
    yield example("a newer GREEN after a RED", Verdict.GREEN, red, replace(_GREEN, position=4, judged_at=later))
    two = replace(ours, policies=(_POLICY, _OTHER))
    by_other = replace(_GREEN, policy_digest=_OTHER, position=4)
    yield example("GREEN by both policies that count", Verdict.GREEN, _GREEN, by_other, policy=two)
    amber = replace(_GREEN, verdict=Verdict.AMBER)
    yield example("AMBER, admitted by policy", Verdict.AMBER, amber, policy=replace(ours, allow_amber=True))
    yield example("AMBER", Verdict.RED, amber)
    yield example("never checked", Verdict.RED)
    yield example("a newer RED", Verdict.RED, _GREEN, replace(red, position=4, judged_at=later))
    early = replace(_GREEN, judged_at=_DAY + timedelta(minutes=3))
    yield example("a RED logged later, by a correct clock", Verdict.RED, early, replace(red, position=4))
    carried = replace(_GREEN, position=4, judged_at=_DAY - timedelta(days=1))
    yield example("an old GREEN imported after a RED", Verdict.RED, red, carried)
    yield example("RED by one of two policies that count", Verdict.RED, red, by_other, policy=two)
    yield example("expired", Verdict.RED, replace(_GREEN, valid_until=_DAY))
    yield example("a RED that expired", Verdict.RED, replace(red, valid_until=_DAY), by_other, policy=two)
    yield example("judged tomorrow", Verdict.RED, replace(_GREEN, judged_at=_DAY + timedelta(days=2)))
    yield example("valid for ever", Verdict.RED, replace(_GREEN, valid_until=_DAY.replace(year=8999)))
    yield example("signed by another key", Verdict.RED, replace(_GREEN, signers=(ProvenSigner(key=f"sha256:{'6' * 64}"),)))
    yield example("by another policy", Verdict.RED, _GREEN, policy=replace(ours, policies=(_OTHER,)))
    yield example("the admission policy names no policy", Verdict.RED, _GREEN, policy=replace(ours, policies=()))
    yield example("the admission policy names no signer", Verdict.RED, _GREEN, policy=replace(ours, signers=()))
    yield example("the digest of manifests", Verdict.RED, replace(_GREEN, kind="manifests"))
    yield example("the log lost entries", Verdict.RED, _GREEN, problems=("The log has 3 entries, and 5 were signed.",))
    doubt = Doubt(model=_MODEL, artifact=f"sha256:{'9' * 64}", said="the store no longer holds it as it was")
    yield example("an artifact that cannot be read", Verdict.RED, _GREEN, doubts=(doubt,))
    nameless = Workloads(sha256="22" * 32, workloads=(WorkloadSeen(name="Pod shop/web", problem="it carries no annotation"),))
    yield example("a workload that names no model", Verdict.RED, _GREEN, asked=nameless)
