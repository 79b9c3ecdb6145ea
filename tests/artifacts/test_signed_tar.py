"""The tar that ends with a signed statement, and encryption for one reader: every byte counts, and nothing is guessed."""

from __future__ import annotations

import hashlib
import io
import tarfile
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arcops.errors import Refused, Unavailable
from artifacts.encryption import ContentKey, PassphraseLock, unlocked
from artifacts.signed_tar import SIGNED, TarPart, TarWriter, opened_tar
from artifacts.site_backup import (
    DatabaseBackedUp,
    LogBackedUp,
    NotBackedUp,
    SiteBackup,
    TableBackedUp,
)
from artifacts.site_bundle import ImageCarried, SiteBundle, WheelCarried
from artifacts.writing import stream_new, sweep
from tests.artifacts.reports import AT

pytestmark = pytest.mark.requirement("BASE-8/backups-are-verified-and-restored")
PASSPHRASE = "correct horse battery"


def site_backup() -> SiteBackup:
    return SiteBackup(
        site="plant",
        taken=AT,
        version="0.1.0",
        log=LogBackedUp(origin="arcops.local/store", entries=2, root="a" * 64, newest=AT),
        database=DatabaseBackedUp(
            kind="sqlite", schema="0016", tables=(TableBackedUp(name="arcops_api_key", rows=1, digest="b" * 64),)
        ),
        locks=(PassphraseLock(salt="c" * 32, memory=65536, rounds=3, lanes=4, locked="d" * 120),),
        parts=(TarPart(name="store/log", size=300, digest=f"sha256:{'e' * 64}"),),
        left_out=(NotBackedUp(what="cache", why="it is made again"),),
    )


def site_bundle() -> SiteBundle:
    return SiteBundle(
        version="0.1.0",
        schema="0016",
        made=AT,
        images=(ImageCarried(name="server", digest=f"sha256:{'a' * 64}"),),
        wheels=(WheelCarried(name="arcops", version="0.1.0", digest=f"sha256:{'b' * 64}"),),
        parts=(TarPart(name="docs/index.md", size=12, digest=f"sha256:{'c' * 64}"),),
        not_given=("chart", "trust", "data", "policies"),
    )


def written(path: Path, members: dict[str, bytes]) -> tuple[TarPart, ...]:
    with path.open("wb") as file:
        tar = TarWriter(file)
        for name, data in members.items():
            tar.add(name, data)
        parts = tuple(tar.parts)
        tar.finish(b"{}")
    return parts


@given(data=st.lists(st.binary(max_size=1500), max_size=4))
def test_what_was_written_is_read(tmp_path_factory: pytest.TempPathFactory, data: list[bytes]) -> None:
    path = tmp_path_factory.mktemp("tar") / "x.tar"
    members = {f"folder/{number}": one for number, one in enumerate(data)}
    parts = written(path, members)
    with opened_tar(path, "the tar") as tar:
        assert {name: tar.read(name, 10_000) for name in tar.names} == members
        tar.verify({one.name: one for one in parts})
        assert tar.sealed == b"{}"
    with tarfile.open(path) as plain:
        assert plain.getnames() == [*members, SIGNED]


