"""The audit logs ride in a backup, are verified by their own checkpoints, and come back beside the logs of this machine."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
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
from foundation.backup.auditing import AUDIT, logs_here, place_of
from foundation.backup.making import make
from foundation.backup.reading import Opening, open_secrets, verify
from foundation.backup.restoring import Permitted, Restored, restore
from foundation.settings import Settings
from tests.foundation.audit.test_lines import record
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
    return restore(
        path, settings, keys=keys, opening=Opening(passphrase=lambda: PASSPHRASE), now=CLOCK, permitted=Permitted(**may)
    )


def test_what_was_lost_comes_back_beside_the_logs_of_the_new_machine(here: Bench, tmp_path: Path) -> None:
    path = backed_up(here, tmp_path / "b")
    lost = {host: log(here.settings, host).read_bytes() for host in ("plant", "other")}
    assert LINES[0] not in path.read_bytes(), "records name people, so they are not readable in the file"
    settings = settings_of(tmp_path / "new")
    write(settings, b'{"action":"restore"}')
    mine = log(settings).read_bytes()
    done = back(here, path, settings, replace=True)
    (came,) = done.audit
    assert came == settings.audit.with_name(f"audit-{CLOCK:%Y%m%dT%H%M%SZ}")
    assert {host: (came / f"{host}-0001" / "log").read_bytes() for host in lost} == lost
    assert log(settings).read_bytes() == mine
    write(settings, b'{"action":"next"}')


def test_a_log_that_goes_on_here_stays(here: Bench, tmp_path: Path) -> None:
    path = backed_up(here, tmp_path / "b")
    write(here.settings, b'{"action":"later"}')
    shutil.rmtree(here.settings.audit / "other-0001")
    longer = log(here.settings).read_bytes()
    done = back(here, path, here.settings, replace=True)
    (came,) = done.audit
    assert [one.name for one in sorted(came.iterdir())] == ["audit.pub", "other-0001"]
    assert log(here.settings).read_bytes() == longer
    write(here.settings, b'{"action":"other"}', host="other")
    assert back(here, backed_up(here, tmp_path / "c"), here.settings, replace=True).audit == ()


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
        open_secrets(tar, verify(tar, [here.signer.public]).backup, Opening(passphrase=lambda: PASSPHRASE))


def served(settings: Settings, *, host: str, tool: str) -> None:
    """Record one call, as a server on *host* does."""
    write(settings, record(tool=tool).line, host=host)


@pytest.fixture
def typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """A site at this terminal, on which two hosts recorded a call each."""
    made = site(tmp_path)
    for name, value in made.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("ARCOPS_BACKUP_PASSPHRASE", PASSPHRASE)
    served(made.settings, host="plant", tool="rate_servers")
    served(made.settings, host="other", tool="rate_nothing")
    return made


def lost_and_restored(here: Bench, folder: Path) -> None:
    """Back the site up, lose it, and restore it."""
    assert run(["backup", "make", str(folder / "b")]) == 0
    shutil.copy(here.public, folder / "kept.pub")
    shutil.rmtree(here.home)
    assert run(["backup", "restore", str(folder / "b"), "--key", str(folder / "kept.pub")]) == 0


def brought(here: Bench) -> Path:
    """The folder of the audit logs that came back."""
    (found,) = here.home.glob("audit-2*")
    return found


def test_what_came_back_is_searched_exported_and_verified(
    typed: Bench, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lost_and_restored(typed, tmp_path)
    capsys.readouterr()
    assert run(["audit", "query", "--tool", "rate_servers"]) == 0
    stamp = brought(typed).name.removeprefix("audit-")
    (line,) = capsys.readouterr().out.splitlines()
    assert line.endswith(f"{stamp}/plant-0001:1")
    assert "NOT VERIFIED" not in line
    assert run(["audit", "export"]) == 0
    assert f'"log":"{stamp}/plant-0001"' in capsys.readouterr().out
    assert run(["audit", "verify"]) == 0
    assert run(["audit", "verify", "--key", str(brought(typed) / "audit.pub")]) == 3, "that is not the key of the logs here"


def a_line_changed(folder: Path, outside: Path) -> None:
    path = folder / "plant-0001" / "log"
    path.write_bytes(path.read_bytes().replace(b"rate_servers", b"Rate_servers"))


def a_log_removed(folder: Path, outside: Path) -> None:
    shutil.rmtree(folder / "plant-0001")


def all_of_it_removed(folder: Path, outside: Path) -> None:
    shutil.rmtree(folder)


def another_log_added(folder: Path, outside: Path) -> None:
    shutil.copytree(folder / "plant-0001", folder / "plant-0002")


def lines_added_by_its_own_key(folder: Path, outside: Path) -> None:
    path = folder / "plant-0001" / "log"
    path.write_bytes(path.read_bytes() + b"{}\n")


def another_folder_with_its_own_key(folder: Path, outside: Path) -> None:
    shutil.copytree(folder, folder.with_name("audit-20200101T000000Z"))


def its_key_replaced(folder: Path, outside: Path) -> None:
    shutil.copy(outside / "audit.pub", outside / f"{folder.name}.pub")


def its_key_removed(folder: Path, outside: Path) -> None:
    (outside / f"{folder.name}.pub").unlink()


def its_memory_removed(folder: Path, outside: Path) -> None:
    for path in outside.glob("*.json"):
        if folder.name in path.read_text():
            path.unlink()


@pytest.mark.parametrize(
    "change",
    [
        a_line_changed,
        a_log_removed,
        all_of_it_removed,
        another_log_added,
        lines_added_by_its_own_key,
        another_folder_with_its_own_key,
        its_key_replaced,
        its_key_removed,
        its_memory_removed,
    ],
)
def test_nothing_that_came_back_counts_if_it_is_not_what_was_brought(
    change: Callable[[Path, Path], None], typed: Bench, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lost_and_restored(typed, tmp_path)
    change(brought(typed), typed.settings.memory / "audit")
    capsys.readouterr()
    assert run(["audit", "verify"]) == 3
    assert run(["audit", "query", "--tool", "rate_servers"]) == 3
    assert re.search(r"20\d{6}T\d{6}Z/(plant|other)-0", capsys.readouterr().err), "which log it is"


def test_what_came_back_is_in_the_next_backup_and_comes_back_again(
    typed: Bench, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lost_and_restored(typed, tmp_path)
    first = brought(typed)
    kept = (first / "plant-0001" / "log").read_bytes()
    second = tmp_path / "second"
    second.mkdir()
    lost_and_restored(typed, second)
    assert (first / "plant-0001" / "log").read_bytes() == kept
    assert len(list(typed.home.glob("audit-2*"))) == 2, "and those that were written between the two losses"
    capsys.readouterr()
    assert run(["audit", "query", "--tool", "rate_servers"]) == 0
    assert capsys.readouterr().out.count(f"{first.name.removeprefix('audit-')}/plant-0001:1") == 1
    assert run(["audit", "verify"]) == 0
    assert run(["backup", "restore", str(second / "b"), "--key", str(second / "kept.pub"), "--replace"]) == 0
    assert "\naudit logs /" not in capsys.readouterr().out, "all are here"


def test_one_that_was_changed_after_it_came_back_is_not_backed_up(typed: Bench, tmp_path: Path) -> None:
    lost_and_restored(typed, tmp_path)
    a_line_changed(brought(typed), typed.settings.memory / "audit")
    with pytest.raises(Refused, match=r"audit-2\S+ is not what was written: .*'arcops audit verify'"):
        backed_up(typed, tmp_path / "c")


def test_logs_that_no_restore_remembers_are_not_backed_up_and_what_to_do_is_said(typed: Bench, tmp_path: Path) -> None:
    lost_and_restored(typed, tmp_path)
    for lost in (its_key_removed, its_memory_removed):  # as an earlier build left them
        lost(brought(typed), typed.settings.memory / "audit")
    with pytest.raises(Refused, match="then move this folder away"):
        backed_up(typed, tmp_path / "c")


def test_logs_of_another_key_are_never_replaced(here: Bench, tmp_path: Path) -> None:
    path = backed_up(here, tmp_path / "b")
    settings = settings_of(tmp_path / "new")
    other = settings_of(tmp_path / "other")
    write(other, b"{}")
    place = place_of(settings).of_backup(f"{CLOCK:%Y%m%dT%H%M%SZ}")
    place.outside.mkdir(parents=True, mode=0o700)
    shutil.copy(place_of(other).public, place.public)
    with pytest.raises(Refused, match="has audit logs of another key"):
        back(here, path, settings)


def test_logs_here_are_read_one_after_the_other(here: Bench) -> None:
    assert [one.said.name for one in logs_here(here.settings)] == ["other-0001", "plant-0001"]
