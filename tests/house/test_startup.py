"""What a command imports: each says here what it must do without. One process a command, on a model of three files."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path

import pytest

from arcops import late_pattern
from arcops.rooms import ROOMS
from tests.models import bench, good_model

HOUSE = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.requirement("BASE-6/commands-start-quickly")

ENGINES = frozenset(
    (
        "numpy", "prefect", "mcp", "sqlalchemy", "alembic", "kubernetes", "sigstore", "securesystemslib", "rfc3161_client",
        "rich", "asyncio", "ssl", "multiprocessing", "concurrent.futures", "jinja2", "opentelemetry", "uvicorn", "httpx",
        "jsonschema", "cryptography.x509", "tasks.signing.bundles", "tasks.kubernetes", "foundation.processes.starting",
        "flows.prefect", "pydantic", "pydantic_core",
    )
)  # fmt: skip
"""What none of these commands needs for a model that no one signed."""
LIGHT = ENGINES | {
    "yaml",
    "pydantic",
    "sqlite3",
    "logging",
    "uuid",
    "importlib.metadata",
    "flows.evaluate",
    "tasks.model",
    "gates",
}
"""What those who only read an artifact do without, too."""
READERS = frozenset(
    f"tasks.model.content.{name}" for name in ("arrays", "gguf", "markup", "modelfile", "onnx", "pdfs", "pictures", "torch")
)
"""Readers of formats that the model does not have."""


def run(words: Iterable[str], environment: dict[str, str]) -> tuple[set[str], int, str]:
    """The modules of a process that ran ``arcops`` with *words*, its exit code, and what it printed."""
    code = (
        f"import sys; sys.path.insert(0, {str(HOUSE)!r})\nfrom adapters.cli.main import run\n"
        f"code = run({list(words)!r})\nprint(*sys.modules, code)"
    )
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ARCOPS_", "PREFECT_", "OTEL_", "COV"))}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=6000, env={**kept, **environment}
    )
    *modules, ended = done.stdout.splitlines()[-1].split()
    return set(modules), int(ended), done.stdout


def found(modules: set[str], heavy: Iterable[str]) -> set[str]:
    """Of *heavy*, the modules that are among *modules*, and the packages of which a module is.

    Looking for what a room declares imports its folders, whose own files are empty.
    """
    inside = {one for one in heavy if any(name.startswith(f"{one}.") for name in modules)}
    return inside | {one for one in modules.intersection(heavy) if not (HOUSE / one.replace(".", "/")).is_dir()}


@pytest.fixture(scope="module")
def surroundings(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, str], Path]:
    """The environment of a bench, and a folder with a model of three files, a workload, and a sealed artifact of the model."""
    folder = tmp_path_factory.mktemp("bench")
    here = bench(folder)
    model = good_model(here, now=datetime.now(UTC).replace(microsecond=0))
    small = folder / "small"
    small.mkdir()
    for name in ("config.json", "model.safetensors", "README.md"):
        (small / name).write_bytes((model / name).read_bytes())
    workload = "{apiVersion: v1, kind: Pod, metadata: {name: one}, spec: {containers: [{name: c, image: i}]}}"
    (folder / "workload.yaml").write_text(workload)
    environment = dict(here.environment)
    run(["check", str(small), "--policy", "pilot", "--output", str(folder / "sealed.json")], environment)
    return environment, folder


@pytest.mark.parametrize(
    ("words", "without", "code"),
    [
        ("verify {0}/sealed.json", LIGHT, 3),
        ("show {0}/sealed.json", LIGHT, 0),
        ("policy check pilot", ENGINES | {"sqlite3", "tasks", "flows.evaluate"}, 0),
        ("check {0}/small --policy pilot", ENGINES | READERS, 3),
        ("admit {0}/workload.yaml", ENGINES | {"tasks.model", "gates.model"}, 3),
        ("rejudge {0}/sealed.json", ENGINES | {"tasks.model", "flows.evaluate"}, 0),
    ],
)
def test_a_command_imports_only_what_it_needs(
    surroundings: tuple[dict[str, str], Path], words: str, without: frozenset[str], code: int
) -> None:
    environment, folder = surroundings

    modules, ended, said = run(words.format(folder).split(), environment)

    assert ended == code, said
    assert found(modules, without) == set()


def test_a_heavy_import_shows(surroundings: tuple[dict[str, str], Path]) -> None:
    environment, folder = surroundings
    (folder / "small" / "weights.npy").write_bytes(b"\x93NUMPY\x01\x00")

    modules, *_ = run(["check", str(folder / "small"), "--policy", "pilot"], environment)

    assert found(modules, READERS) == {"tasks.model.content.arrays"}


def test_what_is_compiled_late_compiles() -> None:
    """A pattern that is wrong would be found out only by the input that it is for."""
    declares = re.compile(r"^from arcops\.late_pattern import late$", re.MULTILINE)
    count = 0
    for room in ROOMS:
        for path in sorted((HOUSE / room).rglob("*.py")):
            if not declares.search(path.read_text(encoding="utf-8")):
                continue
            module = import_module(".".join(path.relative_to(HOUSE).with_suffix("").parts).removesuffix(".__init__"))
            for value in vars(module).values():
                held = value.values() if isinstance(value, dict) else value if isinstance(value, (tuple, list)) else (value,)
                for one in held:
                    if isinstance(one, late_pattern._Late):
                        assert one.groups >= 0, one.pattern
                        count += 1
    assert count > 100


def test_a_late_pattern_is_a_pattern() -> None:
    pattern = late_pattern.late(r"(?P<word>[a-z]+)(\d*)", re.IGNORECASE)

    match = pattern.fullmatch("ABC12")

    assert match is not None
    assert match["word"] == "ABC"
    assert pattern.sub("-", "a1b2") == "--"
    assert pattern.groupindex == {"word": 1}
    with pytest.raises(re.error):
        late_pattern.late("(").match("x")
