"""What became known since a verdict takes it away, on the next look at it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from flows.policies.reading import parse_policy
from services.host.known_since import KnownSince
from services.host.lock import Lock
from tests.evidence import NOW
from tests.tasks.server.made import advisories, advisory, node_server, python_server

pytestmark = pytest.mark.requirement("HOST-020/only-green-servers-start")

POLICY = parse_policy(
    b"name: t\nvalidFor: P7D\ngates:\n  server-origin: {}\n  server-advisories: {failAt: 70, warnAt: 40}\n", where="test"
)
WITHOUT = parse_policy(b"name: t\nvalidFor: P7D\ngates:\n  server-origin: {}\n", where="test")


@pytest.mark.parametrize(("make", "ecosystem", "package"), [(python_server, "PyPI", "fast"), (node_server, "npm", "tool")])
def test_a_new_advisory_about_a_package_speaks_against_its_lock(
    tmp_path: Path, make: object, ecosystem: str, package: str
) -> None:
    data = advisories(tmp_path / "data")
    found = make(tmp_path / "server", data).case.lock  # type: ignore[operator]  # one of two functions
    lock, asked = Lock(package=found.package, runtime=found.runtime, text=found.text), KnownSince(data)
    assert asked.against("made", lock, POLICY, NOW) == ""
    newer = advisories(tmp_path / "newer", advisory(ecosystem, "GHSA-new", package))
    shutil.copy(newer / "osv.sqlite", data / "osv.sqlite")
    os.utime(data / "osv.sqlite", ns=(1, 1))
    assert f"GHSA-new covers pkg:{ecosystem.lower()}/{package}@2.0" in asked.against("made", lock, POLICY, NOW)
    assert asked.against("made", lock, WITHOUT, NOW) == ""
    (data / "osv.sqlite").unlink()
    assert "no advisory data is on this host" in asked.against("made", lock, POLICY, NOW)
    (data / "osv.sqlite").write_bytes(b"damaged")
    assert "cannot be asked" in asked.against("made", lock, POLICY, NOW)


@pytest.mark.parametrize("package", ["folder:/srv/x", "remote:https://mcp.example/mcp", "sse:https://mcp.example/sse"])
def test_what_lists_no_packages_has_none_to_ask_about(tmp_path: Path, package: str) -> None:
    lock = Lock(package=package, runtime="any", text="sha256:1")
    assert KnownSince(tmp_path).against("made", lock, POLICY, NOW) == ""


def test_an_image_is_asked_by_its_own_lists_once_it_is_installed(tmp_path: Path) -> None:
    data = advisories(tmp_path / "data", advisory("PyPI", "GHSA-new", "made-it"))
    lock = Lock(package=f"oci:/srv/x@sha256:{'0' * 64}", runtime="any", text="{}")
    asked = KnownSince(data, lambda _: tmp_path)
    before = asked.asked("made", lock, POLICY, NOW)
    assert (before.text, "is not installed on this host" in before.unseen) == ("", True)
    metadata = tmp_path / "tree" / "rootfs" / "lib" / "Made_It-2.0.dist-info" / "METADATA"
    metadata.parent.mkdir(parents=True)
    metadata.write_text("Name: Made_It\nVersion: 2.0\n")
    found = asked.asked("made", lock, POLICY, NOW)
    assert "GHSA-new covers pkg:pypi/made-it@2.0" in found.text
    assert [str(one) for one in found.fixes] == ["GHSA-new in pkg:pypi/made-it@2.0: fixed in 9.0.0"]
    assert found.unseen == ""
    assert asked.within(lock) == ("pkg:pypi/made-it@2.0",)
