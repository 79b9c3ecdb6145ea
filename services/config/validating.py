"""Judge a draft in memory, by the same gate that 'arcops conf validate' asks: evidence, findings, verdict."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from amend.client.families import KNOWN, Families
from amend.client.materialising import configured
from amend.client.rules import Claim, PolicySet
from arcops.errors import Refused
from arcops.evidence import Body, Evidence, Missing
from arcops.finding import Finding
from arcops.gate import Gate
from arcops.judge import judge
from arcops.seen.client import ClientConfiguration, Draft, HostedVerdict
from arcops.tier import Tier
from arcops.verdict import Verdict
from artifacts.wire import digest
from gates.client.client_configuration.gate import ClientConfigurationPolicy, client_configuration
from tasks.client.client_configuration import look
from tasks.client.hosted_verdicts import unseen
from tasks.client.reading import read_draft, read_policy_set


@dataclass(frozen=True, slots=True, kw_only=True)
class RulesHere:
    """The organisation's policy set as it is here: its content, its bytes and their digest."""

    policy: PolicySet
    digest: str
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Validated:
    """What was judged: the ``verdict`` with its ``findings``, and what the draft gives (``body``)."""

    verdict: Verdict
    findings: tuple[Finding, ...]
    body: ClientConfiguration


def rules_from(data: bytes, what: str = "the policy set") -> RulesHere:
    """The policy set in *data*. Raises `Refused` if it is not one."""
    policy, found = read_policy_set(data, what)
    return RulesHere(policy=policy, digest=found, data=data)


def validated(
    data: bytes,
    rules: RulesHere,
    *,
    claims: tuple[Claim, ...] = (),
    at: datetime,
    tier: Tier,
    policy: ClientConfigurationPolicy | None = None,
    hosted: Callable[[Draft], tuple[HostedVerdict, ...]] | None = None,
    families: Families = KNOWN,
) -> Validated:
    """Judge the draft in *data* under *rules*. *hosted* looks up the verdicts about the hosted servers that it names.

    Raises `Refused` if it is no draft at all.

    The verdict is never better than what the gate's default policy gives, unless *policy* is another one.
    """
    draft = read_draft(data)
    verdicts = hosted(draft) if hosted is not None else unseen(draft, "no store was asked")
    body = configured(
        data.decode(), draft, rules.policy, rules.digest, claims=claims, at=at, hosted=verdicts, families=families
    )
    evidence: Evidence[Body] = Evidence(
        kind=ClientConfiguration.KIND,
        body=body,
        digest=digest(body),
        collector=look.id,
        version=look.version,
        at=at,
        tier=tier,
        sources=(),
    )
    collected: dict[str, Evidence[Body] | Missing] = {ClientConfiguration.KIND: evidence}
    name = f"{draft.profile}@{draft.version}"
    gate = cast("Gate[object]", client_configuration)
    result = judge(gate, policy or ClientConfigurationPolicy(), collected, at=at, subject_name=name)
    return Validated(verdict=result.verdict, findings=result.findings, body=body)


def refuse_red(found: Validated) -> None:
    """Raises `Refused`, naming the worst findings, if the draft may not be released."""
    if found.verdict is not Verdict.RED:
        return
    bad = [one for one in found.findings if one.outcome.verdict is Verdict.RED]
    told = " ".join(f"[{one.rule}] {one.text}" for one in bad[:5])
    more = f" And {len(bad) - 5} more." if len(bad) > 5 else ""
    raise Refused(f"the draft is RED and is not released: {told}{more} 'arcops conf validate' reports all of it")


def payload_bytes(payload: str, artifact: str) -> bytes:
    """*payload* as bytes, which must be those that *artifact* names."""
    data = payload.encode()
    if f"sha256:{hashlib.sha256(data).hexdigest()}" != artifact:
        raise Refused("the payload does not match its artifact id")
    return data
