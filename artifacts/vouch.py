"""Who signed this artifact, and does it still count? The one answer for every door, gate and baseline.

An artifact counts if a trusted key signed its bytes, if it is known that no list revokes that key or the artifact, and if its
times are possible. A list that is too old still revokes what it names; about a key that it does not name, nothing is known.
Nothing here opens a file: `tasks.signing.grounds` reads the keys and lists.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from enum import Enum
from functools import lru_cache
from typing import TYPE_CHECKING

from arcops.clock import Ahead, ahead, offset
from arcops.errors import Refused
from arcops.late_dataclass import dataclass
from arcops.policy import MOST_LIST_AGE, MOST_VALID, SKEW
from arcops.result import Report
from artifacts.bundle import opened_by, read_envelope, verified_by
from artifacts.envelope import IN_TOTO, Envelope
from artifacts.public_key import PublicKey
from artifacts.statement import from_statement

if TYPE_CHECKING:
    from arcops.seen.signatures import RevocationsSeen, Revoked

_MOST_HINT = 100


class Standing(Enum):
    """What an artifact's signature is worth here and now."""

    VERIFIED = "verified"
    """A key that this machine trusts signed these bytes, and no valid list revokes it."""
    UNTRUSTED = "untrusted"
    """No key that this machine trusts signed these bytes."""
    REVOKED = "revoked"
    """The signer was trusted, and is revoked; or the artifact is."""
    CHANGED = "changed"
    """The bytes are no longer those that were kept."""
    UNREADABLE = "unreadable"
    """The bytes are those that were kept, but they are not a sealed statement."""
    UNCHECKED = "unchecked"
    """It is not known whether the signature counts: the keys or the lists cannot be read here, or are too old."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignatureState:
    """The state of a signature at the moment of the check."""

    standing: Standing
    said: str
    """One sentence: what was found."""
    checked_at: datetime
    signers: tuple[str, ...] = ()
    """The ids of the trusted keys whose signatures hold and that are not revoked."""
    revoked: tuple[str, ...] = ()
    """One sentence for each revocation that touches this artifact."""
    caveats: tuple[str, ...] = ()
    """What could not be checked about revocations, one sentence each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grounds:
    """The keys and revocations on this machine at one moment, or the reason why they cannot be used.

    ``most_list_age`` is how old the newest revocation list may be.
    """

    keys: tuple[PublicKey, ...] = ()
    revocations: tuple[RevocationsSeen, ...] = ()
    problem: str = ""
    most_list_age: timedelta = MOST_LIST_AGE


@dataclass(frozen=True, slots=True, kw_only=True)
class Vouched:
    """A statement that counts here. ``signers`` are the ids of the trusted keys that signed it and are not revoked.

    ``warnings`` are sentences about problems that do not stop the check.
    """

    statement: bytes
    predicate_type: str
    signers: tuple[str, ...]
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class VouchedReport:
    """A readiness report that counts here, as `Vouched`."""

    report: Report
    signers: tuple[str, ...]
    warnings: tuple[str, ...] = ()

    def expired(self, at: datetime) -> bool:
        """Is the report out of date at the moment *at*?"""
        return at > self.report.valid_until


class NotVouched(Refused):
    """The artifact does not count here. ``state`` says why."""

    def __init__(self, state: SignatureState) -> None:
        super().__init__(state.said.rstrip("."))
        self.state = state


class Untimely(Refused):
    """The artifact's own times are not possible, so it does not count."""


def vouch(data: bytes, ground: Grounds, now: datetime) -> Vouched:
    """The sealed statement in *data*, if it counts by *ground* at *now*. Raises `NotVouched`, in one sentence, if not."""
    state, envelope = _checked(data, ground, now)
    if state.standing is not Standing.VERIFIED or envelope is None:
        raise NotVouched(state)
    opened = opened_by(envelope, state.signers)
    return Vouched(
        statement=opened.statement,
        predicate_type=opened.predicate_type,
        signers=opened.signers,
        warnings=(*state.revoked, *state.caveats),
    )


