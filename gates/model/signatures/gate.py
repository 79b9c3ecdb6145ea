"""Did somebody whom the operator trusts sign exactly these files?

Why: A model is code and data that will run with an organisation's authority. Only a signature by a known signer over every
file shows that nobody changed, added or removed anything since it was released.

Judged: Each file of the subject must be covered, with the digest that it has on disk, by enough distinct signers whom the
policy allows. Only the signature files themselves may stay outside, and what the policy names. A certificate counts when it was
valid at a time that a log or timestamp authority vouches for. Revoked signers and artifacts never count, and the signed
revocation list must be recent.

Fix: Sign the model as it is with an allowed key (``arcops sign``), enrol the signer's key or root in the trust directory, name
the signer in the policy, and keep a fresh revocation list; never delete a file's finding by loosening the policy.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from arcops.errors import Refused
from arcops.evidence import Evidence, Seen
from arcops.finding import Finding
from arcops.gate import gate
from arcops.seen.signatures import RevocationsSeen, Revoked, Signatures, SignatureSeen
from arcops.seen.tree import Tree
from arcops.signer import Signer, SignerRule, allowed
from arcops.subjects.model import Model
from gates.model.signatures.rules import COMPLETE, EXPECTED, IGNORED, LIST, MATCHES, PROVEN, REVOKED, SIGNER, TIME

_MOST = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class SignaturePolicy:
    """Who must have signed, and how fresh the revocations must be. By default nobody may sign, so everything is RED.

    ``threshold`` is how many distinct signers each file needs. ``unsigned_paths`` are files, or directories with all that is in
    them, that may lie outside every manifest. ``allow_untimed_certificates`` lets a certificate without a trusted time count
    while it is still valid. ``expected_digest`` is ``sha256:…`` of what must have been signed. Ages are days.
    """

    signers: tuple[SignerRule, ...] = ()
    threshold: int = 1
    unsigned_paths: tuple[str, ...] = ()
    allow_untimed_certificates: bool = False
    expected_digest: str = ""
    require_revocations: bool = True
    max_revocation_age_days: int = 7
    revocation_signers: tuple[SignerRule, ...] = ()

    def __post_init__(self) -> None:
        if self.threshold < 1:
            raise Refused(f"'threshold' is {self.threshold}; at least 1 signer must have signed")
        if self.max_revocation_age_days < 1:
            raise Refused(f"'maxRevocationAgeDays' is {self.max_revocation_age_days}; use 1 or more")
        pinned = self.expected_digest.removeprefix("sha256:")
        if self.expected_digest and (not self.expected_digest.startswith("sha256:") or len(pinned) != 64):
            raise Refused(f"'expectedDigest' is {self.expected_digest!r}; write 'sha256:' and 64 hex digits")

    def tolerates(self, path: str) -> bool:
        """May the file *path* lie outside every manifest?"""
        return any(path == named or path.startswith(f"{named.rstrip('/')}/") for named in self.unsigned_paths if named)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Counting:
    """A signature with those of its signers that count, and the keys behind them."""

    signature: SignatureSeen
    signers: frozenset[Signer]
    keys: frozenset[str]


@gate(
    "signatures",
    judges=(Model,),
    needs=(Tree, Signatures),
    policy=SignaturePolicy,
    rules=(PROVEN, SIGNER, TIME, LIST, REVOKED, MATCHES, COMPLETE, IGNORED, EXPECTED),
)
def signatures(seen: Seen, policy: SignaturePolicy) -> Iterator[Finding]:
    """The findings on the signatures over the subject's files."""
    tree, found = seen[Tree], seen[Signatures]
    lists = _counting_lists(found.body, policy)
    revoked = tuple(entry for listed in lists for entry in listed.revoked)
    yield from _proven(found)
    yield from _lists(found, lists, policy, seen.at, seen.skew)
    yield from _revoked(tree, found, revoked)
    yield from _timed(found, policy, seen.at)
    counting = tuple(_counting(found.body, policy, revoked, seen))
    yield from _signers(found, counting, policy, seen)
    yield from _matches(tree, found, counting)
    yield from _complete(tree, found, counting, policy)
    yield from _ignored(tree, found, counting, policy)
    yield from _expected(found, counting, policy)


