"""``arcops host patch`` for a server in an image, from outside: an advisory about its base makes a proposal."""

from __future__ import annotations

import json
import os
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from adapters.cli.surroundings import place
from capabilities.server.patching import Patched
from capabilities.server.running import patching_here
from foundation.database.lease import Leases
from foundation.database.opening import opened
from tests.adapters.test_host_mirror import GREEN, Site
from tests.simulators.image import Layout, files, program
from tests.simulators.rpm_database import OPENSSL, database, header
from tests.tasks.server.made import advisory
from tests.tasks.server.test_image_packages import DPKG, RELEASE

AMBER = 4
pytestmark = pytest.mark.requirement(
    "HOST-001-004/images-are-patched", "HOST-001-004/patches-are-told", "HOST-001-004/progress-is-shown"
)

POLICY = """\
name: mirrored
description: For an image of the test.
validFor: P7D
amberPasses: true
gates:
  server-origin: {{sources: [oci], packages: ["oci:*"], foldersWarn: true}}
  server-contents: {{native: [{native}]}}
  server-advisories: {{minAdvisories: 1, foldersWarn: true}}
"""


class World:
    """A site with an image on a base of Debian, and a newer one that is not in its layout yet."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.site = folder, Site(folder)
        (folder / "layout").mkdir()
        self.layout = Layout(folder / "layout")
        self.server = program(folder)
        self.old, self.new = self._image("2.41-12", "2026-10-01T00:00:00Z"), self._image("2.41-13", "2026-11-01T00:00:00Z")
        self.layout.lists(self.old)
        named = ", ".join(f'"{self.package(one)}"' for one in (self.old, self.new))
        (folder / "policy.yaml").write_text(POLICY.format(native=named))
        self.imports()
        for line in (
            ("keys", "new"),
            ("keys", "trust", folder / "home" / "keys" / "arcops.pub"),
            ("policy", "register", folder / "policy.yaml"),
            ("host", "add", "image", "--package", self.package(self.old), "--stateless"),
            ("host", "gate", "image"),
        ):
            done = self.site.arcops(*line)
            assert done.returncode in (GREEN, AMBER), done.stdout + done.stderr

    def _image(self, libc: str, created: str) -> str:
        said = DPKG.replace("2.41-12", libc)
        base = files({"etc/os-release": RELEASE.encode(), "var/lib/dpkg/status": said.encode()})
        return self.layout.image([base, files({"app/server": self.server})], created=created, Entrypoint=["/app/server"])

    def package(self, digest: str) -> str:
        return f"oci:{self.layout.folder}@{digest}"

    def imports(self, *names: str) -> None:
        """The advisories of Debian, those of *names* about glibc."""
        self.exported("Debian:13", "glibc", "2.41-13", names)

    def exported(self, ecosystem: str, about: str, fixed: str, names: tuple[str, ...]) -> None:
        today = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        export = self.folder / "advisories.zip"
        with zipfile.ZipFile(export, "w") as made:
            for name, package in [("DSA-0", "another"), *((one, about) for one in names)]:
                one: Any = advisory(ecosystem, name, package) | {"modified": today}
                one["affected"][0]["ranges"][0]["events"] = [{"introduced": "0"}, {"fixed": fixed}]
                made.writestr(f"{name}.json", json.dumps(one))
        done = self.site.arcops("data", "import", export)
        assert done.returncode == GREEN, done.stderr

    def looks_by_itself(self) -> None:
        """As a host does while it serves: in a process of its own."""
        here = mock.patch("capabilities.server.patching.patched", side_effect=AssertionError)
        with mock.patch.dict(os.environ, self.site.environment, clear=True), here:
            at = place()
            with opened(at.settings) as database:
                assert patching_here(
                    database, Leases(database, "a-host"), at, self.site.environment | {"PATH": os.defpath}
                ).look()

    def status(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.site.arcops("host", "status", "image", "--format", "json").stdout)
        return found

    def patched(self) -> dict[str, Any]:
        done = self.site.arcops("host", "patch", "--format", "json")
        assert done.returncode == GREEN, done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found


def test_an_advisory_about_a_base_makes_a_proposal_and_what_is_not_seen_is_not_called_clean(tmp_path: Path) -> None:
    world = World(tmp_path)
    assert world.patched() == {"looked": 1, "proposed": [], "unseen": []}
    data = tmp_path / "home" / "data" / "osv.sqlite"
    kept = data.rename(data.with_name("elsewhere"))
    said = world.site.arcops("host", "patch").stdout
    assert "image: not everything could be seen: no advisory data is on this host" in said
    assert "no advisory speaks against what 0 of 1 servers are made of" in said
    kept.rename(data)
    world.imports("DSA-9")
    explained = world.site.arcops("host", "explain", "image")
    assert "DSA-9 covers pkg:deb/debian/libc6@2.41-12" in explained.stdout, "and it does not run any more"
    found = json.loads(world.site.arcops("host", "explain", "image", "--format", "json").stdout)
    assert "pkg:deb/debian/libc6@2.41-12?distro=debian-13&upstream=glibc" in found["packages"]
    world.looks_by_itself()
    by_itself = world.status()["patch"]
    assert (by_itself["version"], "build it again on its base" in by_itself["missing"]) == (0, True)
    (told,) = world.patched()["proposed"]
    assert told["artifact"] == by_itself["artifact"], "it was told already"
    assert (told["version"], told["name"]) == (0, "image")
    assert told["fixes"] == ["DSA-9 in pkg:deb/debian/libc6@2.41-12?distro=debian-13&upstream=glibc: fixed in 2.41-13"]
    assert "build it again on its base, which the image does not name" in told["why"]

    world.layout.lists(world.old, world.new)
    rebuild = world.status()["patch"]
    assert (rebuild["version"], rebuild["missing"], rebuild["artifact"]) == (0, told["why"], told["artifact"])
    (told,) = world.patched()["proposed"]
    assert (told["version"], told["verdict"], told["why"]) == (2, "AMBER", "")
    assert world.patched()["proposed"] == [told], "the same is not proposed twice, nor kept as two artifacts"
    patch = world.status()["patch"]
    assert (patch["version"], patch["verdict"], patch["artifact"]) == (2, "AMBER", told["artifact"])
    assert "Next: arcops host diff image --to 2" in world.site.arcops("host", "status", "image").stdout
    history = json.loads(world.site.arcops("host", "history", "image", "--format", "json").stdout)
    assert (history["current"], [one["proposed"] for one in history["versions"]]) == (1, [True, False])
    done = world.site.arcops("host", "switch", "image", "--to", "2")
    assert done.returncode == GREEN, done.stderr
    assert world.package(world.new) in world.site.arcops("host", "status", "image").stdout
    assert world.patched()["proposed"] == []
    status = world.status()
    assert status["patch"] is None, "it is about a version that counts no more"
    assert [(one["step"], one["outcome"]) for one in status["steps"]] == [
        (one, "done") for one in ("resolve", "install", "gate", "start", "handshake", "mount")
    ]


class RedHat(World):
    """The same on a base whose list is RPM's."""

    def _image(self, libc: str, created: str) -> str:
        release = libc.replace("2.41-", "") + ".el9"
        listed = database(self.folder, header({**OPENSSL, "release": release, "source": f"openssl-3.0.7-{release}.src.rpm"}))
        base = files({"etc/os-release": b'ID="rhel"\nVERSION_ID="9.4"\n', "var/lib/rpm/rpmdb.sqlite": listed})
        return self.layout.image([base, files({"app/server": self.server})], created=created, Entrypoint=["/app/server"])

    def imports(self, *names: str) -> None:
        self.exported("Red Hat:enterprise_linux:9::baseos", "openssl", "1:3.0.7-13.el9", names)


