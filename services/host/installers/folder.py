"""Servers in a folder of this machine: what is in it is copied, and its tree's digest is the lock."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from arcops.errors import Refused
from services.host.installers.npm import node
from services.host.installers.workshop import Launch, Workshop
from services.host.lock import Lock
from services.host.spec import Package
from tasks.server.installed_tree import seen

_MOST_BYTES = 1 << 30


def resolve(package: Package, at: Workshop) -> Lock:
    """The digest of the folder as it is now."""
    folder = Path(package.name)
    if not folder.is_dir():
        raise Refused(f"{folder} is no folder of this machine")
    tree = seen(folder, most=_MOST_BYTES)
    return Lock(package=str(package), runtime=f"folder-{sys.platform}", text=tree.digest)


def install(lock: Lock, folder: Path, at: Workshop) -> None:
    """Copy the folder. Raises `Refused` if it is not what was resolved."""
    from services.host.spec import read_package

    source = Path(read_package(lock.package).name)
    copy = folder / "copy"
    shutil.copytree(source, copy, symlinks=True)
    now = seen(copy, most=_MOST_BYTES)
    if now.digest != lock.text:
        raise Refused(f"{source} has changed since it was resolved; resolve it again, and allow what it is now")


def launch(package: Package, folder: Path, command: str) -> Launch:
    """A file of the folder, as `started` starts it."""
    file = folder / "copy" / command
    if not file.is_file():
        raise Refused(f"there is no file {command!r} in {package.name}")
    return started(file)


def started(file: Path) -> Launch:
    """How *file* is started: one of Python or JavaScript by a plain interpreter, another one by itself. Raises `Refused`."""
    if not file.is_file():
        raise Refused(f"there is no file {file}")
    if file.suffix == ".py":
        # Nothing of the environment or of the user's packages, but the file's own folder, in which its other modules are.
        return Launch(command=(_python(), "-Es", "-B", str(file)), environment={}, imports=str(file))
    if file.suffix in (".js", ".mjs", ".cjs"):
        return Launch(command=(node(), str(file)), environment={})
    if not os.access(file, os.X_OK):
        raise Refused(f"{file.name!r} in {file.parent} is no file of Python or JavaScript, and may not be executed")
    return Launch(command=(str(file),), environment={})


def _python() -> str:
    return str(getattr(sys, "_base_executable", "") or sys.executable)
