"""Run the tests on the newest versions that pyproject.toml's bounds allow, and say which of them broke which tests.

``make newest`` runs it, in a virtual environment of its own. It names each package that differs from the lock. If tests fail
that the lock passes, each such package is installed alone over the lock, and the failed tests are run again.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parents[2]
LOCK = HERE / "requirements-dev.lock"


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """A package that has a newer version than the lock's; ``locked`` is empty if the lock lacks the package."""

    name: str
    locked: str
    newest: str

    def __str__(self) -> str:
        return f"{self.name} {self.locked or '(not in the lock)'} -> {self.newest}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """A virtual environment. pip's own configuration decides where packages come from."""

    folder: Path

    @property
    def python(self) -> str:
        return str(self.folder / "bin" / "python")

    def pip(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [self.python, "-m", "pip", "--disable-pip-version-check", *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False, cwd=HERE)

    def must(self, *arguments: str) -> str:
        """pip's answer. Ends with its message if it fails."""
        done = self.pip(*arguments)
        if done.returncode:
            sys.exit(f"pip {' '.join(arguments)} failed:\n{done.stderr}")
        return done.stdout

    def lock(self) -> None:
        """Install what the lock says, and take away what it does not."""
        self.must("install", "--quiet", "--no-deps", "--require-hashes", "--requirement", str(LOCK))
        self.must("install", "--quiet", "--no-deps", "--no-build-isolation", "--editable", ".")
        wanted = locked_names(LOCK.read_text()) | {"arcops", "pip", "setuptools", "wheel"}
        if extra := sorted(self.versions().keys() - wanted):
            self.must("uninstall", "--quiet", "--yes", *extra)

    def versions(self) -> dict[str, str]:
        listed = json.loads(self.must("list", "--format", "json"))
        return {normal(one["name"]): one["version"] for one in listed}

    def failed(self, tests: Sequence[str]) -> list[str]:
        """The tests among *tests* that fail; all of them if pytest itself ends before it can tell."""
        with tempfile.TemporaryDirectory() as folder:
            said = Path(folder) / "junit.xml"
            command = [self.python, "-m", "pytest", "-q", "-n", "2", "--dist", "loadgroup", f"--junitxml={said}"]
            clean = {name: value for name, value in os.environ.items() if name != "PYTEST_ADDOPTS"}
            code = subprocess.run([*command, "-o", "junit_family=xunit1", *tests], check=False, cwd=HERE, env=clean).returncode
            if code == 0:
                return []
            found = failures(said.read_text()) if said.is_file() else []
        return found or list(tests) or ["tests"]


def normal(name: str) -> str:
    """The name by which packages are told apart (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def locked_names(text: str) -> set[str]:
    return {normal(name) for name in re.findall(r"^([A-Za-z0-9][A-Za-z0-9._-]*)==", text, re.MULTILINE)}


def moved(before: dict[str, str], after: dict[str, str]) -> list[Moved]:
    """What *after* has in another version than *before*, sorted by name."""
    return [
        Moved(name=name, locked=before.get(name, ""), newest=version)
        for name, version in sorted(after.items())
        if before.get(name) != version
    ]


def failures(junit: str) -> list[str]:
    """The ids of the tests that failed or broke, from pytest's own report (the family xunit1, which names files)."""
    found = []
    for case in ET.fromstring(junit).iter("testcase"):  # noqa: S314  # pytest wrote it a moment ago
        if case.find("failure") is None and case.find("error") is None:
            continue
        file, owner = case.get("file") or "", (case.get("classname") or "").split(".")
        # A class of tests stands between the file and the test: what is left of the class name behind the file's own.
        inner = owner[len(Path(file).with_suffix("").parts) :]
        found.append("::".join([file, *inner, case.get("name") or ""]) if file else case.get("name") or "tests")
    return sorted(set(found))


def blamed(environment: Environment, changes: list[Moved], tests: list[str]) -> int:
    """Try each change alone over the lock, and print what each does to *tests*."""
    environment.lock()
    still = environment.failed(tests)
    if still:
        print(f"\n{len(still)} of these fail with the lock's versions, too: {' '.join(still)}")
    new = [test for test in tests if test not in still]
    guilty: list[str] = []
    for change in changes if new else []:
        environment.lock()
        before = environment.versions()
        done = environment.pip("install", "--quiet", "--upgrade", f"{change.name}=={change.newest}")
        along = [str(one) for one in moved(before, environment.versions()) if one.name != change.name]
        if done.returncode or environment.pip("check").returncode:
            print(f"\n{change}: cannot be installed without others that move, too", flush=True)
            continue
        broken = environment.failed(new)
        beside = f" (with {', '.join(along)})" if along else ""
        print(f"\n{change}{beside}: {len(broken)} fail", *broken, sep="\n  ", flush=True)
        guilty += [str(change)] if broken else []
    if guilty:
        print("\nBroken by: " + "; ".join(guilty) + "\nBound it in pyproject.toml, or meet it in the code.")
    elif new:
        print("\nNo package alone breaks them: it takes more than one of the above together.")
    environment.lock()
    return 1


def main(folder: Path, tests: Sequence[str]) -> int:
    """Zero if all tests pass on the newest versions."""
    environment = Environment(folder=folder)
    if not (folder / "bin" / "python").exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    environment.lock()
    before = environment.versions()
    environment.must("install", "--quiet", "--upgrade", "--upgrade-strategy", "eager", "--editable", ".[dev,pkcs11]")
    changes = moved(before, environment.versions())
    print(f"{len(changes)} packages are newer than the lock's:", *changes, sep="\n  ", flush=True)
    failed = environment.failed(tests)
    if not failed:
        print("All tests pass on the newest versions" + ("; 'make lock' moves the lock to them." if changes else "."))
        return 0
    print(f"\n{len(failed)} tests fail on the newest versions:", *failed, sep="\n  ", flush=True)
    return blamed(environment, changes, failed)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
