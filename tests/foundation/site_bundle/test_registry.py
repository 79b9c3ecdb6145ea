"""The images of a bundle come into the site's registry, before the bundle counts, and the chart takes them from there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from adapters.cli.main import run
from foundation.settings import read_settings
from foundation.site_bundle.bringing import OF_THE_CHART
from foundation.site_bundle.installing import current
from tests.foundation.backup.sites import PASSPHRASE, site
from tests.foundation.site_bundle.pieces import image, pieces
from tests.models import Bench
from tests.simulators.registry import PASSWORD, USER, RegistryServer, error, registry

pytestmark = pytest.mark.requirement("BASE-8/bundle-for-an-air-gap")
VALUES = Path(__file__).parents[3] / "deployments" / "helm" / "arcops" / "values.yaml"


@pytest.fixture
def server() -> Iterator[RegistryServer]:
    with registry(login="bearer") as made:
        yield made


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: RegistryServer) -> Bench:
    """A site at this terminal, with a bundle of two images."""
    made = site(tmp_path)
    for name, value in made.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("ARCOPS_BACKUP_PASSPHRASE", PASSPHRASE)
    named(monkeypatch, server)
    given = pieces(tmp_path / "pieces")
    words = [word for kind in ("policies", "docs") for word in (f"--{kind}", str(given[kind]))]
    for one in (given["images"], image(tmp_path / "prefect", layer=b"another layer")):
        words += ["--image", str(one)]
    assert run(["bundle", "make", str(tmp_path / "b"), *words]) == 0
    return made


def named(monkeypatch: pytest.MonkeyPatch, server: RegistryServer) -> None:
    """Name the *server* as the site's registry, with its password in a file."""
    monkeypatch.setenv("ARCOPS_REGISTRY", f"{server.url}/site")
    monkeypatch.setenv("ARCOPS_REGISTRY_USER", USER)
    monkeypatch.setenv("ARCOPS_REGISTRY_PASSWORD", PASSWORD)


def reference(server: RegistryServer, name: str) -> str:
    (digest,) = (one for one in server.manifests[f"site/{name}"] if one.startswith("sha256:"))
    return f"{server.host}/site/{name}@{digest}"


def test_pushed_alone_it_prints_the_values_of_the_chart(
    here: Bench, server: RegistryServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert run(["bundle", "push", str(tmp_path / "b")]) == 0
    out, err = capsys.readouterr()
    assert yaml.safe_load(out) == {"images": {"server": reference(server, "server")}}
    assert f"{reference(server, 'prefect')} (" in err, "the chart has no value for it"
    assert run(["bundle", "push", str(tmp_path / "b")]) == 0
    assert capsys.readouterr().err.count("was there") == 2
    assert current(here.settings) == "", "nothing else changed"


def test_installed_with_push_they_are_there_before_the_bundle_counts(
    here: Bench, server: RegistryServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server.odd = lambda asked, _: error(500, "UNKNOWN", "broken") if "/manifests/" in asked.path else None
    words = ["bundle", "install", str(tmp_path / "b"), "--push"]
    assert run(words) == 1
    assert "answers 500 (UNKNOWN broken); run the same again" in capsys.readouterr().err
    assert current(here.settings) == "", "what counts never names an image that is not there"
    server.odd = lambda asked, _: None
    assert run(words) == 0
    values = here.home / "bundles" / "current" / "values.yaml"
    assert yaml.safe_load(values.read_text()) == {"images": {"server": reference(server, "server")}}
    assert "helm upgrade … --values" in capsys.readouterr().out
    assert run(words) == 0, "the same again changes nothing"


def test_without_a_registry_that_was_named_nothing_is_sent(
    here: Bench, server: RegistryServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["bundle", "install", str(tmp_path / "b")]) == 0
    assert not server.asked, "the setting alone sends nothing"
    monkeypatch.delenv("ARCOPS_REGISTRY")
    for words in (["bundle", "push", str(tmp_path / "b")], ["bundle", "install", str(tmp_path / "b"), "--push"]):
        assert run(words) == 2
        assert "no registry is named, so no image is sent anywhere; set ARCOPS_REGISTRY" in capsys.readouterr().err
    assert not server.asked


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("ARCOPS_REGISTRY", "https://registry.example.org/arcops", "the tier air-gapped does not reach"),
        ("ARCOPS_REGISTRY", "http://registry.example.org/arcops", "the tier air-gapped does not reach"),
        ("ARCOPS_REGISTRY_USER", "", "a user and a password, or neither"),
        ("ARCOPS_REGISTRY_PASSWORD", "", "a user and a password, or neither"),
        ("ARCOPS_REGISTRY_AUTHORITIES", "/does/not/exist", "does not exist"),
    ],
)
def test_what_the_settings_may_not_say(
    variable: str,
    value: str,
    said: str,
    here: Bench,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv(variable, value)
    assert run(["bundle", "push", str(tmp_path / "b")]) == 2
    assert said in capsys.readouterr().err


def test_a_password_is_never_sent_in_the_clear(
    here: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ARCOPS_TIER", "restricted")
    monkeypatch.setenv("ARCOPS_REGISTRY", "http://registry.example.org/arcops")
    assert run(["bundle", "push", str(tmp_path / "b")]) == 2
    assert "without encryption" in capsys.readouterr().err


def test_an_image_that_has_no_single_digest_is_not_pushed(
    here: Bench, server: RegistryServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = image(tmp_path / "two" / "server")
    index = json.loads((folder / "index.json").read_text())
    (folder / "index.json").write_text(json.dumps(index | {"manifests": index["manifests"] * 2}))
    assert run(["bundle", "make", str(tmp_path / "c"), "--image", str(folder)]) == 0
    assert run(["bundle", "push", str(tmp_path / "c")]) == 2
    assert "has 2 images in its index.json" in capsys.readouterr().err
    assert not server.asked


def test_a_bundle_without_images_has_nothing_to_push(
    here: Bench, server: RegistryServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["bundle", "make", str(tmp_path / "c"), "--docs", str(tmp_path / "pieces" / "docs")]) == 0
    assert run(["bundle", "push", str(tmp_path / "c")]) == 2
    assert "carries no image" in capsys.readouterr().err


def test_what_is_not_signed_by_a_key_that_counts_is_not_pushed(
    here: Bench, server: RegistryServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for one in (here.settings.trust / "keys").iterdir():
        one.unlink()
    assert run(["bundle", "push", str(tmp_path / "b")]) != 0
    assert not server.asked


def test_the_values_are_those_of_the_chart() -> None:
    assert set(OF_THE_CHART) == set(yaml.safe_load(VALUES.read_text())["images"]) - {"pullSecrets"}


def test_the_settings_take_the_password_as_a_reference() -> None:
    found = read_settings({"ARCOPS_REGISTRY_PASSWORD_REF": "vault:kv/registry#password"})
    assert found.registry_password == "vault:kv/registry#password"
