"""What ArcOps makes for itself is its user's alone, whatever the umask; what everybody can write proves nothing."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from arcops.errors import Refused
from artifacts.bundle import seal
from artifacts.private_folder import make_private, refuse_if_open
from artifacts.store import Store
from capabilities.artifact.store import CheckStore, check_store
from capabilities.keys.keys import NewKey, RevokeKey, TrustKey, new_key, revoke_key, trust_key
from foundation.settings import read_settings
from tasks.signing.grounds import trusted_keys
from tasks.signing.trust import load_trust
from tests.artifacts.reports import AT, full_report
from tests.models import Bench, bench

pytestmark = pytest.mark.requirement("BASE-6/its-folders-are-private")


@contextmanager
def umask(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077])
def test_everything_below_a_new_home_is_private(tmp_path: Path, mask: int) -> None:
    with umask(mask):
        home = tmp_path / "new" / "home"
        settings = read_settings({"ARCOPS_HOME": str(home)})
        made = bench(tmp_path / "bench")  # a home that others made: what we make in it is still private
        place = made.place()
        place = type(place)(settings=settings, now=place.now, signer=place.signer, secret=place.secret, own=True)
        public = new_key(NewKey(), place).public
        trust_key(TrustKey(public=public.read_text()), place)
        revoke_key(RevokeKey(), place)
        with Store.at(settings) as store:
            store.put(seal(full_report(), made.signer), {}, at=AT, signer=made.signer)
    seen = [path for path in tmp_path.joinpath("new").rglob("*") if path.is_dir()] + [tmp_path / "new"]
    assert len(seen) > 6
    assert [str(path) for path in seen if path.stat().st_mode & 0o077] == []
    for path in (path for path in home.rglob("*") if path.is_file()):
        assert not path.stat().st_mode & 0o022, f"{path} can be written by others"
    for name in ("store/log", "store/checkpoint", "store/origin", "store/lock", "keys/arcops.key", "remembered/lock"):
        assert (home / name).stat().st_mode & 0o077 == 0, name


def test_what_exists_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir(mode=0o755)
    before = (tmp_path / "shared").stat().st_mode
    make_private(tmp_path / "shared" / "a" / "b")
    make_private(tmp_path / "shared" / "a" / "b")
    assert (tmp_path / "shared").stat().st_mode == before
    (tmp_path / "link").symlink_to(tmp_path / "shared")
    make_private(tmp_path / "link" / "c")
    assert (tmp_path / "shared" / "c").stat().st_mode & 0o777 == 0o700


@pytest.fixture
def here(tmp_path: Path) -> Bench:
    return bench(tmp_path)


@pytest.mark.parametrize("place", ["", "keys"])
def test_trust_that_everybody_can_write_is_refused(here: Bench, place: str) -> None:
    assert load_trust(here.settings.trust).keys
    assert trusted_keys(here.settings.trust)
    (here.settings.trust / place).chmod(0o757)
    for use in (lambda: load_trust(here.settings.trust), lambda: trusted_keys(here.settings.trust)):
        with pytest.raises(Refused, match="every user of this machine can write into"):
            use()


def test_trust_through_links_is_read(here: Bench, tmp_path: Path) -> None:
    """As Kubernetes mounts it: a folder of links to a folder that is a link itself."""
    trust = tmp_path / "mounted"
    (trust / "..2026" / "keys").mkdir(parents=True)
    for key in (here.settings.trust / "keys").iterdir():
        (trust / "..2026" / "keys" / key.name).write_bytes(key.read_bytes())
    (trust / "..data").symlink_to("..2026")
    (trust / "keys").symlink_to("..data/keys")
    assert load_trust(trust).keys


def test_a_folder_that_is_mounted_read_only_is_not_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kubernetes mounts ConfigMaps with mode 0777, and no one can write into them."""
    tmp_path.chmod(0o777)
    with pytest.raises(Refused, match="every user"):
        refuse_if_open(tmp_path, "it")
    real = os.statvfs(tmp_path)
    words = list(real)
    words[8] |= os.ST_RDONLY
    monkeypatch.setattr(os, "statvfs", lambda path: os.statvfs_result(words))
    refuse_if_open(tmp_path, "it")
    refuse_if_open(tmp_path / "none", "it")


def test_a_store_that_everybody_can_write_is_refused_and_one_of_a_group_is_said(here: Bench) -> None:
    with Store.at(here.settings) as store:
        store.put(seal(full_report(), here.signer), {}, at=AT, signer=here.signer)
    ask = CheckStore(keys=(here.public.read_text(),))
    here.settings.store.chmod(0o770)
    found = check_store(ask, here.place())
    assert found.problems == ()
    assert "is writable for its whole group" in found.said
    here.settings.store.chmod(0o702)
    with pytest.raises(Refused, match="every user of this machine can write"):
        Store.at(here.settings)
