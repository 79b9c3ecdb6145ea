"""The list of tools as the server answered it, kept for the next start: making it takes imports of seconds.

It is a file in this user's cache, and counts only for the same code: the same interpreter, packages and source files, by their
sizes and times. A file that others could have written does not count. At each start the server makes the list again,
and replaces what was kept if it is another one.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from arcops.errors import ArcOpsError
from arcops.rooms import HOUSE, ROOMS

_MOST = 256 * 1024
_PACKAGES = ("arcops", "mcp", "mcp-types", "pydantic", "pydantic-core")
_OTHERS_MAY_WRITE = 0o022


class KeptList:
    """``folder`` is this user's cache."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "tools"
        self._made = ""

    def read(self, protocol: str) -> dict[str, Any] | None:
        """The list for the revision *protocol*; ``None`` if none was kept by this code."""
        try:
            file = os.open(self._folder / f"{protocol}.json", os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:
            return None
        with open(file, "rb") as opened:  # noqa: PTH123  # it is open already
            found = os.fstat(file)
            if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & _OTHERS_MAY_WRITE:
                return None
            data = opened.read(_MOST + 1)
        head, _, body = data.partition(b"\n")
        if len(data) > _MOST or head.decode("ascii", "replace") != self._seal(body):
            return None
        try:
            listed = json.loads(body)
        except ValueError:
            return None
        return listed if isinstance(listed, dict) else None

    def keep(self, protocol: str, listed: object) -> None:
        """Keep what the server *listed*. It is no harm if it cannot be kept."""
        from artifacts.private_folder import make_private
        from artifacts.writing import replace_whole

        body = json.dumps(listed, ensure_ascii=False).encode()
        with suppress(OSError, ArcOpsError):
            make_private(self._folder)
            replace_whole(self._folder / f"{protocol}.json", self._seal(body).encode() + b"\n" + body, mode=0o600)

    def _seal(self, body: bytes) -> str:
        self._made = self._made or "\n".join(_code())
        return hashlib.sha256(self._made.encode() + b"\0" + body).hexdigest()


def _code() -> Iterator[str]:
    """What the list is made by."""
    from importlib.metadata import PackageNotFoundError, version

    yield f"{sys.version} {HOUSE}"
    for package in _PACKAGES:
        with suppress(PackageNotFoundError):
            yield f"{package} {version(package)}"
    for room in ROOMS:
        yield from _files(os.path.join(HOUSE, room))  # noqa: PTH118  # some thousand paths are not made for it


def _files(folder: str) -> Iterator[str]:
    with os.scandir(folder) as entries:
        for one in sorted(entries, key=lambda entry: entry.name):
            if one.is_dir():
                if one.name != "__pycache__":
                    yield from _files(one.path)
            elif one.name.endswith((".py", ".yaml")):
                seen = one.stat()
                yield f"{one.path} {seen.st_size} {seen.st_mtime_ns}"