def _counting_lists(found: Signatures, policy: SignaturePolicy) -> tuple[RevocationsSeen, ...]:
    return tuple(
        listed
        for listed in found.revocations
        if not listed.problem and any(allowed(signer, policy.revocation_signers, "revocations") for signer in listed.signers)
    )


def _is_revoked(signer: Signer, keys: tuple[str, ...], revoked: tuple[Revoked, ...]) -> Revoked | None:
    for entry in revoked:
        if entry.key and (entry.key == signer.key or entry.key in keys):
            return entry
        if entry.identity and entry.identity == signer.identity and entry.issuer in ("", signer.issuer):
            return entry
    return None


def _in_time(signature: SignatureSeen, signer: Signer, policy: SignaturePolicy, at: datetime) -> bool:
    if signer.key or (signature.trusted_time is not None and not signature.untimed):
        return True
    start, end = signature.not_before, signature.not_after
    return policy.allow_untimed_certificates and start is not None and end is not None and start <= at <= end


def _counting(found: Signatures, policy: SignaturePolicy, revoked: tuple[Revoked, ...], seen: Seen) -> Iterator[_Counting]:
    for signature in found.signatures:
        if signature.problem:
            continue
        pairs = [
            (signer, key)
            for signer, key in zip(signature.signers, signature.keys, strict=True)
            if allowed(signer, policy.signers, seen.subject_name, seen.subject_digests)
            and _in_time(signature, signer, policy, seen.at)
            and _is_revoked(signer, (key,), revoked) is None
        ]
        if pairs:
            yield _Counting(
                signature=signature,
                signers=frozenset(signer for signer, _ in pairs),
                keys=frozenset(key for _, key in pairs),
            )


def _proven(found: Evidence[Signatures]) -> Iterator[Finding]:
    bad = [signature for signature in found.body.signatures if signature.problem or not signature.signers]
    for signature in bad:
        yield PROVEN.fails(f"{signature.problem or 'No signer was proven'}.", found, about=signature.path)
    if not bad:
        yield PROVEN.passes(f"All {len(found.body.signatures)} signature(s) hold.", found)


def _lists(
    found: Evidence[Signatures], lists: tuple[RevocationsSeen, ...], policy: SignaturePolicy, at: datetime, skew: timedelta
) -> Iterator[Finding]:
    bad = [listed for listed in found.body.revocations if listed not in lists]
    for listed in bad:
        why = listed.problem or f"It is signed by {_names(listed.signers)}, whom the policy does not allow to revoke"
        yield LIST.fails(f"{listed.path} does not count: {why}.", found, about=listed.path)
    dates = [listed.issued_at for listed in lists if listed.issued_at is not None and listed.issued_at <= at + skew]
    newest = max(dates, default=None)
    if newest is None and policy.require_revocations:
        yield LIST.fails("There is no signed revocation list, so nobody says that the signers still count.", found)
    elif newest is not None and policy.require_revocations and at - newest > timedelta(days=policy.max_revocation_age_days):
        yield LIST.fails(
            f"The newest revocation list is of {newest:%Y-%m-%d}, older than {policy.max_revocation_age_days} days.", found
        )
    elif newest is not None and not bad:
        yield LIST.passes(f"The newest revocation list is of {newest:%Y-%m-%d}.", found)
    elif not bad:
        yield LIST.passes("There is no revocation list, and the policy demands none.", found)


