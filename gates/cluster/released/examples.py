"""Situations for the gate ``released``, each with the verdict it must get."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from arcops.gate import Example
from arcops.seen.releases import ReleaseDoubt, Releases, ReleaseSeen
from arcops.seen.workloads import Workloads, WorkloadSeen
from arcops.signer import ProvenSigner, SignerRule
from arcops.verdict import Verdict
from gates.cluster.released.gate import OWN, ReleasedPolicy

_KEY = f"sha256:{'5' * 64}"
_MODEL = f"sha256:{'1' * 64}"
_POLICY = f"sha256:{'4' * 64}"
_DAY = datetime(2026, 11, 20, tzinfo=UTC)
_WORKLOADS = Workloads(sha256="22" * 32, workloads=(WorkloadSeen(name="Deployment shop/search", models=(_MODEL,)),))
_GREEN = ReleaseSeen(
    model=_MODEL,
    plan=f"sha256:{'8' * 64}",
    name="search-at-edge-07",
    site="edge-07",
    artifact=f"sha256:{'3' * 64}",
    position=9,
    verdict=Verdict.GREEN,
    policy_name="release",
    policy_digest=_POLICY,
    judged_at=_DAY,
    valid_until=_DAY + timedelta(days=7),
    signers=(ProvenSigner(key=_KEY),),
)


def examples() -> Iterator[Example[ReleasedPolicy]]:
    ours = ReleasedPolicy(signers=(SignerRule(key=_KEY),), policies=(_POLICY,))

    def example(
        name: str,
        verdict: Verdict,
        *found: ReleaseSeen,
        policy: ReleasedPolicy = ours,
        asked: Workloads = _WORKLOADS,
        **more: object,
    ) -> Example[ReleasedPolicy]:
        body = replace(Releases(found=found, own_key=_KEY, site="edge-07"), **more)  # type: ignore[arg-type]  # real fields
        return Example(name=name, verdict=verdict, evidence=(asked, body), policy=policy)

    yield example("released", Verdict.GREEN, _GREEN)
    yield example(
        "released by this site's own key", Verdict.GREEN, _GREEN, policy=replace(ours, signers=(SignerRule(key=OWN),))
    )
    amber = replace(_GREEN, verdict=Verdict.AMBER)
    yield example("AMBER, admitted by policy", Verdict.AMBER, amber, policy=replace(ours, allow_amber=True))
    yield example("AMBER", Verdict.RED, amber)
    yield example("no release", Verdict.RED)
    yield example("RED", Verdict.RED, replace(_GREEN, verdict=Verdict.RED))
    other = replace(_GREEN, plan=f"sha256:{'9' * 64}", name="other", position=10)
    yield example("one of two releases is RED", Verdict.RED, _GREEN, replace(other, verdict=Verdict.RED))
    yield example("one of two releases ended", Verdict.GREEN, _GREEN, replace(other, valid_until=_DAY))
    yield example("ended", Verdict.RED, replace(_GREEN, valid_until=_DAY))
    yield example("valid for ever", Verdict.RED, replace(_GREEN, valid_until=_DAY.replace(year=8999)))
    yield example("judged tomorrow", Verdict.RED, replace(_GREEN, judged_at=_DAY + timedelta(days=2)))
    withdrawn = ("chain: it was judged RED by sha256:66",)
    yield example("a part was judged RED since", Verdict.RED, replace(_GREEN, withdrawn=withdrawn))
    yield example("of another site", Verdict.RED, replace(_GREEN, site="edge-08"))
    yield example("this machine has no site", Verdict.RED, replace(_GREEN, site=""), site="")
    yield example("of another model", Verdict.RED, replace(_GREEN, model=f"sha256:{'6' * 64}"))
    yield example("by another policy", Verdict.RED, replace(_GREEN, policy_digest=f"sha256:{'6' * 64}"))
    yield example("by another signer", Verdict.RED, replace(_GREEN, signers=(ProvenSigner(key=f"sha256:{'6' * 64}"),)))
    yield example("the admission policy names no policy", Verdict.RED, _GREEN, policy=replace(ours, policies=()))
    yield example("the admission policy names no signer", Verdict.RED, _GREEN, policy=replace(ours, signers=()))
    yield example("the log lost entries", Verdict.RED, _GREEN, problems=("The log has 3 entries, and 5 were signed.",))
    doubt = ReleaseDoubt(artifact=f"sha256:{'9' * 64}", said="the store no longer holds it as it was")
    yield example("an artifact that cannot be read", Verdict.RED, _GREEN, doubts=(doubt,))
    nameless = Workloads(sha256="22" * 32, workloads=(WorkloadSeen(name="Pod shop/web", problem="it carries no annotation"),))
    yield example("a workload that names no model", Verdict.RED, _GREEN, asked=nameless)
