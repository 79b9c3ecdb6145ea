"""A log in a folder: append, sign, and compare it with its checkpoint and with the memory outside of the folder.

    log          the lines (`artifacts.log.lines`)
    checkpoint   the last signed checkpoint over them
    nodes        derived from the lines, for single proofs; may be deleted at any time (`artifacts.log.nodes`)

Writers hold the folder's lock. They write in this order, each on the disk before the next: the intended entry, into the memory;
the line; the memory; the checkpoint. The nodes are written after the memory, without waiting for the disk, because they are
never trusted. Readers read the memory and the checkpoint first and the log last, so neither is ever ahead of the log.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from arcops.errors import Refused, Unavailable
from arcops.late_dataclass import dataclass
from artifacts.log.checkpoint import MOST_BYTES, Checkpoint, claimed, open_checkpoint, sign_checkpoint
from artifacts.log.lines import append_line, read_whole
from artifacts.log.memory import Memory, Recalled, Remembered
from artifacts.log.merkle import Frontier, leaf_hash, trees
from artifacts.log.nodes import Nodes, Stamp, stamp_of
from artifacts.private_key import Signer
from artifacts.public_key import PublicKey
from artifacts.reading import read_file
from artifacts.writing import replace_whole


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """The log as it was read: its *lines*, the *tree* over them, the trees *over* the sizes that are asked about.

    *recalled* is the memory, which was read first. *problems* say in what the log differs from the memory.
    """

    lines: tuple[bytes, ...]
    tree: Frontier
    over: dict[int, Frontier]
    recalled: tuple[Recalled, ...]
    note: bytes | None
    problems: tuple[str, ...]

    @property
    def size(self) -> int:
        return len(self.lines)

    @property
    def newest(self) -> datetime | None:
        """The newest moment that is remembered outside."""
        return max((one.what.newest for one in self.recalled if one.what.newest is not None), default=None)


class Log:
    """The log in *folder*, named *origin*, remembered in *memory* if there is one."""

    def __init__(self, folder: Path, *, origin: str, memory: Memory | None) -> None:
        self.folder = folder
        self.origin = origin
        self.path = folder / "log"
        self.nodes = Nodes(folder)
        self._memory = memory
        self._seen: tuple[Stamp, tuple[bytes, ...], dict[int, Frontier]] | None = None

    def read(self) -> Held:
        """The log at this moment. Raises `Refused` if it is not the one that is remembered outside."""
        held = self.look()
        if held.problems:
            raise Refused(" ".join(held.problems))
        return held

    def look(self) -> Held:
        """As `read`, but the caller handles the problems."""
        recalled = self.recall()
        note = self.last_checkpoint()
        sizes = {one.what.size for one in recalled}
        if note is not None:
            with suppress(Refused):
                sizes.add(claimed(note).size)
        lines, over = self._lines(sizes)
        problems = tuple(self._forgotten(one, len(lines), over) for one in recalled)
        return Held(
            lines=lines,
            tree=over[len(lines)],
            over=over,
            recalled=recalled,
            note=note,
            problems=tuple(dict.fromkeys(one for one in problems if one)),
        )

    def _lines(self, sizes: set[int]) -> tuple[tuple[bytes, ...], dict[int, Frontier]]:
        """The lines and the trees over *sizes* of them; from this object's cache, as long as the file is the same."""
        stamp = self._stamp()
        if self._seen is not None and self._seen[0] == stamp and sizes <= self._seen[2].keys():
            return self._seen[1:]
        lines = read_whole(self.path)
        over = trees(lines, sizes)
        self._seen = (stamp, lines, over)
        return lines, over

    def renew_nodes(self) -> None:
        """Rebuild the derived nodes from the lines. The caller holds the lock. Raises if they can't be written."""
        stamp = self._stamp()
        lines = read_whole(self.path)
        if stamp:
            self.nodes.build(lines, stamp)

    def _stamp(self) -> Stamp:
        try:
            return stamp_of(self.path.stat())
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise Unavailable(f"the log {self.path} cannot be read: {error.strerror}") from error

    def last_checkpoint(self) -> bytes | None:
        """The last checkpoint that was signed here. Raises `Refused` if its file cannot be a checkpoint."""
        path = self.folder / "checkpoint"
        return read_file(path, MOST_BYTES) if os.path.lexists(path) else None

    def recall(self) -> tuple[Recalled, ...]:
        """What is remembered of this log outside of its folder."""
        return self._memory.recall() if self._memory is not None else ()

    @property
    def beside(self) -> tuple[Path, ...]:
        """The folder of the memory, if there is one."""
        return (self._memory.folder,) if self._memory is not None else ()

    def refuse_if_shorter(self) -> None:
        """Raise `Refused` if the log's file is shorter than it was. This is very cheap, but does not see an edited line."""
        most = max((one.what.bytes for one in self.recall()), default=0)
        size = self._stamp()[2:3] or (0,)
        if size[0] < most:
            self.read()

    def append(self, held: Held, line: bytes, *, at: datetime) -> Held:
        """The log with *line* at its end, on the disk and remembered; *held* is the log as `read` gave it under the lock.

        Raises `Refused` if it cannot be checked that the log is complete, and `Unavailable`, with the log as it was, if it
        can't be written.
        """
        if held.lines and held.note is None and self._memory is not None and not held.recalled:
            raise Refused(
                f"the log of {self.folder} has {held.size} entries, but no checkpoint and no memory to show whether some "
                "were removed; restore its checkpoint from a copy, or move the store away and import its artifacts into a new "
                "one with 'arcops store import'"
            )
        leaf = leaf_hash(line)
        self._remember(held, intended=leaf.hex())
        as_read = self._seen is not None and self._seen[0] == self._stamp()
        append_line(self.path, line)
        tree = held.tree.append(leaf)
        grown = replace(held, lines=(*held.lines, line), tree=tree, over={**held.over, tree.size: tree})
        stamp = self._stamp()
        self._seen = (stamp, grown.lines, grown.over)
        self._remember(grown, newest=at)
        if as_read:  # else the nodes would describe a log that was not read
            self.nodes.add(held.tree, grown.lines, stamp)
        return grown

    def may_sign(self, held: Held) -> None:
        """Raise `Refused` if a checkpoint over *held* would hide that the log is not the one that was signed before."""
        signed = max((one.what.signed for one in held.recalled), default=0)
        if held.note is None:
            if signed:
                raise Refused(
                    f"the checkpoint of {self.folder} is gone, but {held.recalled[0].path} remembers that one signed {signed} "
                    "entries; restore it from a copy, because a new one would hide what happened"
                )
            return
        try:
            earlier = claimed(held.note)
        except Refused as error:
            raise Refused(
                f"the log of {self.folder} is not signed: its checkpoint was changed ({error}); restore it from a copy"
            ) from error
        for problem in _against(earlier, held):
            raise Refused(f"the log of {self.folder} is not signed: {problem} Run 'arcops store check'")
        if earlier.origin != self.origin:
            raise Refused(f"the log of {self.folder} is not signed: its checkpoint is of the log {earlier.origin!r}")

    def sign(self, held: Held, signer: Signer) -> bytes:
        """Sign *held*, keep the checkpoint and return it. Raises as `may_sign` does."""
        self.may_sign(held)
        now = Checkpoint(origin=self.origin, size=held.size, root=held.tree.root)
        note = held.note
        if note is None or _opened(note, signer.public) != now:
            note = sign_checkpoint(now, signer)
            replace_whole(self.folder / "checkpoint", note, mode=0o600)
        self._remember(held, signed=held.size)
        return note

    def problems(self, held: Held, keys: Sequence[PublicKey], *, own: bool = False) -> Iterator[str]:
        """One sentence for each difference between *held* and its checkpoint, signed by one of *keys*, or the memory.

        With *own*, a checkpoint that is remembered as signed here needs none of *keys*.
        """
        yield from held.problems
        if held.note is None:
            if held.lines:
                yield f"The log has {held.size} entries and no checkpoint, so it is not known whether some were removed."
            return
        try:
            signed_here = own and self._signed_here(held)
            known = claimed(held.note) if signed_here else open_checkpoint(held.note, keys, origin=self.origin)
        except Refused as error:
            yield f"The checkpoint cannot be used: {error}."
            return
        yield from _against(known, held)

    def _signed_here(self, held: Held) -> bool:
        """Does the memory know the checkpoint as signed? Then the remembered root confirms it, too."""
        if held.note is None or not held.recalled:
            return False
        said = claimed(held.note)
        return said.origin == self.origin and all(said.size <= one.what.signed <= one.what.size for one in held.recalled)

    def unknown(self, held: Held, keys: Sequence[PublicKey]) -> int:
        """How many entries at the end of *held* are neither in the checkpoint, signed by one of *keys*, nor in the memory."""
        known = max((one.what.size for one in held.recalled), default=0)
        with suppress(Refused):
            if held.note is not None:
                known = max(known, open_checkpoint(held.note, keys, origin=self.origin).size)
        left = held.lines[known:]
        intended = {one.what.intended for one in held.recalled}
        return 0 if len(left) == 1 and leaf_hash(left[0]).hex() in intended else len(left)

    def remember_signed(self, held: Held, keys: Sequence[PublicKey]) -> None:
        """Remember the signed part of *held*, so that reading alone makes a memory, too. The caller found no problem."""
        if self._memory is None or held.note is None:
            return
        try:
            signed = open_checkpoint(held.note, keys, origin=self.origin)
        except Refused:
            return  # it was signed here, so it is remembered already
        if all(one.what.signed >= signed.size for one in held.recalled) and held.recalled:
            return
        part = replace(held, lines=held.lines[: signed.size], tree=held.over[signed.size])
        self._remember(part, signed=signed.size)

    def _forgotten(self, one: Recalled, size: int, over: dict[int, Frontier]) -> str:
        """A sentence about the difference between the log and the memory *one*; empty if there is no difference."""
        known = one.what
        if known.origin != self.origin:
            what = f"the store {self.folder} names its log {self.origin!r}, but it was {known.origin!r}"
        elif size < known.size:
            what = f"the log of the store {self.folder} has {size} entries, but had {known.size}: entries were removed"
        elif known.size and over[known.size].root.hex() != known.root:
            what = f"the first {known.size} entries of the store {self.folder} are not those that were kept there"
        else:
            return ""
        return (
            f"{what}. The file {one.path} remembers this. Restore the store from a copy, and find out who changed it; "
            "delete that file only if you own the store and made it new."
        )

    def _remember(self, held: Held, *, newest: datetime | None = None, signed: int = 0, intended: str = "") -> None:
        """If the memory cannot be written, it stays behind the log, and `arcops store check` says so. The log is complete."""
        if self._memory is None:
            return
        known = (*(one.what.newest for one in held.recalled), newest)
        what = Remembered(
            store=str(self.folder),
            origin=self.origin,
            size=held.size,
            bytes=sum(map(len, held.lines)) + held.size,
            root=held.tree.root.hex(),
            newest=max((one for one in known if one is not None), default=None),
            signed=signed,
            intended=intended,
        )
        with suppress(Unavailable):
            self._memory.remember(what)


def _opened(note: bytes, key: PublicKey) -> Checkpoint | None:
    try:
        return open_checkpoint(note, [key])
    except Refused:
        return None


def _against(known: Checkpoint, held: Held) -> Iterator[str]:
    """Each difference between *held* and the log that *known* describes."""
    if held.size < known.size:
        lost = known.size - held.size
        yield f"The log has {held.size} entries, but its checkpoint signs {known.size}: {lost} were removed."
    elif held.over[known.size].root != known.root:
        yield f"The first {known.size} entries are not those that the checkpoint signs: one was edited or moved."
