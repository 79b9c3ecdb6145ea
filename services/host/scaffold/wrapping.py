"""An existing server made ready to be hosted: what starts a repository, or which package a command line would start.

Nothing of it runs here, and no shell ever does: a command line is taken apart, and what only a shell understands is refused.
"""

from __future__ import annotations

import json
import re
import shlex
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from arcops.errors import Refused
from artifacts.reading import read_file
from services.host.scaffold.hosting_file import HOSTING, Hosting, written
from services.host.spec import Spec, checked

START = "arcops_serve.py"
_MOST = 1 << 20
_SHELL = re.compile(r"[|&;<>`\n]|\$\(|\$\{|\$[A-Za-z_]|(?:^|\s)~")
_LIKELY = (
    *("server.py", "main.py", "app.py", "src/server.py", "src/main.py"),
    *("server.mjs", "index.mjs", "server.js", "index.js", "dist/index.js", "build/index.js"),
)
_STARTS = """\
\"\"\"How a host starts this server: written by 'arcops host wrap', from the script {script!r} of pyproject.toml.\"\"\"

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(one) for one in (HERE / "src", HERE / "vendor") if one.is_dir()]

from {module} import {first}  # noqa: E402

{call}()
"""
_INTERPRETERS = {"python": ".py", "python3": ".py", "node": (".js", ".mjs", ".cjs")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wrapped:
    """``files`` are to be written into the repository, by their paths; ``lacks`` says what is still to be done by hand."""

    hosting: Hosting
    files: Mapping[str, str] = field(default_factory=dict)
    lacks: tuple[str, ...] = ()


def words_of(line: str) -> tuple[str, ...]:
    """The words of a command line. Raises `Refused` for what only a shell would understand."""
    if found := _SHELL.search(line):
        raise Refused(
            f"the command holds {found[0].strip() or 'a line end'!r}, which only a shell understands, and none runs here; "
            "write a program and its arguments, and give variables with --env"
        )
    try:
        words = tuple(shlex.split(line))
    except ValueError as error:
        raise Refused(f"the command cannot be taken apart: {str(error).lower()}") from error
    if not words:
        raise Refused("the command is empty; write what starts the server, such as 'python server.py'")
    if "=" in words[0]:
        raise Refused(f"the command begins with a variable, {words[0].partition('=')[0]}; give it with --env")
    return words


def package_spec(words: Sequence[str]) -> Spec | None:
    """The row of the package that *words* would start by the tool of its ecosystem; ``None`` for another command.

    Raises `Refused` for a package without one exact version.
    """
    program, rest = Path(words[0]).name, list(words[1:])
    if program == "uvx" or (program, *rest[:2]) == ("uv", "tool", "run") or (program, *rest[:1]) == ("pipx", "run"):
        rest = rest[{"uvx": 0, "uv": 2, "pipx": 1}[program] :]
        package, command = "", ""
        if rest[:1] == ["--from"] and len(rest) > 2:
            package, command, rest = rest[1], rest[2], rest[3:]
        elif rest:
            package, rest = rest[0], rest[1:]
        return checked(Spec(package=f"pypi:{package.replace('@', '==')}", command=command, arguments=tuple(rest)))
    if program == "npx" or (program, *rest[:1]) in (("npm", "exec"), ("pnpm", "dlx")):
        rest = [one for one in rest[program != "npx" :] if one not in ("-y", "--yes", "--")]
        return checked(Spec(package=f"npm:{rest[0] if rest else ''}", arguments=tuple(rest[1:])))
    if program in ("docker", "podman"):
        raise Refused("no registry is asked for images here; docs/hosting.md (An image) says how one is hosted by its digest")
    return None


def wrapped(folder: Path, name: str, line: str = "") -> Wrapped:
    """How the repository in *folder* is hosted as *name*: by the command *line*, or by what its own files say.

    Raises `Refused` if that is not there, or if it says nothing of a start.
    """
    words = words_of(line) if line else ()
    if not folder.is_dir():
        raise Refused(f"{folder} is no folder of this machine")
    if (folder / HOSTING).exists():
        raise Refused(f"{folder} has a {HOSTING} already; change that, or remove it first")
    hosting, files = _by_line(folder, name, words) if words else _by_its_files(folder, name)
    return Wrapped(hosting=hosting, files={**files, HOSTING: written(hosting)}, lacks=tuple(_lacks(folder)))


def _by_line(folder: Path, name: str, words: tuple[str, ...]) -> tuple[Hosting, dict[str, str]]:
    program, rest = Path(words[0]).name, words[1:]
    if program in _INTERPRETERS:
        if rest[:1] == ("-m",) and len(rest) > 1 and program != "node":
            module = rest[1]
            text = _STARTS.format(script=f"-m {module}", module="runpy", first="run_module", call="run_module")
            text = text.replace("run_module()", f'run_module("{module}", run_name="__main__", alter_sys=True)')
            if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.]*", module):
                raise Refused(f"{module[:100]!r} is no module")
            return Hosting(name=name, command=START, arguments=rest[2:]), {START: text}
        if not rest or rest[0].startswith("-"):
            raise Refused(f"options of {program} are not taken over; name the file that it runs first")
        words = rest
    file = words[0].removeprefix("./")
    if Path(file).is_absolute() or ".." in Path(file).parts or not (folder / file).is_file():
        raise Refused(
            f"there is no file {file[:200]!r} in {folder}; name a file of the repository, or a package with its version"
        )
    return Hosting(name=name, command=file, arguments=words[1:]), {}


