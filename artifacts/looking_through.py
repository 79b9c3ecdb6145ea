"""Looking for entries in the log's own lines: bytes are searched first, and only what may be meant is parsed."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from arcops.errors import Refused
from artifacts.bundle import read_envelope
from artifacts.entries import WITH_SUBJECTS, About, Entry, Logged, read_line
from artifacts.said import Said, said


def earlier(lines: Sequence[bytes], artifact: str, evidence: Sequence[str]) -> Entry | None:
    """The first entry of *lines* for *artifact* with at least this *evidence*."""
    wanted = f'{{"artifact":"{artifact}"'.encode()
    for line in lines:
        if line.startswith(wanted):
            entry = read_line(line)
            if set(evidence) <= set(entry.evidence):
                return entry
    return None


def about(lines: Sequence[bytes], digest: str, get: Callable[[str], bytes]) -> tuple[Logged, ...]:
    """The entries of *lines* whose artifact names *digest* among its subjects, each artifact where it stands first.

    *get* opens an artifact, for lines that name no subjects. Raises `Refused` on a line that is no entry.
    """
    wanted = digest.encode()
    found: dict[str, Logged] = {}
    for position, line in enumerate(lines):
        if wanted not in line and WITH_SUBJECTS in line:
            continue
        entry = read_line(line)
        if entry.artifact not in found and _names(entry, digest, get):
            found[entry.artifact] = Logged(position=position, entry=entry)
    return tuple(found.values())


def subjects_of(words: Said) -> tuple[About, ...]:
    """What an artifact that says *words* is about, as its log entry names it."""
    return tuple(About(digest=digest, kind=words.kind) for digest in words.digests)


def _names(entry: Entry, digest: str, get: Callable[[str], bytes]) -> bool:
    if entry.subjects:
        return any(subject.digest == digest for subject in entry.subjects)
    try:
        sealed = get(entry.artifact)
        payload = read_envelope(sealed).payload
        if digest.rpartition(":")[2].encode() not in payload and b"\\u" not in payload:
            return False
        return digest in said(sealed).digests
    except Refused:
        return True  # it cannot be seen what this one is about, and it may be a RED about just this
