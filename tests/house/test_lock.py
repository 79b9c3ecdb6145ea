"""The lock: it holds what pyproject.toml asks for, each with hashes and nothing else, and is what make installs."""

from __future__ import annotations

import importlib.util
import re
import sys
import tomllib
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

HERE = Path(__file__).resolve().parents[2]
LOCKS = ("requirements.lock", "requirements-dev.lock")
LINE = re.compile(r"([a-z0-9][a-z0-9.-]*)==(\S+)(?: ; (.+?))? \\\n((?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)")


def program(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, HERE / "deployments" / "local" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def locked(name: str) -> dict[str, list[tuple[str, str]]]:
    found: dict[str, list[tuple[str, str]]] = {}
    for package, version, marker, _ in LINE.findall((HERE / name).read_text()):
        found.setdefault(package, []).append((version, marker))
    return found


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_is_packages_versions_and_hashes_and_nothing_else(name: str) -> None:
    """No index, no path, no option: those would say where to get a file, which is the site's to decide."""
    text = (HERE / name).read_text()
    assert LINE.sub("", text) == program("lock").HEAD
    assert not re.search(r"://|/work|/opt|/home|index-url|find-links", text)


def project() -> dict[str, Any]:
    with (HERE / "pyproject.toml").open("rb") as file:
        return tomllib.load(file)


def brought(*extras: str) -> list[Requirement]:
    """What *extras* ask for, and the extras that these name in turn."""
    known = project()["project"]["optional-dependencies"]
    found: list[Requirement] = []
    waiting = list(extras)
    while waiting:
        for wanted in map(Requirement, known[waiting.pop()]):
            if wanted.name == "arcops":
                waiting += wanted.extras
            else:
                found.append(wanted)
    return found


def asked(*extras: str) -> list[Requirement]:
    whole = project()
    lines = [*whole["project"]["dependencies"], *whole["build-system"]["requires"]]
    return [*map(Requirement, lines), *brought(*extras)]


@pytest.mark.parametrize(("name", "extras"), [(LOCKS[0], ("all",)), (LOCKS[1], ("dev",))])
def test_what_pyproject_asks_for_is_locked_within_its_bounds(name: str, extras: tuple[str, ...]) -> None:
    found = locked(name)
    for wanted in asked(*extras):
        versions = found.get(canonicalize_name(wanted.name))
        assert versions, f"{wanted.name} is not in {name}; run 'make lock'"
        for version, _ in versions:
            assert wanted.specifier.contains(version), f"{wanted} allows no {version}; run 'make lock'"


def test_only_the_cloud_libraries_are_not_locked() -> None:
    dev = set(map(str, brought("dev")))
    assert not {one for one in project()["project"]["optional-dependencies"] if set(map(str, brought(one))) - dev} - {"cloud"}


def test_the_two_locks_say_the_same_of_what_both_hold() -> None:
    plain, whole = (locked(name) for name in LOCKS)
    assert plain.items() <= whole.items()


def test_every_python_from_3_11_on_gets_one_version_of_each() -> None:
    for packages in map(locked, LOCKS):
        for versions in packages.values():
            for python in ("3.11.0", "3.11.7", "3.12.1", "3.13.0", "3.14.0"):
                here = default_environment() | {"python_version": python[:4], "python_full_version": python}
                markers = [Requirement(f"x ; {marker}").marker for _, marker in versions if marker]
                fit = sum(marker is not None and marker.evaluate({**here}) for marker in markers) + len(versions) - len(markers)
                assert fit <= 1, versions


def test_make_and_the_pipeline_install_from_the_lock_alone() -> None:
    """Mutation: an install that resolves again, and so takes whatever came out last night."""
    rules = (HERE / "Makefile").read_text()
    for stamp, lock in ((".installed", LOCKS[0]), (".installed-dev", LOCKS[1])):
        found = re.search(rf"^\$\(VENV\)/{re.escape(stamp)}:([^\n]*)\n((?:\t[^\n]*\n)+)", rules, re.MULTILINE)
        assert found is not None
        assert lock in found[1]
        installs = [line for line in found[2].splitlines() if line not in ("\ttouch $@", "\t$(COMPILED)")]
        assert installs[0] == f"\t$(LOCKED) $(HASHED) {lock}"
        assert all("$(HASHED)" in line or line == "\t$(LOCKED) --no-build-isolation --editable ." for line in installs)
    assert re.search(r"^COMPILED = \$\(BIN\)/python -m compileall ", rules, re.MULTILINE)
    assert "--no-deps" in re.search(r"^LOCKED = .*", rules, re.MULTILINE)[0]  # type: ignore[index]  # it stands there
    assert "--require-hashes" in re.search(r"^HASHED = .*", rules, re.MULTILINE)[0]  # type: ignore[index]  # as above
    assert "make test" in (HERE / ".ci" / "run").read_text().splitlines()


@pytest.mark.parametrize(
    "line", ["--index-url https://a.example/simple", "x @ file:///a/b", "./x", "-e .", "x @ ../y", "--find-links /a"]
)
def test_a_lock_that_names_a_place_is_not_written(line: str) -> None:
    lock = program("lock")
    lock.refuse_foreign("a.lock", f"{lock.HEAD}x==1 \\\n    --hash=sha256:{'0' * 64}\n")
    with pytest.raises(SystemExit, match="not written"):
        lock.refuse_foreign("a.lock", f"{lock.HEAD}x==1 \\\n    --hash=sha256:{'0' * 64}\n{line}\n")


def test_newest_names_what_moved_and_what_failed() -> None:
    newest = program("newest")
    changes = newest.moved({"a": "1", "b": "2"}, {"a": "1", "b": "3", "c": "1"})
    assert [str(one) for one in changes] == ["b 2 -> 3", "c (not in the lock) -> 1"]
    report = (
        '<testsuites><testsuite><testcase classname="tests.a.test_b" name="test_good" file="tests/a/test_b.py"/>'
        '<testcase classname="tests.a.test_b.TestC" name="test_d[x]" file="tests/a/test_b.py"><failure/></testcase>'
        '<testcase classname="tests.a.test_b" name="test_e" file="tests/a/test_b.py"><error/></testcase>'
        "</testsuite></testsuites>"
    )
    assert newest.failures(report) == ["tests/a/test_b.py::TestC::test_d[x]", "tests/a/test_b.py::test_e"]
    assert newest.locked_names("Foo_Bar==1 \\\n    --hash=sha256:0\nb==2\n") == {"foo-bar", "b"}
