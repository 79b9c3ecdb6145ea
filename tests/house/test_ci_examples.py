"""The pipelines in deployments/ci: valid by their platforms' schemas; run in a shell, they do what the README says."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jsonschema_rs
import pytest

from artifacts.bundle import open_sealed
from artifacts.public_key import load_public_key
from tests.models import PASSPHRASE, Bench, bench, good_model
from tests.pipelines import (
    ACTION,
    AZURE_STEPS,
    CI,
    GITLAB,
    PAGES,
    PLATFORMS,
    SCRIPTS,
    WORKFLOW,
    job,
    launcher,
    read,
    sh,
    steps,
)

pytestmark = [pytest.mark.requirement("ARC-D2/pipelines-for-three-platforms"), pytest.mark.site]

GREEN, USAGE, RED, AMBER = 0, 2, 3, 4


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> tuple[Bench, Path]:
    here = bench(tmp_path_factory.mktemp("bench"))
    return here, good_model(here, now=datetime.now(UTC).replace(microsecond=0))


@pytest.fixture
def workspace(shipped: tuple[Bench, Path], tmp_path: Path) -> tuple[Bench, Path]:
    """A checked out repository with the model in it, and `arcops` in the environment that the install step would make."""
    here, model = shipped
    folder = tmp_path / "repository"
    shutil.copytree(model, folder / "models" / model.name)
    for place in (folder / "temp" / "arcops" / "bin", folder / ".arcops-venv" / "bin"):
        place.mkdir(parents=True)
        program = place / "arcops"
        program.write_text(launcher())
        program.chmod(0o755)
    return here, folder


def inputs(here: Bench, **other: str) -> dict[str, str]:
    return {
        "model": "models/tiny",
        "policy": str(here.policy),
        "home": str(here.home),
        "package": "arcops==0.1.0",
        "signing-key": (here.home / "keys" / "arcops.key").read_text(),
        "passphrase": PASSPHRASE,
        **other,
    }


def checked(platform: str, here: Bench, folder: Path, **other: str) -> subprocess.CompletedProcess[str]:
    one = job(platform, folder, inputs(here, **other))
    return sh(one.runs_in, one.check, folder, one.environment[1])


def flip(folder: Path) -> None:
    weights = folder / "models" / "tiny" / "model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)


def waive(here: Bench, folder: Path) -> Path:
    """A policy by which the model, with one of its files made executable, is AMBER."""
    (folder / "models" / "tiny" / "config.json").chmod(0o755)
    policy = folder / "amber.yaml"
    policy.write_text(
        here.policy.read_text()
        + "\nwaivers:\n  - {rule: integrity/executables, anyContent: true, about: config.json, owner: Ada,"
        + f" reason: packed on another system, expires: {datetime.now(UTC) + timedelta(days=30):%Y-%m-%d}T00:00:00Z}}\n"
    )
    return policy


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_each_page_is_valid_by_its_platforms_schema(page: Path) -> None:
    found = importlib.util.find_spec("check_jsonschema")
    assert found is not None
    assert found.origin is not None
    vendor = Path(found.origin).parent / "builtin_schemas" / "vendor"
    validator = jsonschema_rs.validator_for(json.loads((vendor / f"{PAGES[page]}.json").read_text()))
    # YAML 1.1 reads GitHub's key `on` as a truth value; every platform here reads it as a word.
    document = {("on" if key is True else key): value for key, value in read(page).items()}
    assert [error.message for error in validator.iter_errors(document)] == []
    broken = {**document, ("jobs" if page == WORKFLOW else "runs" if page == ACTION else "steps"): 7, ".arcops": 7}
    assert not validator.is_valid(broken), "the schema is really asked"


def test_azures_steps_are_valid_where_they_are_put(tmp_path: Path) -> None:
    found = importlib.util.find_spec("check_jsonschema")
    assert found is not None
    assert found.origin is not None
    schema = Path(found.origin).parent / "builtin_schemas" / "vendor" / "azure-pipelines.json"
    validator = jsonschema_rs.validator_for(json.loads(schema.read_text()))
    assert [error.message for error in validator.iter_errors(read(AZURE_STEPS))] == []


def test_the_three_platforms_run_the_same_scripts() -> None:
    def bare(script: str) -> str:
        return script.removeprefix("set -eo pipefail\n").strip()

    folder = Path("/nowhere")
    given = {"signing-key": "", "passphrase": "", "model": "", "home": "", "package": ""}
    jobs = [job(platform, folder, given) for platform in PLATFORMS]
    assert len({bare(one.install) for one in jobs}) == 1
    assert len({bare(one.check) for one in jobs}) == 1


@pytest.mark.parametrize("platform", PLATFORMS)
class TestEveryPlatform:
    def test_a_good_model_passes_and_leaves_everything_but_secrets(self, workspace: tuple[Bench, Path], platform: str) -> None:
        here, folder = workspace
        name = "models/$(touch owned) `touch owned`; touch owned"
        (folder / "models" / "tiny").rename(folder / name)
        done = checked(platform, here, folder, model=name, out="the out put")
        assert done.returncode == GREEN, done.stdout + done.stderr
        assert not list(folder.rglob("owned")), "names with commands in them stay names"
        out = folder / "the out put"
        assert {path.name for path in out.iterdir()} == {"result.sigstore.json", "result.sarif", "result.junit.xml"}
        assert here.open(out / "result.sigstore.json").verdict.value == "GREEN"
        assert json.loads((out / "result.sarif").read_text())["version"] == "2.1.0"
        assert (out / "result.junit.xml").read_bytes().startswith(b"<?xml")
        written = "".join(path.read_text() for path in out.iterdir()) + done.stdout + done.stderr
        key = inputs(here)["signing-key"].splitlines()
        for secret in (PASSPHRASE, *(line for line in key if len(line) > 20 and "-----" not in line)):
            assert secret not in written

    def test_red_fails_with_its_code_and_leaves_everything(self, workspace: tuple[Bench, Path], platform: str) -> None:
        here, folder = workspace
        flip(folder)
        done = checked(platform, here, folder, amber="pass")
        assert done.returncode == RED, done.stdout + done.stderr
        assert here.open(folder / "arcops-out" / "result.sigstore.json").verdict.value == "RED"
        assert "model.safetensors" in (folder / "arcops-out" / "result.sarif").read_text()
        assert "<failure" in (folder / "arcops-out" / "result.junit.xml").read_text()

    @pytest.mark.parametrize(
        ("given", "options"),
        [
            ({"wheels": "whe els", "index-url": "https://i.example/"}, ["--no-index", "--find-links", "whe els"]),
            ({"wheels": "", "index-url": "https://i.example/"}, ["--index-url", "https://i.example/"]),
        ],
    )
    def test_pip_is_told_where_packages_come_from(
        self, workspace: tuple[Bench, Path], platform: str, given: dict[str, str], options: list[str]
    ) -> None:
        here, folder = workspace
        one = job(platform, folder, inputs(here, **given))
        program = Path(one.environment[0]["ARCOPS_VENV"]) / "bin" / "python"
        program.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
        program.chmod(0o755)
        done = sh(one.runs_in, f"python3() {{ :; }}\n{one.install}", folder, one.environment[0])
        quiet = ["--quiet", "--disable-pip-version-check", "--no-input"]
        assert done.stdout.splitlines() == ["-m", "pip", "install", *quiet, *options, "--", "arcops==0.1.0"]

    def test_without_wheels_it_needs_an_index_of_ones_own(self, workspace: tuple[Bench, Path], platform: str) -> None:
        here, folder = workspace
        script = 'python3() { mkdir -p "$ARCOPS_VENV/bin"; }\n'  # the environment is not what is asked here
        one = job(platform, folder, inputs(here, **{"index-url": "", "wheels": ""}))
        done = sh(one.runs_in, script + one.install, folder, one.environment[0])
        assert done.returncode != 0
        assert "name your own package index" in done.stderr


class TestOneScript:
    """What the script decides, tried on one platform: that the three run the same script is a test of its own."""

    @pytest.mark.parametrize(("amber", "code"), [("fail", AMBER), ("pass", GREEN), ("PASS", AMBER)])
    def test_amber_is_a_choice_that_must_be_made(self, workspace: tuple[Bench, Path], amber: str, code: int) -> None:
        here, folder = workspace
        done = checked("gitlab", here, folder, amber=amber, policy=str(waive(here, folder)))
        assert done.returncode == code, done.stdout + done.stderr
        assert (folder / "arcops-out" / "result.sigstore.json").exists()

    def test_without_a_key_nothing_is_signed_and_an_older_artifact_does_not_stay(self, workspace: tuple[Bench, Path]) -> None:
        here, folder = workspace
        out = folder / "arcops-out"
        out.mkdir()
        (out / "result.sigstore.json").write_text("yesterday's")
        done = checked("gitlab", here, folder, **{"signing-key": "", "amber": "pass"})
        assert done.returncode == USAGE, done.stdout + done.stderr
        assert list(out.iterdir()) == []

    def test_a_check_that_leaves_no_artifact_never_passes(self, workspace: tuple[Bench, Path]) -> None:
        here, folder = workspace
        for program in folder.glob("**/bin/arcops"):
            program.write_text("#!/bin/sh\nexit 0\n")
        assert checked("gitlab", here, folder).returncode == 1

    def test_wheels_from_a_folder_are_installed_and_no_index_is_reached(self, workspace: tuple[Bench, Path]) -> None:
        here, folder = workspace
        shutil.rmtree(folder / ".arcops-venv")
        wheels = folder / "whe els"
        wheels.mkdir()
        with zipfile.ZipFile(wheels / "arcops-0.1.0-py3-none-any.whl", "w") as wheel:
            program = zipfile.ZipInfo("arcops-0.1.0.data/scripts/arcops")
            program.external_attr = 0o100755 << 16
            wheel.writestr(program, launcher("python"))
            wheel.writestr("arcops-0.1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: arcops\nVersion: 0.1.0\n")
            wheel.writestr("arcops-0.1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
            wheel.writestr("arcops-0.1.0.dist-info/RECORD", "")
        one = job("gitlab", folder, inputs(here, wheels=str(wheels)))
        installed = sh(one.runs_in, one.install, folder, one.environment[0])
        assert installed.returncode == 0, installed.stdout + installed.stderr
        done = sh(one.runs_in, f"{one.check}\narcops policy list", folder, one.environment[1])
        assert done.returncode == GREEN, done.stderr


def test_links_of_the_readme_lead_somewhere() -> None:
    for page in (CI / "README.md", CI.parent / "kubernetes" / "README.md"):
        links = re.findall(r"\]\(([^)]+)\)", page.read_text())
        assert links
        for link in links:
            assert (page.parent / link).exists(), f"{page} links to {link}"


def test_what_the_pipeline_left_is_verified_as_the_readme_says(workspace: tuple[Bench, Path]) -> None:
    here, folder = workspace
    assert checked("github", here, folder).returncode == GREEN
    [line] = re.findall(r"^    (arcops verify .*)$", (CI / "README.md").read_text(), re.MULTILINE)
    shutil.copy(here.public, folder / "ci.pub")
    path = f"{folder / 'temp' / 'arcops' / 'bin'}:{os.environ['PATH']}"
    done = sh(("sh", "-e"), line, folder, {"PATH": path, **here.environment})
    assert done.returncode == GREEN, done.stderr
    open_sealed(
        (folder / "arcops-out" / "result.sigstore.json").read_bytes(), [load_public_key(here.public.read_bytes(), where="ci")]
    )


def test_the_run_summary_is_the_report(workspace: tuple[Bench, Path]) -> None:
    here, folder = workspace
    flip(folder)
    checked("github", here, folder)
    [step] = [step for step in read(ACTION)["runs"]["steps"] if "GITHUB_STEP_SUMMARY" in step.get("run", "")]
    assert step["if"] == "always()"
    summary = folder / "summary.md"
    given = {"ARCOPS_VENV": str(folder / "temp" / "arcops"), "ARCOPS_OUT": "arcops-out", "GITHUB_STEP_SUMMARY": str(summary)}
    done = sh(("bash", "-eo", "pipefail"), step["run"], folder, given)
    assert done.returncode == 0, done.stderr
    assert summary.read_text().startswith("# RED: tiny")
    shutil.rmtree(folder / "arcops-out")
    assert sh(("bash", "-eo", "pipefail"), step["run"], folder, given).returncode == 0


def words(script: str) -> Iterator[list[str]]:
    """Every command line of `arcops` in *script*, its variables as they stand."""
    for line in script.splitlines():
        if match := re.match(r"\s*(arcops .*?)(?: >>? .*| \|\| .*)?$", line):
            yield [part.strip('"') for part in match.group(1).split()[1:]]


def test_every_command_line_is_one_that_the_real_parser_takes() -> None:
    from adapters.cli.main import read
    from arcops.errors import Refused

    lines = [line for script in SCRIPTS for line in words(script)]
    lines += list(words((CI / "README.md").read_text()))
    assert len(lines) >= 11
    for line in lines:
        read(line)
    with pytest.raises(Refused, match="--no-such-option"):
        read([*lines[0], "--no-such-option"])


def test_every_action_is_pinned_by_commit_or_lies_in_the_repository() -> None:
    used = [step["uses"] for step in steps() if "uses" in step]
    assert len(used) >= 4
    for one in used:
        assert re.fullmatch(r"(?:actions|github)/[a-z-]+(?:/[a-z-]+)?@[0-9a-f]{40}|\./\.github/actions/arcops-check", one), one
    for page in (ACTION, WORKFLOW):
        for line in page.read_text().splitlines():
            if "@" in line and "uses:" in line:
                assert re.search(r"@[0-9a-f]{40} # v\d+\.\d+\.\d+$", line), line


def test_no_expression_of_the_platform_stands_in_a_script() -> None:
    assert len(SCRIPTS) == 7
    for script in SCRIPTS:
        assert "${{" not in script
        assert not re.search(r"\$\((?!\()", script.replace('"$(', "")), script
        assert "set -x" not in script
        for line in script.splitlines():
            if re.match(r"\s*(?:echo|printf|cat|env|printenv|export -p)\b", line):
                assert not re.search(r"\$\{?\w*(?:KEY|PASS|SECRET|TOKEN)", line), line


def test_secrets_reach_the_one_step_that_signs() -> None:
    for step in read(ACTION)["runs"]["steps"]:
        named = {value for value in step.get("env", {}).values() if re.search(r"signing-key|passphrase", value)}
        assert bool(named) is ("arcops check" in step.get("run", "")), step["name"]
        assert not re.search(r"signing-key|passphrase", str(step.get("with", {})))
    for step in read(AZURE_STEPS)["steps"]:
        assert bool(re.search(r"\(Arcops", str(step.get("env", {})))) is ("arcops check" in step.get("bash", ""))
    assert "SIGNING_KEY" not in {*read(GITLAB)[".arcops"]["variables"]}


def test_results_are_kept_whatever_the_verdict() -> None:
    kept = [step for step in steps() if re.search("upload|Publish", str(step.get("uses", step.get("task", ""))))]
    assert len(kept) == 4
    for step in kept:
        assert str(step.get("if", step.get("condition"))).startswith("always()"), step
    gitlab = read(GITLAB)[".arcops"]
    assert gitlab["artifacts"]["when"] == "always"
    assert gitlab["artifacts"]["paths"] == [f"{gitlab['variables']['ARCOPS_OUT']}/"]
    assert gitlab["artifacts"]["reports"] == {"junit": f"{gitlab['variables']['ARCOPS_OUT']}/result.junit.xml"}
    assert not any("continue-on-error" in step or "continueOnError" in step for step in steps())
    assert read(GITLAB)[".arcops-amber-warns"]["allow_failure"] == {"exit_codes": [AMBER]}
    assert "pull_request_target" not in read(WORKFLOW)[True]
