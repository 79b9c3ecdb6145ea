"""What a plain installation does, and what it says of an extra that is missing."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from arcops.errors import Refused
from arcops.extras import EXTRAS, of, refuse_without, without
from arcops.late_module import LateModule
from arcops.rooms import ROOMS
from flows.policies.reading import shipped_policies
from tests.house.test_lock import brought, project
from tests.models import Bench, bench, good_model

HOUSE = Path(__file__).resolve().parents[2]
RELEASED = HOUSE / "tests" / "released"
OUTSIDE = frozenset(("all", "dev"))
"""Extras that only name others, or what tests take."""
NO_MODULES = frozenset(("fastapi", "sqlalchemy", "cuda-pathfinder", "nvidia-cuda-nvrtc", "securesystemslib"))
"""Bounds on what Prefect breaks with, libraries without a module of ours, and a package whose extras bring the modules."""
BROUGHT = {"boto3": "cloud", "azure": "cloud", "google.cloud.kms": "cloud", "hvac": "cloud", "pkcs11": "pkcs11"}
"""Modules that securesystemslib imports, not we."""

pytestmark = pytest.mark.requirement("BASE-6/a-plain-installation-is-enough-to-verify")


def distributions(wanted: Iterable[Requirement]) -> set[str]:
    return {canonicalize_name(one.name) for one in wanted}


_installed = cache(packages_distributions)


@cache
def of_module(module: str) -> set[str]:
    """The distributions that bring *module*."""
    if module == "google.protobuf":
        return {"protobuf"}
    if module == "opentelemetry":
        return {"opentelemetry-api", "opentelemetry-sdk", "opentelemetry-exporter-otlp-proto-http"}
    return {canonicalize_name(name) for name in _installed().get(module, [])}


def test_every_extra_says_what_it_adds_and_imports_what_it_brings() -> None:
    assert {one.name for one in EXTRAS} == project()["project"]["optional-dependencies"].keys() - OUTSIDE
    for extra in EXTRAS:
        inside = distributions(brought(extra.name))
        for module in extra.modules:
            if BROUGHT.get(module) != extra.name:
                assert of_module(module) & inside, f"extra {extra.name!r} does not bring {module!r}"
        ours = {name for module in extra.modules for name in of_module(module)}
        assert inside - NO_MODULES <= ours, f"nothing of ours imports {inside - NO_MODULES - ours} of {extra.name!r}"


def imported() -> Iterator[tuple[str, Path]]:
    """Every module from outside that a file of the product imports, wherever in the file."""
    for room in ROOMS:
        for file in sorted((HOUSE / room).rglob("*.py")):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Import):
                    yield from ((alias.name, file) for alias in node.names)
                elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
                    yield node.module, file


def test_every_package_that_is_imported_is_asked_for() -> None:
    """Mutation: an import of what only another package happens to bring."""
    plain = distributions(map(Requirement, project()["project"]["dependencies"]))
    extras = {module for extra in EXTRAS for module in extra.modules}
    for module, file in imported():
        top = module.partition(".")[0]
        if top in sys.stdlib_module_names or top in ROOMS:
            continue
        asked = any(f"{module}.".startswith(f"{one}.") for one in extras) or of_module(top) & plain
        assert asked, f"{file.relative_to(HOUSE)} imports {module!r}, which pyproject.toml does not ask for"


def test_lists_are_sorted() -> None:
    whole = project()["project"]
    for name, lines in {"": whole["dependencies"], **whole["optional-dependencies"]}.items():
        names = [Requirement(line).name for line in lines]
        assert names == sorted(names, key=str.lower), f"sort {name or 'dependencies'} in pyproject.toml"


WITHOUT = """
import contextlib, importlib.abc, io, json, os, sys
sys.path.insert(0, {house!r})
gone = {gone!r}
class Gone(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if any(f"{{name}}.".startswith(f"{{one}}.") for one in gone):
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Gone())
from adapters.cli.main import run
ended = []
for words, environment in {lines!r}:
    os.environ.update(environment)
    said = io.StringIO()
    with contextlib.redirect_stderr(said):
        code = run(words)
    ended.append([code, said.getvalue()])
    for name in environment:
        del os.environ[name]
    os.environ.pop("ARCOPS_SERVER", None)
