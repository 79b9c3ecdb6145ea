"""Python servers: uv resolves and installs them into an environment of their own, from wheels alone.

What runs is the base interpreter of that environment and the function that the package's entry point names: no wrapper of a
package manager, and no shell.
"""

from __future__ import annotations

import platform
import re
import sys
from configparser import ConfigParser
from configparser import Error as NotAnIni
from pathlib import Path

from arcops.errors import Refused
from arcops.extras import refuse_without
from services.host.installers.workshop import Launch, Workshop
from services.host.lock import Lock
from services.host.spec import Package

_LOCK = "requirements.lock"
_ENTRY = re.compile(r"(?P<module>[A-Za-z_][\w.]*)\s*:\s*(?P<function>[A-Za-z_][\w.]*)")
_RUN = (
    "import sys; from importlib import import_module; from functools import reduce; "
    "sys.argv[0] = {name!r}; sys.exit(reduce(getattr, {function!r}.split('.'), import_module({module!r}))())"
)


def resolve(package: Package, at: Workshop) -> Lock:
    """Ask the index which files *package* and all that it needs are, for this interpreter and machine."""
    asked = f"{package.name}{package.extras}=={package.version}"
    at.cache.mkdir(parents=True, exist_ok=True)
    source = at.cache / f"{_plain(package)}.in"
    source.write_text(f"{asked}\n")
    command = [
        *(_uv(), "pip", "compile", str(source), "--generate-hashes", "--only-binary", ":all:", "--no-annotate", "--no-header"),
        *("--no-emit-index-url", "--no-emit-find-links", "--python", _python(), "--no-config", "--quiet"),
    ]
    found = at.program(command, what=f"resolving {package}", told=_told(at))
    text = found.output.decode()
    if not re.search(r"--hash=sha256:[0-9a-f]{64}", text):
        raise Refused(f"{package} was resolved to no file with a digest; ask another index")
    return Lock(package=str(package), runtime=runtime(), text=text)


def addresses(package: Package, lock: Lock, at: Workshop) -> str:
    """The addresses of the files of *lock* in the index, as ``pylock.toml`` (PEP 751)."""
    source = at.cache / f"{_plain(package)}.in"
    source.write_text(lock.text)
    command = [
        *(_uv(), "pip", "compile", str(source), "--format", "pylock.toml", "--only-binary", ":all:", "--no-deps"),
        *("--no-header", "--python", _python(), "--no-config", "--quiet"),
    ]
    return at.program(command, what=f"looking for the files of {package}", told=_told(at)).output.decode()


def install(lock: Lock, folder: Path, at: Workshop) -> None:
    """Install the lock's files, each of which must have its digest; no file that would have to be built."""
    if lock.runtime != runtime():
        raise Refused(f"{lock.package} was resolved for {lock.runtime}, and this is {runtime()}; resolve it here again")
    listed = folder / _LOCK
    listed.write_text(lock.text)
    place = folder / "venv"
    told, brought = _told(at), at.mirrored(lock)
    offline = ("--offline", "--no-index", "--no-cache", "--find-links", str(brought)) if brought is not None else ()
    at.program(
        [_uv(), "venv", str(place), "--relocatable", "--python", _python(), "--no-project", "--no-config", "--quiet"],
        what=f"making an environment for {lock.package}",
        told=told,
        network=brought is None,
    )
    at.program(
        [
            *(_uv(), "pip", "install", "--python", str(place / "bin" / "python"), "--no-deps", "--require-hashes"),
            *("--only-binary", ":all:", "--link-mode", "copy", "--compile-bytecode", "--no-config", "--quiet"),
            *("--requirements", str(listed), *offline),
        ],
        what=f"installing {lock.package}",
        told=told,
        network=brought is None,
    )
    _without_notes(place)


def _without_notes(place: Path) -> None:
    """Remove what uv notes of files that it was given, such as their times: the same lock is installed as the same bytes."""
    for info in place.glob("lib/python*/site-packages/*.dist-info"):
        note, listed = info / "uv_cache.json", info / "RECORD"
        if note.is_file():
            note.unlink()
            lines = listed.read_bytes().splitlines(keepends=True)
            listed.write_bytes(b"".join(one for one in lines if not one.startswith(f"{info.name}/uv_cache.json,".encode())))


def launch(package: Package, folder: Path, command: str) -> Launch:
    """The function behind the console script *command*, or behind the package's own script."""
    scripts = _scripts(package, folder)
    name = command or next((one for one in (package.name, *scripts) if one in scripts and len(scripts) == 1), "")
    name = name or next((one for one in scripts if _same(one, package.name)), "")
    if name not in scripts:
        there = ", ".join(scripts) or "none"
        raise Refused(f"{package} has the programs {there}; say which one runs, with --command")
    found = _ENTRY.fullmatch(scripts[name].partition("[")[0].strip())
    if found is None:
        raise Refused(f"the program {name} of {package} is {scripts[name][:100]!r}, which names no function")
    run = _RUN.format(name=name, module=found["module"], function=found["function"])
    return Launch(
        command=(str(folder / "venv" / "bin" / "python"), "-I", "-B", "-c", run),
        environment={"VIRTUAL_ENV": str(folder / "venv")},
        imports=found["module"],
    )


def runtime() -> str:
    """The interpreter and machine that a lock here is for."""
    return f"{sys.implementation.name}-{sys.version_info.major}.{sys.version_info.minor}-{sys.platform}-{platform.machine()}"


def _scripts(package: Package, folder: Path) -> dict[str, str]:
    """The console scripts of *package* itself, by name."""
    for info in sorted(folder.glob("venv/lib/python*/site-packages/*.dist-info")):
        if not _same(info.name.removesuffix(".dist-info").rpartition("-")[0], package.name):
            continue
        read = ConfigParser(delimiters=("=",), interpolation=None)
        read.optionxform = str  # type: ignore[assignment, method-assign]  # names of programs keep their case
        try:
            read.read_string((info / "entry_points.txt").read_text(encoding="utf-8"))
        except (FileNotFoundError, NotAnIni, UnicodeDecodeError):
            return {}
        return dict(read["console_scripts"]) if read.has_section("console_scripts") else {}
    return {}


def _same(one: str, other: str) -> bool:
    """Are these names of one project (PEP 503)?"""
    return re.sub(r"[-_.]+", "-", one).lower() == re.sub(r"[-_.]+", "-", other).lower()


def _plain(package: Package) -> str:
    return re.sub(r"[^A-Za-z0-9.-]", "-", f"{package.name}-{package.version}")


def _python() -> str:
    """The interpreter that this one was made from: an environment's own would bring our packages."""
    return str(getattr(sys, "_base_executable", "") or sys.executable)


def _uv() -> str:
    refuse_without(("relay",))
    from uv import find_uv_bin

    return str(find_uv_bin())


def _told(at: Workshop) -> dict[str, str]:
    return {"UV_CACHE_DIR": str((at.cache / "uv").absolute()), "UV_PYTHON_DOWNLOADS": "never", "UV_NO_PROGRESS": "1"}
