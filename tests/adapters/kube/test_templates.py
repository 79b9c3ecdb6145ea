"""A server from a template in a cluster with the operator, by the object that the template brings, as its maker applies it."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from services.host.scaffold.kinds import Language, kind_of, kinds
from services.host.scaffold.making import project, put
from tests.adapters.kube.calling import Caller
from tests.adapters.kube.kubectl import Kubectl
from tests.adapters.kube.pods import logs, running, told
from tests.adapters.kube.world import DIGEST, RELAY, condition, operator, ready, until, verdicts
from tests.adapters.sidecar.world import shim
from tests.adapters.typed import typed
from tests.simulators.kube.images import sidecar
from tests.simulators.kube.kubelet import Image

pytestmark = pytest.mark.requirement("HOST-007/templates-run-under-the-operator")
CALLS: dict[str, tuple[str, dict[str, Any], str]] = {
    "echo": ("echo", {"text": "hello"}, "hello"),
    "database": ("add_note", {"text": "hello"}, "note 1"),
    "filesystem": ("list", {}, ""),
}
"""A tool of each kind that needs no one else."""


def made(kind: str, language: Language, folder: Path) -> tuple[Path, list[dict[str, Any]]]:
    """The project, and its objects with an image that was judged."""
    there = folder / f"my-{kind}"
    put(project(kind_of(kind), language, there.name, version="1.0"), there)
    objects = [*yaml.safe_load_all((there / "kubernetes" / "mcpserver.yaml").read_text())]
    objects[-1]["spec"]["image"] = f"registry.example/{there.name}@{DIGEST}"
    return there, objects


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize("kind", kinds())
def test_explain_takes_it_as_it_is(kind: str, language: Language, tmp_path: Path) -> None:
    there, _ = made(kind, language, tmp_path)
    away = kind_of(kind).hosting.network == "open"
    settings = tmp_path / "operator.yaml"
    settings.write_text(
        'network: {cni: calico, apiServer: [10.96.0.1]}\nkubernetes: "1.36"\n'
        f"sidecarImage: registry.example/relay@sha256:{'0' * 64}\notherwise: {{openNetwork: {str(away).lower()}}}\n"
    )
    done = typed("operator", "explain", there / "kubernetes" / "mcpserver.yaml", "--settings", settings, environment={})
    assert done.returncode == 0, done.stdout + done.stderr
    assert ": accepted" in done.stdout


def image(language: Language, there: Path, folder: Path) -> Image:
    """What its Dockerfile makes: its program at its place, started only by the name of it."""
    if language is Language.PYTHON:
        start, called = f"PYTHONPATH={there} exec {sys.executable}", "/opt/server/bin/python"
    else:
        start, called = f"exec {shutil.which('node')}", "/usr/local/bin/node"
    program = folder / "program"
    program.write_text(f'#!/bin/sh\n{start} "$@"\n')
    program.chmod(0o755)
    return Image(argv=("/bin/false",), binds=(str(there),), files={called: program})


@pytest.mark.site
@pytest.mark.parametrize("kind", CALLS)
def test_it_is_ready_and_is_called(kind: str, tmp_path: Path) -> None:
    there, objects = made(kind, Language.PYTHON, tmp_path)
    its = image(Language.PYTHON, there, tmp_path)
    images = {RELAY: sidecar(shim()), objects[-1]["spec"]["image"]: its}
    with running(tmp_path, images) as found, operator(found, told(known=verdicts(DIGEST))):
        for one in objects:
            Kubectl(found).good("-n", "team", "apply", "-f", "-", given=json.dumps(one))
        try:
            until(lambda: ready(found, there.name), 40.0)
        except AssertionError:
            raise AssertionError(f"{condition(found, there.name)}\n{logs(found)}") from None
        tool, given, said = CALLS[kind]
        with Caller(found, service=there.name) as call:
            assert said in call(tool, **given)
