"""Integrity: is everything under the target a plain file that was read whole?

Why: what is linked, special, unreadable or changing can show the checker one thing and the loader another.

Judged: symbolic links (none are allowed unless the policy says so, and never one that leaves the target), entries that could
not be read or changed meanwhile, files that may be executed, and names that could deceive: control characters, and names that
differ only by case or Unicode form.

Fix: replace links by the files, remove what does not belong to the model, and check again when nobody writes to it.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from arcops.evidence import Evidence, Seen
from arcops.finding import Finding, Location, Rule
from arcops.gate import Example, gate
from arcops.seen.content import Content
from arcops.seen.tree import FileSeen, LinkSeen, Tree, Trouble
from arcops.verdict import Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class IntegrityPolicy:
    """``allow_links`` makes links that stay inside a warning. ``executables`` are paths that may carry the executable bit."""

    allow_links: bool = False
    executables: tuple[str, ...] = ()


LINKS = Rule(
    id="integrity/links",
    asks="Is every entry the file itself and not a link to one?",
    fix="Replace the link by the file that it leads to.",
)
TROUBLES = Rule(
    id="integrity/troubles",
    asks="Could every entry be read whole, without changing meanwhile?",
    fix="Make the file readable, or remove it, and check again when nobody writes to the model.",
)
EXECUTABLES = Rule(
    id="integrity/executables",
    asks="Is no file marked as a program that the policy does not name?",
    fix="Remove the file, or its executable bit (chmod -x); a model has no use for it.",
)
NAMES = Rule(
    id="integrity/names",
    asks="Does every file have a plain name that no other can be mistaken for?",
    fix="Rename the file.",
)


def _examples() -> Iterator[Example[IntegrityPolicy]]:
    file = FileSeen(path="a.json", size=2, sha256="00" * 32, executable=False, content=Content(format="json"))
    link = LinkSeen(path="b.json", target="a.json", escapes=False)

    def tree(*links: LinkSeen, troubles: tuple[Trouble, ...] = ()) -> Tree:
        return Tree(root="00" * 32, files=(file,), links=links, troubles=troubles)

    yield Example(name="plain files", verdict=Verdict.GREEN, evidence=(tree(),), policy=IntegrityPolicy())
    yield Example(name="allowed link", verdict=Verdict.AMBER, evidence=(tree(link),), policy=IntegrityPolicy(allow_links=True))
    yield Example(name="link", verdict=Verdict.RED, evidence=(tree(link),), policy=IntegrityPolicy())
    unread = Trouble(path="c.bin", reason="It cannot be opened: Permission denied.")
    yield Example(name="unreadable file", verdict=Verdict.RED, evidence=(tree(troubles=(unread,)),), policy=IntegrityPolicy())


@gate(
    "integrity",
    needs=(Tree,),
    policy=IntegrityPolicy,
    rules=(LINKS, TROUBLES, EXECUTABLES, NAMES),
    examples=_examples,
)
def integrity(seen: Seen, policy: IntegrityPolicy) -> Iterator[Finding]:
    """The findings on the tree's entries."""
    evidence = seen[Tree]
    yield from _links(evidence, policy)
    yield from _troubles(evidence)
    yield from _executables(evidence, policy)
    yield from _names(evidence)


def _links(evidence: Evidence[Tree], policy: IntegrityPolicy) -> Iterator[Finding]:
    for link in evidence.body.links:
        where = Location(path=link.path)
        if link.escapes:
            yield LINKS.fails(
                f"{link.path} is a link that leaves the target: {link.target}.", evidence, about=link.path, location=where
            )
        elif policy.allow_links:
            yield LINKS.warns(
                f"{link.path} is a link to {link.target}, which the policy allows.", evidence, about=link.path, location=where
            )
        else:
            yield LINKS.fails(f"{link.path} is a link to {link.target}.", evidence, about=link.path, location=where)
    if not evidence.body.links:
        yield LINKS.passes("There is no link.", evidence)


def _troubles(evidence: Evidence[Tree]) -> Iterator[Finding]:
    for trouble in evidence.body.troubles:
        location = Location(path=trouble.path)
        yield TROUBLES.unknown(f"{trouble.path}: {trouble.reason}", evidence, about=trouble.path, location=location)
    if not evidence.body.troubles:
        yield TROUBLES.passes(f"All {len(evidence.body.files)} files were read whole.", evidence)


def _executables(evidence: Evidence[Tree], policy: IntegrityPolicy) -> Iterator[Finding]:
    marked = [file for file in evidence.body.files if file.executable and file.path not in policy.executables]
    for file in marked:
        location = Location(path=file.path)
        yield EXECUTABLES.fails(f"{file.path} is marked executable.", evidence, about=file.path, location=location)
    if not marked:
        yield EXECUTABLES.passes("No file is marked executable without the policy naming it.", evidence)


def _names(evidence: Evidence[Tree]) -> Iterator[Finding]:
    known: dict[str, str] = {}
    well = True
    paths = [file.path for file in evidence.body.files] + [link.path for link in evidence.body.links]
    for path in paths:
        twin = known.setdefault(unicodedata.normalize("NFKC", path).casefold(), path)
        location = Location(path=path)
        if twin != path:
            well = False
            yield NAMES.fails(f"{path} can be mistaken for {twin}.", evidence, about=path, location=location)
        if not path.isprintable():
            well = False
            shown = path.encode("unicode_escape").decode()
            yield NAMES.fails(f"{shown} has characters that cannot be seen.", evidence, about=path, location=location)
    if well:
        yield NAMES.passes("Every name is plain and unlike every other.", evidence)
