"""The tree: every file of the subject, read once for its digest and for what it is."""

from __future__ import annotations

import hashlib
import os
import stat
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path, PurePosixPath

from arcops.collector import collector
from arcops.errors import Refused, Unavailable
from arcops.evidence import Seen, Sighting
from arcops.request import Request
from arcops.seen.tree import FileSeen, LinkSeen, Tree, Trouble
from tasks.content import Window, inspect
from tasks.digest_cache import DigestCache

VERSION = "1"
_BLOCK = 1024 * 1024
_MOST_ENTRIES = 2_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    path: str
    size: int


@collector(Tree, version=VERSION, deadline=timedelta(hours=4))
def tree(request: Request, seen: Seen) -> Sighting[Tree]:
    """Walk the target without following a link, and read every file in it once, several at a time."""
    target = request.target
    if target.is_symlink():
        raise Refused(f"{target} is a symbolic link; name the directory or file that it leads to")
    if not target.exists():
        raise Refused(f"{target} does not exist")
    root = target if target.is_dir() else target.parent
    entries: list[_Entry] = []
    links: list[LinkSeen] = []
    troubles: list[Trouble] = []
    for found in _walk(target):
        match found:
            case _Entry():
                entries.append(found)
            case LinkSeen():
                links.append(found)
            case Trouble():
                troubles.append(found)
    if not entries and not links and not troubles:
        raise Refused(f"{target} holds no file, so there is nothing to judge")
    with DigestCache(request.cache / "digests.sqlite", version=VERSION) as cache:
        reading = _Reading(request, root, cache, sum(entry.size for entry in entries))
        with ThreadPoolExecutor(max_workers=request.workers) as pool:
            answers = list(pool.map(reading.read, sorted(entries, key=lambda entry: -entry.size)))
    files = sorted((one for one in answers if isinstance(one, FileSeen)), key=lambda file: file.path)
    troubles += [one for one in answers if isinstance(one, Trouble)]
    return Sighting(
        body=Tree(
            root=hashlib.sha256(b"".join(bytes.fromhex(file.sha256) for file in files)).hexdigest(),
            files=tuple(files),
            links=tuple(sorted(links, key=lambda link: link.path)),
            troubles=tuple(sorted(troubles, key=lambda trouble: trouble.path)),
        )
    )


def _walk(target: Path) -> Iterator[_Entry | LinkSeen | Trouble]:
    if target.is_file():
        yield _Entry(path=target.name, size=target.stat().st_size)
        return
    pending = [""]
    count = 0
    while pending:
        folder = pending.pop()
        try:
            found = list(os.scandir(target / folder))
        except OSError as error:
            yield Trouble(path=_printable(folder) or ".", reason=f"The folder cannot be listed: {error.strerror}.")
            continue
        for entry in found:
            count += 1
            if count > _MOST_ENTRIES:
                raise Refused(f"{target} holds more than {_MOST_ENTRIES} entries; name the model's own directory")
            path = f"{folder}/{entry.name}" if folder else entry.name
            if _printable(path) != path:
                yield Trouble(path=_printable(path), reason="Its name is not UTF-8, so no manifest could name it.")
            elif entry.is_symlink():
                leads_to = str(Path(entry.path).readlink())
                yield LinkSeen(path=path, target=_printable(leads_to), escapes=_escapes(path, leads_to))
            elif entry.is_dir(follow_symlinks=False):
                pending.append(path)
            elif entry.is_file(follow_symlinks=False):
                yield _Entry(path=path, size=entry.stat(follow_symlinks=False).st_size)
            else:
                yield Trouble(path=path, reason="It is neither a file nor a folder (a pipe, a socket or a device).")


def _printable(path: str) -> str:
    return path.encode("utf-8", errors="surrogateescape").decode("utf-8", errors="backslashreplace")


def _escapes(path: str, leads_to: str) -> bool:
    if leads_to.startswith("/"):
        return True
    depth = len(PurePosixPath(path).parts) - 1
    for part in PurePosixPath(leads_to).parts:
        depth += -1 if part == ".." else 1
        if depth < 0:
            return True
    return False


class _Reading:
    """The reading of all files, which together report how far they are."""

    def __init__(self, request: Request, root: Path, cache: DigestCache, total: int) -> None:
        self._request = request
        self._root = root
        self._cache = cache
        self._total = total
        self._done = 0
        self._lock = threading.Lock()

    def read(self, entry: _Entry) -> FileSeen | Trouble:
        try:
            descriptor = os.open(self._root / entry.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
        except OSError as error:
            return Trouble(path=entry.path, reason=f"It cannot be opened: {error.strerror}.")
        try:
            return self._read(entry, descriptor)
        except (OSError, Unavailable) as error:
            return Trouble(path=entry.path, reason=f"It cannot be read: {error}.")
        finally:
            os.close(descriptor)

    def _read(self, entry: _Entry, descriptor: int) -> FileSeen | Trouble:
        before = os.fstat(descriptor)
        if not stat.S_ISREG(before.st_mode):
            return Trouble(path=entry.path, reason="It stopped being a regular file while it was read.")
        known = self._cache.get(self._root / entry.path, before)
        if known is None:
            sha256 = self._digest(descriptor)
            content = inspect(Window(descriptor, before.st_size), entry.path)
            if _identity(os.fstat(descriptor)) != _identity(before):
                return Trouble(path=entry.path, reason="It changed while it was read.")
            self._cache.put(self._root / entry.path, before, sha256, content)
        else:
            sha256, content = known
            self._progress(before.st_size)
        executable = bool(before.st_mode & 0o111)
        return FileSeen(path=entry.path, size=before.st_size, sha256=sha256, executable=executable, content=content)

    def _digest(self, descriptor: int) -> str:
        digest = hashlib.sha256()
        buffer = memoryview(bytearray(_BLOCK))
        while count := os.readv(descriptor, [buffer]):
            digest.update(buffer[:count])
            self._progress(count)
        return digest.hexdigest()

    def _progress(self, count: int) -> None:
        with self._lock:
            self._done += count
            done = self._done
        self._request.progress(done, self._total)


def _identity(status: os.stat_result) -> tuple[int, ...]:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns
