"""``arcops host catalog`` from outside: imported, found, approved by the right person, hosted, with its badge."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from unittest import mock

import pytest

from adapters.cli import surroundings
from arcops.errors import Refused
from arcops.identity import Identity
from artifacts.public_key import load_public_key
from capabilities.access.known import authorization
from capabilities.access.permitting import permitted
from capabilities.server.catalog_deciding import HostCatalogApprove, host_catalog_approve
from flows.place import Place
from services.host.catalog.document import OURS
from tests.adapters.hosted_world import Named
from tests.adapters.test_host_mirror import GREEN, POLICY, RED, Mirror
from tests.services.host.catalog.documents import page, server

pytestmark = pytest.mark.requirement("HOST-OPS/catalog-with-approvals", "HOST-META/rows-from-the-catalog")

NAME = "io.example/made"
PACKAGES = [{"registryType": "pypi", "identifier": "made-server", "version": "1.0", "transport": {"type": "stdio"}}]


@pytest.fixture
def site(tmp_path: Path) -> Named:
    found = Named(tmp_path)
    (tmp_path / "registry.json").write_bytes(page(server(NAME, "1.0.0", packages=PACKAGES, title="Made")))
    done = found.arcops("host", "catalog", "import", tmp_path / "registry.json")
    assert done.returncode == GREEN, done.stderr
    assert done.stdout.startswith("1 proposed")
    return found


def place(site: Named) -> Place:
    with mock.patch.dict(os.environ, site.environment, clear=True):
        return surroundings.place()


def shown(site: Named) -> dict[str, object]:
    done = site.arcops("host", "catalog", "show", NAME, "--format", "json")
    assert done.returncode == GREEN, done.stderr
    found: dict[str, object] = json.loads(done.stdout)["versions"][0]
    return found


def test_only_an_approved_version_becomes_a_row(site: Named) -> None:
    add = ("host", "add", "made", "--from-catalog", NAME)
    refused = site.arcops(*add)
    assert refused.returncode != GREEN
    assert "1.0.0 is proposed, so it is not hosted" in refused.stderr
    assert site.arcops("host", "catalog", "search", "zone").stdout.startswith("nothing was found by words")
    assert site.arcops("host", "catalog", "approve", NAME, "--reason", "small").returncode == GREEN
    assert NAME in site.arcops("host", "catalog", "search", "zone").stdout
    done = site.arcops(*add, "--stateless")
    assert done.returncode == GREEN, done.stderr
    assert "pypi:made-server==1.0" in done.stdout
    assert 'package="pypi:made-server==1.0" stateless=true' in site.arcops("host", "history", "made").stdout
    both = site.arcops(*add, "--package", "pypi:other==1")
    assert "--package, or --from-catalog, and not both" in both.stderr
    assert "has no version '9'" in site.arcops("host", "add", "made", "--from-catalog", f"{NAME}@9").stderr


def test_a_site_demands_tags(site: Named) -> None:
    with mock.patch.dict(os.environ):
        demanding = {**site.environment, "ARCOPS_CATALOG_TAGS": "env,system,owner"}
        from tests.adapters.typed import typed

        refused = typed("host", "catalog", "approve", NAME, environment=demanding)
        assert "has no tag env and no tag system and no tag owner" in refused.stderr
        tags = ("env=test", "system=clock", "owner=platform")
        assert typed("host", "catalog", "tag", NAME, *tags, environment=demanding).returncode == GREEN
        assert typed("host", "catalog", "approve", NAME, environment=demanding).returncode == GREEN


def test_who_approves(site: Named) -> None:
    """The permission ``catalog:approve``, which no scope grants; not the one who brought it; never an agent for its user."""
    at = place(site)
    everything = Identity(issuer="https://i", tenant="t", id="ann", scopes=frozenset(("publish", "trust", "waive", "read")))
    approver = replace(everything, id="bob", scopes=frozenset(), roles=frozenset(("approver",)))
    ask = HostCatalogApprove(name=NAME)
    rules = authorization(at.settings)
    assert not permitted(host_catalog_approve, ask, everything, rules).allowed
    assert permitted(host_catalog_approve, ask, approver, rules).allowed
    with pytest.raises(Refused, match="catalog"):
        host_catalog_approve(ask, replace(at, own=False, caller=everything))
    with pytest.raises(Refused, match="a person decides and rates"):
        host_catalog_approve(ask, replace(at, own=False, caller=None))
    found = host_catalog_approve(ask, replace(at, own=False, caller=approver))
    assert (found.offered, found.versions[0].decider) == ("1.0.0", "https://i,t,bob")


def test_who_brought_it_does_not_approve_it(site: Named, tmp_path: Path) -> None:
    from capabilities.server.catalog_importing import HostCatalogImport, host_catalog_import

    at = place(site)
    bob = Identity(issuer="https://i", tenant="t", id="bob", scopes=frozenset(), roles=frozenset(("approver",)))
    mine = replace(at, own=False, caller=bob, settings=replace(at.settings, remote_trust=True))
    (tmp_path / "mine.json").write_bytes(page(server("io.example/mine")))
    host_catalog_import(HostCatalogImport(export=tmp_path / "mine.json"), mine)
    with pytest.raises(Refused, match=r"you brought io.example/mine 1.0.0 into the catalog, so someone else must approve it"):
        host_catalog_approve(HostCatalogApprove(name="io.example/mine"), mine)


@pytest.mark.requirement("HOST-OPS/badges-are-of-verdicts")
def test_a_badge_is_of_a_verdict_that_counts(tmp_path: Path, site: Named) -> None:
    """It comes with the verdict of what is hosted from the version, and goes with it: the key that signed it is revoked."""
    (tmp_path / "policy.yaml").write_text(POLICY)
    for line in (
        ("keys", "new"),
        ("keys", "trust", tmp_path / "home" / "keys" / "arcops.pub"),
        ("policy", "register", tmp_path / "policy.yaml"),
        ("host", "mirror", "use", Mirror(tmp_path).write()),
    ):
        done = site.arcops(*line)
        assert done.returncode == GREEN, done.stderr
    before = shown(site)
    assert (before["verdict"], before["servers"]) == ("", ["made"]), "what was not judged has no badge"
    assert site.arcops("host", "gate", "made").returncode == GREEN
    judged = shown(site)
    assert judged["verdict"] == "GREEN"
    assert str(judged["artifact"]).startswith("sha256:")
    assert judged["publisher"] == "", "no attestation was verified, whatever the document says of itself"
    own = load_public_key((tmp_path / "home" / "keys" / "arcops.pub").read_bytes(), where="own").id
    done = site.arcops("keys", "revoke", own, "--reason", "stolen")
    assert done.returncode == GREEN, done.stderr
    assert shown(site)["verdict"] == "", "its signer is revoked"


@pytest.mark.requirement("HOST-META/locks-are-compared-with-the-catalog")
def test_a_file_that_is_not_the_catalogs_is_red(tmp_path: Path, site: Named) -> None:
    """What an entry says of a file's digest is compared with what the package resolves to: said, and judged."""
    (tmp_path / "policy.yaml").write_text(POLICY)
    mirror = Mirror(tmp_path)
    for line in (
        ("keys", "new"),
        ("keys", "trust", tmp_path / "home" / "keys" / "arcops.pub"),
        ("policy", "register", tmp_path / "policy.yaml"),
        ("host", "mirror", "use", mirror.write()),
    ):
        assert site.arcops(*line).returncode == GREEN
    right = mirror.server.files[0].sha256

    def catalogued(name: str, package: str, digest: str) -> None:
        lock = {
            "package": package,
            "file": "made_server-1.0-py3-none-any.whl",
            "digest": f"sha256:{digest}",
            "seen": "2026-11-30",
        }
        entry = {"server": server(name), "_meta": {OURS: {"locks": [lock]}}}
        (tmp_path / "one.json").write_text(json.dumps({"servers": [entry], "metadata": {"count": 1}}))
        assert site.arcops("host", "catalog", "import", tmp_path / "one.json").returncode == GREEN

    def findings() -> list[str]:
        done = site.arcops("host", "explain", "made", "--format", "json")
        return [one for one in json.loads(done.stdout)["findings"] if "catalog" in one]

    catalogued("io.example/right", "pypi:Made_Server==1.0", right)
    catalogued("io.example/older", "pypi:made-server==0.9", "0" * 64)
    assert site.arcops("host", "gate", "made").returncode == GREEN
    catalogued("io.example/wrong", "pypi:made-server==1.0", "0" * 64)
    resolved = site.arcops("host", "resolve", "made")
    assert "NOT AS THE CATALOG HAS IT: made_server-1.0-py3-none-any.whl" in resolved.stdout
    assert "io.example/wrong 1.0.0" in resolved.stdout
    assert "io.example/right" not in resolved.stdout
    assert "To allow" not in resolved.stdout
    assert site.arcops("host", "gate", "made").returncode == RED
    assert any("io.example/wrong 1.0.0 of the catalog" in one for one in findings())
    assert site.arcops("host", "catalog", "refuse", "io.example/wrong", "--reason", "a false digest").returncode == GREEN
    assert site.arcops("host", "gate", "made").returncode == GREEN, "a version that was refused says nothing"
    assert "NOT AS" not in site.arcops("host", "resolve", "made").stdout


def test_hostile_files(site: Named, tmp_path: Path) -> None:
    large, deep = tmp_path / "large.json", tmp_path / "deep.json"
    with large.open("wb") as file:
        file.truncate(100 * 1024 * 1024)
    deep.write_bytes(b'{"servers":' * 100_000)
    for path, said in (
        (large, "is larger than"),
        (deep, "too deep inside one another"),
        (tmp_path / "no.json", "does not exist"),
    ):
        done = site.arcops("host", "catalog", "import", path)
        assert done.returncode != GREEN
        assert said in done.stderr
        assert "Traceback" not in done.stderr
    (tmp_path / "evil.json").write_bytes(page(server("io.example/evil", title="\x1b[31mred\x1b[0m")))
    assert site.arcops("host", "catalog", "import", tmp_path / "evil.json").returncode == GREEN
    assert "\x1b" not in site.arcops("host", "catalog", "show", "io.example/evil").stdout
