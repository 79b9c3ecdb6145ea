"""The tree: every file of the target, hashed and described in one reading, by one worker for each core.

No link is followed and only regular files are opened. A file or folder whose inode, size or times differ between the walk, the
reading and the end of the run is reported as trouble: the bytes that were read are then not one state of the model.
"""

from __future__ import annotations

import hashlib
import mmap
import os
import stat
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from operator import itemgetter

from arcops.beside import LONGEST_SIGNATURE, SIGNATURE_SUFFIXES
from arcops.collector import collector
from arcops.errors import Refused, Stopped, Unavailable
from arcops.evidence import Seen, Sighting
from arcops.request import Request
from arcops.seen.content import UNDESCRIBED, Content
from arcops.seen.tree import FileSeen, Tree, Trouble
from artifacts.beneath import open_below, open_within
from tasks.files.digest_cache import DigestCache, RememberedFile, settled
from tasks.files.walk import FileIdentity, Walked, WalkedEntry, encodable, shown, walk
from tasks.model.content import READERS, describe
from tasks.model.content.window import Window
from tasks.model.small_files import CHANGED_BEFORE, folder_of, read_small

VERSION = "3"
CHUNK = 1024 * 1024
SMALL = 64 * 1024
"""Below this size in bytes, a file takes more time in Python than in SHA-256. One worker reads all of these, because two would
wait for each other's interpreter lock (measured: twice as long)."""

_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK

clock_ns: Callable[[], int] = time.time_ns
"""The wall clock, with which the kernel's file times are compared. It has its own name, so that tests can replace it."""


@collector("tree", Tree, version=f"{VERSION}.{READERS}", deadline=timedelta(hours=6))
def look(request: Request, seen: Seen) -> Sighting[Tree]:
    """Read the target, a folder or a single file. Raises `Refused` if it is missing, empty or neither."""
    with _opened(request) as (root, walked, base):
        if base is None:
            request.progress(0, 0)
            walked = walk(root, lambda: request.progress(0, 0))
        cache = DigestCache(request.cache, request.target.absolute(), look.version)
        known = cache.load()
        if not request.described:  # kept apart, so that a described file is never forgotten for one that is not
            cache = DigestCache(request.cache, request.target.absolute(), f"{look.version}.digests")
            known = {**cache.load(), **known}
        endless = [] if base else [entry for entry in walked.files if _endless(entry)]
        short = [entry for entry in walked.files if base or not _endless(entry)]
        reading = _Reading(root, base, short, known, request.progress, described=request.described)
        reading.run(max(1, request.workers))
        troubles = [*walked.troubles, *map(_unread, endless), *reading.troubles, *_changed(root, base, walked)]
    if not walked.files and not walked.links and not troubles:
        raise Refused(f"{request.target} holds no file, so there is nothing to judge; name the folder of the model")
    fresh = [(entry, found) for entry, found in reading.done if settled(entry.identity, reading.began_ns)]
    if len(fresh) != len(known) or any((entry.path, entry.identity) not in known for entry, _ in fresh):
        cache.save(fresh)
    remembered = [entry.identity.size for entry, _ in reading.done if known and (entry.path, entry.identity) in known]
    if remembered:
        request.remark(
            f"{len(remembered)} of {len(reading.done)} files ({sum(remembered):,} bytes) were not read again: they did not "
            "change since their digests were computed."
        )
    return Sighting(body=_tree(reading.done, walked, troubles))


def _endless(entry: WalkedEntry) -> bool:
    """Does it have the name of a signature, but is too long for one? No gate will accept it, so its digest is not computed."""
    return entry.path.endswith(SIGNATURE_SUFFIXES) and entry.identity.size > LONGEST_SIGNATURE


def _unread(entry: WalkedEntry) -> Trouble:
    return Trouble(
        path=entry.path,
        reason=f"it has the name of a signature and {entry.identity.size} bytes, so it was not read; "
        f"a signature has at most {LONGEST_SIGNATURE} bytes",
    )


