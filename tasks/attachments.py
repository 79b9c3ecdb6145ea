"""Which attached files the other collectors read. It runs after them, and does not cause any of them to run."""

from __future__ import annotations

import hashlib
import stat
from datetime import timedelta
from pathlib import Path

from arcops.collector import collector
from arcops.errors import Refused, Unavailable
from arcops.evidence import Body, Seen, Sighting
from arcops.request import Request
from arcops.seen.attachments import Attachments, AttachmentSeen
from arcops.seen.attestations import Attestations
from arcops.seen.baseline import Baselines
from arcops.seen.sboms import Sboms
from arcops.seen.signatures import Signatures
from arcops.seen.trivy import TrivyScan
from arcops.seen.vex import Vex
from artifacts.beneath import stat_within
from tasks.files.reading import MIB, read_limited

_READERS: tuple[type[Body], ...] = (Signatures, Sboms, Attestations, Vex, TrivyScan, Baselines)
_MOST = 64 * MIB
"""The most that any collector reads of an attached file; a larger one was not read, so its digest is not needed."""


@collector("attachments", Attachments, version="2", wants=_READERS, follows=True, deadline=timedelta(minutes=5))
def look(request: Request, seen: Seen) -> Sighting[Attachments]:
    """Each attached file with the kinds of evidence that its bytes became part of. A reader that failed read nothing.

    Raises `Refused` if the subject they were read for no longer exists.
    """
    if not request.named and stat_within(request.target, request.within) is None:
        raise Refused(f"{request.target} does not exist any more, so no attached file was read for it")
    read = [(body.KIND, found.body.attached_read) for body in _READERS if (found := seen.get(body)) is not None]
    files = []
    for at, path in enumerate(request.attached):
        request.progress(at, len(request.attached))
        files.append(_seen(request, path, read))
    return Sighting(body=Attachments(files=tuple(files)))


def _seen(request: Request, path: Path, read: list[tuple[str, frozenset[str]]]) -> AttachmentSeen:
    size = 0
    try:
        status = stat_within(path, request.within)
        size = status.st_size if status is not None and stat.S_ISREG(status.st_mode) else 0
        sha256 = hashlib.sha256(read_limited(request, path, _MOST)).hexdigest()
    except (Refused, Unavailable) as error:
        return AttachmentSeen(name=path.name, size=size, problem=str(error))
    except OSError as error:
        return AttachmentSeen(name=path.name, size=size, problem=f"{path.name} cannot be read: {error.strerror}")
    kinds = tuple(sorted(kind for kind, digests in read if sha256 in digests))
    return AttachmentSeen(name=path.name, size=size, sha256=sha256, read_as=kinds)
