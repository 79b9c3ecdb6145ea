"""For which controls the records are evidence, and which records those are. Pure.

A record shows what happened. It does not show that an organisation meets a control, and no sentence here says so: each row says
what the records are evidence *for*, how many there are, and names some of them, which anyone can verify.

`arcops.control` names the frameworks. What a record is evidence for is said in our own words.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field

from arcops.control import Control, Framework
from foundation.audit.asking import Found
from foundation.audit.record import Outcome, Record

MOST_NAMED = 3
"""Records that a row names: the first, and the last ones."""

Fits = Callable[[Record, Collection[str]], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What records are ``evidence`` for, a ``control``, and which records those are: those that ``fits`` takes, given the names
    of the tools that change what counts here."""

    control: Control
    evidence: str
    fits: Fits


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlRow:
    """A control with its evidence: how many ``records``, and some of them by ``log:line``. Without a record there is no
    evidence.
    """

    framework: str
    control: str
    evidence: str
    records: int
    named: tuple[str, ...]


def _call(record: Record, trusting: Collection[str]) -> bool:
    return record.door != "audit"


def _known_actor(record: Record, trusting: Collection[str]) -> bool:
    return _call(record, trusting) and bool(record.actor.id)


def _whole(record: Record, trusting: Collection[str]) -> bool:
    return _known_actor(record, trusting) and bool(record.action and record.source)


def _decided(record: Record, trusting: Collection[str]) -> bool:
    return _call(record, trusting) and record.outcome in (Outcome.DENIED, Outcome.ALLOWED, Outcome.DONE)


def _denied(record: Record, trusting: Collection[str]) -> bool:
    return record.outcome is Outcome.DENIED


def _privileged(record: Record, trusting: Collection[str]) -> bool:
    return record.tool in trusting or _access(record, trusting)


def _access(record: Record, trusting: Collection[str]) -> bool:
    return record.action.startswith("access/")


def _login(record: Record, trusting: Collection[str]) -> bool:
    return record.action.startswith("login")


def _failed_login(record: Record, trusting: Collection[str]) -> bool:
    return _login(record, trusting) and _denied(record, trusting)


def _unusual(record: Record, trusting: Collection[str]) -> bool:
    return record.outcome in (Outcome.DENIED, Outcome.FAILED)


def _lost(record: Record, trusting: Collection[str]) -> bool:
    return record.action == "audit/lost"


def _kept(record: Record, trusting: Collection[str]) -> bool:
    return True


_NIST, _SOC, _HIPAA, _GDPR = Framework

SHOWN: tuple[Shown, ...] = tuple(
    Shown(control=Control(framework=framework, number=number), evidence=evidence, fits=fits)
    for framework, number, evidence, fits in (
        (_NIST, "AC-3", "access is decided for each call, and what is denied is recorded", _decided),
        (_NIST, "AC-6(9)", "the use of privileged functions is recorded", _privileged),
        (_NIST, "AC-7", "logins that fail are recorded", _failed_login),
        (_NIST, "AC-2(4)", "changes of access are recorded", _access),
        (_NIST, "AU-2", "calls are recorded as events, whatever their outcome", _call),
        (_NIST, "AU-3", "a record says what was done, when, from which address, by which identity, with which outcome", _whole),
        (_NIST, "AU-5", "records that could not be written are counted", _lost),
        (_NIST, "AU-8", "a record has its time in UTC", _kept),
        (_NIST, "AU-9", "records are signed, and a later change shows", _kept),
        (_NIST, "AU-10", "a call is tied to an identity that an issuer vouches for", _known_actor),
        (_NIST, "AU-11", "records are kept since the first one that is named", _kept),
        (_NIST, "AU-12", "the component that is called makes the record itself", _call),
        (_SOC, "CC6.1", "access to functions is restricted and recorded", _decided),
        (_SOC, "CC6.3", "changes of access are recorded", _access),
        (_SOC, "CC7.2", "denied and failed calls are recorded, so that they can be watched", _unusual),
        (_SOC, "CC8.1", "changes of what counts here (keys, policies, advisories) are recorded", _privileged),
        (_HIPAA, "164.312(b)", "activity is recorded and can be examined", _call),
        (_HIPAA, "164.312(c)(2)", "a change of a record shows", _kept),
        (_HIPAA, "164.312(d)", "the identity of a caller is verified before a call", _known_actor),
        (_GDPR, "Art. 32(1)(b)", "who did what is recorded, and the record is protected against change", _known_actor),
        (_GDPR, "Art. 5(2)", "what was done can be accounted for", _call),
    )
)


@dataclass(slots=True)
class _Seen:
    count: int = 0
    named: list[str] = field(default_factory=list)


def rows(records: Iterable[Found], trusting: Collection[str]) -> tuple[ControlRow, ...]:
    """A row for each control, by *records* of logs that verify; *trusting* are the tools that change what counts here."""
    seen = [_Seen() for _ in SHOWN]
    for found in records:
        if not found.verified:
            continue
        for shown, one in zip(SHOWN, seen, strict=True):
            if shown.fits(found.record, trusting):
                one.count += 1
                if len(one.named) == MOST_NAMED:
                    del one.named[1]
                one.named.append(f"{found.log}:{found.line}")
    return tuple(
        ControlRow(
            framework=shown.control.framework.value,
            control=shown.control.number,
            evidence=shown.evidence,
            records=one.count,
            named=tuple(one.named),
        )
        for shown, one in zip(SHOWN, seen, strict=True)
    )
