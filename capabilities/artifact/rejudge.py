"""Judge a kept artifact again, from the evidence and the policy kept with it, and say whether the result is the same."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum

from arcops import installed
from arcops.asks import shaped
from arcops.errors import Refused
from arcops.verdict import Verdict
from artifacts.bundle import MOST_BYTES, read_envelope
from artifacts.envelope import strict_json
from artifacts.objects import digest_of
from artifacts.statement import from_statement, to_statement
from artifacts.store import Store
from artifacts.vouch import SignatureState, signature_of
from capabilities.artifact.places import FieldChanged, differing
from capabilities.artifact.standing import grounds
from capabilities.contract import Scope, tool
from capabilities.kept import sealed_bytes
from flows.place import Place
from flows.policies.reading import read_policy, shipped_policies
from flows.rejudge import judge_again, unasked


class Again(Enum):
    """The result of judging again."""

    SAME = "same"
    """The same bytes that were signed."""
    DIFFERS = "differs"
    """Other bytes, so another verdict or finding: the gates have changed since, or they never gave that verdict."""
    REFUSED = "refused"
    """It could not be judged again, so the result is unknown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejudge:
    """What to judge again."""

    artifact: str = field(metadata=shaped(positional=True, text_of=MOST_BYTES, digest=True))
    """The text of a sealed artifact (a file on the command line), or the digest (sha256:…) of one in the store."""
    policy: str = ""
    """The policy, if the store does not keep it: a registered one's name or digest; on one's own command line also a file.
    It counts only if it has the digest that was signed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejudged:
    """What was signed, and the result now."""

    artifact: str
    again: Again
    said: str
    """The result in one sentence, or why it could not be judged again."""
    signature: SignatureState
    verdict: Verdict
    """The verdict as signed."""
    now: Verdict | None
    """The verdict now; empty if it could not be judged again."""
    signed: str
    """The digest of the statement's canonical bytes, as signed."""
    made: str
    """The digest of the statement's bytes now, or empty."""
    fields: tuple[FieldChanged, ...]
    """What differs, the first 200 places: *a* is what was signed, *b* is the result now."""
    more: int
    """How many more places differ."""
    unasked: tuple[str, ...]
    """Gates that the policy names and the artifact does not: its kind of check leaves them to others."""
    program: str
    """The program that judged again: the versions of ArcOps and Python."""


@tool(title="Judge a kept artifact again", scope=Scope.READ, reads_only=True)
def rejudge_artifact(ask: Rejudge, at: Place) -> Rejudged:
    """Judge the evidence of a kept artifact again, by its own policy and clock, and say whether the result is the same bytes.

    Evidence bodies and the policy are read from the store by the digests that were signed. If one is missing or changed, the
    answer is "refused": the result is unknown, never the same. Nothing is collected and nothing is signed.
    """
    data = sealed_bytes(ask.artifact, at)
    payload = read_envelope(data).payload
    try:
        report = from_statement(payload)
    except Refused as error:
        raise Refused(f"only a readiness report can be judged again: {error}") from error
    signature = signature_of(data, grounds(at), at.now())

    def said(again: Again, sentence: str, now: Verdict | None, made: bytes, left: tuple[str, ...]) -> Rejudged:
        differs = again is Again.DIFFERS
        fields, more = differing(*(strict_json(one, "the statement") for one in (payload, made))) if differs else ((), 0)
        return Rejudged(
            artifact=digest_of(data),
            again=again,
            said=sentence,
            signature=signature,
            verdict=report.verdict,
            now=now,
            signed=digest_of(payload),
            made=digest_of(made) if made else "",
            fields=fields,
            more=more,
            unasked=left,
            program=f"ArcOps {installed.version()}, {installed.python()}",
        )

    with Store.at(at.settings) as store:
        kept = _kept(store, ask, at, report.policy_digest)
        try:
            now = judge_again(report, kept)
            left = unasked(report, kept)
        except Refused as error:
            return said(Again.REFUSED, f"It cannot be judged again here: {error}.", None, b"", ())
    made = to_statement(now)
    if made == payload:
        return said(Again.SAME, "The same evidence, policy and clock give the same bytes.", now.verdict, made, left)
    return said(Again.DIFFERS, "The same evidence, policy and clock give other bytes here.", now.verdict, made, left)


def _kept(store: Store, ask: Rejudge, at: Place, policy: str) -> Callable[[str], bytes]:
    """What the store keeps. The policy may also be the caller's, or one that ships, if it has that digest."""

    def kept(digest: str) -> bytes:
        if digest == policy:
            named = [_named(ask.policy, at)] if ask.policy else []
            if not store.path(digest).exists():
                named += [read_policy(one) for one in shipped_policies()]
            for data in named:
                if digest_of(data) == digest:
                    return data
            if ask.policy:
                raise Refused(f"{ask.policy} is not the policy with the digest {digest} that was signed")
        if not store.path(digest).exists():
            raise Refused(f"the store has nothing with digest {digest}")
        try:
            return store.get(digest)
        except Refused as error:
            raise Refused(f"what the store keeps under {digest} was changed since it was kept") from error

    return kept


def _named(policy: str, at: Place) -> bytes:
    """The bytes of the policy that the caller names. For a remote caller it is a registered one. Here it may be a file in the
    form of an earlier release, because it counts only with the digest that was signed.
    """
    if at.roots is None and policy not in shipped_policies() and os.path.lexists(policy):
        return read_policy(policy)
    return at.policy(policy).written
