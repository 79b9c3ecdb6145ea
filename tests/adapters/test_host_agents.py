"""``arcops host agent`` on a real site: the same agent is the same file, and an importer hears of all that differs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from artifacts.agent_export import AGENT_EXPORT
from artifacts.bundle import read_envelope, seal_statement
from tests.adapters.test_host_runbooks import Site, deploying
from tests.adapters.test_host_runbooks import site as site
from tests.adapters.test_host_serve import home as home
from tests.signing import Key

pytestmark = pytest.mark.requirement("HOST-029/agents-are-reproducible")
REFUSED, DIFFERS = 2, 3
AGENT = """\
name: helper
model: {provider: local, name: tiny, version: '1.0'}
prompts:
  - {name: system, text: Answer in one sentence.}
  - {name: greeting, text: Hello.}
servers:
  - {name: small, tools: [echo]}
settings: [{name: temperature, value: '0'}]
secrets: [SERVICE]
"""


def written(site: Site, text: str = AGENT) -> str:
    path = site.home.folder / "agent.yaml"
    path.write_text(text)
    return str(path)


def exported(site: Site, text: str = AGENT, name: str = "agent.json") -> Path:
    path = site.home.folder / name
    site.home.arcops("host", "agent", "export", written(site, text), "-o", str(path))
    return path


def differences(site: Site, path: Path, *more: str, expect: int = DIFFERS) -> list[str]:
    line = ("host", "agent", "import", str(path), "--secret", "SERVICE=file:/run/token", "--format", "json", *more)
    return list(json.loads(site.home.arcops(*line, expect=expect))["differences"])


def test_an_agent_is_exported_the_same_each_time_and_every_difference_is_said(site: Site, tmp_path: Path) -> None:
    arcops, source = site.home.arcops, site.home.folder / "source"
    assert site.run(site.new("deploy", *deploying(site))).ended
    first = exported(site).read_bytes()
    turned = AGENT.replace("  - {name: system, text: Answer in one sentence.}\n", "", 1).replace(
        "servers:", "  - {name: system, text: Answer in one sentence.}\nservers:"
    )
    assert exported(site, turned, "again.json").read_bytes() == first, "the same agent in another order is another file"
    export = site.home.folder / "agent.json"
    assert differences(site, export, expect=0) == []
    told = arcops("host", "agent", "import", str(export), expect=DIFFERS)
    assert "secret SERVICE: no reference is given here" in told
    back = tmp_path / "back.yaml"
    arcops("host", "agent", "import", str(export), "--secret", "SERVICE=env:S", "-o", str(back))
    assert exported(site, back.read_text(), "back.json").read_bytes() == first, "what was imported is exported otherwise"
    assert differences(site, export, "--secret", "OTHER=env:X") == ["secret OTHER: the agent names no such secret"]

    arcops("host", "stop", "small")
    assert differences(site, export) == ["server small: it is stopped here"]
    arcops("host", "start", "small")
    other = site.home.folder / "other"
    other.mkdir()
    changed = (source / "server.py").read_text().replace('"name": "echo", ', '"name": "echo", "description": "Say it again.", ')
    (other / "server.py").write_text(changed)
    arcops("host", "add", "small", "--package", f"folder:{other}", "--command", "server.py")
    lock = json.loads(arcops("host", "resolve", "small", "--format", "json"))["digest"]
    found = differences(site, export)
    assert [one for one in found if one.startswith(f"server small: it is folder:{other} here")]
    assert [one for one in found if "small may not run" in one], "the policy would refuse it, and no one hears that"
    arcops("host", "allow", "small", lock)
    arcops("host", "gate", "small", expect=4)
    found = differences(site, export)
    assert [one for one in found if f"its lock is {lock} here" in one]
    assert [one for one in found if "the tool echo has another definition here" in one]
    arcops("host", "remove", "small")
    assert differences(site, export)[0].startswith("server small: it is not hosted here; arcops host add small")
    assert "there is no hosted server 'small'" in arcops("host", "agent", "export", written(site), expect=REFUSED)


def test_what_cannot_be_exported_or_does_not_count_is_refused(site: Site) -> None:
    arcops = site.home.arcops
    site.home.arcops("host", "add", "small", "--package", f"folder:{site.home.folder / 'source'}", "--command", "server.py")
    for old, new, why in (
        ("", "", "small may not run"),
        ("name: helper", "name: ../helper", "cannot be the name of an agent"),
        ("version: '1.0'", "version: ''", "an exact version"),
        ("value: '0'", "value: 0", "a string"),
        ("value: '0'", "value: ghp_16C7e42F292c6912E7710c838347Ae178B4a", "looks like a secret"),
        ("name: temperature, value: '0'", "name: apiToken, value: hunter22hunter22", "looks like a secret"),
        ("Hello.", "the key is ghp_16C7e42F292c6912E7710c838347Ae178B4a", "looks like a secret"),
        ("[SERVICE]", "[SERVICE, SERVICE]", "is there twice"),
        ("[SERVICE]", "{SERVICE: x}", "secrets"),
        ("name: helper", "name: helper\nshell: rm", "shell"),
    ):
        assert why in arcops("host", "agent", "export", written(site, AGENT.replace(old, new, 1)), expect=REFUSED)
    plain = AGENT.replace("servers:\n  - {name: small, tools: [echo]}\n", "")
    export = exported(site, plain)
    statement = read_envelope(export.read_bytes()).payload
    wrong = site.home.folder / "wrong.json"
    for data, why in (
        (statement, "not a sealed artifact"),
        (seal_statement(statement, Key()), "None of the 1 key(s) trusted here signed it"),
        (seal_statement(statement.replace(b"agent-export/v1", b"agent-export/v2"), site.place.signer()), "another version"),
        (seal_statement(statement.replace(b'"helper"', b'"other"', 1), site.place.signer()), "another subject"),
    ):
        wrong.write_bytes(data)
        assert why in arcops("host", "agent", "import", str(wrong), expect=REFUSED)
    told = arcops("host", "agent", "import", str(export), "--secret", "SERVICE=hunter22", expect=REFUSED)
    assert "--secret SERVICE" in told
    assert AGENT_EXPORT.read(statement).secrets == ("SERVICE",)


def test_a_tool_that_is_not_offered_is_refused(site: Site) -> None:
    assert site.run(site.new("deploy", *deploying(site))).ended
    text = AGENT.replace("[echo]", "[echo, other]")
    assert "offers no tool 'other'" in site.home.arcops("host", "agent", "export", written(site, text), expect=REFUSED)
