"""A release: ArcOps makes its SBOM, provenance and signature, and judges them by its own gates."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from tests.adapters.typed import Done, typed
from tests.deployments.building import HOUSE
from tests.deployments.tools import tool
from tests.models import PASSPHRASE, Bench, bench

pytestmark = [pytest.mark.site, pytest.mark.requirement("BASE-6/a-release-is-judged-by-its-own-gates")]

RELEASE = HOUSE / "deployments" / "release"
POLICY = RELEASE / "release-policy.yaml"
SOURCE, BUILDER, REVISION = "https://arcops.dev/source", "https://arcops.dev/builders/local", "a" * 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Released:
    folder: Path
    here: Bench
    code: int
    said: str

    def check(self, folder: Path) -> Done:
        environment = {**os.environ, **self.here.environment, "ARCOPS_PASSPHRASE": PASSPHRASE}
        return typed("check", folder, "--policy", POLICY, environment=environment)


def run(folder: Path, here: Bench, **more: str) -> subprocess.CompletedProcess[str]:
    own = {"PYTHON": sys.executable, "REVISION": REVISION, "PACKAGES": sysconfig.get_path("purelib")}
    return subprocess.run(
        [RELEASE / "release.sh", folder, BUILDER, SOURCE],
        env={**os.environ, **here.environment, "ARCOPS_PASSPHRASE": PASSPHRASE, **own, **more},
        capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Released:
    here = bench(tmp_path_factory.mktemp("signing"))
    folder = tmp_path_factory.mktemp("release") / "dist"
    done = run(folder, here)
    return Released(folder=folder, here=here, code=done.returncode, said=done.stdout + done.stderr)


def test_it_is_signed_and_judged_and_no_worse_than_what_packages_leave_out(released: Released) -> None:
    """AMBER: some packages state no licence or no supplier, and nothing is invented for them."""
    assert released.code == 4, released.said
    assert {one.name for one in released.folder.iterdir()} == {
        "arcops-0.1.0-py3-none-any.whl", "arcops-0.1.0.tar.gz", "model.cdx.json", "model.sig", "provenance.sigstore.json",
    }  # fmt: skip
    for gate in ("integrity", "provenance", "signatures"):
        assert f"GREEN {gate}" in released.said
    warned = {line.split()[1] for line in released.said.splitlines() if line.startswith("WARN")}
    assert warned <= {"sbom/supplier", "sbom/licence"}
    assert "Library 'cedarpy' in model.cdx.json has no licence." in released.said


def test_its_provenance_is_of_the_field_s_own_format(released: Released) -> None:
    """in-toto Statement v1 with SLSA provenance v1 (slsa.dev/spec/v1.0/provenance)."""
    bundle = json.loads((released.folder / "provenance.sigstore.json").read_bytes())
    said: dict[str, Any] = json.loads(base64.b64decode(bundle["dsseEnvelope"]["payload"]))
    assert (said["_type"], said["predicateType"]) == ("https://in-toto.io/Statement/v1", "https://slsa.dev/provenance/v1")
    built = sorted(one for one in released.folder.iterdir() if one.suffix in (".whl", ".gz"))
    assert said["subject"] == [{"name": one.name, "digest": {"sha256": sha256(one.read_bytes()).hexdigest()}} for one in built]
    made = said["predicate"]["buildDefinition"]
    assert made["externalParameters"] == {"source": SOURCE, "revision": REVISION}
    assert made["resolvedDependencies"][0] == {"uri": f"git+{SOURCE}", "digest": {"gitCommit": REVISION}}
    assert said["predicate"]["runDetails"]["builder"] == {"id": BUILDER}


def a_byte(folder: Path) -> None:
    wheel = next(folder.glob("*.whl"))
    data = bytearray(wheel.read_bytes())
    data[-1] ^= 1
    wheel.write_bytes(bytes(data))


CHANGES: dict[str, Callable[[Path], object]] = {
    "a byte of the wheel": a_byte,
    "another wheel": lambda folder: (folder / "arcops-0.2.0-py3-none-any.whl").write_bytes(b"PK"),
    "no SBOM": lambda folder: (folder / "model.cdx.json").unlink(),
    "no provenance": lambda folder: (folder / "provenance.sigstore.json").unlink(),
    "no signature": lambda folder: (folder / "model.sig").unlink(),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_the_smallest_change_is_red(change: Callable[[Path], object], released: Released, tmp_path: Path) -> None:
    copy = tmp_path / "dist"
    shutil.copytree(released.folder, copy)
    change(copy)
    assert released.check(copy).returncode == 3


def test_who_trusts_another_key_gets_red(released: Released, tmp_path: Path) -> None:
    other = bench(tmp_path / "other")
    done = typed(
        "check", released.folder, "--policy", POLICY,
        environment={**os.environ, **other.environment, "ARCOPS_PASSPHRASE": PASSPHRASE},
    )  # fmt: skip
    assert done.returncode == 3


def test_a_folder_that_exists_and_a_revision_that_is_none_are_refused(released: Released, tmp_path: Path) -> None:
    done = run(released.folder, released.here)
    assert done.returncode == 2
    assert "exists; name a new folder" in done.stderr
    done = run(tmp_path / "dist", released.here, REVISION="main")
    assert done.returncode == 2
    assert "is no commit of Git" in done.stderr


@pytest.mark.requirement("BASE-8/images-without-root-or-shell")
def test_each_script_and_image_is_as_the_linters_want_it() -> None:
    scripts = sorted((HOUSE / "deployments").rglob("*.sh"))
    assert len(scripts) >= 7
    subprocess.run([tool("shellcheck"), *scripts], check=True)
    subprocess.run([tool("hadolint"), HOUSE / "deployments/docker/Dockerfile", HOUSE / ".devcontainer/Dockerfile"], check=True)
