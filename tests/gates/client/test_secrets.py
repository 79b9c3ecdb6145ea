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
from gates.client.client_configuration.secrets import secret_in, secrets_in
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
    told = repr(found.findings)  # also if a name is a secret, which says where it is
    assert not any(secret in told for secret in (TOKEN, "hunter2", "correcthorse"))


_AWS = "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY12"  # made for this test
_UNKNOWN = "Zx8qLr2vTn5wKj9mPb4cHd7g"


def with_header(name: str, value: str) -> bytes:
    made = yaml.safe_load(DRAFT)
    made["servers"][1] |= {"headers": [{"name": name, "before": value}]}
    return yaml.safe_dump(made).encode()


def grouped(text: str, size: int, between: str) -> str:
    return between.join(text[at : at + size] for at in range(0, len(text), size))


def placed(text: str) -> bytes:
    """*text* as the value of a variable with a harmless name, which takes what no argument or YAML comment could be."""
    return with_server({"env": [{"name": "REST", "before": text}]})


SPELLED: dict[str, bytes] = {
    **{
        f"variable {name}": with_server({"env": [{"name": name, "before": "hunter2"}]})
        for name in (
            "PGPASSWORD", "DB_PASS", "SSHPASS", "DBPASS", "PASSPHRASE", "OPENAI_KEY", "STORAGE_KEY", "GITHUBTOKEN", "apiToken",
            "SESSION_COOKIE", "MYSQL_PWD", "accessToken", "clientSecret", "AWS_CREDS", "KEY", "API_KEY_2", "TOKEN_VALUE",
            "npm_config__authToken", "REDISCLI_AUTH", "X_APIKEY", "PASSWORD_FILE", "TOKEN_URL", "MAX_TOKENS",
        )
    },
    **{
        f"header {name}": with_header(name, "hunter2")
        for name in ("X-Key", "x-functions-key", "Ocp-Apim-Subscription-Key", "X-Auth-Key", "Set-Cookie", "X-Goog-Api-Key")
    },
    **{
        f"parameter {name}": with_url(f"https://mcp.example.com/mcp?{name}=hunter2")
        for name in ("accessToken", "authToken", "k", "apiKey", "subscription-key", "pass", "code", "Password")
    },
    "--key": with_arguments("--key", "hunter2"),
    "--pass": with_arguments("--pass", "hunter2"),
    "--apiKey=": with_arguments("--apiKey=hunter2"),
    "-p": with_arguments("-phunter2"),
    "-p and a word": with_arguments("-phunter"),
    "-p apart": with_arguments("-p", "hunter2"),
    "-u": with_arguments("-u", "admin:hunter2"),
    "-u attached": with_arguments("-uadmin:hunter2"),
    "--proxy-user=": with_arguments("--proxy-user=admin:hunter2"),
    "a pair in a text": with_arguments("export PGPASSWORD=hunter22"),
    "a pair after another": with_arguments("note: PGPASSWORD=hunter22"),
    "a pair in JSON": with_arguments('{"accessToken": "hunter22"}'),
    "a variable of a container": with_arguments("-e", "DB_PASS=hunt"),
    "a parameter of a url in an argument": with_arguments("--endpoint=https://mcp.example.com/mcp?k=hunter2"),
    "a parameter of a url in a variable": placed("see https://mcp.example.com/mcp?accessToken=hunt"),
    "behind sha256:": with_arguments(f"sha256:{_UNKNOWN * 2}"),
    "behind sha256-": with_header("X-Id", f"sha256-{_UNKNOWN}"),
    "behind sha512:": with_arguments(f"sha512:{_UNKNOWN}"),
    "a digest and more": with_arguments(f"sha256:{'a1' * 32}{_UNKNOWN}"),
    "beside a dull text": with_arguments("a1" * 40 + _UNKNOWN),
    "a digest of another length": with_arguments(f"sha256:{'4f9c1b7e' * 5}"),
    "base85": placed(base64.b85encode(TOKEN.encode()).decode()),
    "base85 of Adobe, bare": placed(base64.a85encode(TOKEN.encode()).decode()),
    "bits": placed(" ".join(f"{ord(one):08b}" for one in TOKEN)),
    "bits in a row": placed("".join(f"{ord(one):08b}" for one in TOKEN)),
    "octal": placed(" ".join(f"{ord(one):o}" for one in TOKEN)),
    "octal with 0o": placed(", ".join(f"{ord(one):#o}" for one in TOKEN)),
    "a list of hex": placed(",".join(hex(ord(one)) for one in TOKEN)),
    "hex with dashes": placed(TOKEN.encode().hex("-")),
    "numbers with semicolons": placed(";".join(str(ord(one)) for one in TOKEN)),
    "numbers with bars": placed(" | ".join(str(ord(one)) for one in TOKEN)),
    "quoted-printable": placed("".join(f"={ord(one):02X}" for one in TOKEN)),
    "dots between letters": placed(".".join(TOKEN)),
    "dashes between letters": placed("-".join(TOKEN)),
    "slashes in fours": placed(grouped(TOKEN, 4, "/")),
    "labels of a host": with_url(f"https://{grouped(TOKEN.lower().replace('_', '-'), 4, '.')}.example.com/mcp"),
    "the path of a url, in fours": with_url(f"https://mcp.example.com/s/{grouped(TOKEN, 4, '/')}"),
    **{f"a secret of AWS in groups of {size}": with_arguments(grouped(_AWS, size, "-")) for size in (4, 5, 8, 10)},
    "a random text in groups": with_arguments(grouped(_UNKNOWN, 4, ".")),
}  # fmt: skip