def _by_its_files(folder: Path, name: str) -> tuple[Hosting, dict[str, str]]:
    if (folder / "pyproject.toml").is_file():
        scripts = _table(folder / "pyproject.toml", "project").get("scripts")
        targets = {one: str(two) for one, two in scripts.items()} if isinstance(scripts, dict) else {}
        if targets:
            script = name if name in targets else next(iter(targets))
            return Hosting(name=name, command=START), {START: _starts(script, targets[script])}
    if (folder / "package.json").is_file():
        said = _json(folder / "package.json")
        bins = said.get("bin")
        file = (
            bins
            if isinstance(bins, str)
            else (bins.get(name) or next(iter(bins.values()), ""))
            if isinstance(bins, dict)
            else ""
        )
        file = str(file or said.get("main") or "").removeprefix("./")
        if file and (folder / file).is_file():
            return Hosting(name=name, command=file), {}
    found = next((one for one in _LIKELY if (folder / one).is_file()), "")
    if not found:
        raise Refused(
            f"nothing in {folder} says how its server starts (no script in pyproject.toml, no bin in package.json, no "
            "server.py); say it: --run 'python path/to/server.py'"
        )
    return Hosting(name=name, command=found), {}


def _starts(script: str, target: str) -> str:
    found = re.fullmatch(r"([A-Za-z_][A-Za-z0-9_.]*):([A-Za-z_][A-Za-z0-9_]*)((?:\.[A-Za-z_][A-Za-z0-9_]*)*)", target.strip())
    if found is None:
        raise Refused(f"the script {script[:100]!r} of pyproject.toml is {target[:100]!r}, which names no function")
    return _STARTS.format(script=script, module=found[1], first=found[2], call=found[2] + found[3])


def _lacks(folder: Path) -> list[str]:
    lacking = []
    needs = _table(folder / "pyproject.toml", "project").get("dependencies") if (folder / "pyproject.toml").is_file() else None
    if (needs or (folder / "requirements.txt").is_file()) and not (folder / "vendor").is_dir():
        lacking.append(
            "it needs packages, and a folder is hosted as it is: put them into the folder vendor (uv pip install --target "
            "vendor .), or publish it and host the package, whose advisories and licences are judged, too"
        )
    node = _json(folder / "package.json") if (folder / "package.json").is_file() else {}
    if node.get("dependencies") and not (folder / "node_modules").is_dir():
        lacking.append("it needs packages: npm ci --omit=dev --ignore-scripts, or publish it and host the package")
    return lacking


def _table(file: Path, name: str) -> Mapping[str, object]:
    try:
        found = tomllib.loads(read_file(file, _MOST).decode("utf-8")).get(name)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Refused(f"{file} cannot be read: {error}") from error
    return found if isinstance(found, dict) else {}


def _json(file: Path) -> dict[str, object]:
    try:
        found = json.loads(read_file(file, _MOST))
    except ValueError as error:
        raise Refused(f"{file} cannot be read: {error}") from error
    return found if isinstance(found, dict) else {}
