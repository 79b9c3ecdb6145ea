"""A folder as any Prefect user has it, and worse: packages and modules by our names and the standard library's.

Each leaves a mark when somebody imports it. And ArcOps as it is installed, to be run from there.
"""

from __future__ import annotations

import os
import shutil
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]

PACKAGES = ("flows", "tasks", "gates", "artifacts", "policies", "foundation", "manifests", "reach", "amend", "prefect", "mcp")
MODULES = (
    "json",
    "sitecustomize",
    "usercustomize",
    "socket",
    "logging",
    "typer",
    "uvicorn",
    "yaml",
    "ctypes",
    "pickle",
    "pathlib",
)


@dataclass(frozen=True, kw_only=True)
class Hostile:
    """``folder`` is where the user stands; ``marks`` is where a file appears for each name that was imported."""

    folder: Path
    marks: Path

    def ran(self) -> list[str]:
        return sorted(one.name for one in self.marks.iterdir())


def hostile(at: Path, *, packages: tuple[str, ...] = PACKAGES, modules: tuple[str, ...] = MODULES) -> Hostile:
    """Make it below *at*."""
    made = Hostile(folder=at / "repository", marks=at / "marks")
    made.folder.mkdir(parents=True)
    made.marks.mkdir()
    for name in (*packages, *modules):
        path = made.folder / name / "__init__.py" if name in packages else made.folder / f"{name}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"open({str(made.marks / name)!r}, 'w').close()\nraise SystemExit('taken over by {name}')\n")
    return made


@dataclass(frozen=True, kw_only=True)
class Installed:
    """``command`` is what a shell finds as ``arcops``, ``environment`` what the interpreter needs to find its packages."""

    command: tuple[str, ...]
    environment: dict[str, str]


def from_the_tree() -> Installed:
    """The checkout, by the script that installing it made."""
    return Installed(command=(str(Path(sys.executable).parent / "arcops"),), environment={})


def as_a_wheel(at: Path) -> Installed:
    """What our wheel holds by `pyproject.toml`, unpacked in a folder, with the script that an installer makes of it."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    for package in wheel["packages"]:
        shutil.copytree(REPOSITORY / package, at / package, ignore=shutil.ignore_patterns("__pycache__"))
    for source, target in wheel["force-include"].items():
        shutil.copy(REPOSITORY / source, at / target)
    module, _, function = project["project"]["scripts"]["arcops"].partition(":")
    script = at / "bin" / "arcops"
    script.parent.mkdir()
    script.write_text(f"#!{sys.executable}\nimport sys\nfrom {module} import {function}\nsys.exit({function}())\n")
    script.chmod(0o755)
    return Installed(command=(sys.executable, str(script)), environment={"PYTHONPATH": str(at)})


def told(installed: Installed, more: dict[str, str]) -> dict[str, str]:
    """The environment of a shell in which that is installed, and *more*."""
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG", "TMPDIR")}
    return {**kept, **installed.environment, "COLUMNS": "400", **more}
