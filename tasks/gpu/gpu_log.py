"""The faults in the kernel's messages since boot: from its buffer, or, if that may not be read, from the journal."""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from pathlib import Path

from arcops.collector import collector
from arcops.errors import Refused
from arcops.evidence import Seen, Sighting, Source, SourceKind
from arcops.request import Request
from arcops.seen.gpu_log import GpuLog, LogSource
from foundation.secrets import secret_files
from tasks.gpu.gpu_driver import refuse_other
from tasks.gpu.kernel_faults import Line, faults
from tasks.program import Limits, run

_RECORD = re.compile(r"[0-9]{1,20},([0-9]{1,20}),([0-9]{1,20}),[^;]*;(.*)")
_NUMBER = re.compile(r"[0-9]{1,20}\Z")
_MOST = 64 * 1024 * 1024
_JOURNAL = ("-k", "-b", "--no-pager", "-o", "json", "--output-fields=MESSAGE,_SOURCE_MONOTONIC_TIMESTAMP")
_FIRST_WORDS = "Linux version "


@collector("gpu-log", GpuLog, version="1", deadline=timedelta(minutes=1))
def kernel_log(request: Request, seen: Seen) -> Sighting[GpuLog]:
    """Every fault in the messages. Raises `Refused` if the messages cannot be read: no message does not mean no fault."""
    refuse_other(request)

    def alive() -> None:
        request.progress(0, 0)

    try:
        lines, whole = _buffer(request.target / "dev" / "kmsg", alive)
        source, used = LogSource.BUFFER, Source(name="/dev/kmsg", kind=SourceKind.DATA)
    except OSError as error:
        if request.target != Path("/"):
            raise Refused(f"the kernel's messages cannot be read (/dev/kmsg: {error.strerror})") from error
        lines, whole = _journal(f"/dev/kmsg: {error.strerror}", alive, (*request.secrets, *secret_files(os.environ)))
        source, used = LogSource.JOURNAL, Source(name="journalctl", kind=SourceKind.TOOL)
    if not lines:
        raise Refused("the kernel's log is empty, so faults since boot cannot be seen")
    told = faults(lines)
    return Sighting(
        body=GpuLog(source=source, since_boot=whole, xids=told.xids, sxids=told.sxids, unclear=told.unclear), sources=(used,)
    )


def _buffer(path: Path, alive: Callable[[], None]) -> tuple[list[Line], bool]:
    """The records of the kernel's buffer, and whether its first one is still there (``Documentation/ABI/testing/dev-kmsg``)."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        mode = os.fstat(descriptor).st_mode
        if not (stat.S_ISCHR(mode) or stat.S_ISREG(mode)):
            raise Refused(f"{path} is not the kernel's message buffer")
        text, lost = _drain(descriptor, alive)
    finally:
        os.close(descriptor)
    found = [match for match in map(_RECORD.fullmatch, text.decode("utf-8", "replace").split("\n")) if match]
    numbers = [int(match[1]) for match in found]
    return [(int(match[2]) // 1_000_000, match[3]) for match in found], not lost and numbers[:1] == [0]


def _drain(descriptor: int, alive: Callable[[], None]) -> tuple[bytes, bool]:
    parts: list[bytes] = []
    lost, size = False, 0
    while size <= _MOST:
        alive()
        try:
            part = os.read(descriptor, 16 * 1024)
        except BlockingIOError:  # no more for now
            return b"".join(parts), lost
        except BrokenPipeError:  # messages were overwritten while we read
            lost = True
            continue
        if not part:
            return b"".join(parts), lost
        parts.append(part)
        size += len(part)
    raise Refused(f"the kernel's messages are larger than the limit of {_MOST} bytes")


def _journal(trouble: str, alive: Callable[[], None], secrets: Iterable[Path]) -> tuple[list[Line], bool]:
    program = shutil.which("journalctl")
    if program is None:
        raise Refused(f"the kernel's messages cannot be read ({trouble}), and journalctl was not found")
    with tempfile.TemporaryDirectory(prefix="arcops-") as scratch:
        limits = Limits(seconds=40, size=_MOST)
        answer = run((program, *_JOURNAL), scratch=Path(scratch), limits=limits, alive=alive, secrets=secrets)
    lines = list(_entries(answer.output.splitlines()))
    if answer.code or not lines:
        said = answer.errors or "it holds no message of this boot"
        raise Refused(
            f"the kernel's messages cannot be read, neither from the buffer ({trouble}) nor from the journal ({said})"
        )
    return lines, lines[0][1].startswith(_FIRST_WORDS)


def _entries(lines: Iterable[bytes]) -> Iterator[Line]:
    for line in lines:
        try:
            entry = json.loads(line)
        except (ValueError, RecursionError):
            entry = None
        if not isinstance(entry, dict):
            raise Refused(
                "a line of the journal is not a JSON object (journalctl --output=json), so the kernel's messages cannot be read"
            )
        message, moment = entry.get("MESSAGE"), entry.get("_SOURCE_MONOTONIC_TIMESTAMP")
        if isinstance(message, list):  # bytes that are not text
            message = _bytes(message).decode("utf-8", "replace")
        if isinstance(message, str):
            yield (int(moment) // 1_000_000 if isinstance(moment, str) and _NUMBER.match(moment) else 0), message


def _bytes(numbers: list[object]) -> bytes:
    return bytes(number if isinstance(number, int) and 0 <= number < 256 else 0x3F for number in numbers)
