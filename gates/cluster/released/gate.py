"""Is each model that these workloads name released at this site, and do all parts of its release still count?

Why: a sound model is not yet ready for a site. The verdict about a release speaks of the model, the network, the cluster and
the GPUs together. It is kept as it was judged; what happens to one of its parts later must reach the decision, too.

Judged: that every workload names its models by digest, and that the log is complete. For each model, the newest verdict about a
release of it at this site must be GREEN, by a policy and a signer that count here, and still valid; and each artifact that it
cites must still count, with no worse one about the same part since. A release is known by its name, so a new verdict about it
replaces the last one. If several releases have the model, one of them is enough, but none may be RED.

Fix: check the release ('arcops release check') at the site. The admission policy names the release policies and the signers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from arcops.clock import Ahead, ahead, offset
from arcops.control import nist, soc
from arcops.evidence import Evidence, Seen
from arcops.finding import Finding, Rule
from arcops.gate import gate
from arcops.policy import MOST_VALID
from arcops.seen.releases import Releases, ReleaseSeen
from arcops.seen.workloads import ANNOTATION, Workloads
from arcops.signer import SignerRule, allowed
from arcops.subjects.cluster import Workload
from arcops.verdict import Verdict

OWN = "own"
"""As a rule's key: the key of the site that decides admission."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleasedPolicy:
    """``signers`` may release: the key ``own`` is the key of the site that decides, ``*`` is every trusted key. ``policies``
    are the digests (``sha256:…``) of the release policies that count. Without a signer or a policy, nothing counts.
    ``allow_amber`` admits AMBER, with a warning.
    """

    signers: tuple[SignerRule, ...] = ()
    policies: tuple[str, ...] = ()
    allow_amber: bool = False


NAMED = Rule(
    id="released/named",
    asks="Does every workload name the models that it serves, by digest?",
    fix=f"Annotate the pod template with {ANNOTATION}: the digest that the model's artifact names.",
)
LOGGED = Rule(
    id="released/log",
    asks="Is the log of answers complete, and can every verdict about a release be read?",
    fix="Run 'arcops store check', which says what is missing. Restore the store from a backup.",
)
RELEASED = Rule(
    id="released/release",
    asks="Has every model a release at this site that is GREEN, valid, and by a policy and a signer that count?",
    fix="Run 'arcops release check' at this site with a release policy that counts here, and fix what it reports.",
)
HOLDS = Rule(
    id="released/parts",
    asks="Do all artifacts that the release cites still count, and was no part judged worse since?",
    fix="Repair the part, and run 'arcops release check' again: it judges all parts again.",
)


@gate(
    "released",
    judges=(Workload,),
    needs=(Workloads, Releases),
    policy=ReleasedPolicy,
    rules=(NAMED, LOGGED, RELEASED, HOLDS),
    speaks_to=nist("CM-3", "CM-7(5)") + soc("CC8.1"),
)
def released(seen: Seen, policy: ReleasedPolicy) -> Iterator[Finding]:
    """The findings on each workload, on the log, and on each model's release and its parts."""
    asked, known = seen[Workloads], seen[Releases]
    nameless = [workload for workload in asked.body.workloads if workload.problem or not workload.models]
    for workload in nameless:
        why = workload.problem or "it names no model"
        yield NAMED.fails(f"{workload.name} cannot be admitted: {why}.", asked, about=workload.name)
    if not nameless:
        yield NAMED.passes(f"All {len(asked.body.workloads)} workload(s) name their models.", asked)
    for problem in known.body.problems:
        yield LOGGED.unknown(problem, known)
    for doubt in known.body.doubts:
        text = f"The artifact {doubt.artifact} about a release cannot be read and may say RED: {doubt.said}."
        yield LOGGED.unknown(text, known, about=doubt.artifact)
    if not known.body.problems and not known.body.doubts:
        yield LOGGED.passes("The log is complete, as its signature says.", known)
    models = sorted({model for workload in asked.body.workloads for model in workload.models})
    for model in models:
        yield from _released(model, known, policy, seen)
    if not models:
        for rule in (RELEASED, HOLDS):
            yield rule.unknown("No workload names a model, so no release could be looked up.", asked)


