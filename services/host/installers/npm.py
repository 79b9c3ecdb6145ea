"""Node servers: npm resolves and installs them into a folder of their own; no script of a package runs.

What runs is Node itself and the file that the package's ``bin`` names: no ``npx``, and no shell.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
from pathlib import Path
from platform import machine
from typing import Any

from arcops.errors import Refused, Unavailable
from services.host.installers.workshop import Launch, Workshop
from services.host.lock import Lock
from services.host.spec import Package

_LOCK = "package-lock.json"
_DIGEST = re.compile(r"sha(256|384|512)-[A-Za-z0-9+/]+={0,2}")
_QUIET = ("--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error")


def resolve(package: Package, at: Workshop) -> Lock:
    """Ask the registry which files *package* and all that it needs are; every one must have a digest."""
    at.cache.mkdir(parents=True, exist_ok=True)
    folder = at.cache / f"npm-{re.sub(r'[^a-z0-9.-]', '-', f'{package.name}-{package.version}')}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    try:
        _manifest(folder, package)
        command = [*_npm(), "install", "--package-lock-only", "--omit=dev", *_QUIET, "--prefix", str(folder)]
        at.program(command, what=f"resolving {package}", told=_told(at))
        text = (folder / _LOCK).read_text()
    except FileNotFoundError as error:
        raise Unavailable(f"npm wrote no lock for {package}") from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    bare = [name for name, one in json.loads(text).get("packages", {}).items() if name and not _pinned(one)]
    if bare:
        raise Refused(f"{package} needs {bare[0]}, for which the registry gives no digest; it cannot be installed safely")
    return Lock(package=str(package), runtime=runtime(), text=text)


def install(lock: Lock, folder: Path, at: Workshop) -> None:
    """Install the lock's files, each of which must have its digest; no script runs."""
    from services.host.spec import read_package

    _manifest(folder, read_package(lock.package))
    (folder / _LOCK).write_text(lock.text)
    brought = at.mirrored(lock)
    offline: tuple[str, ...] = ()
    if brought is not None:  # npm finds them in its store by the digests that the lock names
        offline = ("--offline",)
        files = [str(one) for one in sorted(brought.iterdir())]
        at.program([*_npm(), "cache", "add", *files], what=f"taking in {lock.package}", told=_told(at), network=False)
    at.program(
        [*_npm(), "ci", "--omit=dev", *offline, *_QUIET, "--prefix", str(folder)],
        what=f"installing {lock.package}",
        told=_told(at),
        network=brought is None,
    )


def launch(package: Package, folder: Path, command: str) -> Launch:
    """The file behind ``bin`` of the package: *command*, or the only one, or the one of the package's name."""
    inside = folder / "node_modules" / package.name
    try:
        said: dict[str, Any] = json.loads((inside / "package.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise Refused(f"{package} is installed without a package.json that can be read") from error
    bins = said.get("bin", {})
    last = package.name.rpartition("/")[2]
    bins = {last: bins} if isinstance(bins, str) else bins if isinstance(bins, dict) else {}
    name = command or (next(iter(bins)) if len(bins) == 1 else last)
    file = (inside / str(bins.get(name, ""))).resolve()
    if name not in bins or not file.is_file() or not file.is_relative_to(inside.resolve()):
        raise Refused(f"{package} has the programs {', '.join(bins) or 'none'}; say which one runs, with --command")
    return Launch(command=(node(), str(inside / str(bins[name]))), environment={})


def runtime() -> str:
    """The machine that a lock here is for: npm's own lock is for every one, and what it installs is not."""
    return f"node-{sys.platform}-{machine()}"


def _pinned(one: Any) -> bool:
    """Has this entry of the lock a digest, or is it inside another package or a link of the folder itself?"""
    return bool(
        isinstance(one, dict)
        and (one.get("inBundle") is True or _DIGEST.fullmatch(str(one.get("integrity", "")).split(" ")[0]))
        and not one.get("link")
    )


def _manifest(folder: Path, package: Package) -> None:
    said = {"name": "hosted", "version": "1.0.0", "private": True, "dependencies": {package.name: package.version}}
    (folder / "package.json").write_text(json.dumps(said))


def node() -> str:
    """The interpreter. Raises `Refused` if there is no Node.js."""
    found = shutil.which("node")
    if found is None:
        raise Refused("there is no 'node' on the PATH of this server, which this server needs; install Node.js")
    return str(Path(found).resolve())


def _npm() -> tuple[str, str]:
    """Node and npm's own program, because npm's first line asks the PATH for Node."""
    found = shutil.which("npm")
    if found is None:
        raise Refused("there is no 'npm' on the PATH of this server, which installs a package of npm; install it with Node.js")
    return node(), str(Path(found).resolve())


def _told(at: Workshop) -> dict[str, str]:
    return {"npm_config_cache": str((at.cache / "npm").absolute()), "PATH": f"{Path(node()).parent}:/usr/bin:/bin"}
