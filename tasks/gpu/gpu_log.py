"""The faults in the kernel's messages since boot: from its buffer, from the journal, or from both.

The buffer drops the oldest messages, and the journal may lack the newest; each message has the same moment in both.
"""

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
from tasks.gpu.kernel_signs import enumerated
from tasks.gpu.pci_bus import nvidia_addresses
from tasks.program import Limits, run

_RECORD = re.compile(r"[0-9]{1,20},([0-9]{1,20}),([0-9]{1,20}),[^;]*;(.*)")
_NUMBER = re.compile(r"[0-9]{1,20}\Z")
_ESCAPED = re.compile(r"\\x([0-9a-fA-F]{2})")
_KERNEL = 0
"""The facility of the kernel's own messages (<syslog.h>). What programs write into the buffer gets another one."""

_MOST = 64 * 1024 * 1024
_FIELDS = "MESSAGE,SYSLOG_FACILITY,_SOURCE_MONOTONIC_TIMESTAMP"
_JOURNAL = ("-k", "-b", "--no-pager", "-o", "json", f"--output-fields={_FIELDS}")
_FIRST_WORDS = "Linux version "
_MISSED = re.compile(r"Missed [0-9]+ kernel messages")
"""What journald writes when it read the kernel's buffer too late."""


@collector("gpu-log", GpuLog, version="2", deadline=timedelta(minutes=1))
def kernel_log(request: Request, seen: Seen) -> Sighting[GpuLog]:
    """Every fault in the messages. Raises `Refused` if the messages cannot be read: no message does not mean no fault."""
    refuse_other(request)

    def alive() -> None:
        request.progress(0, 0)

    secrets = (*request.secrets, *secret_files(os.environ))
    used = [Source(name="/dev/kmsg", kind=SourceKind.DATA)]
    journal = Source(name="journalctl", kind=SourceKind.TOOL)
    source = LogSource.BUFFER
    here = request.target == Path("/")
    try:
        lines, whole = _buffer(request.target / "dev" / "kmsg", alive)
        if not whole and here and (more := _older(alive, secrets)):
            lines, whole = sorted(dict.fromkeys([*more, *lines]), key=lambda line: line[0]), True
            source, used = LogSource.BOTH, [*used, journal]
    except OSError as error:
        if not here:
            raise Refused(f"the kernel's messages cannot be read (/dev/kmsg: {error.strerror})") from error
        lines, whole = _journal(f"/dev/kmsg: {error.strerror}", alive, secrets)
        source, used = LogSource.JOURNAL, [journal]
    if not lines:
        raise Refused("the kernel's log is empty, so faults since boot cannot be seen")
    present = nvidia_addresses(request.target)
    told = faults(lines, present or ())
    body = GpuLog(
        source=source,
        since_boot=whole,
        xids=told.xids,
        sxids=told.sxids,
        unclear=told.unclear,
        signs=told.signs,
        gone=() if present is None else tuple(sorted(_found_at_boot(lines) - present)),
    )
    return Sighting(body=body, sources=tuple(used))


def _found_at_boot(lines: Iterable[Line]) -> set[str]:
    """The NVIDIA GPUs that the kernel listed before NVIDIA's driver wrote anything, which is before it makes virtual ones."""
    found = set()
    for _, line in lines:
        if "NVRM:" in line:
            break
        if address := enumerated(line):
            found.add(address)
    return found


def _older(alive: Callable[[], None], secrets: Iterable[Path]) -> list[Line]:
    """The journal's messages if they reach back to the boot; else none, so that the buffer stays as incomplete as it is."""
    try:
        lines, whole = _journal("the buffer has dropped its first messages", alive, secrets)
    except Refused:
        return []
    return lines if whole else []


def _buffer(path: Path, alive: Callable[[], None]) -> tuple[list[Line], bool]:
    """The kernel's own records in its buffer, and whether the first one is still there
    (``Documentation/ABI/testing/dev-kmsg``).
    """
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
    lines = [(int(match[2]), _unescaped(match[3])) for match in found if int(match[0].partition(",")[0]) >> 3 == _KERNEL]
    return lines, not lost and numbers[:1] == [0]


def _unescaped(text: str) -> str:
    """A message of several lines is one record, whose line ends are written as ``\\x0a``."""
    return _ESCAPED.sub(lambda match: chr(int(match[1], 16)) if match[1].lower() in ("0a", "09", "5c") else match[0], text)


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
    whole = lines[0][1].startswith(_FIRST_WORDS) and not any(_MISSED.search(line) for _, line in lines)
    return lines, whole


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
        if entry.get("SYSLOG_FACILITY", str(_KERNEL)) != str(_KERNEL):
            continue
        if isinstance(message, list):  # bytes that are not text
            message = _bytes(message).decode("utf-8", "replace")
        if isinstance(message, str):
            yield (int(moment) if isinstance(moment, str) and _NUMBER.match(moment) else 0), message


def _bytes(numbers: list[object]) -> bytes:
    return bytes(number if isinstance(number, int) and 0 <= number < 256 else 0x3F for number in numbers)