def _released(model: str, known: Evidence[Releases], policy: ReleasedPolicy, seen: Seen) -> Iterator[Finding]:
    about = [one for one in known.body.found if one.model == model]
    counting = [one for one in about if _counts(one, policy, known.body)]
    if not counting:
        text = f"The model {model} is not released here{_why(about, known.body, policy)}."
        yield RELEASED.fails(text, known, about=model)
        yield HOLDS.unknown(f"No release of the model {model} counts, so there are no parts to look at.", known, about=model)
        return
    bad = [one for one in counting if one.verdict is Verdict.RED or (one.verdict is Verdict.AMBER and not policy.allow_amber)]
    past = [one for one in counting if one not in bad and _past(one, seen)]
    holding = [one for one in counting if one not in bad and one not in past]
    for one in bad:
        yield RELEASED.fails(f"{_said(one)}.", known, about=model)
    if not holding and not bad:
        last = past[-1]
        yield RELEASED.fails(f"{_said(last)}; {_past(last, seen)}.", known, about=model)
    for one in holding:
        if one.verdict is Verdict.AMBER:
            yield RELEASED.warns(f"{_said(one)}, which the policy admits.", known, about=model)
        else:
            yield RELEASED.passes(f"{_said(one)}.", known, about=model)
    sound = [one for one in holding if not one.withdrawn]
    for one in holding:
        for sentence in one.withdrawn:
            yield HOLDS.fails(f"{_said(one)}. Since then, part {sentence}.", known, about=model)
    if sound and len(sound) == len(holding):
        yield HOLDS.passes(f"Every artifact that the release of the model {model} cites still counts.", known, about=model)
    if not holding:
        yield HOLDS.unknown(f"No release of the model {model} holds, so there are no parts to look at.", known, about=model)


def _counts(one: ReleaseSeen, policy: ReleasedPolicy, known: Releases) -> bool:
    own = known.own_key
    rules = [replace(rule, key=own) if rule.key == OWN else rule for rule in policy.signers if own or rule.key != OWN]
    return (
        bool(known.site)
        and one.site == known.site
        and one.policy_digest in policy.policies
        and any(allowed(signer, rules, one.name, (one.plan,)) for signer in one.signers)
    )


def _past(one: ReleaseSeen, seen: Seen) -> str:
    """Why *one* does not hold now, or nothing."""
    if ahead(one.judged_at, at=seen.at, skew=seen.skew) is Ahead.OUTSIDE:
        return f"this is {offset(one.judged_at, seen.at)} ahead of this machine's clock, more than is allowed"
    if one.valid_until - one.judged_at > MOST_VALID:
        return f"it is valid until {one.valid_until:%Y-%m-%d}, longer than any policy may allow"
    if one.valid_until <= seen.at:
        return f"it was valid only until {one.valid_until:%Y-%m-%d %H:%M} UTC"
    return ""


def _said(one: ReleaseSeen) -> str:
    return (
        f"The release {one.name} of the model {one.model} was judged {one.verdict.value} by {one.policy_name} on "
        f"{one.judged_at:%Y-%m-%d %H:%M} UTC ({one.artifact})"
    )


def _why(about: list[ReleaseSeen], known: Releases, policy: ReleasedPolicy) -> str:
    if not policy.policies:
        return "; the admission policy names no release policy that counts"
    if not policy.signers:
        return "; the admission policy names no signer"
    if not known.site:
        return "; this machine has no site's name (ARCOPS_SITE), so no release can be of it"
    if about:
        one = about[-1]
        return (
            f"; {len(about)} release(s) of it are of other sites, or by policies or signers that do not count: the last is "
            f"{one.name} at {one.site or '(no site)'} by policy {one.policy_name} ({one.policy_digest})"
        )
    return ""
