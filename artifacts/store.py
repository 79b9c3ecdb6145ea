"""The store: sealed artifacts and the evidence behind them, by content, in a directory that only grows.

    objects/ab/cdef…   the bytes whose SHA-256 is abcdef…
    log                one line an entry (`artifacts.entries`); an artifact is stored once its line is there
    checkpoint         the last signed checkpoint over the log
    index.sqlite       derived; may be deleted at any time

A kill or a full disk at any moment leaves at most objects that no entry names, which count for nothing.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from types import TracebackType

from arcops.errors import Broken, Refused, Unavailable
from artifacts.entries import Entry, append_line, read_line, read_lines
from artifacts.index import Choices, Filter, Index, Listed, Row
from artifacts.ledger import Checkpoint, open_checkpoint, sign_checkpoint
from artifacts.merkle import Frontier, inclusion_proof, leaf_hash
from artifacts.private_key import Signer
from artifacts.public_key import PublicKey
from artifacts.reading import read_file
from artifacts.said import said
from artifacts.writing import replace_whole, sync_folder, write_new

MOST_EVIDENCE = 256 * 1024 * 1024
_MOST_ORIGIN = 4096
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}\Z")


def digest_of(data: bytes) -> str:
    """``sha256:…`` of *data*: the name under which the store keeps it."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def object_path(folder: Path, digest: str) -> Path:
    """Where the store in *folder* keeps the bytes named *digest*. Raises `Refused` where that is no digest."""
    if not _DIGEST.match(digest):
        raise Refused(f"{digest[:100]!r} is not a digest; write 'sha256:' and 64 hex digits")
    value = digest.removeprefix("sha256:")
    return folder / "objects" / value[:2] / value[2:]


def _origin(path: Path) -> str:
    try:
        origin = read_file(path, _MOST_ORIGIN).decode("utf-8")
        Checkpoint(origin=origin, size=0, root=bytes(32))
    except (Refused, UnicodeDecodeError) as error:
        raise Refused(f"{path} does not name the log of this store ({error}); put back what it said, it is one line") from error
    return origin


