"""Each family: what it writes fits its schema, what it cannot express is refused, and no variable is spelled in another's
way.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest

from amend.client.editing.changing import entries, read
from amend.client.families import KNOWN
from amend.client.family import Family
from amend.client.launching import launched
from amend.client.materialising import materialised, misfitting, refuse_wrong
from arcops.errors import Refused
from arcops.seen.client import Draft, Hosted, Input, Setting, Transport, Wanted

pytestmark = pytest.mark.requirement(
    "CONF-1-2-3/clients-and-profiles-are-listed", "CONF-4-5/configurations-are-complete", "CONF-NFR/older-schemas-are-kept"
)

INPUT = Input(name="TOKEN")
LOCAL = Wanted(name="time", package="npm:@scope/time@1.2.3", args=("--utc", 'a "quoted" \\ part', "é😀"))
FAR = Wanted(name="far", transport=Transport.HTTP, url="https://mcp.example.com/mcp")
SECRET = replace(LOCAL, env=(Setting(name="TOKEN", input="TOKEN"),))
SECRET_FAR = replace(FAR, headers=(Setting(name="Authorization", before="Bearer ", input="TOKEN"),))
FAMILIES = KNOWN.all()

SPELLED = {
    "claude-code": "${TOKEN}",
    "gemini-cli": "${TOKEN}",
    "qwen-code": "${TOKEN}",
    "opencode": "{env:TOKEN}",
    "cursor": "${env:TOKEN}",
    "windsurf": "${env:TOKEN}",
    "vscode": "${input:TOKEN}",
}
NAMED = ("codex", "goose")
NONE = ("amp", "claude-desktop", "copilot-cli", "zed")
REMOTE = tuple(one for one in FAMILIES if Transport.HTTP in one.transports)


def made(family: Family, *servers: Wanted, version: str = "") -> str:
    found = family.schema(version)
    text = materialised(family, found, servers, (INPUT,))
    assert not list(misfitting(family, found, text)), text
    return text


def test_there_are_the_twelve_that_are_asked_for() -> None:
    assert {one.id for one in FAMILIES} >= {*SPELLED, *NAMED, *NONE}
    assert len(FAMILIES) >= 12


@pytest.mark.parametrize("family", FAMILIES, ids=lambda one: one.id)
class TestEach:
    def test_its_facts_have_sources_and_a_date(self, family: Family) -> None:
        assert family.sources
        assert family.notes
        assert re.fullmatch(r"\d{4}-\d\d-\d\d", family.dated)
        assert any(one.linux for one in family.files)

    def test_a_local_server_is_written_whole(self, family: Family) -> None:
        for version in family.schemas:
            text = made(family, LOCAL, version=version.version)
            (entry,) = entries(family.form, text, version.key, "f").values()
            said = json.dumps(entry, ensure_ascii=False)
            assert all(json.dumps(one, ensure_ascii=False)[1:-1] in said for one in ("npx", "@scope/time@1.2.3", *LOCAL.args))

    def test_the_same_gives_the_same_bytes(self, family: Family) -> None:
        assert made(family, LOCAL) == made(family, LOCAL)

    def test_that_it_is_hosted_is_not_written(self, family: Family) -> None:
        """The verdict is asked before a release; a client knows no such field."""
        hosted = replace(LOCAL, hosted=Hosted(name="clock", lock=f"sha256:{'8' * 64}"))
        assert made(family, hosted) == made(family, LOCAL)

    def test_the_schema_is_strict(self, family: Family) -> None:
        """A key that the client does not have, a wrong type, and the shape of another client are noticed."""
        for version in family.schemas:
            for wrong in ({"nonsense": True}, {"command": 5}, {}, "text"):
                from amend.client.editing.changing import whole

                if not isinstance(wrong, dict):
                    continue
                text = whole(family.form, version.key, {"a": wrong})  # type: ignore[dict-item]
                assert list(misfitting(family, version, text)), (version.version, wrong)

    def test_what_it_cannot_express_is_refused(self, family: Family) -> None:
        for one in (SECRET, SECRET_FAR, replace(LOCAL, tools=("a",)), replace(LOCAL, denied_tools=("a",))):
            try:
                text = made(family, one)
            except Refused as error:
                assert one.name in str(error)  # noqa: PT017  # refusing is one of two right answers
            else:
                wanted = "TOKEN" if one in (SECRET, SECRET_FAR) else '"a"'
                assert wanted in text, "it was dropped without a word"
        if Transport.SSE not in family.transports:
            with pytest.raises(Refused, match=r"sse|SSE"):
                made(family, replace(FAR, transport=Transport.SSE))


@pytest.mark.parametrize("name", ["workspace", "computer-use", "claude_ai", "Claude_in_Chrome"])
def test_a_name_that_a_client_keeps_for_itself_is_refused_for_it(name: str) -> None:
    """`test_the_names_that_it_keeps_are_not_loaded` in `tests/deep` asks the real client."""
    with pytest.raises(Refused, match="rename it"):
        made(KNOWN.of("claude-code"), replace(LOCAL, name=name))
    assert made(KNOWN.of("codex"), replace(LOCAL, name=name))


@pytest.mark.parametrize("client", SPELLED)
def test_an_input_is_spelled_in_the_clients_own_way(client: str) -> None:
    text = made(KNOWN.of(client), SECRET, SECRET_FAR)
    assert text.count(SPELLED[client]) == 2
    assert f"Bearer {SPELLED[client]}" in text
    others = {*SPELLED.values(), "$TOKEN", "%TOKEN%"} - {SPELLED[client]}
    rest = text.replace(SPELLED[client], "")
    assert not any(one in rest for one in others)


def test_clients_that_expand_nothing_get_names() -> None:
    codex = read(KNOWN.of("codex").form, made(KNOWN.of("codex"), SECRET, SECRET_FAR), "f")["mcp_servers"]
    assert codex["time"]["env_vars"] == ["TOKEN"]  # type: ignore[index]
    assert codex["far"]["bearer_token_env_var"] == "TOKEN"  # type: ignore[index]
    goose = read(KNOWN.of("goose").form, made(KNOWN.of("goose"), SECRET), "f")["extensions"]
    assert goose["time"]["env_keys"] == ["TOKEN"]  # type: ignore[index]
    for client in NAMED:
        with pytest.raises(Refused, match="by name"):
            made(KNOWN.of(client), replace(LOCAL, env=(Setting(name="OTHER", input="TOKEN"),)))
        with pytest.raises(Refused, match="whole value"):
            made(KNOWN.of(client), replace(LOCAL, env=(Setting(name="TOKEN", before="x", input="TOKEN"),)))


@pytest.mark.parametrize("client", NONE)
def test_clients_whose_variables_were_not_measured_get_no_input(client: str) -> None:
    with pytest.raises(Refused, match="TOKEN"):
        made(KNOWN.of(client), SECRET)


def test_traps_of_single_clients() -> None:
    assert "httpUrl" in made(KNOWN.of("qwen-code"), FAR), "url is SSE there"
    assert "httpUrl" in made(KNOWN.of("gemini-cli"), FAR)
    assert "serverUrl" in made(KNOWN.of("windsurf"), FAR), "url does not connect there"
    assert '"type": "http"' in made(KNOWN.of("claude-code"), FAR), "url needs a type there"
    assert '"tools"' in made(KNOWN.of("copilot-cli"), FAR)
    desktop = KNOWN.of("claude-desktop").schemas[0]
    with pytest.raises(Refused, match="address"):
        desktop.entry(FAR)
    flat, nested = (json.loads(made(KNOWN.of("opencode"), LOCAL, version=one)) for one in ("1.0.0", "2.0.0"))
    assert flat["mcp"]["time"] == nested["mcp"]["servers"]["time"]
    vscode = json.loads(made(KNOWN.of("vscode"), SECRET_FAR))
    assert vscode["inputs"] == [{"type": "promptString", "id": "TOKEN", "description": "TOKEN", "password": True}]


def draft(**more: object) -> Draft:
    given = {"version": "1.0.0", "profile": "dev", "clients": ("codex",), "servers": (LOCAL,), "inputs": (INPUT,)} | more
    return Draft(**given)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text",
    [
        "${TOKEN}",
        "$TOKEN",
        "${env:TOKEN}",
        "{env:TOKEN}",
        "${input:token}",
        "%TOKEN%",
        "$(cat f)",
        "${{ secrets.T }}",
        "%ProgramFiles(x86)%",
        "{ENV:TOKEN}",
        "{env.TOKEN}",
        "$[TOKEN]",
        "#{TOKEN}",
        "<%= TOKEN %>",
        "{secret:TOKEN}",
    ],
)
def test_a_variable_that_is_spelled_out_is_refused(text: str) -> None:
    """In any client's spelling: the others would pass it on as text."""
    for server in (
        replace(LOCAL, args=(f"--x={text}",)),
        replace(LOCAL, env=(Setting(name="A", before=text),)),
        replace(FAR, url=f"https://mcp.example.com/{text}"),
        replace(FAR, headers=(Setting(name="X", before=text),)),
        replace(LOCAL, package="", command=text),
    ):
        with pytest.raises(Refused, match="spells a variable"):
            refuse_wrong(draft(servers=(server,)))