def rot47(text: str) -> str:
    return "".join(chr(33 + (ord(one) - 33 + 47) % 94) if 33 <= ord(one) < 127 else one for one in text)


MORE: dict[str, bytes] = {
    "rot47": placed(rot47(TOKEN)),
    "UTF-32": placed(base64.b64encode(TOKEN.encode("utf-32-le")).decode()),
    "base64 with line breaks that are spelled": placed(grouped(b64(TOKEN), 10, "\\n")),
    "letters that no one sees": placed("".join(chr(0xE0000 + ord(one)) for one in TOKEN)),
    "accents": placed("\u0301".join(TOKEN)),
    "a circle around each": placed("\u20dd".join(TOKEN)),
    "Cherokee": placed(TOKEN.replace("W", "\u13b3").replace("A", "\u13aa").replace("h", "\u13c2")),
    "Armenian": placed(TOKEN.replace("h", "\u0570")),
    "bits of A and B": placed(" ".join(f"{ord(one):08b}" for one in TOKEN).replace("0", "A").replace("1", "B")),
    "points in braces": placed("".join(f"\\u{{{ord(one):x}}}" for one in TOKEN)),
    "points by name": placed(" ".join(f"U+{ord(one):04X}" for one in TOKEN)),
    "each second letter": placed("x".join(TOKEN)),
    "each second digit": placed("0".join(TOKEN)),
    "the version's build": DRAFT.replace(b"version: 1.0.0", b"version: 1.0.0+" + _UNKNOWN.encode()),
    "the profile": DRAFT.replace(b"profile: dev", b"profile: zx8qlr2vtn5wkj9mpb4chd7g"),
    "the name of a hosted server": with_server({"hosted": {"name": _UNKNOWN, "lock": f"sha256:{'8' * 64}"}}),
    "a random comment": DRAFT + f"# {_UNKNOWN}\n".encode(),
    "a short password of ODBC": placed("Server=x;Pwd=hunt;"),
    "a short header in an option": with_arguments("--header=X-Api-Key: hunt2"),
    "a short one in JSON": with_arguments('{"password":"hunt"}'),
    "a short one in YAML": with_arguments("password: hunt"),
    "--pw": with_arguments("--pw", "hunter2"),
    "--env=": with_arguments("--env=DB_PASS=hunt"),
    "--set": with_arguments("--set", "auth.password=hunt"),
    "--otp": with_arguments("--otp", "123456"),
    "a hook of Discord": placed("https://discord.com/api/webhooks/123456789012345678/abcDEF-ghiJKL_mnoPQR"),
    "an address that was signed": placed("https://b.s3.amazonaws.com/k?X-Amz-Signature=abcdef"),
    **{
        f"a token {form[:6]}": placed(form)
        for form in (
            "r8_" + "a1B2" * 9, "pplx-" + "a1b2" * 12, "figd_" + "a1B2" * 10, "SK" + "a1b2" * 8, "NRAK-" + "A1B2" * 7,
            "glsa_" + "a1B2" * 8, "sbp_" + "a1b2" * 10, "PMAK-" + "a1b2" * 6, "pscale_tkn_" + "a1B2" * 8,
            "1/1200000000000000:" + "a1b2" * 8, "shpat_" + "a1b2" * 8, "tskey-auth-" + "a1B2" * 6,
            "-----BEGIN PGP PRIVATE KEY BLOCK-----",
        )
    },
}  # fmt: skip


