"""Situations for the gate ``admission``, each with the verdict it must get."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from arcops.gate import Example
from arcops.seen.clearances import Clearance, Clearances
from arcops.seen.workloads import Workloads, WorkloadSeen
from arcops.signer import Signer, SignerRule
from arcops.verdict import Verdict
from gates.admission import AdmissionPolicy

_KEY = f"sha256:{'5' * 64}"
_MODEL = f"sha256:{'1' * 64}"
_DAY = datetime(2026, 11, 20, tzinfo=UTC)
_WORKLOADS = Workloads(sha256="22" * 32, workloads=(WorkloadSeen(name="Deployment shop/search", models=(_MODEL,)),))
_GREEN = Clearance(
    model=_MODEL,
    name="minilm",
    artifact=f"sha256:{'3' * 64}",
    verdict=Verdict.GREEN,
    policy_name="sovereign",
    policy_digest=f"sha256:{'4' * 64}",
    judged_at=_DAY,
    valid_until=_DAY + timedelta(days=7),
    signers=(Signer(key=_KEY),),
)


def examples() -> Iterator[Example[AdmissionPolicy]]:
    ours = AdmissionPolicy(signers=(SignerRule(key=_KEY),))
    later = _DAY + timedelta(hours=1)

    def example(
        name: str, verdict: Verdict, *found: Clearance, policy: AdmissionPolicy = ours, asked: Workloads = _WORKLOADS
    ) -> Example[AdmissionPolicy]:
        return Example(name=name, verdict=verdict, evidence=(asked, Clearances(found=found)), policy=policy)

    yield example("cleared", Verdict.GREEN, _GREEN)
    yield example(
        "a newer GREEN after a RED", Verdict.GREEN, replace(_GREEN, verdict=Verdict.RED), replace(_GREEN, judged_at=later)
    )
    amber = replace(_GREEN, verdict=Verdict.AMBER)
    yield example("AMBER, admitted by policy", Verdict.AMBER, amber, policy=replace(ours, allow_amber=True))
    yield example("AMBER", Verdict.RED, amber)
    yield example("never checked", Verdict.RED)
    yield example("a newer RED", Verdict.RED, _GREEN, replace(_GREEN, verdict=Verdict.RED, judged_at=later))
    yield example("run out", Verdict.RED, replace(_GREEN, valid_until=_DAY))
    yield example("judged tomorrow", Verdict.RED, replace(_GREEN, judged_at=_DAY + timedelta(days=2)))
    yield example("signed by a stranger", Verdict.RED, replace(_GREEN, signers=(Signer(key=f"sha256:{'6' * 64}"),)))
    yield example("by another policy", Verdict.RED, _GREEN, policy=replace(ours, policies=(f"sha256:{'7' * 64}",)))
    nameless = Workloads(sha256="22" * 32, workloads=(WorkloadSeen(name="Pod shop/web", problem="it carries no annotation"),))
    yield example("names no model", Verdict.RED, _GREEN, asked=nameless)
