"""A secret in the place of a name is not repeated by the error, nor by a finding."""

from __future__ import annotations

import pytest
import yaml

from arcops.errors import ArcOpsError
from arcops.quoting import quoted, quoted_name
from arcops.tier import Tier
from services.config.validating import rules_from, validated
from tests.evidence import NOW
from tests.services.config.place import DRAFT

pytestmark = pytest.mark.requirement("CONF-6-7-8/publishing-is-checked")

TOKEN = "ghp_" + "x7Kq2mW9" * 4 + "AbCd"  # made for this test
RULES = b"id: corp\nversion: 1.0.0\nrules:\n  - {id: some, action: allow, servers: [none-of-these]}\n"


def draft(**fields: object) -> bytes:
    return yaml.safe_dump(yaml.safe_load(DRAFT) | fields).encode()


def server(at: int = 0, **fields: object) -> bytes:
    value = yaml.safe_load(DRAFT)
    value["servers"][at] |= fields
    return yaml.safe_dump(value).encode()


def header(**fields: str) -> bytes:
    return server(1, headers=[fields])


MISPLACED = {
    "version": draft(version=TOKEN), "profile": draft(profile=TOKEN), "client": draft(clients=[TOKEN]),
    "an unknown client": draft(clients=[TOKEN.lower()]), "tag": draft(tags=[TOKEN]), "field": draft(**{TOKEN: 1}),
    "field with a value": draft(**{"token=hunter2": 1}), "input": draft(inputs=[{"name": TOKEN + "-"}]),
    "input with a value": draft(inputs=[{"name": "GITHUB_TOKEN=hunter2"}]),
    "value of an input": draft(inputs=[{"name": "A", "value": TOKEN}]), "transport": server(transport=TOKEN),
    "server": server(name=TOKEN), "server, twice": draft(servers=[{"name": TOKEN, "command": "a"}] * 2),
    "server with a space": server(name=TOKEN + " x"), "variable": server(env=[{"name": TOKEN + "-", "before": "x"}]),
    "variable, twice": server(env=[{"name": TOKEN, "before": "x"}] * 2),
    "input of a variable": server(env=[{"name": "A", "input": TOKEN}]),
    "variable with a value": server(env=[{"name": "A=hunter2"}]), "header": header(name=TOKEN + " ", before="x"),
    "header with a value": header(name="Authorization: Bearer hunter2"), "package": server(package=TOKEN),
    "version of a package": server(package="npm:x@" + TOKEN), "spelled variable": server(args=["%" + TOKEN + "%"]),
    "lock": server(hosted={"name": "x", "lock": TOKEN}), "plain address": server(1, url=f"http://{TOKEN}.example.com/"),
    "tool": server(tools=[TOKEN]), "alias": DRAFT + b"tags: [*" + TOKEN.encode() + b"]\n",
    "field, twice": DRAFT + f"{TOKEN}: 1\n{TOKEN}: 2\n".encode(), "no mapping": f"- {TOKEN}".encode(),
}  # fmt: skip


@pytest.mark.parametrize("place", MISPLACED)
def test_it_is_refused_and_not_repeated(place: str) -> None:
    """Mutation: quote the wrong word whole."""
    try:
        told = repr(validated(MISPLACED[place], rules_from(RULES), at=NOW, tier=Tier.AIR_GAPPED).findings)
    except ArcOpsError as error:
        told = str(error)
    assert not [one for one in (TOKEN, TOKEN.lower(), TOKEN[4:20], TOKEN[-16:], "hunter2") if one in told], told


@pytest.mark.parametrize(
    "word",
    [
        "my weather server",
        "mcp-server-time==2026.10.10",
        "npm:@modelcontextprotocol/server-filesystem@latest",
        "1.2.3.4",
        "über",
    ],
)
def test_an_ordinary_wrong_word_is_told(word: str) -> None:
    assert quoted(word) == repr(word)


def test_only_the_name_before_a_value_is_told() -> None:
    assert quoted_name("X-Api-Key: abc") == "'X-Api-Key…'"
    assert quoted_name("client_name") == "'client_name'"
