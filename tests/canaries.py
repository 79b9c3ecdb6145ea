"""Looking for secrets that were planted: in files, in text, and in what the kernel shows of other processes."""

from __future__ import annotations

import base64
import os
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path


def forms(secret: str) -> tuple[bytes, ...]:
    """*secret* as it may be written: as it is, in hexadecimal, and in base64 at each of its three places."""
    data = secret.encode()
    in_base64 = (base64.b64encode(b"x" * before + data)[4 if before else 0 :].rstrip(b"=")[:-2] for before in range(3))
    return (data, data.hex().encode(), *in_base64)


def among(texts: Iterable[tuple[str, bytes]], secrets: Iterable[str]) -> list[str]:
    """The names of the *texts* that hold one of the *secrets* in any form."""
    sought = [form for secret in secrets for form in forms(secret)]
    return [name for name, text in texts if any(form in text for form in sought)]


def files(*folders: Path) -> Iterator[tuple[str, bytes]]:
    """Every file below *folders*, with its name, which is looked at too."""
    for folder in folders:
        for path in folder.rglob("*"):
            if path.is_file() and not path.is_symlink():
                yield str(path), str(path).encode() + path.read_bytes()


@dataclass
class Shown:
    """What the kernel showed of the processes below one: each command and environment, by a name with its process id."""

    texts: dict[str, bytes] = field(default_factory=dict)

    @property
    def commands(self) -> list[bytes]:
        return [text for name, text in self.texts.items() if name.startswith("command")]


@contextmanager
def watched(root: int) -> Iterator[Shown]:
    """While this lasts, look again and again at every process below *root*."""
    shown, ended = Shown(), threading.Event()

    def look() -> None:
        while not ended.wait(0.05):
            for process in _below(root):
                for what, file in (("command", "cmdline"), ("environment", "environ")):
                    try:
                        text = Path(f"/proc/{process}/{file}").read_bytes()
                    except OSError:  # it has ended, or hides it from us
                        continue
                    shown.texts.setdefault(f"{what} of {process}: {text[:60]!r}", b"")
                    shown.texts[f"{what} of {process}: {text[:60]!r}"] += text

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield shown
    finally:
        ended.set()
        thread.join()


def _below(root: int) -> set[int]:
    parents: dict[int, int] = {}
    for name in os.listdir("/proc"):  # noqa: PTH208  # names are enough
        if name.isdigit():
            try:
                status = Path(f"/proc/{name}/stat").read_text()
            except OSError:
                continue
            parents[int(name)] = int(status.rpartition(")")[2].split()[1])
    found: set[int] = set()
    new = {root}
    while new:
        new = {one for one, parent in parents.items() if parent in new} - found
        found |= new
    return found
