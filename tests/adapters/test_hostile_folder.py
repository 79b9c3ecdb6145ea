"""Nothing of the folder in which somebody stands is run, and in a folder like that ArcOps works."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from mcp import Client, StdioServerParameters

from arcops import rooms
from tests.adapters.serving import served
from tests.flows.site import now
from tests.hostile_folder import REPOSITORY, Hostile, Installed, as_a_wheel, from_the_tree, hostile, told
from tests.models import Bench, bench, good_model

pytestmark = pytest.mark.requirement("ARC-0/hostile-input-is-contained")

_SECONDS = 240


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return bench(tmp_path_factory.mktemp("bench"))


@pytest.fixture(scope="module")
def model(here: Bench) -> Path:
    return good_model(here, now=now())


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    return as_a_wheel(tmp_path_factory.mktemp("installed"))


@pytest.fixture(params=["tree", "wheel"])
def installed(request: pytest.FixtureRequest, wheel: Installed) -> Installed:
    return from_the_tree() if request.param == "tree" else wheel


@pytest.fixture
def repository(tmp_path: Path) -> Hostile:
    return hostile(tmp_path)


def run(
    command: tuple[str, ...], where: Installed, repository: Hostile, here: Bench, **more: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=repository.folder, env=told(where, {**here.environment, **more}),
        capture_output=True, text=True, check=False, timeout=_SECONDS,
    )  # fmt: skip


class TestTheCommandLine:
    def test_a_check_is_green_from_there(self, installed: Installed, repository: Hostile, here: Bench, model: Path) -> None:
        words = ("check", str(model), "--policy", str(here.policy), "--format", "json")
        done = run((*installed.command, *words), installed, repository, here)
        assert repository.ran() == []
        assert done.returncode == 0, done.stdout + done.stderr
        evidence = json.loads(done.stdout)["predicate"]["evidence"]
        assert "sboms" in {one["collector"] for one in evidence}, "a collector that is isolated answered"

    def test_the_folder_itself_is_judged_and_no_child_dies(
        self, installed: Installed, repository: Hostile, here: Bench
    ) -> None:
        done = run((*installed.command, "check", ".", "--format", "json"), installed, repository, here)
        assert repository.ran() == []
        assert done.returncode == 3, done.stderr
        missing = json.loads(done.stdout)["predicate"]["missing"]
        assert {one["cause"] for one in missing} <= {"absent", "refused", "unavailable"}, missing

    def test_python_m_refuses_in_one_sentence(self, repository: Hostile, here: Bench) -> None:
        """Python itself imports from that folder before we are asked, so only what it does not need is there."""
        done = run((sys.executable, "-m", "adapters.cli", "policy", "list"), from_the_tree(), repository, here)
        assert repository.ran() == []
        assert done.returncode == 1
        assert done.stdout == ""
        (sentence,) = done.stderr.splitlines()
        assert sentence.startswith("arcops: the package 'artifacts' would be imported from ")
        assert str(repository.folder / "artifacts") in sentence
        assert str(REPOSITORY) in sentence

    def test_python_m_imports_nothing_else_from_there(self, tmp_path: Path, here: Bench) -> None:
        repository = hostile(tmp_path, packages=("prefect", "mcp"))
        done = run((sys.executable, "-m", "adapters.cli", "policy", "list"), from_the_tree(), repository, here)
        assert repository.ran() == []
        assert done.returncode == 0, done.stderr

    @pytest.mark.parametrize("room", [room for room in rooms.ROOMS if room != "adapters"])
    def test_each_of_our_packages_is_asked_for(self, tmp_path: Path, here: Bench, room: str) -> None:
        repository = hostile(tmp_path, packages=(room,), modules=())
        done = run(
            (*from_the_tree().command, "policy", "list"), from_the_tree(), repository, here, PYTHONPATH=str(repository.folder)
        )
        assert repository.ran() == []
        assert done.returncode == 1
        assert str(repository.folder / room) in done.stderr
        assert str(REPOSITORY) in done.stderr


class TestMcpOverStandardStreams:
    def test_a_check_is_green_from_there(self, installed: Installed, repository: Hostile, here: Bench, model: Path) -> None:
        command, *arguments = (*installed.command, "mcp")
        server = StdioServerParameters(
            command=command, args=arguments, env=told(installed, here.environment), cwd=repository.folder
        )

        async def ask() -> Any:
            async with Client(server) as client:
                return await client.call_tool("check_model", {"target": str(model), "policy": str(here.policy)})

        answer = asyncio.run(asyncio.wait_for(ask(), _SECONDS))
        assert repository.ran() == []
        assert not answer.is_error, answer.content
        assert answer.structured_content["verdict"] == "GREEN"

    def test_python_m_refuses(self, repository: Hostile, here: Bench) -> None:
        done = run((sys.executable, "-m", "adapters.cli", "mcp"), from_the_tree(), repository, here)
        assert (done.returncode, repository.ran()) == (1, [])
        assert "would be imported from" in done.stderr


class TestOtherDoors:
    def test_admission_refuses_there(self, repository: Hostile, here: Bench) -> None:
        done = run((sys.executable, "-m", "adapters.admission", "--help"), from_the_tree(), repository, here)
        assert (done.returncode, repository.ran()) == (1, [])
        assert "would be imported from" in done.stderr

    def test_pages_are_served_from_there(self, installed: Installed, repository: Hostile, here: Bench) -> None:
        env = told(installed, here.environment)
        with served("web", env=env, program=installed.command, cwd=repository.folder) as server:
            assert server.url
        assert repository.ran() == []