def test_each_byte_is_hashed_once_when_it_is_verified(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Backups and bundles have gigabytes, and hashing is most of the work."""
    parts = {one.name: one for one in written(tmp_path / "x.tar", {"a": bytes(3 << 20), "b": b"", "c": b"c"})}
    pieces: list[int] = []

    class Counted:
        def __init__(self) -> None:
            self._digest = hashlib.new("sha256")

        def update(self, data: bytes) -> None:
            pieces.append(len(data))
            self._digest.update(data)

        def hexdigest(self) -> str:
            return self._digest.hexdigest()

    monkeypatch.setattr(hashlib, "sha256", Counted)
    with opened_tar(tmp_path / "x.tar", "the tar") as tar:
        pieces.clear()
        tar.verify(parts)
        assert sum(pieces) == (3 << 20) + 1
        assert tar.read("a", 3 << 20) == bytes(3 << 20)  # and compared once more
        assert sum(pieces) == 2 * (3 << 20) + 1


LONG = f"wheels/charset_normalizer-3.4.4-cp311-cp311-{'.'.join(['manylinux_2_17_x86_64'] * 4)}.whl"


@pytest.mark.parametrize("name", [LONG, "b" * 101, "c/" * 100 + "d" * 101, "e" * 480, f"{'f' * 150}/{'g' * 100}"])
def test_a_long_name_is_carried_and_every_bit_of_it_counts(tmp_path: Path, name: str) -> None:
    path = tmp_path / "x.tar"
    parts = written(path, {"a": b"1", name: b"2" * 600, "z": b"3"})
    with opened_tar(path, "the tar") as tar:
        assert tar.names == ("a", name, "z")
        assert tar.read(name, 600) == b"2" * 600
        tar.verify({one.name: one for one in parts})
    with tarfile.open(path) as plain:
        assert plain.getnames() == ["a", name, "z", SIGNED]
    data = path.read_bytes()
    for at in range(1024, 1024 + 3 * 512, 7):
        path.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
        with pytest.raises(Refused), opened_tar(path, "the tar") as tar:
            tar.verify({one.name: one for one in parts})


def test_a_file_of_eight_gibibytes_is_refused_before_a_byte_of_it() -> None:
    file = io.BytesIO()
    with pytest.raises(Refused, match="has 8,589,934,592 bytes"):
        TarWriter(file).copy("a", io.BytesIO(), 8 * 1024**3)
    assert file.getvalue() == b""


def test_each_bit_outside_of_the_content_counts(tmp_path: Path) -> None:
    path = tmp_path / "x.tar"
    parts = written(path, {"a": b"x" * 600, "b": b""})
    data = path.read_bytes()
    for at in range(len(data)):
        if data[at : at + 1] == b"x" or data[at : at + 2] == b"{}" or data[at - 1 : at + 1] == b"{}":
            continue
        path.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
        with pytest.raises(Refused), opened_tar(path, "the tar") as tar:
            tar.verify({one.name: one for one in parts})


@pytest.mark.parametrize("name", ["/a", "../a", "a/../b", "a//b", "", "./a", "a\nb", "ä", "a" * 481, "a/", " a"])
def test_a_name_that_leads_elsewhere_is_neither_written_nor_read(tmp_path: Path, name: str) -> None:
    with pytest.raises(Refused, match=r"cannot be the name|is too long"):
        TarWriter(io.BytesIO()).add(name, b"")
    path = tmp_path / "x.tar"
    member = tarfile.TarInfo(name or "x/")
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as tar:
        tar.addfile(member)
    with pytest.raises(Refused), opened_tar(path, "the tar"):
        pass


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.CHRTYPE])
def test_only_regular_files_are_read(tmp_path: Path, kind: bytes) -> None:
    path = tmp_path / "x.tar"
    member = tarfile.TarInfo("a")
    member.type, member.linkname, member.mode = kind, "/etc/passwd", 0o644
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as tar:
        tar.addfile(member)
    with pytest.raises(Refused, match=r"not as ArcOps writes it|was changed"), opened_tar(path, "the tar"):
        pass


def test_a_name_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.tar"
    with path.open("wb") as file:
        tar = TarWriter(file)
        tar.add("a", b"1")
        tar.add("a", b"2")
        tar.finish(b"{}")
    with pytest.raises(Refused, match="has a twice"), opened_tar(path, "the tar"):
        pass


class TestEncryption:
    def test_who_has_the_passphrase_reads_it(self) -> None:
        key = ContentKey.new()
        locks = (ContentKey.new().locked("another passphrase"), key.locked(PASSPHRASE))
        opened = unlocked(locks, lambda: PASSPHRASE)
        assert opened.decrypt(key.encrypt(b"secret", "name"), "name") == b"secret"
        assert key.encrypt(b"secret", "name") != key.encrypt(b"secret", "name")
        assert "secret" not in repr(key)

    def test_no_piece_stands_for_another(self) -> None:
        key = ContentKey.new()
        sealed = key.encrypt(b"secret", "one")
        for wrong in (sealed[:-1], sealed[:5], b"", sealed[:-1] + bytes([sealed[-1] ^ 1])):
            with pytest.raises(Refused, match="one cannot be decrypted"):
                key.decrypt(wrong, "one")
        with pytest.raises(Refused, match="two cannot be decrypted"):
            key.decrypt(sealed, "two")
        with pytest.raises(Refused, match="one cannot be decrypted"):
            ContentKey.new().decrypt(sealed, "one")

    def test_a_lock_that_would_take_all_memory_is_not_tried(self) -> None:
        lock = ContentKey.new().locked(PASSPHRASE)
        for wrong in (
            replace(lock, memory=1 << 30),
            replace(lock, rounds=1 << 20),
            replace(lock, lanes=0),
            replace(lock, locked="00"),
            replace(lock, salt="no hex"),
        ):
            with pytest.raises(Refused, match="the lock of the backup"):
                unlocked((wrong,), lambda: PASSPHRASE)

    def test_nothing_opens_what_has_no_lock(self) -> None:
        with pytest.raises(Refused, match="the passphrase is wrong"):
            unlocked((), lambda: PASSPHRASE)


def test_what_is_written_in_a_stream_is_left_alone_by_others_while_its_writer_lives(tmp_path: Path) -> None:
    def write(file: BinaryIO) -> None:
        sweep(tmp_path)
        file.write(b"whole")

    stream_new(tmp_path / "x", write)
    assert [one.name for one in tmp_path.iterdir()] == ["x"]
    assert (tmp_path / "x").read_bytes() == b"whole"


@pytest.mark.parametrize("error", [FileNotFoundError(2, "gone"), IsADirectoryError(21, "a folder"), OSError(28, "full")])
def test_an_error_of_who_reads_the_tar_is_not_said_of_the_tar(error: OSError, tmp_path: Path) -> None:
    """A full disk elsewhere is no fault of the file that is read."""
    with (tmp_path / "t").open("wb") as file:
        TarWriter(file).finish(b"{}")
    with pytest.raises(type(error)) as caught, opened_tar(tmp_path / "t", "it"):
        raise error
    assert caught.value is error


def test_a_tar_that_cannot_be_read_is_said_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Refused, match="does not exist"), opened_tar(tmp_path / "t", "it"):
        pass
    with pytest.raises(Refused, match="is a folder, and it is a file"), opened_tar(tmp_path, "it"):
        pass
    with (tmp_path / "t").open("wb") as file:
        TarWriter(file).finish(b"{}")

    class Broken(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            raise OSError(5, "Input/output error")

    with opened_tar(tmp_path / "t", "it") as tar, monkeypatch.context() as patch:
        patch.setattr(tar, "_file", Broken())
        with pytest.raises(Unavailable, match="it cannot be read: Input/output error"):
            tar.read(SIGNED, 10)
