"""Which VEX statements count, and which matches they excuse. The latest statement wins; of two with one time, the worse one."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from arcops.evidence import Evidence
from arcops.late_dataclass import dataclass
from arcops.seen.sboms import Sboms
from arcops.seen.vex import Product, Status, Vex, VexSeen, VexStatement
from arcops.seen.vulnerabilities import Match
from arcops.signer import ProvenSigner, SignerRule, allowed
from gates.model.vulnerabilities.names import named as with_names

_BADNESS = {Status.NOT_AFFECTED: 0, Status.FIXED: 1, Status.UNDER_INVESTIGATION: 2, Status.AFFECTED: 3}
_EXCUSES = (Status.NOT_AFFECTED, Status.FIXED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Opinion:
    """A statement that counts, with the time from which it applies and the allowed signer who made it."""

    statement: VexStatement
    status: Status
    at: datetime
    path: str
    signer: ProvenSigner


@dataclass(frozen=True, slots=True, kw_only=True)
class Opinions:
    """``ignored`` are pairs of about and sentence. ``roots`` maps a document's path to the package URL that it is about."""

    opinions: tuple[Opinion, ...] = ()
    ignored: tuple[tuple[str, str], ...] = ()
    counted: int = 0
    roots: tuple[tuple[str, str], ...] = ()
    names: tuple[tuple[str, str, frozenset[str]], ...] = ()

    def about(self, match: Match, names: frozenset[str]) -> Opinion | None:
        """The opinion that decides about *match*, an advisory known by *names*."""
        fitting = [opinion for opinion in self.opinions if self._fits(opinion.statement, match, names)]
        return max(fitting, key=lambda opinion: (opinion.at, _BADNESS[opinion.status]), default=None)

    def excuse(self, match: Match, names: frozenset[str]) -> Opinion | None:
        """The opinion that excuses *match*, if the deciding one does."""
        decided = self.about(match, names)
        return decided if decided is not None and decided.status in _EXCUSES else None

    def applied(self, matches: Iterable[Match]) -> Iterable[tuple[str, str]]:
        """About and sentence for every match that is excused."""
        for match, names in with_names(tuple(matches)):
            opinion = self.excuse(match, names)
            if opinion is not None:
                why = f" ({opinion.statement.why})" if opinion.statement.why else ""
                yield (
                    f"{match.advisory} in {match.purl}",
                    f"{opinion.signer} says in {opinion.path} that {match.purl} is {opinion.status.value}"
                    f" by {match.advisory}{why}.",
                )

    def _fits(self, statement: VexStatement, match: Match, names: frozenset[str]) -> bool:
        if names.isdisjoint(name.upper() for name in statement.vulnerabilities):
            return False
        if any(not product.subcomponents and covers(product.purl, match.purl) for product in statement.products):
            return True
        documents = {component.partition("#")[0] for component in match.components}
        roots = dict(self.roots)
        return all(
            any(_inside(product, roots.get(path, ""), match.purl) for product in statement.products) for path in documents
        )


def _inside(product: Product, root: str, purl: str) -> bool:
    """Is *purl* what the statement means inside the thing *root*?"""
    if not root or not covers(product.purl, root):
        return False
    return not product.subcomponents or any(covers(part, purl) for part in product.subcomponents)


def covers(stated: str, purl: str) -> bool:
    """Does the canonical package URL *stated* cover *purl*? A part that it leaves out (version, qualifiers) matches
    anything.
    """
    base, version, qualifiers, subpath = _split(stated)
    own_base, own_version, own_qualifiers, own_subpath = _split(purl)
    return (
        bool(base)
        and base == own_base
        and version in ("", own_version)
        and qualifiers <= own_qualifiers
        and subpath in ("", own_subpath)
    )


def _split(purl: str) -> tuple[str, str, frozenset[str], str]:
    # In canonical form every '@', '?' and '#' inside a part is percent-encoded, so the bare ones separate.
    rest, _, subpath = purl.partition("#")
    rest, _, qualifiers = rest.partition("?")
    base, _, version = rest.partition("@")
    return base, version, frozenset(filter(None, qualifiers.split("&"))), subpath


def opinions(
    said: Evidence[Vex] | None,
    listed: Sboms,
    rules: tuple[SignerRule, ...],
    *,
    at: datetime,
    named: tuple[str, tuple[str, ...]],
) -> Opinions:
    """The statements of *said* that count under *rules* at the moment *at*; *named* is the subject by name and digests."""
    if said is None:
        return Opinions()
    kept: list[Opinion] = []
    ignored: list[tuple[str, str]] = []
    for document in said.body.documents:
        signer = next((signer for signer in document.signers if allowed(signer, rules, *named)), None)
        if document.problem or signer is None:
            ignored.append((document.path, f"The VEX document {document.path} is ignored: {_why(document)}."))
            continue
        for number, statement in enumerate(document.statements, start=1):
            problem = _problem(statement, at)
            if problem or statement.status is None or statement.at is None:
                about = f"{document.path} statement {number}"
                ignored.append((about, f"Statement {number} of {document.path} is ignored: {problem or 'it is incomplete'}."))
            else:
                kept.append(
                    Opinion(statement=statement, status=statement.status, at=statement.at, path=document.path, signer=signer)
                )
    roots = tuple((document.path, document.root.purl) for document in listed.documents if document.root is not None)
    return Opinions(opinions=tuple(kept), ignored=tuple(ignored), counted=len(kept), roots=roots)


def _why(document: VexSeen) -> str:
    if document.problem:
        return document.problem
    if not document.signers:
        return "its signer is not proven"
    return f"the policy does not accept VEX statements signed by {', '.join(str(signer) for signer in document.signers)}"


def _problem(statement: VexStatement, at: datetime) -> str:
    if statement.problem:
        return statement.problem
    if statement.at is not None and statement.at > at:
        return f"it is dated {statement.at:%Y-%m-%d}, which is in the future"
    return ""
