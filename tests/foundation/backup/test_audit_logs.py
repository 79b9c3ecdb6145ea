"""The audit logs ride in a backup, are verified by their own checkpoints, and come back beside the logs of this machine."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from adapters.cli.main import run
from arcops.errors import Refused
from artifacts.bundle import open_statement, seal_statement
from artifacts.signed_tar import TarWriter, opened_tar
from artifacts.site_backup import SITE_BACKUP
from foundation.audit.keys import open_keys
from foundation.audit.place import AuditPlace
from foundation.audit.writing import open_next
from foundation.backup.auditing import AUDIT, folder_for, logs_here, place_of
from foundation.backup.making import make
from foundation.backup.reading import open_secrets, verify
from foundation.backup.restoring import Permitted, Restored, restore
from foundation.settings import Settings
from tests.foundation.backup.sites import PASSPHRASE, settings_of, site
from tests.models import CLOCK, Bench

pytestmark = pytest.mark.requirement("BASE-8/backups-are-verified-and-restored", "BASE-4/audit-log")
LINES = (b'{"action":"one"}', b'{"action":"two"}')


def write(settings: Settings, *lines: bytes, host: str = "plant") -> None:
    """Add *lines* to the audit log of *host*, with a checkpoint."""
    place = AuditPlace.at(settings.audit, settings.memory)
    writer = open_next(place, host, open_keys(place).signer)
    writer.append(lines, newest=CLOCK)
    writer.close()


def log(settings: Settings, host: str = "plant") -> Path:
    return settings.audit / f"{host}-0001" / "log"


@pytest.fixture
def here(tmp_path: Path) -> Bench:
    made = site(tmp_path)
    write(made.settings, *LINES)
    write(made.settings, b'{"action":"three"}', host="other")
    return made


def backed_up(here: Bench, path: Path) -> Path:
    make(path, here.settings, signer=here.signer, passphrase=lambda: PASSPHRASE, now=CLOCK)
    return path


def back(here: Bench, path: Path, settings: Settings, **may: bool) -> Restored:
    keys = [here.signer.public]
    return restore(path, settings, keys=keys, passphrase=lambda: PASSPHRASE, now=CLOCK, permitted=Permitted(**may))


def test_what_was_lost_comes_back_beside_the_logs_of_the_new_machine(here: Bench, tmp_path: Path) -> None:
    path = backed_up(here, tmp_path / "b")
    lost = {host: log(here.settings, host).read_bytes() for host in ("plant", "other")}
    assert LINES[0] not in path.read_bytes(), "records name people, so they are not readable in the file"
    settings = settings_of(tmp_path / "new")
    write(settings, b'{"action":"restore"}')
    mine = log(settings).read_bytes()
    done = back(here, path, settings, replace=True)
    assert done.audit == folder_for(done.verified.backup, settings)
    assert done.audit is not None
    assert {host: (done.audit / f"{host}-0001" / "log").read_bytes() for host in lost} == lost
    assert log(settings).read_bytes() == mine
    write(settings, b'{"action":"next"}')


def test_a_log_that_goes_on_here_stays(here: Bench, tmp_path: Path) -> None:
    path = backed_up(here, tmp_path / "b")
    write(here.settings, b'{"action":"later"}')
    shutil.rmtree(here.settings.audit / "other-0001")
    longer = log(here.settings).read_bytes()
    done = back(here, path, here.settings, replace=True)
    assert done.audit is not None
    assert [one.name for one in sorted(done.audit.iterdir())] == ["audit.pub", "other-0001"]
    assert log(here.settings).read_bytes() == longer
    write(here.settings, b'{"action":"other"}', host="other")
    assert back(here, backed_up(here, tmp_path / "c"), here.settings, replace=True).audit is None


def test_one_that_was_changed_is_not_backed_up(here: Bench, tmp_path: Path) -> None:
    text = log(here.settings).read_bytes()
    log(here.settings).write_bytes(text.replace(b"one", b"0ne"))
    with pytest.raises(Refused, match=r"plant-0001 is not what was written: .*'arcops audit verify'"):
        backed_up(here, tmp_path / "b")
    assert not (tmp_path / "b").exists()


def test_one_that_was_carried_away_is_said_to_be_left_out(here: Bench, tmp_path: Path) -> None:
    (here.settings.audit / "other-0001").rename(tmp_path / "other-0001")
    with opened_tar(backed_up(here, tmp_path / "b"), "the backup") as tar:
        found = verify(tar, [here.signer.public]).backup
    assert [one.name for one in found.audit] == ["plant-0001"]
    assert "audit/other-0001" in {one.what for one in found.left_out}


@pytest.mark.parametrize("change", ["a log less", "another name", "no key", "another end", "another key"])
def test_a_signer_cannot_say_more_of_a_log_than_its_checkpoint(here: Bench, tmp_path: Path, change: str) -> None:
    """Each log must be whole by the checkpoint that ends it, whatever is signed in the list."""
    path, forged = backed_up(here, tmp_path / "b"), tmp_path / "forged"
    elsewhere = settings_of(tmp_path / "elsewhere")
    write(elsewhere, b"{}")
    other = open_keys(place_of(elsewhere)).signer.public
    with opened_tar(path, "the backup") as tar, forged.open("wb") as file:
        said = SITE_BACKUP.read(open_statement(tar.sealed, [here.signer.public]).statement)
        new = TarWriter(file)
        for name in tar.names:
            data = tar.read(name, 10**9)
            if change == "a log less" and name == f"{AUDIT}/plant-0001":
                continue
            if change == "no key" and name == "audit/audit.pub":
                continue
            if change == "another key" and name == "audit/audit.pub":
                data = other.pem
            new.add(name, data)
        names = {one.name for one in said.parts}
        first, second = said.audit
        audit = {
            "another name": (replace(first, name="zero-0001"), second),
            "another end": (replace(first, lines=first.lines + 1), second),
        }.get(change, said.audit)
        parts = tuple(one for one in new.parts if one.name in names)
        new.finish(seal_statement(SITE_BACKUP.statement(replace(said, audit=audit, parts=parts)), here.signer))
    with pytest.raises(Refused, match=r"other audit logs|is not the one that|no given key"), opened_tar(forged, "it") as tar:
        open_secrets(tar, verify(tar, [here.signer.public]).backup, lambda: PASSPHRASE)


def test_the_command_line_verifies_what_came_back(
    here: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in here.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("ARCOPS_BACKUP_PASSPHRASE", PASSPHRASE)
    assert run(["backup", "make", str(tmp_path / "b")]) == 0
    assert "in 3 audit logs" in capsys.readouterr().out, "that of the command line too"
    shutil.copy(here.public, tmp_path / "kept.pub")
    shutil.rmtree(here.home)
    assert run(["backup", "restore", str(tmp_path / "b"), "--key", str(tmp_path / "kept.pub")]) == 0
    said = capsys.readouterr().out
    (line,) = (one for one in said.splitlines() if "arcops audit verify --carried" in one)
    words = line.split()[1:]
    assert run(words) == 0
    shown = capsys.readouterr().out
    assert "audit-2" in shown
    assert "plant-0001" in shown
    carried = Path(words[words.index("--carried") + 1])
    (carried / "plant-0001" / "log").write_bytes((carried / "plant-0001" / "log").read_bytes().replace(b"two", b"2wo"))
    assert run(words) == 3
    assert "plant-0001" in capsys.readouterr().out
    assert run(["audit", "verify"]) == 0


def test_logs_here_are_read_one_after_the_other(here: Bench) -> None:
    found = logs_here(here.settings, open_keys(place_of(here.settings)).signer.public)
    assert [one.said.name for one in found] == ["other-0001", "plant-0001"]
