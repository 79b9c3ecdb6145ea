"""What was carried here does not count if its signer was revoked: neither a bundle nor a backup, also if the key is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapters.cli.main import run
from artifacts.public_key import load_public_key
from foundation.settings import read_settings
from foundation.site_bundle.installing import current
from tests.foundation.backup.sites import PASSPHRASE, files, site
from tests.models import Bench

pytestmark = pytest.mark.requirement("BASE-8/bundle-for-an-air-gap", "BASE-8/backups-are-verified-and-restored")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """A site with a bundle and a backup that its key signed, and that count."""
    made = site(tmp_path)
    for name, value in made.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("ARCOPS_BACKUP_PASSPHRASE", PASSPHRASE)
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "page.md").write_text("Read me")
    assert run(["bundle", "make", str(tmp_path / "bundle"), "--docs", str(tmp_path / "docs")]) == 0
    assert run(["backup", "make", str(tmp_path / "backup")]) == 0
    for kind in ("bundle", "backup"):
        assert run([kind, "verify", str(tmp_path / kind)]) == 0
    return made


WAYS = (
    ("bundle", "verify"),
    ("bundle", "push"),
    ("bundle", "install"),
    ("backup", "verify"),
    ("backup", "restore", "--replace"),
)


@pytest.mark.parametrize("named", [False, True])
def test_of_a_revoked_signer(
    named: bool, here: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ARCOPS_REGISTRY", "http://127.0.0.1:9/site")
    key = load_public_key(here.public.read_bytes(), where="the test")
    assert run(["keys", "revoke", key.id, "--reason", "stolen"]) == 0
    before = files(here.home)
    for kind, command, *more in WAYS:
        capsys.readouterr()
        words = [kind, command, str(tmp_path / kind), *more, *(("--key", str(here.public)) if named else ())]
        assert run(words) == 2, words
        said = capsys.readouterr().err
        assert ("was revoked here (stolen)" if named else "was revoked, so nothing counts") in said, said
    after = {name: digest for name, digest in files(here.home).items() if not name.startswith(("audit/", "remembered/"))}
    assert after == {name: digest for name, digest in before.items() if not name.startswith(("audit/", "remembered/"))}
    assert current(read_settings(here.environment)) == ""


def test_nor_if_it_is_not_known_who_was_revoked(here: Bench, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = here.settings.trust / "revocations"
    folder.mkdir(exist_ok=True)
    (folder / "broken.json").write_text("no list")
    for kind, command, *more in WAYS:
        if command != "push":
            assert run([kind, command, str(tmp_path / kind), *more]) == 2
            assert "it is not known which keys were revoked" in capsys.readouterr().err
