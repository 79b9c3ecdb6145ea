"""Real generators' SBOMs through the whole check: they stand beside the model's own, and what they list is compared.

The SBOMs are of the projects of `tests.deep.projects`, by Trivy 0.76.0 and Syft 1.18.1. The advisories name each package as its
ecosystem's database does: a source package, a capital, another spelling.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from tasks.model.sboms._document import Document
from tasks.model.sboms._reading import read
from tests.adapters.typed import Done, typed
from tests.deep.generators import Made, program, sboms
from tests.models import safetensors
from tests.tasks.test_osv import export
from tests.tasks.test_osv_names import about

pytestmark = pytest.mark.requirement("ARC-A4/advisories-match-offline")

# For each project: the ecosystem, a package as its advisories name it, a version that fixes it and one that came before.
KNOWN = {
    "python": ("PyPI", "Flask_SQLAlchemy", "3.0.6", "3.0.5"),
    "npm": ("npm", "JSONStream", "1.3.6", "1.3.5"),
    "debian": ("Debian:12", "shadow", "1:4.13+dfsg1-2", "1:4.13+dfsg1-1"),
    "alpine": ("Alpine:v3.18", "openssl", "3.1.4-r2", "3.1.4-r1"),
    "go": ("Go", "github.com/BurntSushi/toml", "1.3.3", "1.3.2"),
    "swift": ("SwiftURL", "https://github.com/vapor/vapor", "4.0.1", "4.0.0"),
}
# Trivy's `rootfs` reads what is installed or compiled, and there is no program in these projects.
BLIND = {("trivy rootfs", "go"), ("trivy rootfs", "swift")}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> list[Made]:
    return list(sboms(tmp_path_factory.mktemp("made"), trivy=program("trivy"), syft=program("syft")))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Mapping[str, str]]:
    """A model with an SBOM of its own, a key, and an environment for ``arcops``."""
    folder = tmp_path_factory.mktemp("site")
    environment = {"ARCOPS_HOME": str(folder / "home"), "ARCOPS_PASSPHRASE": "a passphrase for tests", "HOME": str(folder)}
    model = folder / "model"
    model.mkdir()
    (model / "model.safetensors").write_bytes(safetensors())
    for line in (("keys", "new", folder / "k.key"), ("sbom", model, "--version=1", "--supplier=Me", "--licence=MIT")):
        assert typed(*line, environment=environment).returncode == 0
    return folder, environment


def checked(site: tuple[Path, Mapping[str, str]], one: Made, fixed: str) -> Done:
    folder, environment = site
    ecosystem, name, _, _ = KNOWN[one.project.name]
    data = export(folder, about(ecosystem, name, fixed))
    assert typed("data", "import", data, environment=environment).returncode == 0
    document = read(Document(path=one.path.name, sha256="0" * 64, data=one.path.read_bytes()))
    assert document is not None
    assert document.root is not None
    policy = folder / "policy.yaml"
    others = [{"name": document.root.name, "elements": "off"}]
    gates = {"sbom": {"others": others}, "vulnerabilities": {"minAdvisories": 0, "maxDataAgeDays": 36500}}
    policy.write_text(json.dumps({"name": "serve", "validFor": "P7D", "gates": gates}))
    arguments = ("check", folder / "model", "--attach", one.path, "--policy", policy, "--key", folder / "k.key")
    return typed(*arguments, environment=environment)


def test_every_sbom_is_valid_and_stands_beside_the_models_own(made: list[Made], site: tuple[Path, Mapping[str, str]]) -> None:
    assert len(made) == 6 * (2 * 2 + 4)
    for one in made:
        done = checked(site, one, KNOWN[one.project.name][3])
        blind = (one.generator, one.project.name) in BLIND
        assert done.returncode == (3 if blind else 0), f"{one.path.name}: {done.stdout}{done.stderr}"
        assert ("Nothing was compared" in done.stdout) is blind


def test_every_vulnerable_package_is_found(made: list[Made], site: tuple[Path, Mapping[str, str]]) -> None:
    for one in made:
        if (one.generator, one.project.name) in BLIND:
            continue
        fixed = KNOWN[one.project.name][2]
        done = checked(site, one, fixed)
        assert done.returncode == 3, f"{one.path.name}: {done.stdout}{done.stderr}"
        assert f"fixed in {fixed}" in done.stdout, one.path.name


def test_by_default_it_is_red_and_says_of_what_it_is(made: list[Made], site: tuple[Path, Mapping[str, str]]) -> None:
    folder, environment = site
    policy = folder / "strict.yaml"
    policy.write_text(json.dumps({"name": "strict", "validFor": "P7D", "gates": {"sbom": {}}}))
    for one in made[::7]:
        arguments = ("check", folder / "model", "--attach", one.path, "--policy", policy, "--key", folder / "k.key")
        done = typed(*arguments, environment=environment)
        assert done.returncode == 3
        assert "not about 'model'" in done.stdout