def as_number(text: str, alphabet: str) -> str:
    left, made = int.from_bytes(text.encode()), ""
    while left:
        left, digit = divmod(left, len(alphabet))
        made = alphabet[digit] + made
    return made


def in_45(text: str) -> str:
    signs, data, made = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:", text.encode(), ""
    for at in range(0, len(data) - 1, 2):
        value = data[at] * 256 + data[at + 1]
        made += signs[value % 45] + signs[value // 45 % 45] + signs[value // 2025]
    return made + (signs[data[-1] % 45] + signs[data[-1] // 45] if len(data) % 2 else "")


def percent(text: str, times: int) -> str:
    for _ in range(times):
        text = "".join(f"%{one:02X}" for one in text.encode()) if len(text) < 99 else urllib.parse.quote(text)
    return text


def bits_of(text: str, zero: str, one: str) -> str:
    return "".join(f"{ord(each):08b}" for each in text).replace("0", zero).replace("1", one)


DEEP = b64(TOKEN)
for _ in range(5):
    DEEP = b64(DEEP)
NEWER: dict[str, bytes] = {
    "percent signs four times": placed(percent(TOKEN, 4)),
    "percent signs eight times": placed(percent(TOKEN, 8)),
    "base64 six times": placed(DEEP),
    **{f"base64 after {before!r}": placed(before + b64(TOKEN)) for before in ("a", "/v/", "key-", "x_y_z")},
    **{f"hex after {before!r}": placed(before + TOKEN.encode().hex()) for before in ("a", "sha256:", "be-", "0f0:")},
    "a digest that is a text": with_arguments("sha256:" + TOKEN.encode().hex()[:64]),
    "between bytes": placed(base64.b64encode(b"\x00\xff\x01" + TOKEN.encode() + b"\xfe\x00").decode()),
    "base45": placed(in_45(TOKEN.replace("K", "k"))),
    "base58": placed(as_number(TOKEN, "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz")),
    "letters by chr()": placed("+".join(f"chr({ord(one)})" for one in TOKEN)),
    "Braille": placed("".join(chr(0x2800 + ord(one)) for one in TOKEN)),
    "flags": placed("".join(chr(0x1F1E6 + ord(one) - 97) if one.islower() else one for one in "npm_" + "abcdefgh" * 4)),
    "selectors": placed("x" + "".join(chr(0xE0100 + ord(one) - 16) for one in TOKEN)),
    "invisible bits": placed("x" + bits_of(TOKEN, "\u200b", "\u200c")),
    "each third letter": placed("xy".join(TOKEN)),
    "each fifth letter": placed("wxyz".join(TOKEN)),
    "comments, a part each": DRAFT + f"# {_UNKNOWN[:12]}\n# {_UNKNOWN[12:]}\n".encode(),
    "an anchor": DRAFT.replace(b"profile: dev", b"profile: &" + _UNKNOWN.encode() + b" dev"),
    "a directive": f"%TAG !e! tag:{_UNKNOWN},2000:\n---\n".encode() + DRAFT,
    **{
        f"a sentence: {text}": DRAFT + f"# {text}\n".encode()
        for text in ("password is hunter2", "the password was 'hunter2'.", "login with password hunter2")
    },
    "a description": DRAFT.replace(b"a token for the server", b"the password is hunter2"),
    "a path with a token": with_url("https://mcp.example.com/token/hunter2/mcp"),
    **{
        f"a command in one text: {text}": with_arguments("-c", text)
        for text in (
            "exec server --password hunter", "server --api-key=hunter", "curl -u admin:hunter https://mcp.example.com",
            "sshpass -p hunter2 ssh host", "server --password 'hunter", "db_pass=hunter2 server",
        )
    },
    "/password:": with_arguments("/password:hunter"), "/password": with_arguments("/password", "hunter2"),
    "/p:": with_arguments("/p:hunter2"), "password, apart": with_arguments("password", "hunter2"),
    "an option with letters that look alike": with_arguments("--p\u0430ssword", "hunter"),
    "an option with figures": with_arguments("--p4ssw0rd=hunter"),
    "an option in another language": with_arguments("--contrase\u00f1a=hunter"),
    **{
        f"the variable {name}": with_server({"env": [{"name": name, "before": "hunter2"}]})
        for name in ("MOT_DE_PASSE", "DB_KENNWORT", "SENHA", "DB_PASSWRD", "DB_PSWD", "T0KEN", "GH_TOK", "MY_JWT", "SESSION_ID",
                     "MNEMONIC", "WALLET_SEED", "K3Y")
    },
    "a PIN": with_server({"env": [{"name": "USER_PIN", "before": "4711"}]}),
    **{
        f"an address: {text}": placed(text)
        for text in ("//admin:hunter2@db.example.com/x", "admin:hunter2@db.example.com", "root:hunter2@tcp(127.0.0.1:3306)/db",
                     "db.example.com:5432:main:admin:hunter2", "https://abc123@log.example.com/1")
    },
    "XML": placed("<password>hunter2</password>"), "SQL": placed("ALTER USER a IDENTIFIED BY 'hunter'"),
    "a cookie": placed("sessionid=hunter2; path=/"),
    **{f"the scheme {one}": with_header("X-Forwarded", f"{one} YTpi") for one in ("Basic", "Negotiate", "token", "Digest")},
}  # fmt: skip


@pytest.mark.parametrize("disguise", [*MORE, *NEWER])
def test_still_other_disguises_are_found(disguise: str) -> None:
    found = validated({**MORE, **NEWER}[disguise], rules_from(RULES), at=NOW, tier=Tier.AIR_GAPPED)
    bad = [one for one in found.findings if one.rule == "client-configuration/secrets" and one.outcome is Outcome.FAIL]
    assert bad, disguise
    assert not any("hunter2" in one.text for one in bad)


@pytest.mark.parametrize(
    "comment",
    ["the token: see the wiki", "since commit 4f9c1b7e0a2d3c5e6f708192a3b4c5d6e7f80912",
     "key=value", "auth: none", "Bearer tokens are inputs", "sha256:" + "4f9c1b7e" * 8, "über die Änderung: größer"],
)  # fmt: skip
def test_ordinary_comments_are_no_secrets(comment: str) -> None:
    found = validated(DRAFT + f"# {comment}\n".encode(), rules_from(RULES), at=NOW, tier=Tier.AIR_GAPPED)
    assert found.verdict is Verdict.GREEN, [one.text for one in found.findings if one.outcome is not Outcome.PASS]


@pytest.mark.parametrize("spelled", SPELLED)
def test_other_names_and_spellings_are_found(spelled: str) -> None:
    """Mutation: the same draft with an ordinary text at that place, which the tests below show to be GREEN."""
    found = validated(SPELLED[spelled], rules_from(RULES), at=NOW, tier=Tier.AIR_GAPPED)
    bad = [one for one in found.findings if one.rule == "client-configuration/secrets" and one.outcome is Outcome.FAIL]
    assert bad, spelled
    assert not any("hunter2" in one.text for one in bad)


def test_what_cannot_be_looked_through_is_not_green(monkeypatch: pytest.MonkeyPatch) -> None:
    """A text that is too long, with something in its end perhaps; and one that has more readings than are tried."""
    from gates.client.client_configuration import disguises, secrets

    long = validated(placed("ordinary words " * 14_000), rules_from(RULES), at=NOW, tier=Tier.AIR_GAPPED)
    assert any("too long" in one.text for one in long.findings)
    for each in (disguises, secrets):
        monkeypatch.setattr(each, "MOST", 5)
    many = validated(placed("a-b-c-d.e.f.g.h"), rules_from(RULES), at=NOW, tier=Tier.AIR_GAPPED)
    assert any("too many ways" in one.text and one.outcome is Outcome.FAIL for one in many.findings)


def test_a_pair_in_a_comment_is_found() -> None:
    found = validated(DRAFT + b"# OPENAI_KEY=hunter22\n", rules_from(RULES), at=NOW, tier=Tier.AIR_GAPPED)
    assert any(one.rule == "client-configuration/secrets" and one.outcome is Outcome.FAIL for one in found.findings)


def test_a_random_text_that_a_rule_puts_in_is_found() -> None:
    rules = b"id: corp\nversion: 1.0.0\nrules:\n  - {id: d, action: default, keys: [{name: 'header:X-Extra', value: '%s'}]}\n"
    found = validated(DRAFT, rules_from(rules % _UNKNOWN.encode()), at=NOW, tier=Tier.AIR_GAPPED)
    assert any(one.rule == "client-configuration/secrets" and one.outcome is Outcome.FAIL for one in found.findings)


@pytest.mark.parametrize("client", ["claude-code", "codex", "goose", "zed"])
def test_a_secrets_name_with_a_value_that_a_rule_puts_in_is_found(client: str) -> None:
    rules = b"id: corp\nversion: 1.0.0\nrules:\n  - {id: d, action: default, keys: [{name: 'env:DB_PASS', value: %s}]}\n"
    server = b"  - {name: time, package: 'pypi:mcp-server-time==2026.10.10'}\n"
    draft = b"version: 1.0.0\nprofile: dev\nclients: [%s]\nservers:\n" + server
    found = validated(draft % client.encode(), rules_from(rules % b"hunter22"), at=NOW, tier=Tier.AIR_GAPPED)
    assert found.verdict is Verdict.RED, found.body.made[0].payload
    plain = rules.replace(b"DB_PASS", b"DB_NAME") % b"hunter22"
    assert validated(draft % client.encode(), rules_from(plain), at=NOW, tier=Tier.AIR_GAPPED).verdict is Verdict.AMBER


def test_inputs_under_secrets_names_are_green_for_each_client() -> None:
    draft = yaml.safe_load(DRAFT)
    draft["inputs"] = [{"name": name} for name in ("GITHUB_TOKEN", "STORAGE_KEY", "SOME_PASSPHRASE")]
    draft["servers"][0] |= {
        "env": [{"name": "OPENAI_KEY", "input": "STORAGE_KEY"}, {"name": "PGPASSWORD", "input": "SOME_PASSPHRASE"}]
    }
    draft["servers"][1]["headers"].append({"name": "X-Key", "input": "STORAGE_KEY"})
    draft["clients"] = ["claude-code", "codex", "cursor", "gemini-cli", "opencode", "qwen-code", "vscode", "windsurf"]
    found = validated(yaml.safe_dump(draft).encode(), rules_from(RULES), at=NOW, tier=Tier.AIR_GAPPED)
    assert [
        one.text for one in found.findings if one.rule == "client-configuration/secrets" and one.outcome is Outcome.FAIL
    ] == []


ORDINARY = (
    "mcp-server-time==2026.10.10", "@modelcontextprotocol/server-filesystem@1.2.3", "--allow-origin=https://mcp.example.com",
    "https://api.example.com/mcp/v1/organisations/main/servers", "getUserRepositoriesByOrganisationName", "--read-only",
    "/home/user/.config/some-program/settings.production.json", f"ghcr.io/github/server@sha256:{'a1' * 32}", "--toolsets=all",
    "550e8400-e29b-41d4-a716-446655440000", "mcp_server_prometheus_exporter_v2", "postgresql-client-x86-64-unknown-linux-gnu",
    "https://mcp.example.com/mcp?region=eu-central-1&format=json", "SERVICE_ACCOUNT_IMPERSONATION_URL_V2", "--port=8080",
    "-p8080", "-p8080:80", "-port", "-profile", "--key=/etc/tls/server.pem", "--user=1000:1000", "--keyboard=us",
    "--bypass=all", f"sha256:{'a1' * 32}", f"sha256-{'a1B+' * 10}a1B=",
    "2001:0db8:85a3:0000:0000:8a2e:0370:7334", "a1:b2:c3:d4:e5:f6",
    "cp311-cp311-manylinux2014_x86_64", "https://mcp.example.com/mcp?k=10&page=2", "--columns=id,name,sha1,utf8,created_at",
    "linux-6.8.0-45-generic-amd64-x86", "10 20 30 40 50 60 70 80 90 100 110 120 130", "eu-west-1,eu-west-2,us-east-1,us-east-2",
    "https://a1b2.cdn.example.com/v2/api/s3/k8s/docs", "level=debug;format=json;color=always;width=80;depth=3;lines=5;x=1",
    "0.1.2.3.4.5.6.7.8.9", "gpt-4o-mini-2024-07-18", "claude-3-5-sonnet-20241022", "Qwen2.5-7B-Instruct-Q4_K_M.gguf",
    "meta-llama/Llama-3.1-8B-Instruct", "text-embedding-3-large", "/token", "/auth/oauth2/callback", "the token is sha256",
    "exec npx -y server-a@1.2.3 --port 8080", "npm:react@18.2.0", "ghcr.io/a/b:v1@sha256:%s" % ("a1" * 32),
    "git@github.com:a/b.git", "ssh://git@github.com/a/b", "auth via oauth2", "0 5 * * 1-5",
    "docker run -p 8080:80 --user 1000:1000 image",
    "arn:aws:iam::123456789012:role/Reader", "/c", "/Users/ann/key/notes.txt", "C:\\Users\\ann\\token\\file.json",
    "12 apples, 34 pears, 56 plums, 78 figs, 90 dates, 12 nuts, 34 limes, 56 kiwis, 78 grapes, 90 melons, 11 mangos",
     "postgres://db.example.com:5432/main", "key", "--monkey=x",
)  # fmt: skip


@pytest.mark.parametrize("text", ORDINARY)
def test_ordinary_texts_are_no_secrets(text: str) -> None:
    assert validated(with_arguments(text), rules_from(RULES), at=NOW, tier=Tier.AIR_GAPPED).verdict is Verdict.GREEN


PLAIN_NAMES = {
    "PUBLIC_KEY": "MFkwEwYHKoZI", "SORT_KEY": "created", "PRIMARY_KEY": "id", "PASSWORD_FILE": "/run/secrets/db",
    "PGPASSFILE": "~/.pgpass", "TOKEN_URL": "https://login.example.com/oauth/token", "API_KEY_HEADER": "X-Api-Key",
    "MAX_TOKENS": "4096", "maxTokens": "4096", "KEYBOARD": "us", "BYPASS": "all", "COMPASS": "north", "TOKENIZER": "cl100k",
    "MONKEY": "x", "KEY_PREFIX": "app", "KEYSPACE": "main", "TLS_KEY": "/etc/tls/server.key", "PASSENGERS": "two",
    "GPIO_PIN": "17", "SESSION_TIMEOUT": "30", "SEED": "42", "USER_ID": "1000",
    "COOKIE_DOMAIN": "example.com", "LOG_LEVEL": "debug", "SECRETARY": "x", "TOKENIZERS_PARALLELISM": "false",
}  # fmt: skip


@pytest.mark.parametrize("name", PLAIN_NAMES)
def test_names_that_only_sound_like_a_secrets_are_green(name: str) -> None:
    made = with_server({"env": [{"name": name, "before": PLAIN_NAMES[name]}]})
    found = validated(made, rules_from(RULES), at=NOW, tier=Tier.AIR_GAPPED)
    assert found.verdict is Verdict.GREEN, [one.text for one in found.findings if one.outcome is not Outcome.PASS]


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


@pytest.mark.parametrize(
    "text",
    [
        "with one very long word: as it is",
        "It says at length what changes, in a word: averylongwordthatgoesonaverylongwordthatgoeson",
        "Note: this adds the weather, for: all; thanks: ann",
        "Moves each secret to vault1, and the API key to openrouter2",
        "Rotates the auth to oauth2.1; the token is in 1Password",
        "user:ann@example.com asked for it at 12:30:45:00:01, key a1b2c3 goes",
    ],
)
def test_a_sentence_with_a_colon_is_no_secret_however_its_letters_are_turned(text: str) -> None:
    """Mutation: short names of secrets (``PW``) count in turned letters, too."""
    assert not secret_in(text)
