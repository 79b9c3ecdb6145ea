"""An existing server is made ready: what starts it is found or said, and nothing that only a shell understands is taken."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from arcops.errors import Refused
from services.host.scaffold.hosting_file import HOSTING, read_hosting
from services.host.scaffold.wrapping import START, package_spec, words_of, wrapped
from tests.services.host.hosts import SMALL


@pytest.mark.requirement("HOST-OPS/existing-servers-are-wrapped")
@pytest.mark.parametrize(
    ("line", "package", "command", "arguments"),
    [
        (
            "uvx mcp-server-time==2026.10.10 --local-timezone UTC",
            "pypi:mcp-server-time==2026.10.10",
            "",
            ("--local-timezone", "UTC"),
        ),
        ("uvx mcp-server-time@2026.10.10", "pypi:mcp-server-time==2026.10.10", "", ()),
        ("uvx --from acme==1.2 acme-mcp 'a b'", "pypi:acme==1.2", "acme-mcp", ("a b",)),
        ("uv tool run acme==1.2", "pypi:acme==1.2", "", ()),
        ("pipx run acme==1.2", "pypi:acme==1.2", "", ()),
        ("npx -y @acme/files@2.0.1 /data", "npm:@acme/files@2.0.1", "", ("/data",)),
        ("npm exec -- files@2.0.1", "npm:files@2.0.1", "", ()),
        ("/usr/bin/npx files@2.0.1", "npm:files@2.0.1", "", ()),
    ],
)
def test_a_package_of_an_ecosystem_is_a_row(line: str, package: str, command: str, arguments: tuple[str, ...]) -> None:
    spec = package_spec(words_of(line))
    assert spec is not None
    assert (spec.package, spec.command, spec.arguments) == (package, command, arguments)


@pytest.mark.parametrize(
    "line", ["uvx acme", "uvx", "npx -y files", "npx files@latest", "npx", "uvx acme~=1", "docker run acme"]
)
def test_a_package_without_one_version_is_refused(line: str) -> None:
    with pytest.raises(Refused):
        package_spec(words_of(line))


@pytest.mark.requirement("HOST-OPS/existing-servers-are-wrapped")
@pytest.mark.parametrize(
    "line",
    [
        "python a.py | tee log", "a && b", "a; b", "a > out", "a < in", "echo `id`", "echo $(id)", "echo ${HOME}", "run $TOKEN",
        "TOKEN=x python a.py", "python 'a.py", "", "   ", "a\nb", "python ~/a.py",
    ],
)  # fmt: skip
def test_what_only_a_shell_understands_is_refused(line: str) -> None:
    with pytest.raises(Refused):
        words_of(line)


def runs(folder: Path) -> bool:
    """Does the server of the wrapped *folder* answer?"""
    hosting = read_hosting(folder / HOSTING)
    command = [sys.executable, "-E", "-s", "-B", str(folder / hosting.command), *hosting.arguments]
    hello = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"protocolVersion": "2025-11-25"}}
    done = subprocess.run(command, input=json.dumps(hello) + "\n", capture_output=True, text=True, timeout=60, check=True)
    return '"small"' in done.stdout


def put(folder: Path, line: str = "") -> tuple[str, ...]:
    found = wrapped(folder, "mine", line)
    for path, text in found.files.items():
        (folder / path).write_text(text)
    return found.lacks


@pytest.mark.requirement("HOST-OPS/existing-servers-are-wrapped")
def test_a_script_of_pyproject_starts_it_also_below_src(tmp_path: Path) -> None:
    package = tmp_path / "src" / "small_server"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "cli.py").write_text(SMALL.read_text())
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "x"\nscripts = {mine = "small_server.cli:main"}\n')
    assert put(tmp_path) == ()
    assert read_hosting(tmp_path / HOSTING).command == START
    assert runs(tmp_path)


@pytest.mark.requirement("HOST-OPS/existing-servers-are-wrapped")
def test_a_module_or_a_file_that_is_named_starts_it(tmp_path: Path) -> None:
    for number, line in enumerate(("python -m small", "python3 small.py", "node")):
        there = tmp_path / str(number)
        there.mkdir()
        (there / "small.py").write_text(SMALL.read_text())
        if line == "node":
            with pytest.raises(Refused, match="name the file that it runs first"):
                put(there, line)
        else:
            put(there, f"{line} --flag")
            assert read_hosting(there / HOSTING).arguments == ("--flag",)
            assert runs(there)


def test_what_is_likely_is_found_and_what_is_lacking_is_said(tmp_path: Path) -> None:
    (tmp_path / "server.py").write_text(SMALL.read_text())
    (tmp_path / "requirements.txt").write_text("mcp\n")
    assert "vendor" in put(tmp_path)[0]
    assert runs(tmp_path)
    with pytest.raises(Refused, match=r"has a arcops\.yaml already"):
        put(tmp_path)


def test_a_package_json_names_its_program(tmp_path: Path) -> None:
    (tmp_path / "dist").mkdir()
    (tmp_path / "dist" / "cli.js").write_text("")
    (tmp_path / "package.json").write_text('{"bin": {"mine": "./dist/cli.js"}, "dependencies": {"x": "1"}}')
    assert "npm ci" in put(tmp_path)[0]
    assert read_hosting(tmp_path / HOSTING).command == "dist/cli.js"


@pytest.mark.parametrize("line", ["python ../other.py", "python /etc/passwd", "python no.py", "python -c code", "./nothing"])
def test_what_is_not_in_the_repository_is_refused(tmp_path: Path, line: str) -> None:
    with pytest.raises(Refused):
        wrapped(tmp_path, "mine", line)
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("pyproject.toml", "scripts = ["),
        ("package.json", "{"),
        ("pyproject.toml", '[project]\nscripts = {mine = "os; import x"}\n'),
        ("readme", ""),
    ],
)
def test_files_that_say_nothing_useful_are_refused_in_one_sentence(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(Refused):
        wrapped(tmp_path, "mine")
