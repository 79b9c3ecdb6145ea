"""A secret in a draft, plain and in many disguises, is found; ordinary texts are not taken for one."""

from __future__ import annotations

import base64
import codecs
import gzip
import urllib.parse
import zlib
from collections.abc import Callable

import pytest
import yaml

from arcops.finding import Outcome
from arcops.tier import Tier
from arcops.verdict import Verdict
from gates.client.client_configuration.secrets import secrets_in
from gates.client.client_configuration.tokens import random_part
from services.config.validating import rules_from, validated
from tests.evidence import NOW
from tests.services.config.place import DRAFT, RULES

pytestmark = pytest.mark.requirement("CONF-SEC/roles-and-keys", "CONF-6-7-8/publishing-is-checked")

TOKEN = "ghp_" + "x7Kq2mW9" * 4 + "AbCd"  # made for this test
HALF = len(TOKEN) // 2


def with_arguments(*args: str) -> bytes:
    return with_server({"args": list(args)})


def with_server(more: dict[str, object]) -> bytes:
    value = yaml.safe_load(DRAFT)
    value["servers"][0] |= more
    return yaml.safe_dump(value, allow_unicode=True).encode()


def with_url(url: str) -> bytes:
    value = yaml.safe_load(DRAFT)
    value["servers"][1]["url"] = url
    return yaml.safe_dump(value).encode()


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


DISGUISES: dict[str, Callable[[], bytes]] = {
    "plain": lambda: with_arguments(TOKEN),
    "in a sentence": lambda: with_arguments(f"the token is {TOKEN}, keep it"),
    "base64": lambda: with_arguments(b64(TOKEN)),
    "base64 without padding": lambda: with_arguments(b64(TOKEN + "=").rstrip("=")),
    "base64 for URLs": lambda: with_arguments(base64.urlsafe_b64encode(f">>>{TOKEN}???".encode()).decode()),
    "base64 twice": lambda: with_arguments(b64(b64(TOKEN))),
    "base64 thrice": lambda: with_arguments(b64(b64(b64(TOKEN)))),
    "base64 in a sentence": lambda: with_arguments(f"value: {b64(TOKEN)};"),
    "base64 in a data URL": lambda: with_arguments(f"data:text/plain;base64,{b64(TOKEN)}"),
    "base32": lambda: with_arguments(base64.b32encode(TOKEN.encode()).decode()),
    "base32 in small letters": lambda: with_arguments(base64.b32encode(TOKEN.encode()).decode().lower()),
    "base85 of Adobe": lambda: with_arguments(base64.a85encode(TOKEN.encode(), adobe=True).decode()),
    "hex": lambda: with_arguments(TOKEN.encode().hex()),
    "hex in capitals": lambda: with_arguments(TOKEN.encode().hex().upper()),
    "hex with colons": lambda: with_arguments(TOKEN.encode().hex(":")),
    "numbers": lambda: with_arguments(", ".join(str(one) for one in TOKEN.encode())),
    "percent signs": lambda: with_arguments("".join(f"%{one:02X}" for one in TOKEN.encode())),
    "percent signs twice": lambda: with_arguments(urllib.parse.quote("".join(f"%{one:02X}" for one in TOKEN.encode()))),
    "escapes": lambda: with_arguments("".join(f"\\x{one:02x}" for one in TOKEN.encode())),
    "long escapes": lambda: with_arguments("".join(f"\\u{ord(one):04x}" for one in TOKEN)),
    "HTML": lambda: with_arguments("".join(f"&#{ord(one)};" for one in TOKEN)),
    "backwards": lambda: with_arguments(TOKEN[::-1]),
    "rot13": lambda: with_arguments(codecs.encode(TOKEN, "rot13")),
    "compressed": lambda: with_arguments(base64.b64encode(gzip.compress(TOKEN.encode())).decode()),
    "deflated": lambda: with_arguments(base64.b64encode(zlib.compress(TOKEN.encode())).decode()),
    "UTF-16": lambda: with_arguments(base64.b64encode(TOKEN.encode("utf-16-le")).decode()),
    "in two arguments": lambda: with_arguments(TOKEN[:HALF], TOKEN[HALF:]),
    "in many arguments": lambda: with_arguments(*(TOKEN[at : at + 5] for at in range(0, len(TOKEN), 5))),
    "letter by letter": lambda: with_arguments(*TOKEN),
    "put together by a program": lambda: with_arguments(f'"{TOKEN[:HALF]}" + "{TOKEN[HALF:]}"'),
    "with spaces": lambda: with_arguments(" ".join(TOKEN)),
    "with invisible characters": lambda: with_arguments("\u200b".join(TOKEN)),
    "wide letters": lambda: with_arguments("".join(chr(ord(one) + 0xFEE0) if one.isalnum() else one for one in TOKEN)),
    "letters that look alike": lambda: with_arguments(TOKEN.replace("p", "\u0440").replace("A", "\u0410")),
    "in JSON": lambda: with_arguments(f'{{"t": "{TOKEN}"}}'),
    "after a flag": lambda: with_arguments("--token", "correcthorse"),
    "in a flag": lambda: with_arguments("--api-key=correcthorse"),
    "under a secret's name": lambda: with_server({"env": [{"name": "DB_PASSWORD", "before": "hunter2"}]}),
    "in two variables": lambda: with_server(
        {"env": [{"name": "A", "before": TOKEN[:HALF]}, {"name": "B", "before": TOKEN[HALF:]}]}
    ),
    "in the name of a variable": lambda: with_server({"env": [{"name": TOKEN, "before": "x"}]}),
    "a password in a URL": lambda: with_url("https://user:hunter2@mcp.example.com/mcp"),
    "a user in a URL": lambda: with_url(f"https://{TOKEN}@mcp.example.com/mcp"),
    "a parameter of a URL": lambda: with_url("https://mcp.example.com/mcp?api_key=hunter2"),
    "a coded parameter": lambda: with_url("https://mcp.example.com/mcp?%61pi_key=hunter2"),
    "the fragment of a URL": lambda: with_url("https://mcp.example.com/mcp#access_token=hunter2"),
    "the path of a URL": lambda: with_url(f"https://mcp.example.com/{TOKEN}/mcp"),
    "a comment": lambda: DRAFT + f"# {TOKEN}\n".encode(),
    "a coded comment": lambda: DRAFT + f"# {b64(TOKEN)}\n".encode(),
    "two comments": lambda: DRAFT + f"# {TOKEN[:HALF]}\n# {TOKEN[HALF:]}\n".encode(),
    "the description of an input": lambda: DRAFT.replace(b"a token for the server", TOKEN.encode()),
    "the name of a server": lambda: with_server({"name": TOKEN}),
    "the name of a tool": lambda: with_server({"tools": [TOKEN]}),
    "a tag": lambda: DRAFT + f"tags: [{TOKEN.lower()}]\n".encode(),
    "no known form": lambda: with_arguments("Zx8qLr2vTn5wKj9mPb4cHd7g"),
    "a JSON Web Token": lambda: with_arguments(
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dBjftJeZ4CVPmB92K27uhbUJU1p1r"
    ),
    "a private key": lambda: with_arguments("-----BEGIN PRIVATE KEY-----"),
    "an AWS key": lambda: with_arguments("AKIAIOSFODNN7EXAMPLQ"),
    "a Bearer header": lambda: DRAFT.replace(b'before: "Bearer ", input: GITHUB_TOKEN', b'before: "Bearer abcdef0123456789"'),
    "basic credentials": lambda: with_arguments("Basic " + b64("admin:hunter2")),
    "a secret's name and value": lambda: with_arguments("PASSWORD=correcthorse"),
}


