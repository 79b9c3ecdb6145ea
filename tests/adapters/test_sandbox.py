"""What tools write for a caller over the network: that caller alone finds it, reads it in parts and removes it."""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.adapters.serving import served
from tests.adapters.test_front_policy import AUDIENCE, Front
from tests.kept import checkpoint, finding, keep, report, result
from tests.models import bench
from tests.simulators.issuer import issuing

pytestmark = [pytest.mark.requirement("BASE-10/storage-sandbox"), pytest.mark.site, pytest.mark.xdist_group("access")]


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    here = bench(tmp_path_factory.mktemp("sandbox"))
    output = here.home.parent / "output"
    output.mkdir()
    keep(here, report("tiny", result("integrity", finding("integrity/links"))))
    checkpoint(here)
    with issuing() as issuer:
        own = {
            "ARCOPS_OIDC_ISSUER": issuer.url,
            "ARCOPS_OIDC_AUDIENCE": AUDIENCE,
            "ARCOPS_OUTPUT": str(output),
            "ARCOPS_OUTPUT_MB": "1",
        }
        with served("mcp", "--http", env={**here.environment, **own}) as server:
            yield Front(server=server, issuer=issuer, here=here)


def said(front: Front, who: str, tool: str, **arguments: object) -> Any:
    answer = front.call(front.token(who, "read", "publish"), tool, **arguments).json()["result"]
    assert not answer.get("isError"), answer
    return answer["structuredContent"]


def refused(front: Front, who: str, tool: str, **arguments: object) -> str:
    answer = front.call(front.token(who, "read", "publish"), tool, **arguments).json()["result"]
    assert answer["isError"]
    return str(answer["content"][0]["text"])


def read(front: Front, who: str, uri: str) -> Any:
    meta = {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": "t", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {},
    }
    body = {"jsonrpc": "2.0", "id": 1, "method": "resources/read", "params": {"uri": uri, "_meta": meta}}
    headers = {
        "authorization": f"Bearer {front.token(who, 'read')}",
        "accept": "application/json, text/event-stream",
        "mcp-protocol-version": "2026-07-28",
        "mcp-method": "resources/read",
        "mcp-name": uri,
    }
    return front.server.post(headers=headers, json=body, timeout=60).json()


def test_from_writing_to_removing(front: Front) -> None:
    """Mutation: a file is not put into the index, or its owner is not looked at."""
    said(front, "ada", "export_store", mirror="ada.tar")
    (one,) = said(front, "ada", "list_files")["files"]
    assert (one["path"], one["tool"], one["state"], one["uri"]) == (
        "ada.tar",
        "export_store",
        "there",
        "arcops://files/ada.tar",
    )
    data = (front.here.home.parent / "output" / "ada.tar").read_bytes()
    whole = b""
    while len(whole) < len(data):
        found = read(front, "ada", f"{one['uri']}/part/{len(whole)}/4096")["result"]["contents"][0]
        assert found["_meta"]["dev.arcops/range"]["size"] == len(data)
        whole += base64.b64decode(found["blob"])
    assert whole == data
    assert said(front, "bob", "list_files")["files"] == []
    assert "was written for you" in read(front, "bob", one["uri"])["error"]["message"]
    assert "was written for you" in refused(front, "bob", "remove_files", paths=["ada.tar"])
    assert said(front, "ada", "remove_files", paths=["ada.tar"])["paths"] == ["ada.tar"]
    assert not (front.here.home.parent / "output" / "ada.tar").exists()


@pytest.mark.parametrize("path", ["../x.tar", "/etc/x.tar", "a\nb.tar", "a\u202eb.tar", "x" * 300, "files/../../x.tar"])
def test_a_path_that_is_not_plain_or_leads_out_is_refused_and_nothing_is_written(front: Front, path: str) -> None:
    before = sorted(front.here.home.parent.glob("output/**/*"))
    refused(front, "ada", "export_store", mirror=path)
    assert sorted(front.here.home.parent.glob("output/**/*")) == before


@pytest.mark.parametrize(
    "uri", ["arcops://files/..%2Fhome%2Fkeys%2Farcops.key", "arcops://files/%2Fetc%2Fpasswd", "arcops://files/"]
)
def test_a_resource_is_only_what_the_index_has(front: Front, uri: str) -> None:
    assert "error" in read(front, "ada", uri)


def test_one_caller_has_so_much_room(front: Front) -> None:
    said(front, "eve", "export_store", mirror="eve.tar")
    path = front.here.home.parent / "output" / "eve.tar"
    assert path.stat().st_size < 1024 * 1024
    from foundation.sandbox.index import FileIndex

    index = FileIndex(path=front.here.settings.files)
    (one,) = index.of(f"{front.issuer.url}||eve")
    index.record(type(one)(**{**{name: getattr(one, name) for name in one.__slots__}, "size": 2 * 1024 * 1024}))
    assert "the limit is" in refused(front, "eve", "export_store", mirror="more.tar")
    said(front, "bob", "export_store", mirror=f"bob-{time.time_ns()}.tar")


def test_without_an_output_folder_there_is_none(tmp_path: Path) -> None:
    from arcops.errors import Refused
    from capabilities.access.files import ListFiles, list_files

    with pytest.raises(Refused, match="ARCOPS_OUTPUT"):
        list_files(ListFiles(), bench(tmp_path).place())
