"""The list of RPM in an image: what it says is read, and what cannot be read is said and never left out."""

from __future__ import annotations

import struct
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arcops.errors import Refused
from tasks.server.rpm_list import _header, _package, rpms_of, rpms_said
from tests.simulators.rpm_database import OPENSSL, Values, database, header
from tests.tasks.server.test_image_packages import seen

pytestmark = pytest.mark.requirement("HOST-001-004/images-are-patched")

RHEL = 'ID="rhel"\nVERSION_ID="9.4"\n'
PURL = "pkg:rpm/rhel/openssl-libs@3.0.7-25.el9?arch=x86_64&distro=rhel-9.4&epoch=1&upstream=openssl-3.0.7-25.el9.src.rpm"
LIST = "usr/lib/sysimage/rpm/rpmdb.sqlite"
KEY: Values = {"name": "gpg-pubkey", "version": "fd431d51", "release": "4ae0493b"}


def test_packages_of_rpm_have_their_release_epoch_and_source(tmp_path: Path) -> None:
    node: Values = {
        "name": "npm", "version": "8.19", "release": "1.module+el9", "module": "nodejs:18:9020:1",
        "source": "nodejs-18.1-1.src.rpm",
    }  # fmt: skip
    made = database(tmp_path, header(OPENSSL), header(KEY), header(node))
    found = seen(tmp_path, {"etc/os-release": RHEL, LIST: made, "usr/lib/sysimage/rpm/.rpm.lock": ""})
    assert found.unread == ()
    of_node = "pkg:rpm/rhel/npm@8.19-1.module%2Bel9?distro=rhel-9.4&rpmmod=nodejs:18:9020:1&upstream=nodejs-18.1-1.src.rpm"
    assert [one.purl for one in found.within] == [of_node, PURL], "and the key is no package"


def test_two_names_of_one_folder_are_one_list(tmp_path: Path) -> None:
    (tmp_path / "rootfs" / "var" / "lib").mkdir(parents=True)
    (tmp_path / "rootfs" / "var" / "lib" / "rpm").symlink_to("../../usr/lib/sysimage/rpm")
    found = seen(tmp_path, {"etc/os-release": RHEL, LIST: database(tmp_path, header(OPENSSL))})
    assert ([one.purl for one in found.within], found.unread) == ([PURL], ())


def test_python_packages_that_an_rpm_brought_are_compared_as_that(tmp_path: Path) -> None:
    folder = "usr/lib/python3.9/site-packages/six-1.0.dist-info"
    owned: Values = {
        "name": "python3-six", "version": "1.0", "release": "1.el9", "folders": [f"/{folder}/"], "bases": ["METADATA"],
        "places": [0],
    }  # fmt: skip
    files: dict[str, str | bytes] = {"etc/os-release": RHEL, f"{folder}/METADATA": "Name: six\nVersion: 1.0\n"}
    assert [one.name for one in seen(tmp_path, files).within] == ["six"]
    assert [one.name for one in seen(tmp_path, files | {LIST: database(tmp_path, header(owned))}).within] == ["python3-six"]


def test_an_image_of_azure_linux_without_rpm_has_its_list_as_text(tmp_path: Path) -> None:
    said = "openssl\t3.3.5-4.azl3\t1\t1\tMicrosoft Corporation\t(none)\t5\tx86_64\t0\topenssl-3.3.5-4.azl3.src.rpm\n"
    files: dict[str, str | bytes] = {"etc/os-release": "ID=azurelinux\nVERSION_ID=3.0\n"}
    place = "var/lib/rpmmanifest/container-manifest-2"
    (one,) = seen(tmp_path, files | {place: said}).within
    upstream = "upstream=openssl-3.3.5-4.azl3.src.rpm"
    assert one.purl == f"pkg:rpm/azurelinux/openssl@3.3.5-4.azl3?arch=x86_64&distro=azurelinux-3.0&epoch=0&{upstream}"
    assert seen(tmp_path, files | {place: said + "half a line\n"}).unread == (
        f"/{place} has a line without the 10 columns of a package",
    )


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("Packages", b"\0" * 64, "is in a format that is not read here (Packages)"),
        ("Packages.db", b"RpmP", "is in a format that is not read here (Packages.db)"),
        ("rpmdb.sqlite-wal", b"1", "has changes that were not written into it"),
        ("rpmdb.sqlite-journal", b"1", "has changes that were not written into it"),
    ],
)
def test_a_list_that_is_not_read_is_said(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    """Also beside one that is read: no one knows which of them counts."""
    made = database(tmp_path, header(OPENSSL))
    for files in ({}, {"var/lib/rpm/rpmdb.sqlite": made}):
        found = seen(tmp_path, {"etc/os-release": RHEL, f"var/lib/rpm/{name}": content, **files})
        assert any(said in one for one in found.unread), found.unread


GOOD = header(OPENSSL)


@pytest.mark.parametrize(
    ("blob", "said"),
    [
        (GOOD[:-1], "not as long as it says"),
        (GOOD + b"x", "not as long as it says"),
        (b"", "cut off"),
        (struct.pack(">II", 0, 0), "does not say its name"),
        (header({**OPENSSL, "version": ""}), "does not say its name"),
        (header({**OPENSSL, "places": [7]}), "in no folder"),
        (header({**OPENSSL, "places": [0, 0]}), "in no folder"),
        (header({**OPENSSL, "name": 7}), "a text as something else"),
        (header({**OPENSSL, "epoch": "1"}), "a number as something else"),
        (GOOD.replace(struct.pack(">I", 1002), struct.pack(">I", 1001)), "twice"),
        (GOOD.replace(struct.pack(">IIi", 1000, 6, 0), struct.pack(">IIi", 1000, 6, 9999)), "behind its end"),
        (GOOD.replace(struct.pack(">IIiI", 1000, 6, 0, 1), struct.pack(">IIiI", 1000, 8, 0, 40)), "does not end"),
    ],
)
def test_a_header_that_cannot_be_read_is_said(tmp_path: Path, blob: bytes, said: str) -> None:
    with pytest.raises(Refused, match=said):
        list(rpms_of(database(tmp_path, GOOD, blob)))
    found = seen(tmp_path, {"etc/os-release": RHEL, LIST: database(tmp_path, GOOD, blob)})
    assert [one.purl for one in found.within] == [PURL]
    assert any(said in one and one.startswith(f"/{LIST} ") for one in found.unread), found.unread


def test_what_is_no_database_is_said(tmp_path: Path) -> None:
    made = database(tmp_path, GOOD)
    for wrong in (b"", b"SQLite format 3\0", made[:3000], b"x" * 9000, database(tmp_path, GOOD, table="Others")):
        with pytest.raises(Refused):
            list(rpms_of(wrong))


@given(st.data())
def test_a_changed_byte_is_no_crash(data: st.DataObject) -> None:
    """Whatever stands there: packages, or one sentence."""
    changed = bytearray(GOOD)
    changed[data.draw(st.integers(0, len(GOOD) - 1))] = data.draw(st.integers(0, 255))
    with suppress(Refused):
        assert _package(_header(bytes(changed))).name


@given(st.binary(max_size=200))
def test_a_text_of_any_bytes_is_no_crash(text: bytes) -> None:
    with suppress(Refused):
        list(rpms_said(text))
