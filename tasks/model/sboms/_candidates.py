"""Which files may be SBOMs: in the subject by name, among the attached files by name or by content."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from arcops.beside import names_sbom
from arcops.errors import Refused
from arcops.request import Request
from arcops.seen.tree import Tree
from artifacts.beneath import open_within
from tasks.files.reading import MIB, read_limited, read_seen
from tasks.model.sboms._document import Document
from tasks.model.sboms._reading import looks_like_sbom

LIMIT = 64 * MIB
_GLANCE = 64 * 1024


def candidates(request: Request, tree: Tree) -> Iterator[Document]:
    """Each candidate with its bytes, the subject's own first. Raises `Refused` for one that is too large to be read."""
    paths = frozenset(file.path for file in tree.files)
    for file in tree.files:
        if names_sbom(file.path):
            data = read_seen(request, file, LIMIT)
            yield Document(path=file.path, sha256=file.sha256, data=data, paths=paths)
    for path in sorted(set(request.attached)):
        named = names_sbom(path.name)
        if not named and not looks_like_sbom(_head(request, path)):
            continue
        data = read_limited(request, path, LIMIT)
        yield Document(path=path.name, sha256=hashlib.sha256(data).hexdigest(), data=data, attached=True, paths=paths)


def _head(request: Request, path: Path) -> bytes:
    """The beginning of an attached file; empty if it is not a plain file."""
    try:
        descriptor = open_within(path, os.O_RDONLY | os.O_NONBLOCK, request.within, follow=False)
    except (OSError, Refused):
        return b""
    try:
        return os.read(descriptor, _GLANCE) if stat.S_ISREG(os.fstat(descriptor).st_mode) else b""
    except OSError:
        return b""
    finally:
        os.close(descriptor)