def test_an_image_with_the_list_of_rpm_is_compared(tmp_path: Path) -> None:
    world = RedHat(tmp_path)
    assert world.patched() == {"looked": 1, "proposed": [], "unseen": []}
    world.imports("RHSA-9")
    assert "may not run: since it was judged, RHSA-9 covers pkg:rpm/rhel/openssl-libs@3.0.7-12.el9" in (
        world.site.arcops("host", "explain", "image").stdout
    )
    world.layout.lists(world.old, world.new)
    (told,) = world.patched()["proposed"]
    assert (told["version"], told["verdict"], told["why"]) == (2, "AMBER", "")
    assert told["fixes"][0].endswith("fixed in 1:3.0.7-13.el9")


def test_a_key_that_a_person_opened_is_used_where_it_is_open(tmp_path: Path) -> None:
    """No other process can sign with it: what is done by itself is done in this one."""
    site = Site(tmp_path)
    assert site.arcops("keys", "new").returncode == GREEN
    without = {name: value for name, value in site.environment.items() if name != "ARCOPS_PASSPHRASE"}
    with (
        mock.patch.dict(os.environ, without, clear=True),
        mock.patch("capabilities.server.patching.patched", return_value=Patched(looked=0, proposed=())) as looked,
    ):
        at = place()
        with opened(at.settings) as database:
            for environment in (without, {**without, "ARCOPS_PASSPHRASE_FILE": "/dev/null"}):
                assert patching_here(database, Leases(database, "a-host"), at, environment).look()
    assert [one.kwargs["by"] for one in looked.call_args_list] == ["this host, because of an advisory"] * 2
