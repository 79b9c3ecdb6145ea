"""A patch on its way out: signed, printed, in Markdown, on the page; what is copied from there fixes the manifests."""

from __future__ import annotations

import json
import os
from base64 import b64decode
from html import unescape
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from adapters.web.app import site
from arcops.verdict import Verdict
from tests.adapters.typed import Done, typed
from tests.manifests import POLICIES, changed, shop
from tests.models import Bench, bench
from tests.patching import applied

pytestmark = pytest.mark.requirement("ARC-B2/violations-name-line-and-fix")

IDLE = changed(POLICIES, "[Ingress]\n  ingress", "[Egress]\n  ingress")


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return bench(tmp_path_factory.mktemp("bench"))


def check(here: Bench, folder: Path, *more: str | Path) -> Done:
    environment = {**os.environ, **here.environment, "COLUMNS": "200"}
    return typed("network", "check", folder, "--policy", "network-aks-arc", *more, environment=environment)


def signed(artifact: Path) -> list[str]:
    """The patches that the sealed artifact holds."""
    payload = json.loads(artifact.read_bytes())["dsseEnvelope"]["payload"]
    results = json.loads(b64decode(payload))["predicate"]["results"]
    return [one["patch"] for result in results for one in result["findings"] if "patch" in one]


def test_what_was_signed_printed_and_shown_fixes_the_manifests(here: Bench, tmp_path: Path) -> None:
    folder, artifact = shop(tmp_path / "shop", policies=IDLE), tmp_path / "sealed.json"
    done = check(here, folder, "--output", artifact)
    assert done.returncode == 3, done.stderr
    (patch,) = signed(artifact)
    assert [one for result in here.open(artifact).results for one in result.findings if one.patch == patch]
    assert patch in done.stdout  # whole, as 'patch -p1' takes it
    markdown = check(here, folder, "--format", "markdown").stdout
    assert f"```diff\n{patch}```\n" in markdown
    fixed = applied(patch, folder, tmp_path / "fixed")
    assert check(here, fixed, "--output", tmp_path / "green.json").returncode == 0
    assert here.open(tmp_path / "green.json").verdict is Verdict.GREEN
    assert not signed(tmp_path / "green.json")


def test_the_page_shows_a_patch_as_it_is_to_be_taken(here: Bench, tmp_path: Path) -> None:
    folder, artifact = shop(tmp_path / "shop", policies=IDLE), tmp_path / "sealed.json"
    check(here, folder, "--output", artifact)
    (patch,) = signed(artifact)
    with TestClient(site(here.place)) as web:
        pages = [web.get(line).text for line in _links(web.get("/artifacts?q=shop").text)]
    found = [unescape(page.partition("<pre")[2].partition(">")[2].partition("</pre>")[0]) for page in pages if "<pre" in page]
    assert patch in found


def _links(page: str) -> list[str]:
    return [part.partition('"')[0] for part in page.split('href="')[1:] if part.startswith("/artifacts/")]


def test_all_patches_are_written_as_one_that_fixes_the_manifests(here: Bench, tmp_path: Path) -> None:
    folder, patch = shop(tmp_path / "shop", policies=IDLE), tmp_path / "fixes.patch"
    (folder / "more.yaml").write_text(
        "apiVersion: v1\nkind: Namespace\nmetadata: {name: open}\n---\n"
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: open}\n"
        "spec:\n  selector: {matchLabels: {app: web}}\n  template:\n    metadata: {labels: {app: web}}\n"
        "    spec: {containers: [{name: web, image: 'web:1'}]}\n"
    )
    done = check(here, folder, "--patch", patch, "--format", "json")
    assert done.returncode == 3, done.stderr
    text = patch.read_text()
    assert f"{patch}: 3 patch(es) of 3 file(s)" in done.stderr
    found = [
        one["patch"]
        for result in json.loads(done.stdout)["predicate"]["results"]
        for one in result["findings"]
        if "patch" in one
    ]
    assert len(set(found)) == 3
    after = applied(text, folder, tmp_path / "after")
    again = check(here, after, "--patch", tmp_path / "none.patch")
    assert "network/idle-direction" not in again.stdout
    assert "no finding has a patch" in again.stderr
    assert not (tmp_path / "none.patch").exists()


def test_a_patch_that_cannot_be_written_is_refused_before_any_work(here: Bench, tmp_path: Path) -> None:
    done = check(here, tmp_path / "nowhere", "--patch", tmp_path)
    assert (done.returncode, "is not a regular file" in done.stderr) == (2, True)
    done = check(here, tmp_path / "nowhere", "--patch", "one", "--output", "one")
    assert (done.returncode, "name two files" in done.stderr) == (2, True)