@contextmanager
def _opened(request: Request) -> Iterator[tuple[int, Walked, WalkedEntry | None]]:
    """A descriptor on the target; for a single file, also its entry. The target itself may be a link that a person typed."""
    target = request.target
    try:
        descriptor = open_within(target, os.O_RDONLY | os.O_NONBLOCK, request.within)
    except FileNotFoundError as error:
        raise Refused(f"{target} does not exist; name a model folder or file") from error
    except OSError as error:
        raise Unavailable(f"{target} cannot be opened: {error.strerror}") from error
    try:
        status = os.fstat(descriptor)
        if stat.S_ISDIR(status.st_mode):
            yield descriptor, Walked(), None
        elif stat.S_ISREG(status.st_mode):
            name = target.resolve().name
            if not encodable(name):
                raise Refused(f"the name of {shown(str(target))} is not UTF-8; rename it and check again")
            entry = WalkedEntry(target.name or name, FileIdentity.of(status), bool(status.st_mode & 0o111))
            yield descriptor, Walked(files=[entry]), entry
        else:
            raise Refused(f"{target} is neither a folder nor a regular file")
    finally:
        os.close(descriptor)


def _changed(root: int, base: WalkedEntry | None, walked: Walked) -> Iterator[Trouble]:
    """What differs at the end from what the walk found at the beginning."""
    for path, identity in walked.folders:
        if _identity(root, path or ".") != identity:
            yield Trouble(path=shown(path) or ".", reason="the folder changed while it was being read")
    for entry in walked.files:
        try:
            now = os.fstat(root) if base else os.stat(entry.path, dir_fd=root, follow_symlinks=False)
        except OSError:
            now = None
        if now is None or not entry.identity.is_of(now):
            yield Trouble(path=entry.path, reason=CHANGED_BEFORE)


def _described(data: bytes, path: str) -> Content:
    return describe(Window.over(data), path)


def _undescribed(data: bytes, path: str) -> Content:
    return UNDESCRIBED


def _identity(root: int, path: str) -> FileIdentity | None:
    try:
        return FileIdentity.of(os.stat(path, dir_fd=root, follow_symlinks=False))
    except OSError:
        return None


def _tree(done: Iterable[tuple[WalkedEntry, RememberedFile]], walked: Walked, troubles: Iterable[Trouble]) -> Tree:
    files = tuple(
        FileSeen(
            path=entry.path,
            size=entry.identity.size,
            sha256=found.sha256,
            executable=entry.executable,
            content=found.content,
        )
        for entry, found in sorted(done, key=itemgetter(0))  # by the path, which comes first in an entry
    )
    root = hashlib.sha256(bytes.fromhex("".join([file.sha256 for file in files])))
    return Tree(
        root=root.hexdigest(),
        files=files,
        links=tuple(sorted(walked.links, key=lambda link: link.path)),
        troubles=tuple(sorted(set(troubles), key=lambda trouble: (trouble.path, trouble.reason))),
    )