def vouch_report(data: bytes, ground: Grounds, now: datetime, *, skew: timedelta = SKEW) -> VouchedReport:
    """The readiness report in *data*, if it counts by *ground* at *now*; other clocks may be ahead of *now* by *skew*.

    Raises `Refused`, in one sentence, if not: no signer that counts, a report that contradicts itself, a time of judging in
    the future, or a validity longer than any policy may give. The caller asks whether it has expired: `VouchedReport.expired`.
    """
    vouched = vouch(data, ground, now)
    report = from_statement(vouched.statement)
    return VouchedReport(report=report, signers=vouched.signers, warnings=(*vouched.warnings, *timely(report, now, skew)))


def timely(report: Report, now: datetime, skew: timedelta) -> tuple[str, ...]:
    """Warnings about the times of *report*. Raises `Untimely` if they are not possible."""
    term = report.valid_until - report.judged_at
    if term > MOST_VALID:
        raise Untimely(f"it says that it is valid for {term.days} days; no policy may give more than {MOST_VALID.days}")
    match ahead(report.judged_at, at=now, skew=skew):
        case Ahead.OUTSIDE:
            raise Untimely(
                f"it says that it was judged at {report.judged_at:%Y-%m-%d %H:%M:%S} UTC, {offset(report.judged_at, now)} ahead"
                f" of the clock here; clocks may differ by {skew.total_seconds():g} s: compare both clocks, and check again"
            )
        case Ahead.INSIDE:
            return (f"The clock of its signer was {offset(report.judged_at, now)} ahead of the one here.",)
        case Ahead.NO:
            return ()


def signature_of(data: bytes, ground: Grounds, now: datetime) -> SignatureState:
    """Check the signatures of the sealed artifact *data* against *ground*, which was read at *now*."""
    return _checked(data, ground, now)[0]


def _checked(data: bytes, ground: Grounds, now: datetime) -> tuple[SignatureState, Envelope | None]:
    """The state of *data*'s signature, and its envelope if it has one: read and verified once."""
    try:
        envelope, signed = (_small if len(data) <= _SMALL else _read)(data, ground.keys)
    except Refused as error:
        return unreadable(str(error), now), None
    return state_of(signed, ground, now), envelope


def _read(data: bytes, keys: tuple[PublicKey, ...]) -> tuple[Envelope, Signed]:
    """The envelope in *data*, and who of *keys* signed it. Raises `Refused` if it has none."""
    envelope = read_envelope(data)
    return envelope, signed_by(data, envelope, keys)


