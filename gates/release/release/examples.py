"""Situations for the gate ``release``, each with the verdict it must get."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from arcops.gate import Example
from arcops.seen.release import Answer, Fact, PartSeen, ReleaseParts
from arcops.signer import ProvenSigner, SignerRule
from arcops.verdict import Verdict
from gates.release.release.gate import OWN, PartRule, ReleasePolicy

_KEY, _UNKNOWN = f"sha256:{'5' * 64}", f"sha256:{'6' * 64}"
_MODEL, _OTHER = f"sha256:{'1' * 64}", f"sha256:{'2' * 64}"
_SOVEREIGN, _GPU, _BENCH = f"sha256:{'a' * 64}", f"sha256:{'b' * 64}", f"sha256:{'c' * 64}"
_DAY = datetime(2026, 11, 20, tzinfo=UTC)
_NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
"""When examples are judged."""


def _answer(number: int, policy: str, subject: str, *facts: Fact) -> Answer:
    return Answer(
        artifact=f"sha256:{number:064x}",
        subject=(subject,),
        verdict=Verdict.GREEN,
        policy_name="the part's policy",
        policy_digest=policy,
        site="edge-07",
        judged_at=_DAY,
        valid_until=_DAY + timedelta(days=7),
        signers=(ProvenSigner(key=_KEY),),
        position=number,
        gates=("one", "two"),
        facts=facts,
    )


_CHAIN = PartSeen(
    part="supply-chain",
    flow="readiness",
    kind="model",
    name="tiny",
    policy=_SOVEREIGN,
    digest=_MODEL,
    answers=(_answer(1, _SOVEREIGN, _MODEL, Fact(key="model", value=_MODEL)),),
)
_NODE = PartSeen(
    part="gpus",
    flow="gpu-validation",
    kind="gpu-node",
    name="edge-07-a",
    policy=_GPU,
    answers=(_answer(2, _GPU, _OTHER, Fact(key="gpu", value="NVIDIA L4")),),
)
_SPEED = PartSeen(
    part="speed",
    flow="gpu-benchmark",
    kind="gpu-node",
    name="edge-07-a",
    policy=_BENCH,
    answers=(_answer(3, _BENCH, _OTHER, Fact(key="gpu", value="NVIDIA L4")),),
)
_PLAN = PartSeen(
    part="plan",
    flow="fit-check",
    kind="co-deployment",
    name="fit.yaml",
    policy=_GPU,
    digest=_OTHER,
    answers=(_answer(4, _GPU, _OTHER),),
    models=(_MODEL, f"sha256:{'3' * 64}"),
)
_PARTS = ReleaseParts(
    plan="77" * 32, name="tiny-at-edge-07", site="edge-07", model=_MODEL, parts=(_CHAIN, _NODE, _SPEED), own_key=_KEY
)


def examples() -> Iterator[Example[ReleasePolicy]]:
    ours = (SignerRule(key=OWN),)
    policy = ReleasePolicy(
        parts=(
            PartRule(flow="readiness", gates=("one",), policies=(_SOVEREIGN,), signers=ours, says=("model",)),
            PartRule(flow="gpu-validation", policies=(_GPU,), signers=ours, says=("gpu",)),
            PartRule(flow="gpu-benchmark", policies=(_BENCH,), signers=ours, least=0),
        ),
        margin=timedelta(hours=1),
    )

    def example(
        name: str, verdict: Verdict, *parts: PartSeen, policy: ReleasePolicy = policy, **more: object
    ) -> Example[ReleasePolicy]:
        body = replace(_PARTS, parts=parts or _PARTS.parts, **more)  # type: ignore[arg-type]  # the examples name real fields
        return Example(name=name, verdict=verdict, evidence=(body,), policy=policy)

    def node(**change: object) -> PartSeen:
        return replace(_NODE, answers=(replace(_NODE.answers[0], **change),))  # type: ignore[arg-type]  # as above

    def rule(at: int, **change: object) -> ReleasePolicy:
        changed = [replace(one, **change) if number == at else one for number, one in enumerate(policy.parts)]  # type: ignore[arg-type]  # as above
        return replace(policy, parts=tuple(changed))

    yield example("every part is GREEN", Verdict.GREEN)
    yield example("a part that is not required is not there", Verdict.GREEN, _CHAIN, _NODE)
    yield example(
        "AMBER, which the policy takes", Verdict.AMBER, _CHAIN, node(verdict=Verdict.AMBER), policy=rule(1, allow_amber=True)
    )
    yield example("AMBER", Verdict.RED, _CHAIN, node(verdict=Verdict.AMBER))
    yield example("a part is RED", Verdict.RED, _CHAIN, node(verdict=Verdict.RED, worst="gpu-xids/fatal: an XID 79"))
    later = replace(_NODE.answers[0], position=9, judged_at=_DAY - timedelta(days=1))
    was_red = replace(_NODE.answers[0], verdict=Verdict.RED)
    yield example("an old GREEN imported after a RED", Verdict.RED, _CHAIN, replace(_NODE, answers=(later, was_red)))
    yield example("a part that the policy wants is missing", Verdict.RED, _CHAIN, _SPEED)
    yield example("a part without an artifact", Verdict.RED, _CHAIN, replace(_NODE, answers=()))
    yield example("only artifacts that do not count", Verdict.RED, _CHAIN, replace(_NODE, answers=(), others=2))
    yield example("a part that could not be checked", Verdict.RED, _CHAIN, replace(_NODE, problem="the node does not answer"))
    yield example("a part about which the policy says nothing", Verdict.RED, _CHAIN, _NODE, replace(_SPEED, flow="horoscope"))
    yield example("one node under two names", Verdict.RED, _CHAIN, _NODE, replace(_NODE, part="again"), policy=rule(1, least=2))
    yield example("one part twice", Verdict.RED, _CHAIN, _NODE, _NODE)
    yield example("a gate did not judge", Verdict.RED, policy=rule(0, gates=("one", "three")))
    yield example("another site's part", Verdict.RED, _CHAIN, node(site="edge-08"))
    yield example("a part of no site", Verdict.RED, _CHAIN, node(site=""))
    yield example("the plan names no site", Verdict.RED, site="")
    yield example("signed by an unknown key", Verdict.RED, _CHAIN, node(signers=(ProvenSigner(key=_UNKNOWN),)))
    yield example("by a policy that does not count", Verdict.RED, policy=rule(1, policies=(_OTHER,)))
    yield example("the policy names no signer", Verdict.RED, policy=rule(1, signers=()))
    yield example("expired", Verdict.RED, _CHAIN, node(valid_until=_NOW))
    yield example("about to end", Verdict.RED, _CHAIN, node(valid_until=_NOW + timedelta(minutes=30)))
    yield example("judged tomorrow", Verdict.RED, _CHAIN, node(judged_at=_NOW + timedelta(days=1)))
    yield example("valid for ever", Verdict.RED, _CHAIN, node(valid_until=_DAY.replace(year=8999)))
    yield example(
        "about another model",
        Verdict.RED,
        _CHAIN,
        node(facts=(Fact(key="gpu", value="NVIDIA L4"), Fact(key="model", value=_OTHER))),
    )
    yield example("a part that does not say which GPU", Verdict.RED, _CHAIN, node(facts=(), unread=("gpus",)))
    faster = replace(_SPEED, answers=(replace(_SPEED.answers[0], facts=(Fact(key="gpu", value="NVIDIA H100 NVL"),)),))
    yield example("measured on another GPU", Verdict.RED, _CHAIN, _NODE, faster)
    elsewhere = replace(faster, name="edge-07-b")
    yield example("other GPUs on another node", Verdict.GREEN, _CHAIN, _NODE, elsewhere)

    def of(part: PartSeen, cluster: str) -> PartSeen:
        facts = (*part.answers[0].facts, Fact(key="cluster", value=cluster))
        return replace(part, answers=(replace(part.answers[0], facts=facts),))

    yield example("two parts of one cluster", Verdict.GREEN, _CHAIN, of(_NODE, "a"), of(_SPEED, "a"))
    yield example("parts of two clusters", Verdict.RED, _CHAIN, of(_NODE, "a"), of(_SPEED, "b"))
    planning = replace(policy, parts=(*policy.parts, PartRule(flow="fit-check", policies=(_GPU,), signers=ours, least=0)))
    strange = replace(_PLAN, models=(_OTHER,))
    yield example("a plan of its model and another", Verdict.GREEN, _CHAIN, _NODE, _PLAN, policy=planning)
    yield example("a plan of another model", Verdict.RED, _CHAIN, _NODE, strange, policy=planning)
    yield example("a plan of no model of it", Verdict.RED, _CHAIN, _NODE, replace(_PLAN, models=()), policy=planning)
    unsaid = replace(policy, parts=(replace(policy.parts[0], says=()), *policy.parts[1:]))
    blind = replace(_CHAIN, answers=(replace(_CHAIN.answers[0], facts=()),))
    yield example("no part has seen the model", Verdict.RED, blind, _NODE, policy=unsaid)
    yield example("which model it is, no one knows", Verdict.RED, model="")
    yield example("the log lost entries", Verdict.RED, problems=("The log has 3 entries, and 5 were signed.",))
    yield example("an artifact that cannot be read", Verdict.RED, _CHAIN, replace(_NODE, doubts=("sha256:9: it is gone",)))
    yield example("the policy names no part", Verdict.RED, policy=ReleasePolicy())
