"""A log in a folder: append, sign, and hold it against its checkpoint and against what is remembered outside of the folder.

    log          the lines (`artifacts.log.lines`)
    checkpoint   the last signed checkpoint over them
    nodes        derived from the lines, for single proofs; may be deleted at any time (`artifacts.log.nodes`)

Writers hold the folder's lock. They write in this order, each on the disk before the next: what is intended, into the memory;
the line; the memory; the checkpoint. The nodes are written after the memory and wait for no disk, since nobody believes them.
Readers read the memory and the checkpoint first and the log last, so that neither is ever ahead of the log that they see.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from arcops.errors import Refused, Unavailable
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
    """The log as it was read: its *lines*, the *tree* over them, the trees *over* the sizes that something names, and what was
    recalled from outside before it was read. *problems* say where the log is not what is remembered.
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
    """The log in *folder*, named *origin*, remembered in *memory* where there is one."""

    def __init__(self, folder: Path, *, origin: str, memory: Memory | None) -> None:
        self.folder = folder
        self.origin = origin
        self.path = folder / "log"
        self.nodes = Nodes(folder)
        self._memory = memory
        self._seen: tuple[Stamp, tuple[bytes, ...], dict[int, Frontier]] | None = None

    def read(self) -> Held:
        """The log at this moment. Raises `Refused` where it is not the one that is remembered outside."""
        held = self.look()
        if held.problems:
            raise Refused(" ".join(held.problems))
        return held

    def look(self) -> Held:
        """As `read`, and the caller looks at the problems."""
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
        """The lines and the trees over *sizes* of them; as they were seen by this object last, while the file is the same."""
        stamp = self._stamp()
        if self._seen is not None and self._seen[0] == stamp and sizes <= self._seen[2].keys():
            return self._seen[1:]
        lines = read_whole(self.path)
        over = trees(lines, sizes)
        self._seen = (stamp, lines, over)
        return lines, over

    def renew_nodes(self) -> None:
        """Make the derived nodes anew from the lines. The caller holds the lock. Raises where they can't be written."""
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
        """The last checkpoint that was signed here. Raises `Refused` where its file is none that a checkpoint could be."""
        path = self.folder / "checkpoint"
        return read_file(path, MOST_BYTES) if os.path.lexists(path) else None

    def recall(self) -> tuple[Recalled, ...]:
        """What is remembered of this log outside of its folder."""
        return self._memory.recall() if self._memory is not None else ()

    def refuse_if_shorter(self) -> None:
        """Raise `Refused` where the log's file is shorter than it was. Costs next to nothing, and sees no edited line."""
        most = max((one.what.bytes for one in self.recall()), default=0)
        size = self._stamp()[2:3] or (0,)
        if size[0] < most:
            self.read()

    def append(self, held: Held, line: bytes, *, at: datetime) -> Held:
        """The log with *line* at its end, on the disk and remembered; *held* is the log as `read` gave it under the lock.

        Raises `Refused` where whether the log is whole cannot be seen, and `Unavailable`, with the log as it was, where it
        can't be written.
        """
        if held.lines and held.note is None and self._memory is not None and not held.recalled:
            raise Refused(
                f"the log of {self.folder} has {held.size} entries, and neither a checkpoint nor anything outside of the store "
                "tells whether some were removed; put its checkpoint back from a copy, or move the store away and begin a new "
                "one, which 'arcops store import' fills"
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
        if as_read:  # or the nodes would stand for a log that nobody read
            self.nodes.add(held.tree, grown.lines, stamp)
        return grown

    def may_sign(self, held: Held) -> None:
        """Raise `Refused` where a checkpoint over *held* would hide that the log is not the one that was signed before."""
        signed = max((one.what.signed for one in held.recalled), default=0)
        if held.note is None:
            if signed:
                raise Refused(
                    f"the checkpoint of {self.folder} is gone, and {held.recalled[0].path} remembers that one signed {signed} "
                    "entries; put it back from a copy, for a new one would hide what happened"
                )
            return
        try:
            earlier = claimed(held.note)
        except Refused as error:
            raise Refused(
                f"nothing is signed over the log of {self.folder}: its checkpoint was changed ({error}); put it back"
            ) from error
        for problem in _against(earlier, held):
            raise Refused(f"nothing is signed over the log of {self.folder}: {problem} Run 'arcops store check'")
        if earlier.origin != self.origin:
            raise Refused(f"nothing is signed over the log of {self.folder}: its checkpoint is of the log {earlier.origin!r}")

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
        """One sentence for each way in which *held* is not the log that its checkpoint, signed by one of *keys*, and the memory
        know. With *own*, a checkpoint that is remembered as signed here needs none of *keys*.
        """
        yield from held.problems
        if held.note is None:
            if held.lines:
                yield f"The log has {held.size} entries and no checkpoint, so nothing shows whether some were removed."
            return
        try:
            signed_here = own and self._signed_here(held)
            known = claimed(held.note) if signed_here else open_checkpoint(held.note, keys, origin=self.origin)
        except Refused as error:
            yield f"The checkpoint does not hold: {error}."
            return
        yield from _against(known, held)

    def _signed_here(self, held: Held) -> bool:
        """Is what the checkpoint says remembered as signed? Then the root that is remembered vouches for it, too."""
        if held.note is None or not held.recalled:
            return False
        said = claimed(held.note)
        return said.origin == self.origin and all(said.size <= one.what.signed <= one.what.size for one in held.recalled)

    def unknown(self, held: Held, keys: Sequence[PublicKey]) -> int:
        """How many entries at the end of *held* neither the checkpoint, signed by one of *keys*, nor the memory knows."""
        known = max((one.what.size for one in held.recalled), default=0)
        with suppress(Refused):
            if held.note is not None:
                known = max(known, open_checkpoint(held.note, keys, origin=self.origin).size)
        left = held.lines[known:]
        intended = {one.what.intended for one in held.recalled}
        return 0 if len(left) == 1 and leaf_hash(left[0]).hex() in intended else len(left)

    def remember_signed(self, held: Held, keys: Sequence[PublicKey]) -> None:
        """Remember what of *held* is signed, so that who only reads has a memory, too. The caller found no problem."""
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
        """The sentence that says how the log is not what *one* remembers; empty where it is."""
        known = one.what
        if known.origin != self.origin:
            what = f"the store {self.folder} names its log {self.origin!r}, and it was {known.origin!r}"
        elif size < known.size:
            what = f"the log of the store {self.folder} has {size} entries, and had {known.size}: entries were removed"
        elif known.size and over[known.size].root.hex() != known.root:
            what = f"the first {known.size} entries of the store {self.folder} are not those that were kept there"
        else:
            return ""
        return (
            f"{what}. The file {one.path} remembers it. Put the store back from a copy, and find out who changed it; "
            "delete that file only if you, its owner, began the store again."
        )

    def _remember(self, held: Held, *, newest: datetime | None = None, signed: int = 0, intended: str = "") -> None:
        """Where the memory cannot be written it stays behind, and `arcops store check` says so: the log itself is whole."""
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
    """Where *held* is not the log that *known* says."""
    if held.size < known.size:
        lost = known.size - held.size
        yield f"The log has {held.size} entries, but its checkpoint signs {known.size}: {lost} were removed."
    elif held.over[known.size].root != known.root:
        yield f"The first {known.size} entries are not those that the checkpoint signs: one was edited or moved."
