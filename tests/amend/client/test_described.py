"""Families that a site describes: what is written for them, and what no description may say."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amend.client.described import DescribedFamily, DescribedVersion, LocalForm, RemoteForm, ToolsForm, described
from amend.client.families import Families
from amend.client.family import Form, Where
from amend.client.materialising import materialised, misfitting
from arcops.errors import Refused
from arcops.seen.client import Input, Setting, Transport, Wanted

pytestmark = pytest.mark.requirement("CONF-UC/use-cases-work", "CONF-1-2-3/clients-and-profiles-are-listed")

VERSION = DescribedVersion(
    version="1.0.0",
    key=("mcp", "servers"),
    input="{env:NAME}",
    stdio=LocalForm(args="", fixed={"kind": "local"}),
    http=RemoteForm(url="endpoint", fixed={"kind": "far", "streaming": True}),
    tools=ToolsForm(denied="hide"),
)
ACME = DescribedFamily(
    id="acme-agent",
    title="Acme Agent",
    form=Form.JSON,
    files=(Where(surface="user", linux="~/.acme/mcp.json", windows="%APPDATA%\\Acme\\mcp.json"),),
    versions=(VERSION,),
    sources=("Acme's manual",),
    dated="2026-11-30",
)
LOCAL = Wanted(name="time", command="time-server", args=("--utc",), env=(Setting(name="TOKEN", input="TOKEN"),))
FAR = Wanted(
    name="docs",
    transport=Transport.HTTP,
    url="https://mcp.example/mcp",
    headers=(Setting(name="Authorization", before="Bearer ", input="TOKEN"),),
    denied_tools=("delete",),
)
INPUTS = (Input(name="TOKEN"),)


def made(said: DescribedFamily, *servers: Wanted) -> str:
    family = described(said)
    text = materialised(family, family.schemas[0], servers, INPUTS)
    assert not list(misfitting(family, family.schemas[0], text))
    return text


def test_an_entry_is_written_as_it_is_described() -> None:
    assert json.loads(made(ACME, LOCAL, FAR)) == {
        "mcp": {
            "servers": {
                "time": {"kind": "local", "command": ["time-server", "--utc"], "env": {"TOKEN": "{env:TOKEN}"}},
                "docs": {
                    "kind": "far",
                    "streaming": True,
                    "endpoint": "https://mcp.example/mcp",
                    "headers": {"Authorization": "Bearer {env:TOKEN}"},
                    "hide": ["delete"],
                },
            }
        }
    }


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        (replace(FAR, transport=Transport.SSE, headers=(), denied_tools=()), "does not speak sse"),
        (replace(FAR, denied_tools=(), tools=("read",)), "a limit of tools"),
    ],
)
def test_what_it_has_no_form_for_is_refused(wanted: Wanted, said: str) -> None:
    with pytest.raises(Refused, match=said):
        made(ACME, wanted)


def test_without_a_spelling_an_input_is_refused() -> None:
    with pytest.raises(Refused, match="cannot express the input 'TOKEN'"):
        made(replace(ACME, versions=(replace(VERSION, input=""),)), LOCAL)


WRONG: dict[str, tuple[DescribedFamily, str]] = {
    "the id is a path": (replace(ACME, id="../codex"), "id: it must be a plain word"),
    "no one says so": (replace(ACME, sources=()), "say who the client is"),
    "no date": (replace(ACME, dated="yesterday"), "is no date"),
    "no file": (replace(ACME, files=()), "name each surface once"),
    "a surface without a path": (replace(ACME, files=(Where(surface="user"),)), "names no path"),
    "a path upwards": (replace(ACME, files=(Where(surface="user", linux="~/../../etc/passwd"),)), "is not the path of a file"),
    "a path upwards on windows": (
        replace(ACME, files=(Where(surface="user", windows="%APPDATA%\\..\\x.json"),)),
        "is not the path of a file",
    ),
    "a folder": (replace(ACME, files=(Where(surface="user", linux="~/.acme/"),)), "is not the path of a file"),
    "a line in a path": (replace(ACME, files=(Where(surface="user", linux="~/.acme/a\nb"),)), "is not the path of a file"),
    "no version": (replace(ACME, versions=()), "there must be one"),
    "a version twice": (replace(ACME, versions=(VERSION, VERSION)), "there must be one, and each once"),
    "no SemVer": (replace(ACME, versions=(replace(VERSION, version="latest"),)), "is not a version"),
    "no key": (replace(ACME, versions=(replace(VERSION, key=()),)), "needs a key"),
    "no end": (replace(ACME, versions=(replace(VERSION, until="soon"),)), "is no date"),
    "a spelling without a name": (replace(ACME, versions=(replace(VERSION, input="${X}"),)), "spells an input with NAME"),
    "the bare name": (replace(ACME, versions=(replace(VERSION, input="NAME"),)), "spells an input with NAME"),
    "no transport": (replace(ACME, versions=(replace(VERSION, stdio=None, http=None),)), "speaks no transport"),
    "two members of a name": (
        replace(ACME, versions=(replace(VERSION, stdio=LocalForm(command="env")),)),
        "must be plain names, each once",
    ),
    "a fixed member that is a limit": (
        replace(ACME, versions=(replace(VERSION, tools=ToolsForm(denied="kind")),)),
        "must be plain names, each once",
    ),
    "two transports that look the same": (
        replace(ACME, versions=(replace(VERSION, sse=VERSION.http),)),
        "http and sse look the same",
    ),
    "older versions that speak otherwise": (
        replace(ACME, versions=(VERSION, replace(VERSION, version="0.9.0", http=None))),
        "speaks other transports",
    ),
    "a list without its form": (replace(ACME, lists=("acme", "list")), "read by a regular expression"),
    "a form without a name": (replace(ACME, lists=("acme",), row=".*"), "needs the group 'name'"),
    "no regular expression": (replace(ACME, lists=("acme",), row="("), "is no regular expression"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_no_description_may_say(wrong: str) -> None:
    said, why = WRONG[wrong]
    with pytest.raises(Refused, match=why):
        described(said)


@pytest.mark.parametrize("client", ["codex", "vscode"])
def test_a_family_of_arcops_is_not_replaced(client: str) -> None:
    with pytest.raises(Refused, match="is known already"):
        Families((described(replace(ACME, id=client)),))


def test_two_descriptions_of_one_client_are_refused() -> None:
    with pytest.raises(Refused, match="is known already"):
        Families((described(ACME), described(ACME)))


@given(st.text(st.characters(codec="utf-8"), max_size=40))
def test_no_path_leaves_its_folder(path: str) -> None:
    try:
        described(replace(ACME, files=(Where(surface="user", linux=path),)))
    except Refused:
        return
    assert ".." not in path.split("/")
    assert "\x00" not in path
