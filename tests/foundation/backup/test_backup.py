"""A site is backed up, destroyed and restored; what is not sound is refused in a sentence, with nothing half done."""

from __future__ import annotations

import json
import os
import resource
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from adapters.cli.main import run
from arcops.errors import Refused, Unavailable
from artifacts.private_key import create
from artifacts.signed_tar import opened_tar
from artifacts.store import Store
from foundation.backup.making import make
from foundation.backup.reading import Opening, verify
from foundation.backup.restoring import Permitted, Restored, restore
from foundation.database.lease import Leases
from foundation.database.migrating import newest
from foundation.database.opening import opened
from foundation.half_restored import is_half
from foundation.identity.api_keys import ApiKeys
from foundation.settings import Settings
from tests.foundation.backup.sites import NAMES, PASSPHRASE, files, grow, refuse_unproven, rows, settings_of, site
from tests.foundation.dying import kinds
from tests.models import CLOCK, Bench

pytestmark = pytest.mark.requirement("BASE-8/backups-are-verified-and-restored")
RELEASED = Path(__file__).parents[1] / "database" / "released"
ROOT = Path(__file__).parents[3]
Made = tuple[Bench, Path]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """A site and its backup."""
    folder = tmp_path_factory.mktemp("site")
    here = site(folder)
    backup = folder / "site.backup"
    backed_up(here, backup)
    return here, backup


def backed_up(here: Bench, path: Path) -> None:
    make(path, here.settings, signer=here.signer, passphrase=lambda: PASSPHRASE, now=CLOCK)


def back(made: Made, settings: Settings, *, file: Path | None = None, said: str = PASSPHRASE, **may: bool) -> Restored:
    here, backup = made
    return restore(
        file or backup,
        settings,
        keys=[here.signer.public],
        opening=Opening(passphrase=lambda: said),
        now=CLOCK,
        permitted=Permitted(**may),
    )


def everything(folder: Path) -> dict[str, bytes]:
    """Every file, without locks and what is derived."""
    return {
        str(one): one.read_bytes()
        for one in sorted(folder.rglob("*"))
        if one.is_file() and not one.name.endswith(("lock", "-wal", "-shm"))
    }


def test_what_was_destroyed_is_there_again(made: Made, tmp_path: Path) -> None:
    here, _ = made
    settings = settings_of(tmp_path / "new")
    done = back(made, settings)
    assert (done.kept_store, done.aside) == (False, ())
    before = files(here.home)
    memory = {name for name in before if name.startswith("remembered/")}
    assert {name: one for name, one in files(tmp_path / "new").items() if not name.startswith("remembered/")} == {
        name: one for name, one in before.items() if name not in memory
    }
    assert rows(settings) == rows(here.settings)
    refuse_unproven(settings, here.public, len(NAMES))
    grow(replace(here, settings=settings), "four")
    with Store.at(settings) as store:
        assert len(store.entries()) == len(NAMES) + 1
        assert len(store.log.recall()) == 1


def test_the_command_line_does_it_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    here = site(tmp_path)
    for name, value in here.environment.items():
        monkeypatch.setenv(name, value)
    backup, public = tmp_path / "site.backup", tmp_path / "kept.pub"
    assert run(["backup", "make", str(backup)]) == 2
    assert "set ARCOPS_BACKUP_PASSPHRASE" in capsys.readouterr().err
    assert not backup.exists()
    monkeypatch.setenv("ARCOPS_BACKUP_PASSPHRASE", PASSPHRASE)
    assert run(["backup", "make", str(backup)]) == 0
    assert "3 artifacts in 3 entries of the log; 1 rows" in capsys.readouterr().out
    assert run(["backup", "make", str(backup)]) == 2
    assert "exists already" in capsys.readouterr().err
    shutil.copy(here.public, public)
    shutil.rmtree(here.home)
    assert run(["backup", "restore", str(backup)]) == 2
    assert "no key is trusted on this machine" in capsys.readouterr().err
    assert run(["backup", "verify", str(backup), "--key", str(public)]) == 0
    assert "sound, also what is encrypted" in capsys.readouterr().out
    assert run(["backup", "restore", str(backup), "--key", str(public)]) == 0
    assert "not in it: passphrase" in capsys.readouterr().out
    assert run(["store", "check"]) == 0