_SMALL = 16 * 1024
_small = lru_cache(maxsize=2048)(_read)
"""Who signed follows from the bytes and the keys alone, so a check that meets an artifact twice verifies it once. Large ones
are not held.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """What the content of a sealed artifact and a set of keys decide: no list, no clock.

    ``artifact`` and ``payload`` are SHA-256 in hex, of the whole and of what is signed. ``hint`` is the signer that the
    artifact names, which decides nothing. ``signers`` are the ids of the keys whose signatures hold.
    """

    artifact: str
    payload: str
    payload_type: str
    hint: str
    signers: tuple[str, ...]


def signed_by(data: bytes, envelope: Envelope, keys: Sequence[PublicKey]) -> Signed:
    """Who of *keys* signed *envelope*, which was read from *data*."""
    return Signed(
        artifact=hashlib.sha256(data).hexdigest(),
        payload=hashlib.sha256(envelope.payload).hexdigest(),
        payload_type=envelope.payload_type[:_MOST_HINT],
        hint=envelope.signatures[0].keyid[:_MOST_HINT],
        signers=verified_by(envelope, keys) if envelope.payload_type == IN_TOTO else (),
    )


def unreadable(problem: str, now: datetime) -> SignatureState:
    """The state of what is not a sealed artifact, because of *problem*."""
    said = f"This is not a sealed artifact: {problem}."
    return SignatureState(standing=Standing.UNREADABLE, said=said, checked_at=now)


def state_of(signed: Signed, ground: Grounds, now: datetime) -> SignatureState:
    """The state of the signatures of *signed*, which was made with the keys of *ground*, at *now*."""

    def state(standing: Standing, said: str, **more: tuple[str, ...]) -> SignatureState:
        return SignatureState(standing=standing, said=said, checked_at=now, **more)

    if signed.payload_type != IN_TOTO:
        return state(Standing.UNREADABLE, f"The sealed content is {signed.payload_type!r}, not a statement.")
    if ground.problem:
        return state(Standing.UNCHECKED, f"Nothing can be verified here: {ground.problem}.")
    signers = tuple(sorted({key.id for key in ground.keys} & set(signed.signers)))
    if not signers:
        return state(
            Standing.UNTRUSTED,
            f"None of the {len(ground.keys)} key(s) trusted here signed it. It names {signed.hint or 'no key'} as its signer, "
            "but anyone can write that.",
        )
    caveats = tuple(_caveats(ground, now))
    entries = [entry for listed in ground.revocations if not listed.problem for entry in listed.revoked]
    artifact = [entry for entry in entries if entry.sha256 in (signed.artifact, signed.payload)]
    keys = [entry for entry in entries if entry.key in signers]
    sentences = tuple(_sentence(entry) for entry in (*artifact, *keys))
    standing_keys = tuple(key for key in signers if key not in {entry.key for entry in keys})
    if artifact or not standing_keys:
        said = "A trusted key signed it, but the key or the artifact was revoked."
        return state(Standing.REVOKED, said, revoked=sentences, caveats=caveats)
    said = f"Signed by {', '.join(standing_keys)}, which is trusted here."
    unknown = _unknown(ground, now)
    if unknown:
        return state(Standing.UNCHECKED, f"{said} {unknown}", revoked=sentences, caveats=caveats)
    return state(Standing.VERIFIED, said, signers=standing_keys, revoked=sentences, caveats=caveats)


def taken_back(digest: str, ground: Grounds) -> str:
    """Which revocation takes back the artifact with *digest* (``sha256:…``), as a sentence; empty if none does."""
    value = digest.removeprefix("sha256:")
    entries = (entry for listed in ground.revocations if not listed.problem for entry in listed.revoked)
    return next((_sentence(entry) for entry in entries if entry.sha256 == value), "")


def _unknown(ground: Grounds, now: datetime) -> str:
    """Why it is not known whether a signer was revoked, as a sentence; empty if it is known."""
    if any(listed.problem for listed in ground.revocations):
        return "Revocations could not be checked, so it counts as not verified."
    dates = [listed.issued_at for listed in ground.revocations if listed.issued_at is not None]
    dates = [date for date in dates if ahead(date, at=now, skew=SKEW) is not Ahead.OUTSIDE]
    newest = max(dates, default=None)
    if not ground.revocations or (newest is not None and now - newest <= ground.most_list_age):
        return ""
    dated = f"is from {newest:%Y-%m-%d}, older than {ground.most_list_age.days} days" if newest else "is dated in the future"
    return (
        f"It is not known whether that was revoked: the newest revocation list {dated}. "
        "Issue it again ('arcops keys revoke') or import a newer one."
    )


def _caveats(ground: Grounds, now: datetime) -> Iterator[str]:
    if not ground.revocations:
        yield "There is no revocation list on this machine, so revoked keys are not known."
    for listed in ground.revocations:
        if listed.problem:
            yield f"A revocation list cannot be verified, so a revocation may be missed: {listed.problem}."


def _sentence(entry: Revoked) -> str:
    what = f"the key {entry.key}" if entry.key else "this artifact"
    return f"Revoked on {entry.at:%Y-%m-%d}: {what}. {entry.reason}"