def _revoked(tree: Evidence[Tree], found: Evidence[Signatures], revoked: tuple[Revoked, ...]) -> Iterator[Finding]:
    clean = True
    for signature in found.body.signatures:
        for signer, key in zip(signature.signers, signature.keys, strict=False):
            entry = _is_revoked(signer, (key,), revoked)
            if entry is not None:
                clean = False
                yield REVOKED.fails(
                    f"{signer}, who signed {signature.path}, was revoked on {entry.at:%Y-%m-%d}: {entry.reason}.",
                    found,
                    about=signature.path,
                )
    named = {entry.sha256: entry for entry in revoked if entry.sha256}
    things = {file.path: file.sha256 for file in tree.body.files} if named else {}
    things.update({f"{one.path} (all that it signs)": one.model_digest for one in found.body.signatures} if named else {})
    things.update({one.path: one.sha256 for one in found.body.signatures} if named else {})
    for path, digest in sorted(things.items()):
        if digest in named:
            clean = False
            entry = named[digest]
            yield REVOKED.fails(f"{path} was revoked on {entry.at:%Y-%m-%d}: {entry.reason}.", tree, found, about=path)
    if clean:
        yield REVOKED.passes("No signer and no file is revoked by a list that counts.", tree, found)


def _timed(found: Evidence[Signatures], policy: SignaturePolicy, at: datetime) -> Iterator[Finding]:
    late = [
        (signature, signer)
        for signature in found.body.signatures
        if not signature.problem
        for signer in signature.signers
        if not _in_time(signature, signer, policy, at)
    ]
    for signature, signer in late:
        until = f", and it ended on {signature.not_after:%Y-%m-%d}" if signature.not_after and signature.not_after < at else ""
        yield TIME.fails(
            f"Nobody trusted says when {signer} signed {signature.path}, so its certificate may have been invalid then{until}.",
            found,
            about=signature.path,
        )
    if not late:
        yield TIME.passes("Every certificate was valid when it was used; keys need no time.", found)


def _signers(
    found: Evidence[Signatures], counting: tuple[_Counting, ...], policy: SignaturePolicy, seen: Seen
) -> Iterator[Finding]:
    distinct = _distinct(counting)
    others = sorted(
        {
            str(signer)
            for signature in found.body.signatures
            if not signature.problem
            for signer in signature.signers
            if not allowed(signer, policy.signers, seen.subject_name, seen.subject_digests)
        }
    )
    if distinct >= policy.threshold:
        yield SIGNER.passes(f"{distinct} distinct allowed signer(s) signed; {policy.threshold} needed.", found)
        for other in others:
            yield SIGNER.warns(f"{other} signed too, and does not count: the policy does not name them.", found, about=other)
        return
    why = f"; the policy does not allow {', '.join(others)}" if others else ""
    none = "; the policy allows nobody to sign" if not policy.signers else ""
    yield SIGNER.fails(
        f"{distinct} distinct signer(s) count for {seen.subject_name!r}, and {policy.threshold} are needed{why}{none}.", found
    )


def _distinct(counting: tuple[_Counting, ...]) -> int:
    """How many signers there are at least: one key under two names is one, and so is one name with two keys."""
    signers = {signer for one in counting for signer in one.signers}
    keys = {key for one in counting for key in one.keys}
    return min(len(signers), len(keys))


def _matches(tree: Evidence[Tree], found: Evidence[Signatures], counting: tuple[_Counting, ...]) -> Iterator[Finding]:
    here = {file.path: file.sha256 for file in tree.body.files}
    wrong: dict[str, str] = {}
    for one in counting:
        for covered in one.signature.covers:
            if covered.path not in here:
                wrong.setdefault(covered.path, f"{covered.path} was signed in {one.signature.path} and is not here.")
            elif here[covered.path] != covered.sha256:
                wrong.setdefault(covered.path, f"{covered.path} is not as it was signed in {one.signature.path}.")
    for path in sorted(wrong)[:_MOST]:
        yield MATCHES.fails(wrong[path], tree, found, about=path)
    if len(wrong) > _MOST:
        yield MATCHES.fails(f"{len(wrong) - _MOST} more files are missing or changed.", tree, found)
    if not counting:
        yield MATCHES.fails("No signature counts, so nothing says how the files should be.", tree, found)
    elif not wrong:
        yield MATCHES.passes("Every file that was signed is here and unchanged.", tree, found)


