"""A new server from a template: its own tests pass on the spot, and what is wrong leaves nothing."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from arcops.errors import Refused, Unavailable
from services.host.scaffold.hosting_file import HOSTING, read_hosting
from services.host.scaffold.kinds import Language, kind_of, kinds
from services.host.scaffold.making import project, put
from services.host.spec import checked
from tests.adapters.typed import typed
from tests.deployments.tools import tool

ALONE = {"PATH": os.environ.get("PATH", ""), "PYTHONDONTWRITEBYTECODE": "1"}


def made(kind: str, language: Language, folder: Path) -> Path:
    name = f"my-{kind}"
    put(project(kind_of(kind), language, name, version="1.0"), folder / name)
    return folder / name


@pytest.mark.requirement("HOST-007/templates-are-scaffolded")
@pytest.mark.parametrize("kind", kinds())
def test_its_own_tests_pass_on_the_spot(kind: str, tmp_path: Path) -> None:
    there = made(kind, Language.PYTHON, tmp_path)
    command = [sys.executable, "-W", "error", "-m", "unittest", "discover", "-s", "tests", "-t", "."]
    done = subprocess.run(command, cwd=there, env=ALONE, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert "Ran 0 tests" not in done.stderr


@pytest.mark.requirement("HOST-007/templates-are-scaffolded")
@pytest.mark.parametrize("kind", kinds())
def test_its_own_tests_pass_on_the_spot_in_javascript(kind: str, tmp_path: Path) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("there is no Node.js here")
    there = made(kind, Language.NODE, tmp_path)
    done = subprocess.run([node, "--test"], cwd=there, env=ALONE, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout
    assert "# pass 0" not in done.stdout


@pytest.mark.requirement("HOST-007/templates-are-scaffolded", "HOST-OPS/operations-per-server")
@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize("kind", kinds())
def test_it_has_what_it_takes_to_ship_it(kind: str, language: Language, tmp_path: Path) -> None:
    there = made(kind, language, tmp_path)
    left = [one for one in there.rglob("*") if one.is_file() and re.search("@@[a-z]+@@", one.read_text())]
    assert not left
    spec = checked(read_hosting(there / HOSTING).spec(f"folder:{there}", beside=there))
    assert (there / spec.command).is_file()
    for file in (".vscode/launch.json", ".vscode/mcp.json"):
        assert json.loads((there / file).read_text())
    workflow = yaml.safe_load((there / ".github/workflows/server.yml").read_text())
    assert {"push", "pull_request"} <= set(workflow[True])  # the word "on" is true in YAML 1.1
    objects = [*yaml.safe_load_all((there / "kubernetes/plain.yaml").read_text())]
    assert {"Deployment", "Service", "NetworkPolicy", "HorizontalPodAutoscaler"} <= {one["kind"] for one in objects}
    objects = [*yaml.safe_load_all((there / "kubernetes/mcpserver.yaml").read_text())]
    assert [one["kind"] for one in objects] in (["MCPServer"], ["ConfigMap", "MCPServer"])
    image = (there / "Dockerfile").read_text().splitlines()
    assert sum(line.startswith("FROM ") for line in image) >= 2
    assert "USER 10001:10001" in image


@pytest.mark.site
@pytest.mark.parametrize("language", Language)
def test_an_image_is_as_the_linter_wants_it(language: Language, tmp_path: Path) -> None:
    done = subprocess.run([tool("hadolint"), made("echo", language, tmp_path) / "Dockerfile"], capture_output=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("name", ["../x", "a/b", "", "-a", "Echo", "servers", "a" * 64])
def test_a_name_that_is_no_part_of_an_address_is_refused(name: str) -> None:
    with pytest.raises(Refused, match=r"cannot be the name of a server|is the address of something else"):
        project(kind_of("echo"), Language.PYTHON, name, version="1.0")


def test_an_unknown_template_names_those_that_there_are() -> None:
    for name in ("nothing", "../echo", ""):
        with pytest.raises(Refused, match=r"there are .*echo"):
            kind_of(name)


def test_a_folder_with_something_in_it_stays_as_it_is(tmp_path: Path) -> None:
    files = project(kind_of("echo"), Language.PYTHON, "echo", version="1.0")
    full, file, empty = tmp_path / "full", tmp_path / "file", tmp_path / "empty"
    full.mkdir()
    (full / "mine").write_text("stays")
    file.write_text("stays")
    empty.mkdir()
    for there in (full, file):
        with pytest.raises(Refused):
            put(files, there)
    put(files, empty)
    assert [one.name for one in full.iterdir()] == ["mine"]
    assert sorted(one.name for one in tmp_path.iterdir()) == ["empty", "file", "full"]


def test_what_cannot_be_written_whole_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(Unavailable):
        put({"a": "first", "a/b": "a file cannot be below a file"}, tmp_path / "new")
    assert not [*tmp_path.iterdir()]


@pytest.mark.requirement("HOST-007/templates-are-scaffolded")
@pytest.mark.parametrize("kind", ["echo", "github"])
def test_its_manifests_are_good_by_our_own_network_check(kind: str, tmp_path: Path) -> None:
    there = made(kind, Language.PYTHON, tmp_path)
    policy = tmp_path / "site.yaml"
    policy.write_text("name: site\nvalidFor: P7D\ngates: {network: {enforcer: calico, apiServer: [10.96.0.1]}}\n")
    environment = {"ARCOPS_HOME": str(tmp_path / "home"), "ARCOPS_PASSPHRASE": "of a test"}
    assert typed("keys", "new", environment=environment).returncode == 0
    target = there / "kubernetes" / "plain.yaml"
    done = typed("network", "check", str(target), "--policy", str(policy), environment=environment)
    assert done.returncode == 0, done.stdout + done.stderr
