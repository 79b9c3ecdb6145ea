"""Looking for entries in the log's own lines: bytes are searched first, and only lines that may match are parsed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from arcops.errors import Refused
from arcops.late_pattern import late
from artifacts.bundle import read_envelope
from artifacts.entries import WITH_SUBJECTS, About, Entry, Logged, read_line
from artifacts.said import said
from artifacts.words import Said

_HEX = late(rb"[0-9a-f]{32,}")
_ARTIFACT = late(rb'\{"artifact":"(?P<artifact>sha256:[0-9a-f]{64})",')


def first(lines: Sequence[bytes], artifact: str) -> int | None:
    """The position of the first of *lines* that is the entry of *artifact*; ``None`` if it has no entry."""
    return next(_entries(lines, artifact), None)


def earlier(lines: Sequence[bytes], artifact: str, evidence: Sequence[str]) -> Entry | None:
    """The first entry of *lines* for *artifact* with at least this *evidence*."""
    found = (read_line(lines[position]) for position in _entries(lines, artifact))
    return next((entry for entry in found if set(evidence) <= set(entry.evidence)), None)


def _entries(lines: Sequence[bytes], artifact: str) -> Iterator[int]:
    """An entry is canonical JSON, and the member ``artifact`` comes first in it."""
    wanted = f'{{"artifact":"{artifact}"'.encode()
    return (position for position, line in enumerate(lines) if line.startswith(wanted))


class Unnamed:
    """The possible subjects of artifacts whose entries name no subjects; each artifact is opened once.

    *get* opens an artifact. Such an entry is older than the field for subjects, or its artifact names no digest.
    """

    def __init__(self, get: Callable[[str], bytes]) -> None:
        self._get = get
        self._words: dict[str, frozenset[bytes] | None] = {}

    def name(self, artifact: str, digest: str) -> bool:
        """Does *artifact* name *digest* among its subjects? One that cannot be opened may be a RED about this subject."""
        try:
            return self._may(artifact, digest) and digest in said(self._get(artifact)).digests
        except Refused:
            return True

    def _may(self, artifact: str, digest: str) -> bool:
        """Could it, judged by the bytes of its statement? A digest in another form than hex counts as yes."""
        if artifact not in self._words:
            payload = read_envelope(self._get(artifact)).payload
            self._words[artifact] = None if b"\\u" in payload else frozenset(_HEX.findall(payload))
        words, value = self._words[artifact], digest.rpartition(":")[2].encode()
        return words is None or value in words or not _HEX.fullmatch(value)


def about(lines: Sequence[bytes], digest: str, unnamed: Unnamed) -> tuple[Logged, ...]:
    """The entries of *lines* whose artifact names *digest* among its subjects; of each artifact only the first entry.

    Raises `Refused` on a line that is not an entry.
    """
    wanted = digest.encode()
    found: dict[str, Logged] = {}
    for position, line in enumerate(lines):
        if WITH_SUBJECTS in line:
            if wanted not in line:
                continue
            entry = read_line(line)
            named = any(subject.digest == digest for subject in entry.subjects)
        else:
            plain = _ARTIFACT.match(line)
            if plain is not None and not unnamed.name(plain["artifact"].decode(), digest):
                continue
            entry = read_line(line)
            named = plain is not None or unnamed.name(entry.artifact, digest)
        if named and entry.artifact not in found:
            found[entry.artifact] = Logged(position=position, entry=entry)
    return tuple(found.values())


def subjects_of(words: Said) -> tuple[About, ...]:
    """What an artifact that says *words* is about, as its log entry names it."""
    return tuple(About(digest=digest, kind=words.kind) for digest in words.digests)
