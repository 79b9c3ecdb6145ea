"""The pipelines in deployments/ci, read as their platforms read them: which script runs, where, and with which environment."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

CI = Path(__file__).resolve().parents[1] / "deployments" / "ci"
ACTION = CI / "github" / "arcops-check" / "action.yml"
WORKFLOW = CI / "github" / "workflow.yml"
GITLAB = CI / "gitlab" / "arcops.gitlab-ci.yml"
AZURE = CI / "azure" / "azure-pipelines.yml"
AZURE_STEPS = CI / "azure" / "arcops-check.yml"
PAGES = {ACTION: "github-actions", WORKFLOW: "github-workflows", GITLAB: "gitlab-ci", AZURE: "azure-pipelines"}
PLATFORMS = ("github", "gitlab", "azure")


class _Strict(yaml.SafeLoader):
    """Refuses a key twice, which YAML forbids and PyYAML forgives."""


def _mapping(loader: _Strict, node: yaml.MappingNode) -> dict[object, object]:
    keys = [loader.construct_object(key) for key, _ in node.value]  # type: ignore[no-untyped-call]  # stubs leave it bare
    assert len(keys) == len(set(keys)), f"a key twice in {node.start_mark}"
    return loader.construct_mapping(node)


_Strict.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


def read(page: Path) -> Any:
    return yaml.load(page.read_text(), Loader=_Strict)  # noqa: S506  # a safe loader, made stricter


def steps() -> Iterator[dict[str, Any]]:
    yield from read(ACTION)["runs"]["steps"]
    for job in read(WORKFLOW)["jobs"].values():
        yield from job["steps"]
    yield from read(AZURE_STEPS)["steps"]
    yield from read(AZURE)["steps"]
    job = read(GITLAB)[".arcops"]
    yield from ({"script": script} for script in (*job["before_script"], *job["script"]))


def script_of(step: Mapping[str, Any]) -> str:
    return str(step.get("run") or step.get("bash") or step.get("script") or "")


SCRIPTS = [script for step in steps() if (script := script_of(step))]


@dataclass(frozen=True, kw_only=True)
class Job:
    """The two scripts of one platform with what each gets as its environment, as the platform would give it."""

    install: str
    check: str
    environment: tuple[dict[str, str], dict[str, str]]
    runs_in: tuple[str, ...]


def job(platform: str, folder: Path, given: Mapping[str, str]) -> Job:
    """The platform's job with the inputs *given* set (by the names of GitHub's action) and the rest as shipped."""
    if platform == "github":
        action = read(ACTION)
        inputs = {name: given.get(name, one.get("default", "")) for name, one in action["inputs"].items()}
        known = {f"inputs.{name}": value for name, value in inputs.items()} | {"runner.temp": str(folder / "temp")}
        install, check = (step for step in action["runs"]["steps"][:2])
        return Job(
            install=install["run"],
            check=check["run"],
            environment=(
                filled(install["env"], r"\$\{\{ ([^}]+) \}\}", known),
                filled(check["env"], r"\$\{\{ ([^}]+) \}\}", known),
            ),
            runs_in=("bash", "--noprofile", "--norc", "-eo", "pipefail"),
        )
    if platform == "azure":
        names = {"index-url": "indexUrl"}
        page = read(AZURE_STEPS)
        known = {f"parameters.{one['name']}": one.get("default", "") for one in page["parameters"]}
        known |= {f"parameters.{names.get(name, name)}": value for name, value in given.items()}
        known |= {
            "Agent.TempDirectory": str(folder / "temp"),
            "ArcopsSigningKey": given["signing-key"],
            "ArcopsPassphrase": given["passphrase"],
        }
        install, check = page["steps"][:2]
        pattern = r"\$(?:\{\{ ([^}]+) \}\}|\(([^)]+)\))"
        return Job(
            install=install["bash"],
            check=check["bash"],
            environment=(filled(install["env"], pattern, known), filled(check["env"], pattern, known)),
            runs_in=("bash", "--noprofile", "--norc"),
        )
    names = {
        "model": "ARCOPS_MODEL", "policy": "ARCOPS_POLICY", "amber": "ARCOPS_AMBER", "home": "ARCOPS_HOME", "out": "ARCOPS_OUT",
        "package": "ARCOPS_PACKAGE", "index-url": "ARCOPS_INDEX", "wheels": "ARCOPS_WHEELS", "key": "ARCOPS_KEY",
        "signing-key": "ARCOPS_SIGNING_KEY", "passphrase": "ARCOPS_PASSPHRASE",
    }  # fmt: skip
    page = read(GITLAB)[".arcops"]
    variables = {name: str(value).replace("$CI_PROJECT_DIR", str(folder)) for name, value in page["variables"].items()}
    variables |= {names[name]: value for name, value in given.items()}
    [install], [check] = page["before_script"], page["script"]
    return Job(install=install, check=check, environment=(variables, variables), runs_in=("sh", "-e"))


def filled(environment: Mapping[str, str], pattern: str, known: Mapping[str, str]) -> dict[str, str]:
    """*environment* with its expressions replaced; one that is not defined is a `KeyError`."""

    def value(match: re.Match[str]) -> str:
        return known[next(group for group in match.groups() if group)]

    return {name: re.sub(pattern, value, text) for name, text in environment.items()}


def sh(shell: tuple[str, ...], script: str, folder: Path, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    page = folder / "script.sh"
    page.write_text(script)
    return subprocess.run(
        [*shell, str(page)], cwd=folder, env={"PATH": os.environ["PATH"], "HOME": str(folder), **environment},
        capture_output=True, text=True, check=False, timeout=600, stdin=subprocess.DEVNULL,
    )  # fmt: skip


def launcher(interpreter: str = sys.executable) -> str:
    """A program that is `arcops` as this test's interpreter would run it."""
    house = Path(__file__).resolve().parents[1]
    return (
        f"#!{interpreter}\nimport os, sys\nos.environ['PYTHONPATH'] = {str(house)!r}\n"
        f"os.execv({sys.executable!r}, [{sys.executable!r}, '-m', 'adapters.cli', *sys.argv[1:]])\n"
    )