class _Reading:
    """Files that workers read, and the results. Workers take the largest file that is left."""

    def __init__(
        self,
        root: int,
        base: WalkedEntry | None,
        files: list[WalkedEntry],
        known: object,
        progress: Callable[[int, int], None],
        *,
        described: bool,
    ) -> None:
        self.began_ns = clock_ns()
        self.done: list[tuple[WalkedEntry, RememberedFile]] = []
        self.troubles: list[Trouble] = []
        self._root = root
        self._base = base
        self._progress = progress
        self._described = described
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._error: BaseException | None = None
        self._total = sum(entry.identity.size for entry in files)
        self._read = 0
        waiting = []
        lookup = known if isinstance(known, dict) else {}
        for entry in files:
            found = lookup.get((entry.path, entry.identity))
            if found is not None:
                self.done.append((entry, found))
                self._read += entry.identity.size
            else:
                waiting.append(entry)
        self._small = sorted((one for one in waiting if base is None and one.identity.size < SMALL), key=folder_of)
        large = (one for one in waiting if base is not None or one.identity.size >= SMALL)
        self._waiting = sorted(large, key=lambda entry: entry.identity.size)

    def run(self, workers: int) -> None:
        """Read everything. If *progress* raises, all workers end first, then the error is raised here."""
        count = min(workers, len(self._waiting) + bool(self._small))
        threads = [threading.Thread(target=self._work, daemon=True) for _ in range(count)]
        for thread in threads:
            thread.start()
        try:
            for thread in threads:
                while thread.is_alive():
                    self._progress(self._read, self._total)
                    thread.join(0.1)
        finally:
            self._stop.set()
            for thread in threads:
                thread.join()
        if self._error is not None:
            raise self._error
        self._progress(self._total, self._total)

    def _work(self) -> None:
        # Page-aligned: the kernel copies to a bytearray's unaligned address at half the speed (measured, benches/tree.py).
        buffer = memoryview(mmap.mmap(-1, CHUNK))
        try:
            while not self._stop.is_set():
                with self._lock:
                    if not self._waiting:
                        small, self._small = self._small, []  # of one worker, because two would wait for each other
                        break
                    entry = self._waiting.pop()
                self._one(entry, buffer)
            else:
                return
            read_small(
                self._root,
                small,
                describe=_described if self._described else _undescribed,
                stopped=self._stop.is_set,
                done=self._small_done,
                trouble=self._trouble,
            )
        except Stopped:
            return
        except BaseException as error:  # passed to the caller's thread; there it ends the whole reading
            self._error = error
            self._stop.set()

    def _one(self, entry: WalkedEntry, buffer: memoryview) -> None:
        try:
            descriptor = self._root if self._base else open_below(self._root, entry.path, _FLAGS)
        except OSError as error:
            self._trouble(entry, f"it cannot be opened: {error.strerror}")
            return
        try:
            if not entry.identity.is_of(os.fstat(descriptor)):
                self._trouble(entry, CHANGED_BEFORE)
                return
            digest, size = self._hash(descriptor, buffer, entry.identity.size)
            if size != entry.identity.size:
                self._trouble(entry, f"it has {entry.identity.size} bytes, but {size} were read")
                return
            content = UNDESCRIBED
            if self._described:
                content = describe(Window(lambda offset, length: self._pread(descriptor, offset, length), size), entry.path)
            if not entry.identity.is_of(os.fstat(descriptor)):
                self._trouble(entry, "it changed while it was being read")
                return
        except OSError as error:
            self._trouble(entry, f"it cannot be read: {error.strerror}")
            return
        finally:
            if not self._base:
                os.close(descriptor)
        self.done.append((entry, RememberedFile(digest, content)))

    def _small_done(self, entry: WalkedEntry, found: RememberedFile) -> None:
        self._read += entry.identity.size
        self.done.append((entry, found))

    def _hash(self, descriptor: int, buffer: memoryview, expected: int) -> tuple[str, int]:
        digest = hashlib.sha256()
        size = 0
        with open(descriptor, "rb", buffering=0, closefd=False) as file:
            while count := file.readinto(buffer):
                if self._stop.is_set():
                    raise Stopped("the reading was told to end")
                digest.update(buffer if count == CHUNK else buffer[:count])
                size += count
                if size > expected:  # the file grows while it is read
                    break
                with self._lock:
                    self._read += count
        return digest.hexdigest(), size

    def _pread(self, descriptor: int, offset: int, length: int) -> bytes:
        if self._stop.is_set():
            raise Stopped("the reading was told to end")
        return os.pread(descriptor, length, offset)

    def _trouble(self, entry: WalkedEntry, reason: str) -> None:
        with self._lock:
            self.troubles.append(Trouble(path=entry.path, reason=reason))
