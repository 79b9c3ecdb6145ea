"""What npm, PyPI and GitHub say of an entry: asked only at addresses of the operator that the tier reaches, kept an hour."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from arcops.errors import Refused
from arcops.tier import Tier
from services.host.catalog.federation import Said, ask_sources, read_sources

pytestmark = pytest.mark.requirement("HOST-OPS/sources-are-asked")

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
DOCUMENT = {
    "repository": {"url": "https://github.com/acme/thing.git", "source": "github"},
    "packages": [
        {"registryType": "npm", "identifier": "@acme/thing", "version": "1.0.0"},
        {"registryType": "pypi", "identifier": "thing", "version": "1.0"},
    ],
}


@dataclass
class Index:
    """A server of all three; ``answers`` are by path."""

    answers: dict[str, Any] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    port: int = 0

    @property
    def sources(self) -> dict[str, str]:
        at = f"http://127.0.0.1:{self.port}"
        return read_sources(f"npm={at}/npm pypi={at}/pypi/ github={at}/github")


@pytest.fixture
def index() -> Iterator[Index]:
    made = Index(
        answers={
            "/npm/@acme%2Fthing": {
                "dist-tags": {"latest": "2.0.0"},
                "versions": {"1.0.0": {"deprecated": "use @acme/other"}, "2.0.0": {}},
            },
            "/pypi/thing/json": {
                "info": {"version": "1.0"},
                "releases": {"1.0": [{"yanked": True, "yanked_reason": "it leaks"}]},
            },
            "/github/repos/acme/thing": {"archived": True, "stargazers_count": 3, "license": {"spdx_id": "MIT"}},
        }
    )

    class Answering(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # the name that the library calls
            made.asked.append(self.path)
            found = made.answers.get(self.path)
            body = found if isinstance(found, bytes) else json.dumps(found).encode()
            self.send_response(200 if found is not None else 404)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Answering) as server:
        made.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield made
        server.shutdown()
        thread.join()


def said(index: Index, folder: Path, now: datetime = NOW, document: dict[str, Any] = DOCUMENT) -> dict[str, Said]:
    return {one.source: one for one in ask_sources(document, index.sources, Tier.AIR_GAPPED, folder / "cache", now)}


def test_what_each_source_says(index: Index, tmp_path: Path) -> None:
    found = said(index, tmp_path)
    assert found["npm"].facts == ("the newest version is 2.0.0", "it is deprecated: use @acme/other")
    assert found["pypi"].facts == ("it is the newest version", "it was withdrawn (yanked): it leaks")
    assert found["github"].facts == ("its repository is archived: no one repairs it any more", "3 stars", "licence MIT")
    assert {one.about for one in found.values()} == {"@acme/thing@1.0.0", "thing==1.0", "acme/thing"}


def test_an_answer_is_used_for_an_hour(index: Index, tmp_path: Path) -> None:
    first = said(index, tmp_path)
    index.answers.clear()
    again = said(index, tmp_path, NOW + timedelta(minutes=59))
    assert {name: one.facts for name, one in again.items()} == {name: one.facts for name, one in first.items()}
    assert len(index.asked) == 3
    later = said(index, tmp_path, NOW + timedelta(minutes=61))
    assert {one.problem for one in later.values()} == {"it answers 404"}
    earlier = said(index, tmp_path, NOW - timedelta(minutes=1))
    assert {one.problem for one in earlier.values()} == {"it answers 404"}, "an answer of the future is not used"


def test_an_answer_about_one_version_is_not_one_about_another(index: Index, tmp_path: Path) -> None:
    said(index, tmp_path)
    package = {"registryType": "npm", "identifier": "@acme/thing", "version": "2.0.0"}
    later = said(index, tmp_path, document={"packages": [package]})
    assert later["npm"].facts == ("it is the newest version",)


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"null", b'"x"', b'{"releases": 7, "info": [], "versions": "x"}'])
def test_a_wrong_answer_is_said(index: Index, tmp_path: Path, body: bytes) -> None:
    index.answers = dict.fromkeys(index.answers, body)
    for one in said(index, tmp_path).values():
        assert one.problem or one.facts


def test_the_tier_and_the_operator_decide(tmp_path: Path) -> None:
    away = read_sources("npm=https://index.example")
    with pytest.raises(Refused, match=r"ARCOPS_CATALOG_SOURCES names the host index.example, which the tier air-gapped"):
        ask_sources(DOCUMENT, away, Tier.AIR_GAPPED, tmp_path, NOW)
    assert not list(tmp_path.iterdir())
    for wrong in ("cargo=https://x.example", "npm", "=https://x"):
        with pytest.raises(Refused, match="ARCOPS_CATALOG_SOURCES has"):
            read_sources(wrong)
