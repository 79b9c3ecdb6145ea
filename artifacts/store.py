"""The store: sealed artifacts and their evidence, named by content, in a directory that only grows.

    objects/ab/cdef…   the bytes whose SHA-256 is abcdef…
    log                one line per entry (`artifacts.entries`); an artifact is stored once its line is there
    checkpoint         the last signed checkpoint over the log
    nodes              derived, for single proofs (`artifacts.log.nodes`); may be deleted at any time
    index.sqlite       derived, for listings; may be deleted at any time, and decides nothing
    putting            while something is put: its digests (`artifacts.unfinished`)

A kill or a full disk at any moment leaves at most objects that no entry names; these have no effect, and the next writer
removes them. The newest state of the log is also kept outside of this folder (`artifacts.log.memory`), so write access to this
folder alone cannot hide a removal.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, TypeVar

from arcops.errors import Refused, Unavailable
from arcops.policy import SKEW
from arcops.result import Report
from artifacts import unfinished
from artifacts.entries import Entry, Logged, read_line
from artifacts.log.checkpoint import Checkpoint
from artifacts.log.lines import last_line, read_whole
from artifacts.log.log import Held, Log
from artifacts.log.memory import Memory
from artifacts.log.merkle import Proofs
from artifacts.log.origin import origin_in
from artifacts.log.proven import Proven, from_lines
from artifacts.looking_through import Unnamed, about, earlier, subjects_of
from artifacts.moments import moment as text_of
from artifacts.objects import digest_of, object_path
from artifacts.private_folder import make_private, refuse_if_open
from artifacts.private_key import Signer
from artifacts.public_key import PublicKey
from artifacts.said import said, said_as
from artifacts.soundness import leaves_of, unsound
from artifacts.store_lock import StoreLock
from artifacts.writing import folders_of, sweep, sync_folder, write_new

if TYPE_CHECKING:
    from artifacts.index import Choices, Filter, Index, Listed
    from artifacts.kept_index import KeptIndex
    from artifacts.store_check import StoreLooked
    from artifacts.unexpected import Unexpected

T = TypeVar("T")

MOST_EVIDENCE = 256 * 1024 * 1024


class Places(Protocol):
    """The folders of a store and of its memory; `foundation.settings.Settings` has them."""

    @property
    def store(self) -> Path: ...

    @property
    def memory(self) -> Path: ...


class Store:
    """The store in *folder*, which is made, private, if it does not exist. *origin* names its log, once, when it is made.

    *memory* is the folder, outside of it, that keeps the newest state of the log. Raises `Refused` if every user of the
    machine can write into *folder*.
    """

    def __init__(self, folder: Path, *, origin: str = "arcops.local/store", memory: Path | None = None) -> None:
        self.folder = folder
        self.lock = StoreLock(folder)
        try:
            refuse_if_open(folder, "the store")
            make_private(folder / "objects")
            if not os.path.lexists(folder / "origin"):
                Checkpoint(origin=origin, size=0, root=bytes(32))  # refuses a name that a checkpoint cannot have
                with suppress(Refused):  # another process made the store at the same moment; its name counts
                    write_new(folder / "origin", origin.encode(), mode=0o600)
            self.origin = origin_in(folder / "origin")
        except OSError as error:
            where = error.filename if isinstance(error.filename, str) else folder
            raise Unavailable(f"the store {folder} cannot be used: {where}: {error.strerror}") from error
        self.log = Log(folder, origin=self.origin, memory=Memory(memory, folder) if memory is not None else None)
        self._unnamed = Unnamed(self.get)
        self._swept = False

    @classmethod
    def at(cls, places: Places) -> Store:
        """The store that *places* name, with its memory: for every caller that knows the settings."""
        return cls(places.store, memory=places.memory)

    def __enter__(self) -> Store:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        if "_kept" in vars(self):
            self._kept.close()

    @cached_property
    def _kept(self) -> KeptIndex:
        from artifacts.kept_index import KeptIndex  # it imports a database, which opening one artifact does not need

        return KeptIndex(self)

    @property
    def _index(self) -> Index:
        return self._kept.index

    def indexed(self, ask: Callable[[Index], T]) -> T:
        """What *ask* gets from the index, which is made again first if it cannot be used."""
        return self._kept.asked(ask)

    def put(
        self,
        sealed: bytes,
        evidence: Mapping[str, bytes],
        *,
        at: datetime,
        signer: Signer | None = None,
        begun: datetime | None = None,
        brought: str = "",
        report: Report | None = None,
    ) -> Entry:
        """Keep the artifact *sealed* with its *evidence*, by digest: the bodies' canonical bytes, the policy's own bytes.

        *at* is the clock at this moment, *begun* when the work began, *brought* the log that it is imported from, *report* what
        the caller has just made it of. With a *signer*, a checkpoint is signed, too. Signatures are not verified, but what is
        not a sealed statement, or evidence that it does not name, is refused. The same again changes nothing. Raises `Refused`
        if the log is not the one that is remembered or signed, and `Unavailable`, with nothing stored, if the disk is full or
        the clock was set back.
        """
        words = said(sealed) if report is None else said_as(report, sealed)
        for digest, body in evidence.items():
            if digest_of(body) != digest:
                raise Refused(f"the evidence does not match its digest {digest}: its content has {digest_of(body)}")
            if words.evidence is not None and digest not in words.evidence:
                raise Refused(f"the artifact does not name the evidence {digest}, so that evidence is not kept with it")
            if len(body) > MOST_EVIDENCE:
                raise Refused(f"the evidence {digest} has {len(body)} bytes; at most {MOST_EVIDENCE} are kept")
        artifact = digest_of(sealed)
        with self.lock.held():
            self._kept.refuse_if_behind()
            held = self.log.read()
            self._clean(held.lines)
            known = earlier(held.lines, artifact, tuple(evidence))
            if signer is not None:
                self.log.may_sign(held)
            if known is None:
                self.refuse_clock(at)
                moment = max(one for one in (at, self._newest(held)) if one is not None)
                known = Entry(
                    artifact=artifact,
                    evidence=tuple(sorted(evidence)),
                    at=moment,
                    subjects=subjects_of(words),
                    begun=text_of(begun) if begun is not None else "",
                    brought=brought,
                )
                held = self._put(held, known, {**evidence, artifact: sealed})
            if signer is not None:
                self.log.sign(held, signer)
            with suppress(Refused, Unavailable):  # the log has it, so it is stored; the index catches up when it can
                self._kept.catch_up({artifact: words})
        return known

    def _put(self, held: Held, entry: Entry, objects: Mapping[str, bytes]) -> Held:
        """Keep *objects*, and then *entry*. Whatever is there of it if this process dies is removed by the next writer."""
        new = [digest for digest in objects if not os.path.lexists(self.path(digest))]
        try:
            unfinished.begin(self.folder, new)
        except OSError as error:
            raise Unavailable(f"{self.folder} cannot be written: {error.strerror}; the artifact was not stored") from error
        for digest, body in objects.items():
            self._keep(digest, body)
        held = self.log.append(held, entry.line, at=entry.at)
        unfinished.end(self.folder)
        return held

    def get(self, digest: str) -> bytes:
        """The bytes kept as *digest*, checked. Raises `Refused` if they are not there or were changed."""
        path = self.path(digest)
        try:
            with os.fdopen(os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK), "rb", buffering=0) as file:
                data = file.readall() if stat.S_ISREG(os.fstat(file.fileno()).st_mode) else None
        except FileNotFoundError as error:
            raise Refused(f"the store {self.folder} holds nothing with digest {digest}") from error
        except IsADirectoryError:
            data = None
        except OSError as error:
            raise Unavailable(f"{path} cannot be read: {error.strerror}") from error
        if data is None or digest_of(data) != digest:
            raise Refused(f"{path} was changed: its content no longer matches {digest}")
        return data

    def about(self, digest: str) -> tuple[Logged, ...]:
        """The entries about the subject with *digest* (``sha256:…``), of any kind, oldest first, read from the whole log.

        Only an artifact's first entry counts, so logging it again does not make it newer. An old entry without subjects is
        included if its artifact cannot be opened, because it may be about anything. Raises `Refused` if the log is not the one
        that is remembered.
        """
        return about(self.log.read().lines, digest, self._unnamed)

    def sound(self, keys: Sequence[PublicKey], *, own: bool = False) -> tuple[str, ...]:
        """Does the log match its checkpoint, signed by one of *keys*, and the memory? A sentence for each problem.

        With *own*, a checkpoint that the memory knows as signed here needs none of *keys*: the key that signs the log need not
        be one that signs artifacts. It reads the log's lines and no object, so it is cheap enough for each decision.
        """
        found = unsound(self.log, keys, own)
        if found:
            with suppress(Unavailable), self.lock.held(shared=True):  # a writer may have been at work
                found = unsound(self.log, keys, own)
        return found

    def list(self, what: Filter | None = None) -> tuple[Listed, ...]:
        """The stored artifacts that *what* asks for, newest first. Nothing is verified: open one before relying on it."""
        self.refresh()
        found = self._kept.asked(lambda index: index.find(what))
        lines = self.log.look().lines if found else ()
        return tuple(self._placed(one, lines) for one in found)

    def _placed(self, one: Listed, lines: Sequence[bytes]) -> Listed:
        """*one* with what the log's *lines* say about its times and where it is from."""
        from artifacts.backdated import brought_at, untimely_at

        untimely = untimely_at(lines, one.position, text_of(one.judged_at) if one.judged_at is not None else "")
        brought = brought_at(lines, one.position)
        return replace(one, untimely=untimely, brought=brought) if untimely or brought else one

    def newest(self, most: int) -> tuple[Listed, ...]:
        """The *most* newest artifacts, newest first, read from the log and from the artifacts: safe to decide by.

        An artifact whose bytes are gone or changed has no values, as in a listing.
        """
        from artifacts.index import as_listed

        lines = self.log.read().lines
        first = max(0, len(lines) - most)
        return tuple(as_listed(first + number, self._kept.row(line)) for number, line in enumerate(lines[first:]))[::-1]

    def count(self, what: Filter) -> int:
        """How many stored artifacts *what* asks for, without its limit and offset."""
        self.refresh()
        return self._kept.asked(lambda index: index.count(what))

    def choices(self) -> Choices:
        """The sites and gates that the stored artifacts name."""
        self.refresh()
        return self._kept.asked(lambda index: index.choices())

    def listing(self) -> Index:
        """The index, up to date with the log, for several questions that belong together.

        A question raises `Unavailable` if the index was damaged since; the next call makes it again.
        """
        self.refresh()
        return self._index

    def entries(self) -> tuple[Entry, ...]:
        """The whole log, oldest first. Raises `Refused` if it is not the one that is remembered."""
        return tuple(read_line(line) for line in self.log.read().lines)

    def refresh(self) -> None:
        """Bring the index up to date with the log; rebuild it if its rows were changed.

        Raises `Refused` if the log lost entries that the index has seen, or that are remembered.
        """
        self.log.refuse_if_shorter()
        self._kept.refresh()

    def totals(self) -> dict[tuple[str, str], int]:
        """How many reports are stored of each verdict and policy; nothing is verified."""
        self.refresh()
        return self._kept.asked(lambda index: index.totals())

    @property
    def size(self) -> int:
        """How many artifacts are stored."""
        self.refresh()
        return self._kept.asked(lambda index: index.done().tree.size)

    def newest_time(self) -> datetime | None:
        """The newest moment at which anything was kept, by the log's end and the memory; ``None`` in an empty store."""
        remembered = [one.what.newest for one in self.log.recall()]
        last = last_line(self.log.path)
        moments = [*remembered, read_line(last).at if last is not None else None]
        return max((one for one in moments if one is not None), default=None)

    def refuse_clock(self, now: datetime) -> None:
        """Raise `Unavailable` if the clock *now* lies before what was kept, by more than clocks may differ (`SKEW`)."""
        newest = self.newest_time()
        if newest is not None and newest - now > SKEW:
            raise Unavailable(
                f"this machine's clock says {now:%Y-%m-%d %H:%M:%S} UTC, but the store {self.folder} was last written at "
                f"{newest:%Y-%m-%d %H:%M:%S} UTC, so nothing is kept. If the clock is wrong now, set the clock and try "
                "again. If it was wrong then: export the store, move it and its memory away, and import it into a new one"
            )

    def checkpoint(self, signer: Signer) -> bytes:
        """Sign what the log holds now, keep the checkpoint and return it. A copy kept elsewhere shows every later removal.

        Raises `Refused` if the log is not the one that was signed before, or that is remembered: that would hide it.
        """
        with self.lock.held():
            self._kept.refuse_if_behind()
            return self.log.sign(self.log.read(), signer)

    def last_checkpoint(self) -> bytes | None:
        """The last checkpoint that was signed here."""
        return self.log.last_checkpoint()

    def inclusion(self, position: int, signed: Checkpoint) -> Proven:
        """The line at *position* of the log, proven to be one of those that *signed* says, in a few reads if possible.

        Raises `Refused` if the log is not the one that *signed* says.
        """
        if (found := self.log.nodes.inclusion(position, signed)) is not None:
            return found
        proven = from_lines(read_whole(self.log.path), position, signed)
        self.renew_nodes()
        return proven

    def proofs(self, size: int) -> Proofs:
        """The proofs of all entries among the log's first *size*, for callers that need many."""
        return Proofs(leaves_of(self.log.path, size))

    def renew_nodes(self) -> None:
        """Rebuild the derived nodes, if no one writes now and this process may write: then the next proof is fast again."""
        with suppress(Refused, Unavailable), self.lock.held(wait=False):
            self.log.renew_nodes()

    def check(self, keys: Sequence[PublicKey], checkpoint: bytes | None = None) -> tuple[str, ...]:
        """As `look_through`: only the problems, none when all is well."""
        return self.look_through(keys, checkpoint).problems

    def look_through(self, keys: Sequence[PublicKey], checkpoint: bytes | None = None) -> StoreLooked:
        """Read everything again: what was removed, edited, moved or damaged, and how much was read.

        The store's own checkpoint must be signed by one of *keys*. *checkpoint* is one that the caller kept elsewhere. Without
        it and without a memory, it goes unnoticed if the log is replaced by an older one with its older checkpoint and index.
        """
        from artifacts.store_check import look_through

        return look_through(self, keys, checkpoint)

    def unexpected(self) -> tuple[Unexpected, ...]:
        """What lies in the store's folders and is not the store's (`artifacts.unexpected`)."""
        from artifacts.unexpected import unexpected

        return unexpected(self.folder, lambda: self.log.look().lines)

    def path(self, digest: str) -> Path:
        """The path for the bytes named *digest*, whether or not they are there yet."""
        return object_path(self.folder, digest)

    def _newest(self, held: Held) -> datetime | None:
        moments = [held.newest, read_line(held.lines[-1]).at if held.lines else None]
        return max((one for one in moments if one is not None), default=None)

    def clean(self) -> None:
        """Remove what writers left that died, if this process may write and the log is the one that is remembered."""
        self._swept = False
        with suppress(Refused, Unavailable), self.lock.held():
            self._clean(self.log.read().lines)

    def _clean(self, lines: Sequence[bytes]) -> None:
        """As `clean`, with the log's *lines* as they were read under the lock."""
        unfinished.undo(self.folder, lines, self.path)
        if not self._swept:  # once is enough for one process, because it takes some milliseconds
            objects = self.folder / "objects"
            for folder in (self.folder, *self.log.beside, objects, *folders_of(objects)):
                sweep(folder)
            self._swept = True

    def _keep(self, digest: str, data: bytes) -> None:
        path = self.path(digest)
        try:
            if path.exists():
                self.get(digest)
                return
            if not path.parent.exists():
                path.parent.mkdir(mode=0o700, exist_ok=True)
                sync_folder(path.parent.parent)
        except OSError as error:
            raise Unavailable(f"{path.parent} cannot be made: {error.strerror}; the artifact was not stored") from error
        write_new(path, data, mode=0o444)