def test_nothing_secret_is_readable_in_the_file(made: Made) -> None:
    here, backup = made
    data = backup.read_bytes()
    assert backup.stat().st_mode & 0o777 == 0o600
    assert b"PRIVATE KEY" not in data
    assert "Schlüssel".encode() not in data
    assert PASSPHRASE.encode() not in data
    assert here.settings.key.encode() not in data


def test_a_key_that_lay_unencrypted_is_encrypted_when_it_comes_back(tmp_path: Path) -> None:
    here = site(tmp_path)
    key = create()
    Path(here.settings.key).write_bytes(
        key.raw.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    backed_up(here, tmp_path / "b")
    back((here, tmp_path / "b"), settings_of(tmp_path / "new"))
    restored_key = (tmp_path / "new" / "keys" / "arcops.key").read_bytes()
    assert b"ENCRYPTED PRIVATE KEY" in restored_key
    raw = serialization.load_pem_private_key(restored_key, PASSPHRASE.encode())
    assert raw.public_key() == key.raw.public_key()


class TestWhatIsWrong:
    """Each is refused in a sentence, and nothing was written."""

    @pytest.fixture
    def empty(self, tmp_path: Path) -> Iterator[Settings]:
        settings = settings_of(tmp_path / "new")
        yield settings
        assert not is_half(settings.memory)
        assert everything(tmp_path / "new") == {}

    def test_each_changed_byte(self, made: Made, tmp_path: Path) -> None:
        """A DSSE envelope's hint of its key is not signed and decides nothing; every other byte counts."""
        here, backup = made
        data, bad = backup.read_bytes(), tmp_path / "bad"
        hints = data.rindex(b'"hint"'), data.rindex(b'"keyid"')
        tried = 0
        for at in range(7, len(data), max(1, len(data) // 150)):
            if any(begin <= at < begin + 100 for begin in hints):
                continue
            tried += 1
            bad.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
            with pytest.raises(Refused), opened_tar(bad, "the backup") as tar:
                verify(tar, [here.signer.public])
        assert tried > 100

    @pytest.mark.parametrize("part", ["store/log", "store/checkpoint", "trust/", "policies/", "encrypted/"])
    def test_a_changed_part(self, made: Made, empty: Settings, tmp_path: Path, part: str) -> None:
        data = bytearray(made[1].read_bytes())
        at = data.index(part.encode()) + 512
        data[at] ^= 1
        (tmp_path / "bad").write_bytes(data)
        with pytest.raises(Refused, match="is not what was signed"):
            back(made, empty, file=tmp_path / "bad")

    @pytest.mark.parametrize("left", [0, 100, 512, 5000, -10240, -1])
    def test_a_tar_that_was_cut_off(self, made: Made, empty: Settings, tmp_path: Path, left: int) -> None:
        (tmp_path / "bad").write_bytes(made[1].read_bytes()[:left])
        with pytest.raises(Refused, match=r"is cut off|its content ends at"):
            back(made, empty, file=tmp_path / "bad")

    def test_more_at_its_end(self, made: Made, empty: Settings, tmp_path: Path) -> None:
        (tmp_path / "bad").write_bytes(made[1].read_bytes() + bytes(10240))
        with pytest.raises(Refused, match="but its content ends at"):
            back(made, empty, file=tmp_path / "bad")

    def test_a_wrong_passphrase(self, made: Made, empty: Settings) -> None:
        with pytest.raises(Refused, match="the passphrase is wrong"):
            back(made, empty, said="correct horse battery stable")

    def test_a_short_passphrase(self, made: Made, tmp_path: Path) -> None:
        with pytest.raises(Refused, match="use 12 or more"):
            make(tmp_path / "b", made[0].settings, signer=made[0].signer, passphrase=lambda: "short", now=CLOCK)
        assert not (tmp_path / "b").exists()

    def test_one_that_another_key_signed(self, made: Made, empty: Settings) -> None:
        with pytest.raises(Refused, match="does not count here: no given key"):
            restore(
                made[1],
                empty,
                keys=[create().public],
                opening=Opening(passphrase=lambda: PASSPHRASE),
                now=CLOCK,
                permitted=Permitted(replace=True),
            )

    def test_that_of_another_site(self, made: Made, tmp_path: Path) -> None:
        with pytest.raises(Refused, match=r"is of the site 'edge-07', but this is 'edge-08' \(ARCOPS_SITE\)"):
            back(made, settings_of(tmp_path / "new", "edge-08"), replace=True)
        assert everything(tmp_path / "new") == {}

    def test_no_backup_at_all(self, made: Made, empty: Settings, tmp_path: Path) -> None:
        with pytest.raises(Refused, match="does not exist"):
            back(made, empty, file=tmp_path / "none")
        (tmp_path / "text").write_text("a letter, and not a tar" * 100)
        with pytest.raises(Refused, match="cannot be read at byte 0"):
            back(made, empty, file=tmp_path / "text")

    def test_a_full_disk(self, made: Made, empty: Settings) -> None:
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limits[1]))
        try:
            with pytest.raises(Unavailable):
                back(made, empty)
            with pytest.raises(Unavailable):
                backed_up(made[0], made[1].with_name("full"))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        assert not made[1].with_name("full").exists()


class TestWhatIsThere:
    """A site that has something."""

    def test_is_not_replaced_unless_that_is_said(self, made: Made, tmp_path: Path) -> None:
        settings = settings_of(tmp_path / "new")
        back(made, settings)
        (settings.policies / "bench.yaml").write_text("name: changed\n")
        (settings.policies / "more.yaml").write_text("name: more\n")
        before = everything(tmp_path / "new")
        with pytest.raises(Refused, match=r"bench\.yaml is in the way: .* Say --replace"):
            back(made, settings)
        assert everything(tmp_path / "new") == before
        done = back(made, settings, replace=True)
        assert not (settings.policies / "more.yaml").exists()
        aside = next(one for one in done.aside if "policies" in one.name)
        assert (aside / "more.yaml").read_text() == "name: more\n"
        refuse_unproven(settings, made[0].public, len(NAMES))

    def test_what_is_hidden_is_in_the_way_and_said_to_be_left_out(self, tmp_path: Path) -> None:
        here = site(tmp_path)
        (here.home / "policies" / ".git").mkdir()
        (here.home / "trust" / "keys" / ".note").write_text("mine")
        Path(os.fsdecode(os.fsencode(here.home / "policies") + b"/.\xff")).touch()
        backed_up(here, tmp_path / "b")
        with opened_tar(tmp_path / "b", "the backup") as tar:
            said = [one.what for one in verify(tar, [here.signer.public]).backup.left_out]
        assert {"policies/.git", "policies/.\ufffd", "trust/keys/.note"} <= set(said)
        with pytest.raises(Refused, match=r"(\.git|\.note) is in the way"):
            back((here, tmp_path / "b"), here.settings)
        back((here, tmp_path / "b"), here.settings, replace=True)
        assert not (here.home / "policies" / ".git").exists()

    def test_rows_are_in_the_way_too(self, made: Made, tmp_path: Path) -> None:
        settings = settings_of(tmp_path / "new")
        with opened(settings) as database:
            ApiKeys(database).new("theirs", ["read"], timedelta(days=1), CLOCK)
        with pytest.raises(Refused, match="is in the way: it has rows"):
            back(made, settings)

    def test_a_host_that_works_is_not_disturbed(self, made: Made, tmp_path: Path) -> None:
        settings = settings_of(tmp_path / "new")
        with opened(settings) as database:
            assert Leases(database, "host-7").take("serving", 600) is not None
        with pytest.raises(Refused, match=r"host-7 holds the lease 'serving' .* stop every host first"):
            back(made, settings, replace=True)

    def test_a_damaged_database_is_put_aside(self, made: Made, tmp_path: Path) -> None:
        settings = settings_of(tmp_path / "new")
        back(made, settings)
        (tmp_path / "new" / "database" / "arcops.sqlite").write_bytes(b"not a database" * 1000)
        back(made, settings, replace=True)
        assert rows(settings) == rows(made[0].settings)

    def test_a_log_that_is_longer_stays(self, made: Made, tmp_path: Path) -> None:
        settings = settings_of(tmp_path / "new")
        back(made, settings)
        grow(replace(made[0], settings=settings), "later")
        assert back(made, settings, replace=True).kept_store
        with Store.at(settings) as store:
            assert len(store.entries()) == len(NAMES) + 1

    def test_what_the_machine_remembers_is_not_lost_in_silence(self, made: Made, tmp_path: Path) -> None:
        settings = settings_of(tmp_path / "new")
        back(made, settings)
        grow(replace(made[0], settings=settings), "later")
        shutil.rmtree(settings.store)
        with pytest.raises(Refused, match=r"has 3 entries, but this machine remembers 4 .* 1 that came later would be lost"):
            back(made, settings, replace=True)
        back(made, settings, replace=True, lost=True)
        refuse_unproven(settings, made[0].public, len(NAMES))

    @pytest.mark.parametrize("store_left", [True, False], ids=["with its store", "remembered only"])
    def test_a_fork_is_refused(self, made: Made, tmp_path: Path, store_left: bool) -> None:
        settings = settings_of(tmp_path / "new")
        grow(replace(made[0], settings=settings), "another")
        if not store_left:
            shutil.rmtree(settings.store)
        before = everything(tmp_path / "new")
        with pytest.raises(Refused, match=r"two that differ|not the one that this machine remembers"):
            back(made, settings, replace=True, lost=True)
        assert everything(tmp_path / "new") == before


@pytest.mark.parametrize("released", ["0001", "0005", "0015"])
def test_an_older_schema_is_brought_forward(tmp_path: Path, released: str) -> None:
    here = site(tmp_path)
    path = here.home / "database" / "arcops.sqlite"
    for one in path.parent.iterdir():
        one.unlink()
    os.close(os.open(path, os.O_CREAT, 0o600))
    with closing(sqlite3.connect(path)) as old:
        old.executescript((RELEASED / f"{released}.sql").read_text())
    backed_up(here, tmp_path / "b")
    settings = settings_of(tmp_path / "new")
    done = back((here, tmp_path / "b"), settings)
    assert done.verified.backup.database.schema == released
    with closing(sqlite3.connect(tmp_path / "new" / "database" / "arcops.sqlite")) as now:
        assert now.execute("SELECT version_num FROM arcops_version").fetchall() == [(newest(),)]
        assert now.execute("SELECT id, name, scopes FROM arcops_api_key").fetchall() == [("abcdefghijklmnop", "old", "read")]
        assert now.execute("SELECT name, epoch FROM arcops_lease").fetchall() == [("work", 41)]


def test_a_kill_at_any_step_leaves_the_old_site_or_one_that_the_next_call_ends(made: Made, tmp_path: Path) -> None:
    here, backup = made
    old = settings_of(tmp_path / "old")
    back(made, old)
    (old.policies / "bench.yaml").write_text("name: changed\n")
    (old.trust / "more").mkdir()
    (old.trust / "more" / "file").write_text("mine")
    with opened(old) as database:
        ApiKeys(database).new("mine", ["read"], timedelta(days=1), CLOCK)
    shutil.copy(backup, tmp_path / "site.backup")
    shutil.copy(here.public, tmp_path / "public.pem")
    done = subprocess.run(
        [sys.executable, "-m", "tests.foundation.backup.killing", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = kinds(json.loads(done.stdout))
    assert found.count("old") >= 4, done.stderr
    assert found.count("half") > 1


def test_every_command_waits_for_a_restore_that_was_cut_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ARCOPS_HOME", str(tmp_path))
    settings = settings_of(tmp_path)
    settings.memory.mkdir(mode=0o700)
    (settings.memory / "restoring").write_text("{}")
    for line in (["store", "list"], ["database", "status"], ["keys", "trust", "x.pub"], ["backup", "make", "x"]):
        assert run(line) != 0
    assert "run the same command again ('arcops backup restore'" in capsys.readouterr().err
