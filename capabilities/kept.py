"""Opening what is in the store: shared by the tools that get an artifact by its digest."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING

from arcops.errors import Refused
from arcops.late_pattern import late
from arcops.policy import SKEW
from arcops.result import Report
from arcops.tier import Tier
from arcops.verdict import Verdict
from artifacts.bundle import MOST_BYTES
from artifacts.log.memory import Memory
from artifacts.public_key import PublicKey, load_public_key
from artifacts.vouch import vouch_report
from capabilities.contract import Left
from flows.place import Place
from tasks.signing.grounds import grounds, trusted_keys

if TYPE_CHECKING:
    from flows.subjects.evaluation import Evaluation

_DIGEST = late(r"sha256:[0-9a-f]{64}\Z")
_WIDTH = (Tier.AIR_GAPPED, Tier.RESTRICTED, Tier.CONNECTED)


class NotThere(Refused):
    """The store has nothing under this digest."""


class ChangedBytes(Refused):
    """What the store keeps under this digest was changed."""


def sealed_bytes(artifact: str, at: Place) -> bytes:
    """The sealed artifact that a caller means: its digest in the store, or its own text."""
    return kept_bytes(artifact, at) if _DIGEST.match(artifact) else artifact.encode()


def kept_bytes(digest: str, at: Place) -> bytes:
    """What the store keeps under *digest*. Raises `NotThere` or `ChangedBytes`, without a path of this machine."""
    from artifacts.store import Store

    with Store.at(at.settings) as store:
        try:
            return store.get(digest)
        except Refused as error:
            if store.path(digest).exists():
                said = f"what the store keeps under {digest} was changed since it was kept; 'arcops store check' tells more"
                raise ChangedBytes(said) from error
            raise NotThere(f"the store has nothing with digest {digest}; 'arcops store list' lists what it keeps") from error


def whose_keys(pems: tuple[str, ...], at: Place) -> tuple[tuple[PublicKey, ...], tuple[str, ...]]:
    """The keys to verify with: *pems*, or else the trusted ones; and the ids of those keys that are not trusted here."""
    if not pems:
        return trusted_keys(at.settings.trust), ()
    keys = tuple(load_public_key(pem.encode(), where=f"key {number}") for number, pem in enumerate(pems, 1))
    try:
        known = {key.id for key in trusted_keys(at.settings.trust)}
    except Refused:
        known = set()
    return keys, tuple(sorted({key.id for key in keys} - known))


def counting_keys(pems: tuple[str, ...], at: Place) -> tuple[PublicKey, ...]:
    """The keys by which a file counts that was carried here: *pems*, or else the trusted ones, without those that were revoked.

    Raises `Refused` if one that was named was revoked, if all were, or if a list of revocations cannot be read: then it is not
    known which were.
    """
    from tasks.signing.grounds import revocation_lists

    keys, lists = whose_keys(pems, at)[0], revocation_lists(at.settings.trust)
    for one in lists:
        if one.problem:
            raise Refused(f"it is not known which keys were revoked: {one.problem}; nothing that was carried here counts")
    revoked = {entry.key: entry.reason for one in lists for entry in one.revoked if entry.key}
    for key in keys if pems else ():
        if key.id in revoked:
            raise Refused(f"the key {key.id} was revoked here ({revoked[key.id]}), so nothing counts that it signed")
    standing = tuple(key for key in keys if key.id not in revoked)
    if not standing:
        raise Refused(
            "every key that is trusted here was revoked, so nothing counts; trust another with 'arcops keys trust FILE'"
        )
    return standing


def honest_now(at: Place) -> datetime:
    """The clock here. Raises `Refused` if it is behind the store's last entry: then what has expired would be valid again."""
    now = at.now()
    remembered = (one.what.newest for one in Memory(at.settings.memory, at.settings.store).recall())
    newest = max((moment for moment in remembered if moment is not None), default=now)
    if newest - now > SKEW:
        raise Refused(
            f"the clock here says {now:%Y-%m-%d %H:%M:%S} UTC, but the store was last written at {newest:%Y-%m-%d %H:%M:%S}"
            " UTC: one of them is wrong, so it is not known what is still valid; set the clock"
        )
    return now


def opened(digest: str, at: Place) -> Report:
    """The report kept as *digest*. Raises `Refused` if no signer that counts here vouches for it."""
    return vouch_report(sealed_bytes(digest, at), grounds(at.settings.trust), honest_now(at)).report


def left_about(left: Left, at: Place, *, what: Evaluation, name: str, kind: str) -> Report:
    """The report that a run elsewhere *left*, about the subject with this *name* and *kind*.

    Others can write what Prefect says about a run. So the artifact itself must be of this run, this subject, this policy and
    this time, of a tier that is not wider than here, and by a signer that counts now. Raises `Refused` if it is not.
    """
    now = at.now()
    ground = grounds(at.settings.trust)
    try:
        report = vouch_report(sealed_bytes(left.artifact, at), ground, now).report
    except Refused as error:
        said = f"Prefect says that the run {left.run} left {left.artifact}"
        raise Refused(f"{said}, but that is not its answer, because it does not count here: {error}") from error
    complaint = next(filter(None, _complaints(report, left, at, what=what, name=name, kind=kind, now=now)), "")
    if complaint:
        raise Refused(f"Prefect says that the run {left.run} left {left.artifact}, but that is not its answer: {complaint}")
    return report


def _complaints(
    report: Report, left: Left, at: Place, *, what: Evaluation, name: str, kind: str, now: datetime
) -> Iterator[str]:
    """Why *report* cannot be what the run *left*; an empty sentence for what fits."""
    if report.runner != what.runner(left.run, left.parameters):
        own = report.runner.startswith(f"{what.runner(left.run, {}).rpartition('/')[0]}/")
        yield "this run was told to judge something else" if own else f"it was made by {report.runner!r}"
    if (report.subject.name, report.subject.kind) != (name, kind):
        yield f"it is about the {report.subject.kind} {report.subject.name!r}, not about the {kind} {name!r}"
    asked = str(left.parameters.get("policy", ""))
    if report.policy_digest != asked and not _unread(report, asked):
        yield f"it was judged by the policy {report.policy_name!r} ({report.policy_digest}), not by {asked}"
    if _WIDTH.index(report.tier) > _WIDTH.index(at.settings.tier):
        yield f"it was judged in the tier {report.tier.value}; use --tier {report.tier.value} here if it may reach that far"
    if not left.begun - SKEW <= report.judged_at <= now + SKEW:
        said = f"it was judged at {report.judged_at:%Y-%m-%d %H:%M:%S} UTC"
        yield f"{said}, but the run began at {left.begun:%Y-%m-%d %H:%M:%S} UTC"


def _unread(report: Report, asked: str) -> bool:
    """Does *report* say that the worker could not read the policy that was *asked* for? Then it is RED, which is an answer."""
    from flows.policies.unread import NOTHING, UNREAD

    named = f"{asked[:100]}{UNREAD}"
    return (report.policy_digest, report.policy_name, report.verdict) == (NOTHING, named, Verdict.RED)


__all__ = [
    "MOST_BYTES",
    "ChangedBytes",
    "NotThere",
    "honest_now",
    "kept_bytes",
    "left_about",
    "opened",
    "sealed_bytes",
    "whose_keys",
]
