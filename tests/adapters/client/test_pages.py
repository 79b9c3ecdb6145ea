"""The pages of clients' configuration: what they show, and that a hostile text is only text there."""

from __future__ import annotations

from pathlib import Path

import pytest
from starlette.testclient import TestClient

from adapters.web.app import site
from capabilities.client.looking import AuditClientReleases, audit_client_releases
from capabilities.client.publishing import PublishClientConfig, publish_client_config
from capabilities.client.reporting import ReportClientState, report_client_state
from tests.services.config.folders import machine
from tests.services.config.place import DRAFT, version

pytestmark = pytest.mark.requirement("CONF-1-2-3/clients-and-profiles-are-listed", "CONF-9-10-11/changes-can-be-followed")


def test_without_any_release_it_says_what_to_do(tmp_path: Path) -> None:
    here = machine(tmp_path)
    client = TestClient(site(lambda: here.at))
    page = client.get("/clients")
    assert page.status_code == 200
    assert "Nothing is released" in page.text
    assert client.get("/clients/compare?old=x&new=y").status_code == 404


def test_releases_waiting_counts_and_differences(tmp_path: Path) -> None:
    here = machine(tmp_path)
    for number, draft in (("1.0.0", DRAFT), ("1.1.0", version("1.1.0"))):
        told = f"Number {number} <script>alert(1)</script>"
        done = publish_client_config(PublishClientConfig(draft=draft.decode(), changelog=told), here.at)
    state = {"client": "claude-code", "profile": "dev", "artifact": done.records[0].artifact_id, "result": "applied"}
    report_client_state(ReportClientState(fingerprint="0123456789abcdef", **state), here.at)
    client = TestClient(site(lambda: here.at))
    page = client.get("/clients").text
    assert "<script>alert" not in page
    for shown in ("claude-code/dev", "1.1.0", "Number 1.0.0", "Who runs what", "Visual Studio Code"):
        assert shown in page
    new, old = (one.record for one in audit_client_releases(AuditClientReleases(), here.at).releases)
    differs = client.get("/clients/compare", params={"old": old, "new": new})
    assert "+    &#34;extra-1-1-0&#34;: {" in differs.text
    assert client.get("/clients", headers={"Accept": "application/json"}).json()["releases"][0]["version"] == "1.1.0"
    assert client.get("/clients/compare", params={"old": old, "new": "sha256:" + "0" * 64}).status_code == 404