class Store:
    """The store in *folder*, which is made where it does not exist. *origin* names its log, once, when it is made."""

    def __init__(self, folder: Path, *, origin: str = "arcops.local/store") -> None:
        self.folder = folder
        self._log = folder / "log"
        try:
            (folder / "objects").mkdir(parents=True, exist_ok=True)
            if not (folder / "origin").exists():
                Checkpoint(origin=origin, size=0, root=bytes(32))  # refuses a name that no checkpoint could carry
                with suppress(Refused):  # another process made the store at the same moment; its name holds
                    write_new(folder / "origin", origin.encode())
            self.origin = _origin(folder / "origin")
        except OSError as error:
            where = error.filename if isinstance(error.filename, str) else folder
            raise Unavailable(f"the store {folder} cannot be used: {where}: {error.strerror}") from error
        self._index = Index(folder / "index.sqlite")

    def __enter__(self) -> Store:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        self._index.close()

    def put(self, sealed: bytes, evidence: Mapping[str, bytes], *, at: datetime) -> Entry:
        """Keep the artifact *sealed* with the *evidence* behind it, by digest: the bodies' canonical bytes, the policy's own.

        Signatures are the reader's business, but what is not a sealed statement, or evidence that the artifact does not name,
        is refused. Putting the same again changes nothing. Raises `Unavailable`, with nothing stored, where the disk is full.
        """
        words = said(sealed)
        for digest, body in evidence.items():
            if digest_of(body) != digest:
                raise Refused(f"the evidence given as {digest} has other content: {digest_of(body)}")
            if words.evidence is not None and digest not in words.evidence:
                raise Refused(f"the artifact does not name the evidence {digest}, so it is not kept with it")
            if len(body) > MOST_EVIDENCE:
                raise Refused(f"the evidence {digest} has {len(body)} bytes; at most {MOST_EVIDENCE} are kept")
        entry = Entry(artifact=digest_of(sealed), evidence=tuple(sorted(evidence)), at=at)
        with self._locked():
            self._catch_up()
            for listed in self._index.find(Filter(artifact=entry.artifact)):
                earlier = self._entry(listed.position)
                if set(entry.evidence) <= set(earlier.evidence):
                    return earlier
            for digest, body in (*evidence.items(), (entry.artifact, sealed)):
                self._keep(digest, body)
            append_line(self._log, entry.line)
            with suppress(Unavailable):  # the log has it, so it is stored; the index reads on when it can be written again
                self._catch_up()
        return entry

    def get(self, digest: str) -> bytes:
        """The bytes kept as *digest*, checked. Raises `Refused` where there are none or where they were changed."""
        path = self.path(digest)
        try:
            data = path.read_bytes()
        except FileNotFoundError as error:
            raise Refused(f"the store {self.folder} holds nothing with digest {digest}") from error
        except OSError as error:
            raise Unavailable(f"{path} cannot be read: {error.strerror}") from error
        if digest_of(data) != digest:
            raise Refused(f"{path} was changed: its content is no longer {digest}")
        return data

    def list(self, what: Filter | None = None) -> tuple[Listed, ...]:
        """The stored artifacts that *what* asks for, newest first. Their words are theirs: open one before relying on it."""
        self.refresh()
        return self._index.find(what or Filter())

    def count(self, what: Filter) -> int:
        """How many of the stored artifacts *what* asks for, its limit and offset aside."""
        self.refresh()
        return self._index.count(what)

    def choices(self) -> Choices:
        """The sites and gates that the stored artifacts name."""
        self.refresh()
        return self._index.choices()

    def entries(self) -> tuple[Entry, ...]:
        """The whole log, oldest first."""
        return tuple(read_line(line) for line in read_lines(self._log))

    def refresh(self) -> None:
        """Bring the index up to the log. Raises `Refused` where the log lost entries that the index has seen."""
        if self._behind():
            with self._locked():
                self._catch_up()

    def totals(self) -> dict[tuple[str, str], int]:
        """How many reports are stored of each verdict and policy, by their own words."""
        self.refresh()
        return self._index.totals()

    @property
    def size(self) -> int:
        """How many artifacts are stored."""
        self.refresh()
        return self._index.done().tree.size

    def checkpoint(self, signer: Signer) -> bytes:
        """Sign what the log holds now, keep the checkpoint and return it: a copy kept elsewhere shows every later removal."""
        with self._locked():
            self._catch_up()
            tree = self._index.done().tree
            note = sign_checkpoint(Checkpoint(origin=self.origin, size=tree.size, root=tree.root), signer)
            replace_whole(self.folder / "checkpoint", note)
        return note

    def last_checkpoint(self) -> bytes | None:
        """The last checkpoint that was signed here."""
        try:
            return (self.folder / "checkpoint").read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise Unavailable(f"the store's checkpoint cannot be read: {error.strerror}") from error

    def inclusion(self, position: int, size: int) -> tuple[bytes, ...]:
        """The proof that the entry at *position* is in the log's first *size* entries."""
        return inclusion_proof(self._leaves(size), position)

    def check(self, keys: Sequence[PublicKey], checkpoint: bytes | None = None) -> tuple[str, ...]:
        """Read everything again: one sentence for each thing that was removed, edited, moved or damaged; none when all is well.

        *checkpoint* is the last one that the caller kept outside of the store; without it, the store's own is used, and an
        intruder who put back an older log together with its older checkpoint goes unnoticed.
        """
        return tuple(self._problems(keys, checkpoint if checkpoint is not None else self.last_checkpoint()))

    def _problems(self, keys: Sequence[PublicKey], note: bytes | None) -> Iterator[str]:
        trees, tree = [Frontier()], Frontier()
        known: Checkpoint | None = None
        if note is not None:
            try:
                known = open_checkpoint(note, keys, origin=self.origin)
            except Refused as error:
                yield f"The checkpoint does not hold: {error}."
        for position, line in enumerate(read_lines(self._log)):
            tree = tree.append(leaf_hash(line))
            if known is not None and tree.size == known.size:
                trees.append(tree)
            try:
                entry = read_line(line)
                said(self.get(entry.artifact))
            except (Refused, Unavailable) as error:
                yield f"Entry {position}: {error}."
                continue
            for digest in entry.evidence:
                try:
                    self.get(digest)
                except (Refused, Unavailable) as error:
                    yield f"Entry {position}, evidence: {error}."
        if known is not None:
            at_known = next((grown for grown in trees if grown.size == known.size), None)
            if at_known is None:
                lost = known.size - tree.size
                yield f"The log has {tree.size} entries, but its checkpoint signs {known.size}: {lost} were removed."
            elif known.size and at_known.root != known.root:
                yield f"The first {known.size} entries are not those that the checkpoint signs: one was edited or moved."
        done = self._index.done().tree
        if done.size > tree.size or (done.size == tree.size and done.root != tree.root):
            yield f"The index has seen {done.size} entries that are not those of the log: the log was changed."

    def _behind(self) -> bool:
        try:
            return self._log.stat().st_size != self._index.done().bytes
        except FileNotFoundError:
            return self._index.done().bytes != 0

    def _catch_up(self) -> None:
        done = self._index.done().bytes
        size = self._log.stat().st_size if self._log.exists() else 0
        if size < done:
            raise Refused(
                f"the log of the store {self.folder} is shorter than it was: entries were removed; "
                "compare it with a copy, run 'arcops store check', and delete index.sqlite only when you know why"
            )
        if size > done:
            self._index.add(self._row(line) for line in read_lines(self._log, done))

    def _row(self, line: bytes) -> Row:
        entry = read_line(line)
        try:
            words = said(self.get(entry.artifact))
        except Refused:  # the entry stands, whatever became of its object; `check` says what did
            return Row(entry=entry, line=line, predicate_type="", subject="", digests=())
        return Row(
            entry=entry,
            line=line,
            predicate_type=words.predicate_type,
            subject=words.subject,
            digests=words.digests,
            verdict=words.verdict,
            policy=words.policy,
            judged_at=words.judged_at,
            valid_until=words.valid_until,
            site=words.site,
            gates=words.gates,
        )

    def _entry(self, position: int) -> Entry:
        for number, line in enumerate(read_lines(self._log)):
            if number == position:
                return read_line(line)
        raise Broken(f"the log of {self.folder} has no entry {position}, but its index says so")

    def _leaves(self, size: int) -> tuple[bytes, ...]:
        leaves = tuple(leaf_hash(line) for line, _ in zip(read_lines(self._log), range(size), strict=False))
        if len(leaves) < size:
            raise Refused(f"the log of {self.folder} has {len(leaves)} entries, not {size}")
        return leaves

    def path(self, digest: str) -> Path:
        """Where the bytes named *digest* are kept, whether or not they are there yet."""
        return object_path(self.folder, digest)

    def _keep(self, digest: str, data: bytes) -> None:
        path = self.path(digest)
        try:
            if path.exists():
                self.get(digest)
                return
            if not path.parent.exists():
                path.parent.mkdir(exist_ok=True)
                sync_folder(path.parent.parent)
        except OSError as error:
            raise Unavailable(f"{path.parent} cannot be made: {error.strerror}; the artifact was not stored") from error
        write_new(path, data, mode=0o444)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            descriptor = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise Unavailable(f"the store {self.folder} cannot be locked for writing: {error.strerror}") from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)