@pytest.mark.parametrize("disguise", DISGUISES)
def test_it_is_found_and_not_told(disguise: str) -> None:
    found = validated(DISGUISES[disguise](), rules_from(RULES), at=NOW, tier=Tier.AIR_GAPPED)
    bad = [one for one in found.findings if one.rule == "client-configuration/secrets"]
    assert all(one.outcome is Outcome.FAIL for one in bad), disguise
    assert found.verdict is Verdict.RED
    if disguise not in ("in the name of a variable", "the name of a server", "the name of a tool"):  # they name the place
        assert not any(secret in one.text for one in bad for secret in (TOKEN, "hunter2", "correcthorse"))


ORDINARY = (
    "mcp-server-time==2026.10.10", "@modelcontextprotocol/server-filesystem@1.2.3", "--allow-origin=https://mcp.example.com",
    "https://api.example.com/mcp/v1/organisations/main/servers", "getUserRepositoriesByOrganisationName", "--read-only",
    "/home/user/.config/some-program/settings.production.json", f"ghcr.io/github/server@sha256:{'a1' * 32}", "--toolsets=all",
    "550e8400-e29b-41d4-a716-446655440000", "mcp_server_prometheus_exporter_v2", "postgresql-client-x86-64-unknown-linux-gnu",
    "https://mcp.example.com/mcp?region=eu-central-1&format=json", "SERVICE_ACCOUNT_IMPERSONATION_URL_V2", "--port=8080",
)  # fmt: skip


@pytest.mark.parametrize("text", ORDINARY)
def test_ordinary_texts_are_no_secrets(text: str) -> None:
    assert validated(with_arguments(text), rules_from(RULES), at=NOW, tier=Tier.AIR_GAPPED).verdict is Verdict.GREEN


def test_the_draft_without_a_secret_is_green() -> None:
    """So that the disguises are what makes it RED."""
    found = validated(DRAFT, rules_from(RULES), at=NOW, tier=Tier.AIR_GAPPED)
    assert found.verdict is Verdict.GREEN
    assert not list(secrets_in(found.body))


def test_random_texts_are_noticed() -> None:
    import random

    source = random.Random(7)  # noqa: S311  # the same texts each time
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
    made = ["".join(source.choice(alphabet) for _ in range(28)) for _ in range(300)]
    assert sum(bool(random_part(one)) for one in made) >= 294


def test_a_secret_that_a_rule_puts_in_is_found_too() -> None:
    rules = b"id: corp\nversion: 1.0.0\nrules:\n  - {id: d, action: default, keys: [{name: 'header:X-Extra', value: '%s'}]}\n"
    found = validated(DRAFT, rules_from(rules % TOKEN.encode()), at=NOW, tier=Tier.AIR_GAPPED)
    assert any(one.rule == "client-configuration/secrets" and one.outcome is Outcome.FAIL for one in found.findings)
