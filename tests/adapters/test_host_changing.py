"""``arcops host update``, ``patch`` and ``switch``: what is not good changes nothing, and nothing switches by itself."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from services.host.installers import pypi
from tests.adapters.hosted_world import Named
from tests.adapters.test_host_deploy import REFUSED, Site, site
from tests.adapters.test_host_mirror import GREEN, POLICY, Mirror
from tests.tasks.server.made import advisories, advisory

__all__ = ["site"]


@pytest.mark.requirement("HOST-001-004/new-versions-are-tried-first")
def test_an_update_is_tried_and_what_fails_changes_nothing(site: Site) -> None:
    site.deployed("--no-key", "--owner", "one")
    told = site.arcops("update", "echo", "--env", "MODE=fast", "--most", "4", "--owner", "two")
    assert "echo: version 2 counts now, AMBER" in told
    shown = site.arcops("history", "echo")
    assert 'environment=["MODE=fast"]' in shown
    assert "most=4" in shown
    assert json.loads(site.arcops("status", "echo", "--format", "json"))["owner"] == "two"
    told = site.arcops("update", "echo", "--command", "nothing.py", expect=REFUSED)
    assert "version 3 of echo does not serve, and version 2 goes on" in told
    told = site.arcops("update", "echo", "--secret", "TOKEN=env:NOT_HERE", expect=REFUSED)
    assert "goes on" in told
    assert "* 2 " in site.arcops("history", "echo")
    assert "is not NAME=VALUE" in site.arcops("update", "echo", "--env", "OTHER", expect=REFUSED)
    assert "version 5 counts now" in site.arcops("update", "echo", "--env", "MODE")
    assert "environment" not in site.arcops("history", "echo").splitlines()[0]


@pytest.mark.requirement("HOST-001-004/new-versions-are-tried-first")
def test_a_rollback_to_what_is_not_good_any_more_changes_nothing(site: Site) -> None:
    site.deployed("--no-key")
    site.changes("return text", "return text.upper()")
    site.deployed("--no-key")
    site.arcops("rollback", "echo", "--to", "7", expect=REFUSED)
    site.arcops("switch", "echo", "--to", "2", expect=REFUSED)
    site.arcops("rollback", "echo")
    assert "* 3 " in site.arcops("history", "echo")
    site.arcops("rollback", "echo")  # back again: the version that counted before
    assert "* 4 " in site.arcops("history", "echo")


@pytest.mark.requirement("HOST-001-004/patches-are-proposed")
def test_an_advisory_makes_a_proposal_and_switches_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    there = Named(tmp_path)
    (tmp_path / "policy.yaml").write_text(POLICY)
    mirror = Mirror(tmp_path)
    mirror.server = replace(mirror.server, name="made")
    for line in (
        ("keys", "new"),
        ("keys", "trust", tmp_path / "home" / "keys" / "arcops.pub"),
        ("policy", "register", tmp_path / "policy.yaml"),
        ("host", "mirror", "use", mirror.write()),
    ):
        assert there.arcops(*line).returncode == GREEN
    assert there.arcops("host", "gate", "made").returncode == GREEN

    def patched() -> dict[str, Any]:
        done = there.arcops("host", "patch", "--format", "json")
        assert done.returncode == 0, done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    assert patched() == {"looked": 1, "proposed": [], "unseen": []}
    newer = advisories(tmp_path / "newer", advisory("PyPI", "GHSA-new", "made-server"))
    (tmp_path / "home" / "data" / "osv.sqlite").write_bytes((newer / "osv.sqlite").read_bytes())
    monkeypatch.setattr(pypi, "resolve", lambda package, at: mirror.lock)
    told = patched()["proposed"][0]
    assert (told["name"], told["version"]) == ("made", 0)
    assert "GHSA-new" in told["known"]
    assert told["why"] == "the index gives the same packages still; try again later"

    other = replace(mirror.lock, text=f"# resolved again\n{mirror.lock.text}")
    monkeypatch.setattr(pypi, "resolve", lambda package, at: other)
    mirrored = tmp_path / "home" / "hosted" / "mirrored"
    shutil.copytree(*(mirrored / one.digest.partition(":")[2][:40] for one in (mirror.lock, other)))
    told = patched()["proposed"][0]
    assert (told["version"], told["verdict"]) == (2, "RED")
    assert "RED" in told["why"]
    assert patched()["proposed"] == [told], "the same is not proposed twice"
    history = json.loads(there.arcops("host", "history", "made", "--format", "json").stdout)
    assert history["current"] == 1
    assert history["versions"][0]["package"] == "pypi:made-server==9.0.0", "the first version with the fix"
    assert there.arcops("host", "switch", "made", "--to", "2").returncode == REFUSED
    assert json.loads(there.arcops("host", "history", "made", "--format", "json").stdout)["current"] == 1
