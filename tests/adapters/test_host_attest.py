"""Attestations beside a lock, from outside: what was there once must be there at every later verdict, of this version too."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.adapters.test_host_mirror import GREEN, POLICY, RED, Mirror, Site
from tests.private_sigstore import IDENTITY, ISSUER
from tests.tasks.server.test_publishers import PYPI, Index

pytestmark = pytest.mark.requirement("HOST-020/only-green-servers-start")


@pytest.fixture
def site(tmp_path: Path) -> Site:
    made = Site(tmp_path)
    by = f"{{packages: 'pkg:pypi/made-server', identity: '{IDENTITY}', issuer: '{ISSUER}'}}"
    policy = POLICY.replace("{absent: accept}", f"{{absent: accept, publishers: [{by}]}}")
    (tmp_path / "policy.yaml").write_text(policy)
    for line in (
        ("keys", "new"),
        ("keys", "trust", tmp_path / "home" / "keys" / "arcops.pub"),
        ("policy", "register", tmp_path / "policy.yaml"),
        ("host", "mirror", "use", Mirror(tmp_path).write()),
    ):
        done = made.arcops(*line)
        assert done.returncode == GREEN, done.stderr
    return made


def test_an_attestation_that_is_gone_is_less_for_the_same_version_too(site: Site, tmp_path: Path) -> None:
    index = Index(tmp_path / "home" / "trust")
    sha256 = Mirror(tmp_path).server.files[0].sha256
    given = tmp_path / "made.provenance"
    statement = index.statement(PYPI, "made_server-1.0-py3-none-any.whl", sha256=sha256)
    given.write_text(json.dumps(index.pep740(statement)))
    done = site.arcops("host", "gate", "made", "--attest", given)
    assert done.returncode == GREEN, done.stdout + done.stderr
    (beside,) = (tmp_path / "home").rglob("attested/*")
    shutil.rmtree(beside)
    for _ in range(2):  # and judging again does not forget it
        done = site.arcops("host", "gate", "made")
        assert done.returncode == RED
        assert "server-attestations/no-less" in done.stdout
        assert "The version before had an attestation of the kind pypi-publish" in done.stdout
    assert site.arcops("host", "gate", "made", "--attest", given).returncode == GREEN
