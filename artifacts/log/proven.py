"""An entry that is proven to be in the log that a checkpoint signs, from all of the log's lines."""

from __future__ import annotations

from collections.abc import Sequence

from arcops.errors import Refused
from arcops.late_dataclass import dataclass
from artifacts.log.checkpoint import Checkpoint
from artifacts.log.merkle import inclusion_proof, leaf_hash, verify_inclusion


@dataclass(frozen=True, slots=True, kw_only=True)
class Proven:
    """An entry's line, and the inclusion proof, from the leaf upwards, that leads from it to the root of a checkpoint."""

    line: bytes
    path: tuple[bytes, ...]


def from_lines(lines: Sequence[bytes], position: int, signed: Checkpoint) -> Proven:
    """The line at *position* of *lines*, the whole log. Raises `Refused` if that is not the log that *signed* describes."""
    leaves = tuple(leaf_hash(line) for line in lines[: signed.size])
    if len(leaves) < signed.size:
        raise Refused(f"the checkpoint signs {signed.size} entries; {signed.size - len(leaves)} of them were removed")
    path = inclusion_proof(leaves, position)
    if not verify_inclusion(leaf=leaves[position], index=position, size=signed.size, proof=path, root=signed.root):
        raise Refused("the log does not match its checkpoint: an entry was edited or moved")
    return Proven(line=lines[position], path=path)
