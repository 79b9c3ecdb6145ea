"""Is this model on this site ready to ship?

Why: nine artifacts that are each good are not yet a release. They may be of another site, of another model, by a weaker
policy, by a signer who may not say so, withdrawn, or about to end.

Judged: that every kind of part that the policy wants is in the plan, and every part of the plan is answered: by its newest
artifact, of the digest or the name that the plan says, by a policy and a signer that count for such a part, at the release's
own site, GREEN (AMBER only if allowed), and valid for longer than the margin. All parts must agree on the model's digest, and
those of one node on its GPUs. The verdict is that of the worst part, and it ends with the first of them.

Fix: run 'arcops release check' again, which runs the parts that are missing or about to end, and repair what their findings
say. The release policy names the policies and signers that count for each kind of part.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import lru_cache

from arcops.clock import Ahead, ahead, offset
from arcops.control import nist, soc
from arcops.errors import Refused
from arcops.evidence import Evidence, Seen
from arcops.finding import Finding, Rule
from arcops.gate import gate
from arcops.policy import MOST_VALID
from arcops.seen.release import Answer, Fact, PartSeen, ReleaseParts
from arcops.signer import SignerRule, allowed
from arcops.subjects.release import Release
from arcops.verdict import Verdict

OWN = "own"
"""As a rule's key: the key of the site that judges the release."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PartRule:
    """What counts as an answer for parts that one ``flow`` judges.

    ``policies`` are the digests (``sha256:…``) of the policies that may have judged them, ``signers`` who may have signed that;
    the key ``own`` is this site's, ``*`` every trusted key. ``gates`` must all have judged. ``least`` such parts must be in a
    release, 0 if none is required. ``allow_amber`` takes AMBER, with a warning. ``says`` are the facts that each such part
    must state: ``model`` or ``gpu``.
    """

    flow: str
    policies: tuple[str, ...] = ()
    signers: tuple[SignerRule, ...] = ()
    gates: tuple[str, ...] = ()
    least: int = 1
    allow_amber: bool = False
    says: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.least < 0:
            raise Refused(f"a release cannot have {self.least} parts by the flow {self.flow!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleasePolicy:
    """``parts`` has a rule for each flow whose verdict may be a part; a part by another flow counts for nothing. ``margin``
    is how long each part must stay valid after the release is judged.
    """

    parts: tuple[PartRule, ...] = ()
    margin: timedelta = timedelta(0)

    def __post_init__(self) -> None:
        flows = [one.flow for one in self.parts]
        if twice := next((one for one in flows if flows.count(one) > 1), ""):
            raise Refused(f"two rules are for parts by the flow {twice!r}; write one")

    def rule(self, flow: str) -> PartRule | None:
        """The rule for parts that this *flow* judges."""
        return next((one for one in self.parts if one.flow == flow), None)


PLANNED = Rule(
    id="release/planned",
    asks="Are all kinds of parts that the policy wants in the plan, each once, and only such?",
    fix="Describe the part in the release's file, or change what the policy wants of a release at this site.",
)
LOGGED = Rule(
    id="release/log",
    asks="Is the log of answers complete?",
    fix="Run 'arcops store check', which says what is missing. Restore the store from a backup.",
)
ANSWERED = Rule(
    id="release/answered",
    asks="Has each part an artifact, by a policy and a signer that count for it, from this site?",
    fix="Run 'arcops release check' again, which checks what is missing, or name policy and signer in the release policy.",
)
READY = Rule(
    id="release/ready",
    asks="Is the newest answer for each part GREEN?",
    fix="Repair what the part's own findings say ('arcops show' prints them), and check the release again.",
)
VALID = Rule(
    id="release/valid",
    asks="Is each part still valid, and long enough?",
    fix="Run 'arcops release check', which checks again what is about to end.",
)
SAME = Rule(
    id="release/same",
    asks="Do all parts speak of the same model and cluster, and those of one node of the same GPUs?",
    fix="Check the parts again with the model of this release, on the nodes of this site.",
)


@gate(
    "release",
    judges=(Release,),
    needs=(ReleaseParts,),
    policy=ReleasePolicy,
    rules=(PLANNED, LOGGED, ANSWERED, READY, VALID, SAME),
    looks_inside=False,
    speaks_to=nist("CM-3", "CA-2", "SA-10") + soc("CC8.1"),
)
def release(seen: Seen, policy: ReleasePolicy) -> Iterator[Finding]:
    """The findings on the plan, on the log, on each part, and on what the parts say together."""
    found = seen[ReleaseParts]
    body = found.body
    yield from _planned(found, policy)
    for problem in body.problems:
        yield LOGGED.unknown(problem, found)
    if not body.problems:
        yield LOGGED.passes("The log is complete, as its signature says.", found)
    counting: list[tuple[PartSeen, Answer]] = []
    for part in body.parts:
        for doubt in part.doubts:
            yield ANSWERED.unknown(
                f"{part.part}: an artifact that may be about it cannot be read: {doubt}.", found, about=part.part
            )
        problem = unanswered(part, policy, body)
        if problem:
            yield ANSWERED.fails(f"{part.part}: {problem}.", found, about=part.part)
            continue
        answer = max(part.answers, key=lambda one: (one.verdict, one.position))
        counting.append((part, answer))
        yield ANSWERED.passes(f"{part.part} is answered by {answer.artifact}.", found, about=part.part)
        yield _ready(part, answer, policy, found)
        yield _valid(part, answer, policy, seen, found)
    if not counting:
        for rule in (ANSWERED, READY, VALID):
            yield rule.unknown("No part has an answer that counts.", found)
    yield from _same(counting, policy, found)


def _planned(found: Evidence[ReleaseParts], policy: ReleasePolicy) -> Iterator[Finding]:
    body, good = found.body, True
    names = Counter(part.part for part in body.parts)
    for name, times in sorted(names.items()):
        if times > 1:
            good = False
            yield PLANNED.fails(f"The plan has the part {name} {times} times.", found, about=name)
    alike = [(part.flow, part.digest or part.name) for part in body.parts]
    often = Counter(alike)
    for part, what in zip(body.parts, alike, strict=True):
        if often[what] > 1 and names[part.part] == 1:
            good = False
            yield PLANNED.fails(
                f"{part.part} is the same as another part of the plan, and counts once.", found, about=part.part
            )
        if policy.rule(part.flow) is None:
            good = False
            text = f"{part.part} is judged by the flow {part.flow!r}, about which the release policy says nothing."
            yield PLANNED.fails(text, found, about=part.part)
    for rule in policy.parts:
        have = len({what for part, what in zip(body.parts, alike, strict=True) if part.flow == rule.flow})
        if have < rule.least:
            good = False
            text = f"The policy wants {rule.least} part(s) by the flow {rule.flow!r}, and the plan has {have}."
            yield PLANNED.fails(text, found, about=rule.flow)
    if not policy.parts:
        good = False
        yield PLANNED.fails("The release policy names no part, so nothing counts.", found)
    if not body.site:
        good = False
        yield PLANNED.fails("The plan names no site, so no part can be of it.", found)
    if good:
        there = {part.flow for part in body.parts}
        left = sorted(one.flow for one in policy.parts if one.flow not in there)
        also = f"; not required here, and not in it: {', '.join(left)}" if left else ""
        yield PLANNED.passes(f"The plan has {len(body.parts)} part(s), and all that the policy wants{also}.", found)


def unanswered(part: PartSeen, policy: ReleasePolicy, body: ReleaseParts) -> str:
    """Why *part* has no answer that counts, or nothing."""
    rule = policy.rule(part.flow)
    if rule is None:
        return "the release policy says nothing about such parts"
    if part.problem:
        return f"it could not be checked: {part.problem}"
    if part.policy not in rule.policies:
        return f"its plan is to be judged by the policy {part.policy}, which does not count for the flow {part.flow!r}"
    if not part.answers:
        also = f"; {part.others} artifact(s) about it are by other policies or by no signer that counts" if part.others else ""
        return f"no artifact by the policy {part.policy} is about it{also}"
    for answer in part.answers:
        if answer.site != body.site:
            return f"{answer.artifact} was judged at the site {answer.site or '(none)'}, and this release is for {body.site}"
        if unasked := sorted({*part.gates, *rule.gates} - set(answer.gates)):
            return f"{answer.artifact} was not judged by {', '.join(unasked)}, which its policy or the release policy wants"
        if not any(allowed(signer, _by(rule.signers, body.own_key), part.name, answer.subject) for signer in answer.signers):
            return (
                f"{answer.artifact} is signed by {', '.join(map(str, answer.signers)) or 'no one'}, who may not answer for it"
            )
    return ""


@lru_cache(maxsize=64)
def _by(signers: tuple[SignerRule, ...], own_key: str) -> tuple[SignerRule, ...]:
    """*signers*, with the key of this site for `OWN`; without those of it if it has none."""
    return tuple(replace(one, key=own_key) if one.key == OWN else one for one in signers if own_key or one.key != OWN)


def _ready(part: PartSeen, answer: Answer, policy: ReleasePolicy, found: Evidence[ReleaseParts]) -> Finding:
    rule = policy.rule(part.flow)
    why = f": {answer.worst.rstrip('.')}" if answer.worst else ""
    said = f"{part.part} is {answer.verdict.value} by {answer.policy_name}, judged {answer.judged_at:%Y-%m-%d %H:%M} UTC"
    if answer.verdict is Verdict.GREEN:
        return READY.passes(f"{said}.", found, about=part.part)
    if answer.verdict is Verdict.AMBER and rule is not None and rule.allow_amber:
        return READY.warns(f"{said}, which the policy takes{why}.", found, about=part.part)
    return READY.fails(f"{said}{why}.", found, about=part.part)


def _valid(part: PartSeen, answer: Answer, policy: ReleasePolicy, seen: Seen, found: Evidence[ReleaseParts]) -> Finding:
    until = f"{answer.valid_until:%Y-%m-%d %H:%M} UTC"
    if ahead(answer.judged_at, at=seen.at, skew=seen.skew) is Ahead.OUTSIDE:
        text = (
            f"{part.part} was judged {offset(answer.judged_at, seen.at)} ahead of this machine's clock, more than is allowed."
        )
        return VALID.fails(text, found, about=part.part)
    if answer.valid_until - answer.judged_at > MOST_VALID:
        return VALID.fails(f"{part.part} is valid until {until}, longer than any policy may allow.", found, about=part.part)
    if answer.valid_until <= seen.at:
        return VALID.fails(f"{part.part} was valid only until {until}.", found, about=part.part)
    if answer.valid_until < seen.at + policy.margin:
        text = f"{part.part} is valid until {until}, which is within the margin of {policy.margin} that the policy wants."
        return VALID.fails(text, found, about=part.part)
    if ahead(answer.judged_at, at=seen.at, skew=seen.skew) is Ahead.INSIDE:
        early = offset(answer.judged_at, seen.at)
        text = f"{part.part} is valid until {until}; its signer's clock was {early} ahead of the one here."
        return VALID.warns(text, found, about=part.part)
    return VALID.passes(f"{part.part} is valid until {until}.", found, about=part.part)


def _other_plan(part: PartSeen, model: str, found: Evidence[ReleaseParts]) -> Finding:
    """A plan of models on GPUs that is not known to be about *model*."""
    fix = "Let the plan's description name the very folder that the part about the model names, or a file in it."
    if part.models:
        text = f"{part.part} plans {', '.join(part.models[:3])}, and this release is {model}."
        return SAME.fails(text, found, about=part.part, fix=fix)
    text = f"It is not known if {part.part} plans the model of this release: it names no folder that is a part of it, too."
    return SAME.unknown(text, found, about=part.part, fix=fix)


def _same(counting: list[tuple[PartSeen, Answer]], policy: ReleasePolicy, found: Evidence[ReleaseParts]) -> Iterator[Finding]:
    """Do the parts agree? Each must say what the policy wants it to say."""
    body, good = found.body, True
    if not body.model:
        good = False
        yield SAME.unknown(
            "It is not known which model this release is: name its digest, or describe one part that is a model.", found
        )
    for part, answer in counting:
        rule = policy.rule(part.flow)
        said = {one.key for one in answer.facts}
        for key in rule.says if rule is not None else ():
            if key not in said:
                good = False
                why = f" ({', '.join(answer.unread)} cannot be read in the store)" if answer.unread else ""
                yield SAME.unknown(f"{part.part} does not say which {key} it is about{why}.", found, about=part.part)
        for fact in answer.facts:
            if fact.key == "model" and body.model and fact.value != body.model:
                good = False
                text = f"{part.part} is about the model {fact.value}, and this release is {body.model}."
                yield SAME.fails(text, found, about=part.part)
    for part, _ in counting:
        if body.model and part.models is not None and body.model not in part.models:
            good = False
            yield _other_plan(part, body.model, found)
    if body.model and counting and not any(Fact(key="model", value=body.model) in answer.facts for _, answer in counting):
        good = False
        yield SAME.unknown(f"No part that counts has seen the model {body.model}.", found)
    gpus: dict[str, dict[str, list[str]]] = {}
    for part, answer in counting:
        if values := sorted(one.value for one in answer.facts if one.key == "gpu"):
            gpus.setdefault(part.name, {})[part.part] = values
    for node, named in sorted(gpus.items()):
        if len({tuple(values) for values in named.values()}) > 1:
            good = False
            listed = "; ".join(f"{part}: {', '.join(values)}" for part, values in sorted(named.items()))
            yield SAME.fails(f"The parts of {node} are about different GPUs: {listed}.", found, about=node)
    clusters: dict[str, list[str]] = {}
    for part, answer in counting:
        for fact in answer.facts:
            if fact.key == "cluster":
                clusters.setdefault(fact.value, []).append(part.part)
    if len(clusters) > 1:
        good = False
        listed = "; ".join(f"{', '.join(parts)}: {which}" for which, parts in sorted(clusters.items()))
        text = f"The parts are about different clusters (the UID of their namespace kube-system): {listed}."
        fix = "Name the context or the snapshot of one cluster in all parts, and check the release again."
        yield SAME.fails(text, found, about="cluster", fix=fix)
    if not counting:
        good = False
        yield SAME.unknown("No part has an answer that counts, so nothing says what they are about.", found)
    if good:
        yield SAME.passes(f"All {len(counting)} part(s) are about the model {body.model}.", found)
