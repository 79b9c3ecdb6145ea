"""Whether statements are about the bytes on disk, and cover all files that the policy wants covered."""

from __future__ import annotations

from collections.abc import Iterator

from arcops.beside import content_root, is_beside
from arcops.finding import Finding, Rule
from arcops.seen.attestations import AttestationSeen
from arcops.seen.tree import FileSeen
from gates.listing import listed
from gates.model.provenance.case import Case, each_of, stated_sha256
from gates.model.provenance.policy import Cover

_MOST = 100
# Formats that hold text for people or settings for programs; every other content may be weights.
_WORDS = frozenset({"text", "json", "yaml", "xml", "markdown", "empty"})

SUBJECT = Rule(
    id="provenance/subject",
    asks="Is every statement about this model, with the digests of the files on disk?",
    fix="Fetch the model and its attestations again, from one release: a file whose digest differs is not the file that was "
    "built.",
)
COVERED = Rule(
    id="provenance/covered",
    asks="Does an accepted statement cover every file that the policy wants covered?",
    fix="Ask for attestations of the missing files, or remove files that have no attestation.",
)


def subjects(case: Case, verified: tuple[AttestationSeen, ...]) -> Iterator[Finding]:
    """The files that every verified statement names must have its digests; one that counts must also be about this model."""
    known = {file.sha256 for file in case.tree.files} | {case.tree.root, content_root(case.tree.files)}
    answers = [(each, complaint) for each in verified for complaint in _other_files(each, case.tree.files)]
    for each in case.accepted:
        if not stated_sha256(each) & known:
            answers.append((each, "is about something else: none of its subjects has the digest of a file of this model"))
    yield from each_of(
        SUBJECT, answers, f"The subjects of all {len(verified)} statement(s) are the bytes on disk.", *case.cites
    )


def covered(case: Case, beside: set[str]) -> Iterator[Finding]:
    if case.tree.troubles:
        for trouble in case.tree.troubles:
            yield COVERED.unknown(
                f"{trouble.path} could not be read ({trouble.reason.rstrip('.')}), so it is unknown whether it is covered."
            )
        return
    stated = {sha256 for each in case.accepted for sha256 in stated_sha256(each)}
    whole = case.tree.root in stated or content_root(case.tree.files) in stated
    wanted = [file for file in case.tree.files if _counts(file, beside, case.policy.must_cover)]
    covered = {file.path for file in wanted if file.sha256 in stated or (whole and not is_beside(file))}
    bare = [file for file in wanted if file.path not in covered] if case.policy.must_cover is not Cover.ANY else []
    yield from listed(
        (COVERED.fails(f"No accepted statement covers {file.path}.", *case.cites, about=file.path) for file in bare),
        COVERED.passes(f"Accepted statements cover {len(covered)} of {len(wanted)} file(s) that count.", *case.cites)
        if covered
        else COVERED.fails("No accepted statement covers any file that counts.", *case.cites),
        rest="No accepted statement covers {count} more files.",
        most=_MOST,
    )


def _counts(file: FileSeen, beside: set[str], cover: Cover) -> bool:
    """Must *file* be covered? A file that only describes the model need not. Weights must, whatever the file's name is."""
    plain = file.content.format in _WORDS
    if (plain or file.content.format == "other") and (file.path in beside or is_beside(file)):
        return False
    return not plain or cover is not Cover.WEIGHTS


def _other_files(each: AttestationSeen, files: tuple[FileSeen, ...]) -> Iterator[str]:
    by_path = {file.path: file for file in files}
    for subject in each.subjects:
        stated = {digest.value for digest in subject.digests if digest.algorithm == "sha256"}
        for file in _named(subject.name, by_path):
            if stated and stated != {file.sha256}:
                yield f"is about a {file.path} with SHA-256 {min(stated)}, but the file on disk has {file.sha256}"


def _named(name: str, by_path: dict[str, FileSeen]) -> Iterator[FileSeen]:
    """The file that *name* means: its path in the model, or the same below folders of the build machine (``dist/…``)."""
    steps = [step for step in name.split("/") if step not in ("", ".")]
    for start in range(len(steps)):
        file = by_path.get("/".join(steps[start:]))
        if file is not None:
            yield file
            return