def _complete(
    tree: Evidence[Tree], found: Evidence[Signatures], counting: tuple[_Counting, ...], policy: SignaturePolicy
) -> Iterator[Finding]:
    by_file: dict[tuple[str, str], list[_Counting]] = {}
    for one in counting:
        for covered in one.signature.covers:
            by_file.setdefault((covered.path, covered.sha256), []).append(one)
    carried = {(own.path, own.sha256) for one in counting for own in one.signature.carriers}
    ignored = {path for one in counting for path in one.signature.ignored}
    # One answer for each set of signatures that cover a file, not for each of a hundred thousand files.
    known: dict[tuple[str, ...], int] = {}
    bad: dict[str, str] = {}
    for file in tree.body.files:
        name = (file.path, file.sha256)
        if name in carried or policy.tolerates(file.path):
            continue
        covering = by_file.get(name, [])
        if not covering and _under(file.path, ignored):
            continue  # said by the rule on ignored paths
        mark = tuple(one.signature.path + one.signature.sha256 for one in covering)
        if mark not in known:
            known[mark] = _distinct(tuple(covering))
        if known[mark] < policy.threshold:
            bad[file.path] = f"{file.path} is covered by {known[mark]} signer(s) that count; {policy.threshold} needed."
    bad.update({link.path: f"{link.path} is a link, which no signature covers." for link in tree.body.links})
    bad.update({one.path: f"{one.path} could not be read, so nothing covers it: {one.reason}" for one in tree.body.troubles})
    for path in sorted(bad)[:_MOST]:
        yield COMPLETE.fails(bad[path], tree, found, about=path)
    if len(bad) > _MOST:
        yield COMPLETE.fails(f"{len(bad) - _MOST} more files are not covered.", tree, found)
    if not any((file.path, file.sha256) in by_file for file in tree.body.files):
        yield COMPLETE.fails("No file here is covered by a signature that counts.", tree, found)
    elif not bad:
        yield COMPLETE.passes(f"All {len(tree.body.files)} files are covered, carry the signature, or are named.", tree, found)


def _ignored(
    tree: Evidence[Tree], found: Evidence[Signatures], counting: tuple[_Counting, ...], policy: SignaturePolicy
) -> Iterator[Finding]:
    carried = {(own.path, own.sha256) for one in counting for own in one.signature.carriers}
    covered = {(file.path, file.sha256) for one in counting for file in one.signature.covers}
    ignored = {path for one in counting for path in one.signature.ignored}
    hidden = [
        file.path
        for file in tree.body.files
        if (file.path, file.sha256) not in carried | covered and _under(file.path, ignored) and not policy.tolerates(file.path)
    ]
    for path in hidden[:_MOST]:
        yield IGNORED.fails(f"{path} is here, and the signer left it out of the signature.", tree, found, about=path)
    if len(hidden) > _MOST:
        yield IGNORED.fails(f"{len(hidden) - _MOST} more files were left out by the signer.", tree, found)
    if not hidden:
        said = f"Nothing is here of what signers left out ({', '.join(sorted(ignored))})" if ignored else "Nothing was left out"
        yield IGNORED.passes(f"{said}, but for what the policy names.", tree, found)


def _under(path: str, named: set[str]) -> bool:
    parts = path.split("/")
    return any("/".join(parts[:length]) in named for length in range(1, len(parts) + 1)) or "." in named


def _expected(found: Evidence[Signatures], counting: tuple[_Counting, ...], policy: SignaturePolicy) -> Iterator[Finding]:
    pinned = policy.expected_digest.removeprefix("sha256:")
    if not pinned:
        yield EXPECTED.passes("The policy pins no model.", found)
    elif any(one.signature.model_digest == pinned for one in counting):
        yield EXPECTED.passes(f"The signed digest is the pinned sha256:{pinned}.", found)
    else:
        digests = ", ".join(sorted({f"sha256:{one.signature.model_digest}" for one in counting})) or "nothing"
        yield EXPECTED.fails(f"The policy pins sha256:{pinned}, and what was signed is {digests}.", found)


def _names(signers: tuple[Signer, ...]) -> str:
    return ", ".join(str(signer) for signer in signers) or "nobody"
