"""Did its publisher attest the server's package, and is the publisher one that the policy names?

Why: a lock says which files, and not who made them. An account that was taken over publishes files with perfect digests. An
attestation says which repository and which workflow published a file; one that was there and is gone is how such a takeover
looks.

Judged: whether every attestation beside the lock proves something; whether it was signed by a publisher on the policy's list
and not revoked; whether all of the package's own files in the lock are attested (PEP 740), or both of npm's attestations are
there, about exactly this package; and whether an earlier version had one that this version lacks. What is not there is not
obtainable here, and no one can say that it does not exist: the policy says what that is worth.

Fix: fetch the provenance of the files on a machine that reaches the index, and give it: arcops host gate NAME --attest FILE.
Put the index's root (and npm's key) into trust/publishers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import Enum
from fnmatch import fnmatchcase

from arcops.control import nist, soc
from arcops.errors import Refused
from arcops.evidence import Evidence, Seen
from arcops.finding import Finding, Rule
from arcops.gate import Example, gate
from arcops.seen.server_attestations import Attested, ServerAttestations
from arcops.seen.signatures import RevocationsSeen, Revoked
from arcops.signer import ProvenSigner
from arcops.subjects.server import Server
from arcops.verdict import Verdict
from gates.listing import listed
from gates.words import shown

BOTH = ("npm-publish", "npm-provenance")


class Absent(Enum):
    """What a package without an attestation becomes."""

    FAIL = "fail"
    WARN = "warn"
    ACCEPT = "accept"


@dataclass(frozen=True, slots=True, kw_only=True)
class Publisher:
    """Who may publish ``packages`` (a package URL without its version, may end in ``*``): a certified ``identity``, such as a
    workflow's address, with the ``issuer`` that confirms it. ``identity`` may end in ``*`` after an ``@``: any tag or branch.
    """

    packages: str
    identity: str
    issuer: str

    def __post_init__(self) -> None:
        if not self.issuer or not self.identity or "*" in self.identity.partition("@")[0]:
            raise Refused(f"the publisher {self.identity!r} needs an issuer, and an identity with '*' only after its '@'")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerAttestationsPolicy:
    """``absent`` is for a package without any attestation. ``publishers`` are those that count, ``index_keys`` the ids of the
    keys by which npm signs what was published.
    """

    absent: Absent = Absent.FAIL
    publishers: tuple[Publisher, ...] = ()
    index_keys: tuple[str, ...] = ()


THERE = Rule(
    id="server-attestations/there",
    asks="Is the package attested, or does the policy accept that nothing is obtainable here?",
    fix="Fetch its provenance on a machine that reaches the index, and give it: arcops host gate NAME --attest FILE.",
)
SOUND = Rule(
    id="server-attestations/sound",
    asks="Does every attestation that was given prove what it says?",
    fix="Fetch it again; put the index's trusted root into trust/publishers/roots, and npm's key into trust/publishers/keys.",
)
PUBLISHER = Rule(
    id="server-attestations/publisher",
    asks="Is every attestation by a publisher that the policy names for this package, and that is not revoked?",
    fix="Find out why someone else published it. If that is right, name the publisher in the policy ('publishers').",
)
WHOLE = Rule(
    id="server-attestations/whole",
    asks="Are all of the package's files attested, and for npm both the publication and the provenance, about this package?",
    fix="Give the attestations of every file of this version; npm gives two for each package.",
)
NO_LESS = Rule(
    id="server-attestations/no-less",
    asks="Has this version every kind of attestation that the version before had?",
    fix="Find out why it is gone; an account that was taken over publishes without it. Stay on the version before.",
)


@gate(
    "server-attestations",
    judges=(Server,),
    needs=(ServerAttestations,),
    policy=ServerAttestationsPolicy,
    rules=(THERE, SOUND, PUBLISHER, WHOLE, NO_LESS),
    examples=lambda: _examples(),
    speaks_to=nist("SR-4", "SR-4(3)", "SR-11", "CM-14") + soc("CC6.8"),
)
def server_attestations(seen: Seen, policy: ServerAttestationsPolicy) -> Iterator[Finding]:
    """Judge what publishers attested."""
    found = seen[ServerAttestations]
    body = found.body
    proven = tuple(one for one in body.attested if not one.problem)
    yield _there(found, policy)
    unsound = (one for one in body.attested if one.problem)
    wrong = (SOUND.fails(f"{shown(one.path)}: {shown(one.problem)}.", found, about=one.path) for one in unsound)
    yield from listed(wrong, SOUND.passes(f"All {len(proven)} attestations that were given prove what they say.", found))
    bad = [*_unnamed(found, proven, policy), *_revoked(found, proven)]
    yield from listed(bad, PUBLISHER.passes(f"{len(proven)} attestations are by publishers of the policy.", found))
    yield from listed(_partial(found, proven), WHOLE.passes("What is attested is all of the package and nothing else.", found))
    yield from _less(found, proven)


def _there(found: Evidence[ServerAttestations], policy: ServerAttestationsPolicy) -> Finding:
    if found.body.attested:
        return THERE.passes(f"{len(found.body.attested)} attestations are beside the lock.", found)
    text = "No attestation is beside the lock: none was obtainable here, which does not say that it does not exist."
    match policy.absent:
        case Absent.ACCEPT:
            return THERE.passes(f"{text} The policy accepts that.", found)
        case Absent.WARN:
            return THERE.warns(text, found)
        case _:
            return THERE.fails(text, found)


def _unnamed(
    found: Evidence[ServerAttestations], proven: tuple[Attested, ...], policy: ServerAttestationsPolicy
) -> Iterator[Finding]:
    package = found.body.package.partition("?")[0].rpartition("@")[0]
    for one in proven:
        if one.kind == "npm-publish":
            named = one.key in policy.index_keys
        else:
            named = any(
                fnmatchcase(package, entry.packages) and one.issuer == entry.issuer and _is(one.identity, entry.identity)
                for entry in policy.publishers
            )
        if not named:
            who = one.identity or one.key or "no one"
            text = f"{shown(one.path)} is signed by {shown(who)}; the policy does not name that for {shown(package)}."
            yield PUBLISHER.fails(text, found, about=one.path)


def _is(identity: str, named: str) -> bool:
    """Is *identity* the one that is *named*, up to a star at the end of that?"""
    return identity.startswith(named[:-1]) if named.endswith("*") else identity == named


def _revoked(found: Evidence[ServerAttestations], proven: tuple[Attested, ...]) -> Iterator[Finding]:
    for one in found.body.revocations:
        if one.problem or not one.signers:
            why = one.problem or "no one signed it"
            yield PUBLISHER.unknown(f"A list of revocations proves nothing: {shown(why)}.", found, about=one.path)
            continue
        for entry in one.revoked:
            for by in proven:
                same = bool(entry.identity) and entry.identity == by.identity and entry.issuer in ("", by.issuer)
                if same or (entry.key and entry.key == by.key):
                    text = f"{shown(by.path)} is by {shown(by.identity or by.key)}, who was revoked: {shown(entry.reason)}."
                    yield PUBLISHER.fails(text, found, about=by.path)


def _partial(found: Evidence[ServerAttestations], proven: tuple[Attested, ...]) -> Iterator[Finding]:
    body = found.body
    if not body.attested:
        return
    wanted = set(body.wanted)
    for one in proven:
        if not set(one.digests) & wanted:
            text = f"{shown(one.path)} is about {shown(one.subject)}, which is no file of {shown(body.package)} in the lock."
            yield WHOLE.fails(text, found, about=one.path)
        if one.kind in BOTH and one.subject != body.package:
            text = f"{shown(one.path)} is about {shown(one.subject)}, and the lock has {shown(body.package)}."
            yield WHOLE.fails(text, found, about=one.path)
    if body.package.startswith("pkg:npm/"):
        kinds = {one.kind for one in proven if set(one.digests) & wanted}
        for kind in BOTH:
            if kind not in kinds:
                yield WHOLE.fails(f"There is no attestation of the kind {kind} that proves something.", found, about=kind)
        return
    covered = {digest for one in proven if one.kind == "pypi-publish" for digest in one.digests}
    for digest in sorted(wanted - covered):
        yield WHOLE.fails(f"The file {digest} of the lock is not attested.", found, about=digest)


def _less(found: Evidence[ServerAttestations], proven: tuple[Attested, ...]) -> Iterator[Finding]:
    body = found.body
    if body.before_lost:
        yield NO_LESS.unknown("What the version before had cannot be seen here.", found)
        return
    kinds = {one.kind for one in proven}
    wrong = (
        NO_LESS.fails(
            f"The version before had an attestation of the kind {shown(one)}, and this one has none.", found, about=one
        )
        for one in body.before
        if one not in kinds
    )
    yield from listed(wrong, NO_LESS.passes("It has no less than the version before.", found))


def _examples() -> Iterator[Example[ServerAttestationsPolicy]]:
    one = f"sha256:{'1' * 64}"
    who = "https://git.example/o/r/.github/workflows/release.yml@refs/tags/v1"
    issuer = "https://token.example"
    seen = Attested(path="p.json", kind="pypi-publish", subject="a-1.whl", digests=(one,), identity=who, issuer=issuer)
    body = ServerAttestations(package="pkg:pypi/a@1", wanted=(one,), attested=(seen,))
    by = Publisher(packages="pkg:pypi/a", identity="https://git.example/o/r/.github/workflows/release.yml@*", issuer=issuer)
    key = f"sha256:{'5' * 64}"
    npm = Publisher(packages="pkg:npm/a", identity=by.identity, issuer=issuer)
    policy = ServerAttestationsPolicy(publishers=(by, npm), index_keys=(key,))

    def example(
        name: str, verdict: Verdict, found: ServerAttestations, asked: ServerAttestationsPolicy = policy
    ) -> Example[ServerAttestationsPolicy]:
        return Example(name=name, verdict=verdict, evidence=(found,), policy=asked)

    yield example("attested by its publisher", Verdict.GREEN, body)
    empty = replace(body, attested=())
    yield example("nothing obtainable, which the policy accepts", Verdict.GREEN, empty, replace(policy, absent=Absent.ACCEPT))
    yield example("nothing obtainable, which warns", Verdict.AMBER, empty, replace(policy, absent=Absent.WARN))
    yield example("nothing obtainable", Verdict.RED, empty)
    unsound = replace(seen, problem="its signature does not match", identity="", issuer="")
    yield example("one that proves nothing", Verdict.RED, replace(body, attested=(seen, unsound)))
    yield example("another workflow", Verdict.RED, replace(body, attested=(replace(seen, identity=f"{who[:30]}x"),)))
    yield example("another issuer", Verdict.RED, replace(body, attested=(replace(seen, issuer="https://other.example"),)))
    day = Revoked(at=_day(), reason="taken over", identity=who)
    revoked = RevocationsSeen(path="list", sha256="0" * 64, issued_at=_day(), signers=(ProvenSigner(key=key),), revoked=(day,))
    yield example("a revoked publisher", Verdict.RED, replace(body, revocations=(revoked,)))
    yield example("a file that is not attested", Verdict.RED, replace(body, wanted=(one, f"sha256:{'2' * 64}")))
    yield example("another file", Verdict.RED, replace(body, attested=(replace(seen, digests=(f"sha256:{'3' * 64}",)),)))
    lost = replace(policy, absent=Absent.ACCEPT)
    yield example("less than before", Verdict.RED, replace(empty, before=("pypi-publish",)), lost)
    yield example("what was before is lost", Verdict.RED, replace(body, before_lost=True))
    built = replace(seen, kind="pypi-provenance")
    yield example("attested twice, as PEP 740 permits", Verdict.GREEN, replace(body, attested=(seen, built)))
    yield example("built, and not published", Verdict.RED, replace(body, attested=(built,)))
    wide = f"sha512:{'4' * 128}"
    publish = Attested(path="n", kind="npm-publish", subject="pkg:npm/a@1", digests=(wide,), key=key)
    provenance = replace(seen, kind="npm-provenance", subject="pkg:npm/a@1", digests=(wide,))
    node = ServerAttestations(package="pkg:npm/a@1", wanted=(wide,), attested=(publish, provenance))
    yield example("both of npm's", Verdict.GREEN, node)
    yield example("npm's provenance alone", Verdict.RED, replace(node, attested=(provenance,)))
    yield example("npm's publication alone", Verdict.RED, replace(node, attested=(publish,)))
    other = replace(provenance, subject="pkg:npm/b@1")
    yield example("about another package", Verdict.RED, replace(node, attested=(publish, other)))
    yield example("by another key", Verdict.RED, replace(node, attested=(replace(publish, key=one), provenance)))


def _day() -> datetime:
    return datetime(2026, 11, 20, tzinfo=UTC)
