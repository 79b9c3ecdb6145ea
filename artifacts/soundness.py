"""Does a store's log match its checkpoint and the memory outside? What it says of its lines is read here, and no object."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from arcops.errors import Refused
from artifacts.log.lines import read_lines
from artifacts.log.log import Log
from artifacts.log.merkle import leaf_hash
from artifacts.public_key import PublicKey


def unsound(log: Log, keys: Sequence[PublicKey], own: bool) -> tuple[str, ...]:
    """A sentence for each problem of *log*; its checkpoint counts if one of *keys* signed it, with *own* also if it was signed
    here.
    """
    try:
        held = log.look()
    except Refused as error:
        return (f"{error}.",)
    found = tuple(log.problems(held, keys, own=own))
    unknown = 0 if found else log.unknown(held, keys)
    if unknown:
        return (
            f"The last {unknown} of the log's {held.size} entries are in neither its checkpoint nor the memory outside of "
            "the store; 'arcops store list' shows them, and the next check that is kept signs them.",
        )
    if not found:
        log.remember_signed(held, keys)
    return found


def leaves_of(path: Path, size: int) -> tuple[bytes, ...]:
    """The hashes of the first *size* lines of the log *path*. Raises `Refused` if it has fewer."""
    leaves = tuple(leaf_hash(line) for line, _ in zip(read_lines(path), range(size), strict=False))
    if len(leaves) < size:
        raise Refused(f"the log of {path.parent} has {len(leaves)} entries, not {size}")
    return leaves