def judged(one: Draft) -> None:
    refuse_wrong(one)
    for client in one.clients:
        made(KNOWN.of(client), *one.servers)


@pytest.mark.parametrize(
    "more",
    [
        {"version": "1"},
        {"version": "01.0.0"},
        {"profile": "../x"},
        {"clients": ()},
        {"clients": ("codex", "codex")},
        {"servers": (LOCAL, LOCAL)},
        {"servers": (LOCAL, replace(LOCAL, name="TIME"))},
        {"servers": (replace(LOCAL, name="a b"),)},
        {"servers": (replace(LOCAL, command="x"),)},
        {"servers": (replace(LOCAL, package=""),)},
        {"inputs": (INPUT, INPUT)},
        {"servers": (replace(LOCAL, package="npm:time@latest"),)},
        {"servers": (replace(LOCAL, package="pypi:time"),)},
        {"servers": (replace(FAR, command="x"),)},
        {"servers": (replace(FAR, url=""),)},
        {"inputs": (Input(name="a-b"),)},
        {"servers": (replace(SECRET, env=(Setting(name="A", input="OTHER"),)),)},
        {"servers": (replace(LOCAL, args=("a\nb",)),)},
        {"servers": (replace(FAR, headers=(Setting(name="X"), Setting(name="x"))),)},
    ],
)
def test_a_draft_that_is_wrong_for_every_client(more: dict[str, object]) -> None:
    with pytest.raises(Refused):
        judged(draft(**more))


