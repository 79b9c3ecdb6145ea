"""The checkpoints of an audit log, which are lines of the log: each signs all lines before it (C2SP ``tlog-checkpoint``).

A batch of records and its checkpoint reach the disk in one write. So a line counts only if a checkpoint follows it. What
follows the last checkpoint was never acknowledged: its writer died, or is writing now.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from json.encoder import encode_basestring as _quoted

from arcops.errors import Refused
from artifacts.log.checkpoint import Checkpoint, open_checkpoint, sign_checkpoint
from artifacts.log.merkle import Frontier
from artifacts.private_key import Signer
from artifacts.public_key import PublicKey

BEGINNING = b'{"checkpoint":'
"""How the line of a checkpoint begins. No record's does: its first field is its action."""
MOST_BATCH = 1000
"""Most records between two checkpoints."""


def seal(tree: Frontier, origin: str, signer: Signer) -> bytes:
    """The line that signs all lines of *tree* of the log *origin*."""
    note = sign_checkpoint(Checkpoint(origin=origin, size=tree.size, root=tree.root), signer)
    return b'{"checkpoint":' + _quoted(note.decode()).encode() + b"}"


def note_in(line: bytes) -> bytes:
    """The signed note in the *line* of a checkpoint. Raises `Refused` if it has another form."""
    try:
        note = json.loads(line)["checkpoint"].encode()
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        raise Refused("the line of a checkpoint cannot be read") from error
    if BEGINNING + _quoted(note.decode()).encode() + b"}" != line:
        raise Refused("the line of a checkpoint is not in canonical form")
    return bytes(note)


def opened(line: bytes, keys: Sequence[PublicKey], origin: str) -> Checkpoint:
    """The checkpoint in *line*, signed by one of *keys*, of the log *origin*. Raises `Refused`."""
    return open_checkpoint(note_in(line), keys, origin=origin)


def last_seal(lines: Sequence[bytes]) -> int | None:
    """The number of the last checkpoint's line; the first line is 0."""
    return next((number for number in range(len(lines) - 1, -1, -1) if lines[number].startswith(BEGINNING)), None)
