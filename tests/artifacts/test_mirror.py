"""The mirror: the same bytes every time, sound on arrival, refused when anything was done to it on the way."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from arcops.errors import Refused
from artifacts.bundle import open_sealed
from artifacts.mirror import export, import_mirror, read_mirror
from artifacts.private_key import create
from artifacts.store import Store
from tests.artifacts.reports import AT
from tests.artifacts.test_store import BODY, KEY, digest_of, filled

pytestmark = pytest.mark.requirement("ARC-1/kept-without-loss", "ARC-2/crosses-an-air-gap")


def mirrored(folder: Path, names: str = "abcde") -> bytes:
    with filled(folder / "source", names) as store:
        out = io.BytesIO()
        export(store, out, checkpoint=store.checkpoint(KEY), keys=[KEY.public])
        again = io.BytesIO()
        export(store, again, checkpoint=store.last_checkpoint() or b"", keys=[KEY.public])
    assert out.getvalue() == again.getvalue()
    return out.getvalue()


def test_everything_arrives(tmp_path: Path) -> None:
    (tmp_path / "mirror.tar").write_bytes(mirrored(tmp_path))

    with Store(tmp_path / "there", origin="example.org/there") as store:
        mirror = import_mirror(tmp_path / "mirror.tar", store, [KEY.public], at=AT)
        store.checkpoint(KEY)

        assert mirror.checkpoint.size == len(mirror.carried) == 5
        assert [item.subject for item in store.list()] == list("edcba")
        assert open_sealed(store.get(store.list()[0].artifact), [KEY.public]).report.subject.name == "e"
        assert store.get(digest_of(BODY)) == BODY
        assert store.check([KEY.public]) == ()


def test_a_chosen_artifact_travels_alone(tmp_path: Path) -> None:
    with filled(tmp_path / "source") as store:
        chosen = store.entries()[2].artifact
        with (tmp_path / "mirror.tar").open("wb") as out:
            assert export(store, out, checkpoint=store.checkpoint(KEY), keys=[KEY.public], artifacts=[chosen]) == 1
        with pytest.raises(Refused, match="is not in the part of the log"):
            export(store, io.BytesIO(), checkpoint=store.checkpoint(KEY), keys=[KEY.public], artifacts=[digest_of(b"")])

    assert [item.entry.artifact for item in read_mirror(tmp_path / "mirror.tar", [KEY.public]).carried] == [chosen]


def test_the_keys_inside_are_not_trusted(tmp_path: Path) -> None:
    (tmp_path / "mirror.tar").write_bytes(mirrored(tmp_path))

    with pytest.raises(Refused, match="no given key"):
        read_mirror(tmp_path / "mirror.tar", [create().public])


Members = list[tuple[tarfile.TarInfo, bytes]]


def rewritten(data: bytes, change: Callable[[Members], None]) -> bytes:
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        members: Members = [(member, tar.extractfile(member).read()) for member in tar]  # type: ignore[union-attr]  # plain files
    change(members)
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for member, content in members:
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return out.getvalue()


def named(members: Members, start: str) -> int:
    return next(index for index, (member, _) in enumerate(members) if member.name.startswith(start))


def drop(start: str) -> Callable[[Members], None]:
    return lambda members: members.pop(named(members, start)) and None


def add(name: str, kind: bytes = tarfile.REGTYPE) -> Callable[[Members], None]:
    def change(members: Members) -> None:
        member = tarfile.TarInfo(name)
        member.type = kind
        member.linkname = "/etc/passwd" if kind != tarfile.REGTYPE else ""
        members.append((member, b""))
        members.sort(key=lambda item: item[0].name)

    return change


def edit(start: str, old: bytes, new: bytes) -> Callable[[Members], None]:
    def change(members: Members) -> None:
        member, content = members[named(members, start)]
        assert old in content
        members[named(members, start)] = (member, content.replace(old, new, 1))

    return change


DAMAGE: dict[str, Callable[[Members], None]] = {
    "a path that escapes": add("../evil"),
    "an absolute path": add("/etc/evil"),
    "a file that does not belong": add("readme.txt"),
    "a link": add("objects/" + "0" * 64, tarfile.SYMTYPE),
    "an object that no one names": add("objects/e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
    "a member twice": lambda members: members.append(members[-1]),
    "another order": lambda members: members.reverse(),
    "no checkpoint": drop("checkpoint"),
    "no header": drop("mirror.json"),
    "no proof": drop("proofs/"),
    "no object": drop("objects/"),
    "an edited object": edit("objects/", b"s", b"S"),
    "an edited entry": edit("entries/", b"12:00:00Z", b"12:00:01Z"),
    "an edited checkpoint": edit("checkpoint", b"\n5\n", b"\n6\n"),
    "another format": edit("mirror.json", b"-v1", b"-v2"),
    "another log": edit("mirror.json", b"example.org/log", b"example.org/lag"),
    "another position": edit("proofs/000000000000", b'"position":0', b'"position":1'),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_what_was_damaged_on_the_way_is_refused_and_nothing_is_imported(tmp_path: Path, name: str) -> None:
    path = tmp_path / "mirror.tar"
    path.write_bytes(rewritten(mirrored(tmp_path), DAMAGE[name]))

    with Store(tmp_path / "there") as store:
        with pytest.raises(Refused):
            import_mirror(path, store, [KEY.public], at=AT)
        assert store.entries() == ()


def test_a_cut_or_foreign_file_is_refused(tmp_path: Path) -> None:
    data, path = mirrored(tmp_path, "a"), tmp_path / "mirror.tar"
    padded = data[:-1] + b"x"  # tar's own readers stop before it
    for bad in (b"", b"hello", data[:700], data[: len(data) // 2], padded, data + bytes(10240), data + b"x"):
        path.write_bytes(bad)
        with pytest.raises(Refused):
            read_mirror(path, [KEY.public])