def test_a_schema_version_that_is_not_there() -> None:
    with pytest.raises(Refused, match=r"it has 1\.0\.0, 2\.0\.0"):
        KNOWN.of("opencode").schema("3.0.0")
    with pytest.raises(Refused, match="no client family"):
        KNOWN.of("emacs")


@pytest.mark.parametrize("family", FAMILIES, ids=lambda one: one.id)
def test_each_family_refuses_a_draft_that_is_not_completed(family: Family) -> None:
    with pytest.raises(Refused, match="has no package yet"):
        made(family, replace(LOCAL, package="CHOOSE-A-PACKAGE"))


STAND_INS = ("CHOOSE-A-PACKAGE", "npm:CHOOSE-A-PACKAGE@1.0.0", "npm:time@0.0.0", "pypi:time==0.0.0", "pypi:time==0",
             "pypi:NAME==1.2.3", "npm:example@1.2.3", "npm:@scope/time@0.0.0")  # fmt: skip


@pytest.mark.parametrize("package", STAND_INS)
def test_what_only_stands_for_a_package_is_refused_with_what_to_write(package: str) -> None:
    with pytest.raises(Refused, match="has no package yet: write npm:NAME@1"):
        launched(Wanted(name="time", package=package))


@pytest.mark.parametrize(
    "package", ["npm:time@0.0.1", "npm:@example/time@1.0.0", "pypi:name-of-it==1.2.3", "pypi:time==0.0.10"]
)
def test_what_is_like_it_and_is_a_package_is_taken(package: str) -> None:
    assert launched(Wanted(name="time", package=package))