print(json.dumps(ended))
"""
PLAIN = sorted({module for extra in EXTRAS for module in extra.modules} - {"pydantic"})
"""What a plain installation lacks; sigstore brings pydantic."""
Line = tuple[list[str], dict[str, str]]


def alone(here: Bench, lines: list[Line], gone: list[str] = PLAIN) -> list[tuple[int, str]]:
    """How each command ends, and what it says on standard error, in one process that has none of the modules *gone*."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ARCOPS_", "PREFECT_", "OTEL_", "COV"))}
    code = WITHOUT.format(house=str(HOUSE), gone=gone, lines=lines)
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True, text=True, timeout=600, check=True, env={**kept, **here.environment},
    )  # fmt: skip
    return [(int(code), str(said)) for code, said in json.loads(done.stdout.splitlines()[-1])]


def test_a_plain_installation_reads_verifies_explains_and_checks_a_model(tmp_path: Path) -> None:
    here = bench(tmp_path)
    model = good_model(here, now=datetime.now(UTC).replace(microsecond=0))
    artifact = str(RELEASED / "readiness-report-v1.sigstore.json")
    policies = shipped_policies()
    sealed = str(tmp_path / "sealed.json")
    typed = [
        ["verify", artifact, "--key", str(RELEASED / "readiness-report-v1.pub")],  # released a while ago: it holds no longer
        ["check", str(model), "--policy", "pilot", "--output", sealed],  # there are no advisories here
        ["show", artifact],
        ["rejudge", sealed],
        ["explain", "network/isolated"],
        ["--help"],
        *(["policy", "check", name] for name in policies),
    ]

    ended = alone(here, [(words, {}) for words in typed])

    assert [code for code, _ in ended] == [3, 3, *(0 for _ in typed[2:])], ended
    assert not any("pip install" in said for _, said in ended)


POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: a, namespace: x}\nspec: {containers: [{name: c, image: i}]}\n"
LACKING: list[tuple[str, str, dict[str, str]]] = [
    ("mcp", "server", {}),
    ("server", "server", {}),
    ("web", "server", {}),
    ("--server http://127.0.0.1:1 store list", "server", {}),
    ("gpu bench --cpu", "bench", {}),
    ("network check {0}", "network", {}),
    ("network diff {0} {0}", "network", {}),
    ("network reach {0} --from x/a --to x/a:80", "network", {}),
    ("cluster check --context one --kubeconfig {0}/config --tier restricted", "kubernetes", {}),
    ("store list", "telemetry", {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"}),
    ("check {0} --policy pilot", "prefect", {"PREFECT_API_URL": "http://127.0.0.1:1/api"}),
]


def test_a_command_names_the_extra_that_it_lacks(tmp_path: Path) -> None:
    given = tmp_path / "given"
    given.mkdir()
    (given / "pod.yaml").write_text(POD)
    config = {
        "apiVersion": "v1", "kind": "Config", "current-context": "one",
        "contexts": [{"name": "one", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:1"}}],
        "users": [{"name": "u", "user": {"token": "t"}}],
    }  # fmt: skip
    (given / "config").write_text(json.dumps(config))
    (given / "config").chmod(0o600)

    ended = alone(bench(tmp_path), [(words.format(given).split(), environment) for words, _, environment in LACKING])

    for (words, extra, _), (code, said) in zip(LACKING, ended, strict=True):
        assert code == 2, (words, said)
        assert of(extra) in said, (words, said)
        assert len(re.findall("pip install", said)) == 1, (words, said)
        assert len(said.splitlines()) == 1, (words, said)


def test_the_server_needs_prefect_beside_its_own_extra(tmp_path: Path) -> None:
    [(code, said)] = alone(bench(tmp_path), [(["server"], {})], gone=["prefect", "websockets"])
    assert code == 2, said
    assert of("prefect") in said


def test_a_module_that_no_extra_brings_is_no_users_matter() -> None:
    assert without("yaml") is None
    assert "arcops[network]" in str(without("google"))


def test_a_late_module_is_the_module_and_says_what_it_lacks() -> None:
    assert LateModule("numpy", extra="network").uint8 is __import__("numpy").uint8
    refuse_without(("network",))
    with pytest.raises(AttributeError):
        _ = LateModule("numpy", extra="network").no_such_thing
    with pytest.raises(Refused, match=re.escape("pip install 'arcops[cloud]' adds")):
        _ = LateModule("boto3", extra="cloud").client
