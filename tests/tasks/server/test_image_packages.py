"""The packages that an image lists: what its own lists say is read, and what cannot be read is said."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from arcops.seen.server import Packages
from tasks.server.image_packages import packages_within

pytestmark = pytest.mark.requirement("HOST-001-004/images-are-patched")

DPKG = """\
Package: libc6
Status: install ok installed
Source: glibc
Version: 2.41-12
Description: of the test
 Package: not-a-field

Package: gone
Status: deinstall ok config-files
Version: 1

Package: libssl3t64
Status: install ok installed
Source: openssl (3.5.1-1)
Version: 3.5.1-1+b1
"""
RELEASE = 'PRETTY_NAME="Debian"\nID=debian\nVERSION_ID="13"\n'
LIBC = "pkg:deb/debian/libc6@2.41-12?distro=debian-13&upstream=glibc"


def seen(tmp_path: Path, files: dict[str, str | bytes]) -> Packages:
    for name, text in files.items():
        place = tmp_path / "rootfs" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(text if isinstance(text, bytes) else text.encode())
    return packages_within(tmp_path)


def test_packages_of_debian_have_their_release_and_their_source(tmp_path: Path) -> None:
    found = seen(tmp_path, {"usr/lib/os-release": RELEASE, "var/lib/dpkg/status": DPKG})
    ssl = "pkg:deb/debian/libssl3t64@3.5.1-1%2Bb1?distro=debian-13&upstream=openssl%403.5.1-1"
    assert [one.purl for one in found.within] == [LIBC, ssl]
    assert (found.listed, found.unread, found.packages) == (False, (), ())


def test_an_image_without_a_package_manager_has_its_lists_in_parts(tmp_path: Path) -> None:
    part = "Package: base-files\nVersion: 13.8\n"
    files = {"etc/os-release": RELEASE, "var/lib/dpkg/status.d/base": part, "var/lib/dpkg/status.d/base.md5sums": "x"}
    assert [(one.name, one.place) for one in seen(tmp_path, files).within] == [("base-files", "var/lib/dpkg/status.d/base")]


def test_packages_of_alpine(tmp_path: Path) -> None:
    listed = "C:Q1x=\nP:libcrypto3\nV:3.3.0-r2\no:openssl\nF:lib\nR:libcrypto.so.3\n\nP:musl\nV:1.2.5-r0\n\n"
    found = seen(tmp_path, {"etc/os-release": "ID=alpine\nVERSION_ID=3.20.3\n", "lib/apk/db/installed": listed})
    assert [one.purl for one in found.within] == [
        "pkg:apk/alpine/libcrypto3@3.3.0-r2?distro=alpine-3.20.3&upstream=openssl",
        "pkg:apk/alpine/musl@1.2.5-r0?distro=alpine-3.20.3",
    ]


def test_packages_of_python_and_node_that_the_distribution_did_not_bring(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        "etc/os-release": RELEASE,
        "var/lib/dpkg/status": DPKG,
        "var/lib/dpkg/info/python3-old.list": "/usr/lib/python3/dist-packages/old-1.0.egg-info/PKG-INFO\n",
        "usr/lib/python3/dist-packages/old-1.0.egg-info/PKG-INFO": "Name: old\nVersion: 1.0\n",
        "usr/local/lib/python3.13/site-packages/Made_It-2.0.dist-info/METADATA": "Name: Made_It\nVersion: 2.0\n\nVersion: 9\n",
        "app/node_modules/@made/tool/package.json": '{"name": "@made/tool", "version": "1.2.3"}',
        "app/node_modules/plain/package.json": '{"name": "plain", "version": "0.1.0"}',
        "app/node_modules/plain/test/package.json": '{"name": "of-a-test", "version": "9"}',
        "app/package.json": '{"name": "app", "version": "1.0.0"}',
    }
    found = seen(tmp_path, files)
    assert {one.purl for one in found.within if "deb" not in one.purl} == {
        "pkg:pypi/made-it@2.0",
        "pkg:npm/%40made/tool@1.2.3",
        "pkg:npm/plain@0.1.0",
    }
    assert found.unread == ()


@pytest.mark.parametrize(
    ("files", "why"),
    [
        ({"var/lib/dpkg/status": DPKG}, "it does not say of which distribution the packages in /var/lib/dpkg/status are"),
        ({"var/lib/rpm/rpmdb.sqlite": b"x"}, "/var/lib/rpm/rpmdb.sqlite is no list that SQLite can read"),
        ({"etc/os-release": RELEASE, "var/lib/dpkg/status": "Package: a\n"}, "does not say the name and the version"),
        ({"a/node_modules/b/package.json": "[" * 100_000}, "does not say the name and the version"),
        ({"a/b.dist-info/METADATA": b"\xff\xfe"}, "does not say the name and the version"),
    ],
)
def test_a_list_that_cannot_be_read_is_said(tmp_path: Path, files: dict[str, str | bytes], why: str) -> None:
    (unread,) = seen(tmp_path, files).unread
    assert why in unread


@pytest.mark.parametrize(
    "place",
    ["var/lib/dpkg/status", "lib/apk/db/installed", "var/lib/rpm/rpmdb.sqlite", "var/lib/rpmmanifest/container-manifest-2",
     "a/b.dist-info/METADATA", "a/node_modules/b/package.json"],
)  # fmt: skip
def test_a_list_that_cannot_be_opened_is_said(tmp_path: Path, place: str) -> None:
    path = tmp_path / "rootfs" / place
    path.parent.mkdir(parents=True)
    os.mknod(path, stat.S_IFSOCK | 0o600)  # no user can open it, not even root
    (unread,) = seen(tmp_path, {"etc/os-release": RELEASE}).unread
    assert f"/{place} cannot be opened" in unread


def test_a_link_leads_nowhere_outside(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_text(DPKG)
    place = tmp_path / "rootfs" / "var/lib/dpkg/status"
    place.parent.mkdir(parents=True)
    place.symlink_to(outside)
    assert seen(tmp_path, {"etc/os-release": RELEASE}).within == ()
