"""A server of another machine is judged by what can be seen from here: its address, and what it says over the network."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from arcops.errors import Refused
from arcops.evidence import Evidence, Missing
from arcops.request import Request
from arcops.seen.server import Launching
from arcops.seen.server_tools import ServerTools
from arcops.tier import Tier
from artifacts.canonical import canonical
from gates.server.server_licence import ServerLicencePolicy, Unsaid
from gates.server.server_origin import ServerOriginPolicy
from tasks.server.addresses import read_address
from tasks.server.case import Case, Locked
from tests.simulators.far_server import ECHO, Far, far_server
from tests.tasks.server.made import Made, look

pytestmark = pytest.mark.requirement("HOST-020/only-green-servers-start")
BOTH = ("server-origin", "server-tools")


@pytest.fixture
def far() -> Iterator[Far]:
    with far_server() as made:
        yield made


def text_of(transport: str, url: str) -> str:
    return canonical({"transport": transport, "url": url}).decode()


def made_for(url: str, folder: Path, *, transport: str = "remote", host: str = "", **row: Any) -> Made:
    """Its installation, judged by a policy that names *host*."""
    package = f"{transport}:{url}"
    lock = Locked(package=package, runtime="another-machine", text=text_of(transport, url))
    launching = Launching(package=package, network="open", **row)
    made = Made(folder / "server", Case(lock=lock, launching=launching, cleared=True, allowed="ann"), folder)
    made.tree.mkdir(parents=True)
    made.put("address.json", lock.text.encode())
    made.seal()
    made.policies["server-origin"] = ServerOriginPolicy(remotes=(host,) if host else ())
    made.policies["server-licence"] = ServerLicencePolicy(unsaid=Unsaid.WARN)
    return made


def at(far: Far, folder: Path, path: str = "/mcp", **more: Any) -> Made:
    return made_for(far.url(path), folder, host=far.host, **more)


def outcomes(made: Made, *gates: str) -> dict[str, str]:
    """The outcome of each rule that does not pass, by its name without that of its gate."""
    results = made.judged(*(gates or BOTH)).values()
    found = [one for result in results for one in result.findings if one.outcome.value != "PASS"]
    return {one.rule.partition("/")[2]: one.outcome.value for one in found}


def heard(made: Made, tier: Tier = Tier.AIR_GAPPED) -> Evidence[ServerTools] | Missing:
    request: Request = replace(made.request, tier=tier)
    return look("server-tools", request, {})  # type: ignore[return-value]  # of this kind


SEEN_AS_FAR_AS_IT_CAN_BE = {"source": "WARN", "kept-to-its-row": "WARN"}


@pytest.mark.parametrize(("over", "modern"), [("json", False), ("events", False), ("json", True), ("events", True)])
def test_one_of_a_host_that_the_policy_names_is_a_warning_and_no_more(
    far: Far, tmp_path: Path, over: str, modern: bool
) -> None:
    far.over, far.modern, far.instructions = over, modern, "Use echo."
    made = at(far, tmp_path)
    assert outcomes(made) == SEEN_AS_FAR_AS_IT_CAN_BE
    found = heard(made)
    assert isinstance(found, Evidence)
    assert found.body.eras == (("modern",) if modern else ("legacy",))
    assert [one.kind for one in found.body.pins] == ["instructions", "tool"]
    assert (found.body.elsewhere, found.body.watched) == (True, False)
    assert outcomes(made, "server-contents") == {}
    assert outcomes(made, "server-licence") == {"stated": "WARN"}


def test_one_over_the_older_transport(tmp_path: Path) -> None:
    with far_server(over="sse") as far:
        made = at(far, tmp_path, "/sse", transport="sse")
        assert outcomes(made) == SEEN_AS_FAR_AS_IT_CAN_BE
        assert set(far.methods) >= {"initialize", "tools/list"}
        assert "server/discover" not in far.methods


@pytest.mark.parametrize("over", ["json", "events", "sse"])
def test_what_it_offers_only_to_a_client_that_can_more_is_seen_too(tmp_path: Path, over: str) -> None:
    with far_server(over=over, for_able=[{**ECHO, "name": "more"}]) as far:
        made = at(far, tmp_path, "/sse", transport="sse") if over == "sse" else at(far, tmp_path)
        found = heard(made)
        assert isinstance(found, Evidence)
        assert [one.name for one in found.body.pins] == ["echo", "more"]


def test_one_that_names_another_host_for_messages_is_not_followed(tmp_path: Path) -> None:
    with far_server(over="sse", endpoint="http://127.0.0.2:9/messages") as far:
        found = heard(at(far, tmp_path, "/sse", transport="sse"))
        assert isinstance(found, Missing)
        assert "another host for messages" in found.reason
        assert not far.methods


@pytest.mark.parametrize("named", ["", "127.0.0.1", "localhost", "127.0.0.1:1"])
def test_a_host_that_the_policy_does_not_name_is_red(far: Far, tmp_path: Path, named: str) -> None:
    made = made_for(far.url(), tmp_path, host=named)
    assert outcomes(made, "server-origin") == {"source": "FAIL"}
    (finding,) = [one for one in made.judged("server-origin")["server-origin"].findings if one.rule.endswith("/source")]
    assert f"remotes: ['{far.host}']" in finding.fix


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://mcp.example/mcp", "mcp.example"),
        ("https://MCP.Example:443/mcp?x=1", "mcp.example"),
        ("https://mcp.example:8443/", "mcp.example:8443"),
        ("https://[2001:DB8::1]/mcp", "[2001:db8::1]"),
        ("http://localhost/mcp", "localhost:80"),
        ("https://mcp.example.:443/", "mcp.example."),
    ],
)
def test_the_host_of_an_address_is_as_a_policy_writes_it(url: str, host: str) -> None:
    assert read_address(f"remote:{url}", text_of("remote", url)).host == host
    assert ServerOriginPolicy(remotes=(host,))


@pytest.mark.parametrize("host", ["https://mcp.example", "mcp.example/mcp", "*", "*.example", "MCP.example", "", "a b"])
def test_a_policy_names_hosts_and_no_patterns(host: str) -> None:
    with pytest.raises(Refused, match="write a host alone"):
        ServerOriginPolicy(remotes=(host,))


@pytest.mark.parametrize(
    "text",
    [
        text_of("remote", "https://other.example/mcp"),
        text_of("sse", "https://mcp.example/mcp"),
        canonical({"transport": "remote", "url": "https://mcp.example/mcp", "more": "x"}).decode(),
        '{"transport":"remote","url":"https://mcp.example/mcp","url":"https://mcp.example/mcp"}',
        "{}",
        "nothing",
    ],
)
def test_a_lock_about_another_address_is_refused(text: str) -> None:
    with pytest.raises(Refused):
        read_address("remote:https://mcp.example/mcp", text)


@pytest.mark.parametrize(
    "url", ["http://mcp.example/mcp", "https://user:pw@mcp.example/", "https://mcp.example/#a", "ftp://x/"]
)
def test_an_address_that_others_could_read_or_misread_is_refused(url: str) -> None:
    with pytest.raises(Refused):
        read_address(f"remote:{url}", text_of("remote", url))


def test_an_installation_that_names_another_address_is_no_evidence(far: Far, tmp_path: Path) -> None:
    made = at(far, tmp_path)
    made.put("address.json", text_of("remote", "https://other.example/mcp").encode())
    made.seal()
    assert isinstance(look("server-installation", made.request, {}), Missing)
    assert isinstance(heard(made), Missing)
    assert not far.methods


@pytest.mark.parametrize(("value", "said"), [("Bearer right", ""), ("Bearer wrong", "(401)"), ("", "(401)")])
def test_its_credential_is_what_the_row_refers_to(
    far: Far, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str, said: str
) -> None:
    far.token = "Bearer right"
    monkeypatch.setenv("FAR_TOKEN", value)
    made = at(far, tmp_path, secrets=("AUTHORIZATION=env:FAR_TOKEN",) if value else ())
    found = heard(made)
    if said:
        assert isinstance(found, Missing)
        assert f"does not let us in {said}; give its credential with --secret AUTHORIZATION=REFERENCE" in found.reason
        assert outcomes(made) == {"source": "WARN", "judged": "UNKNOWN"}
    else:
        assert isinstance(found, Evidence)
        assert "right" not in repr(found)
        assert {one["authorization"] for one in far.heads} == {"Bearer right"}


def test_a_secret_that_is_not_there_is_said_and_nothing_is_asked(far: Far, tmp_path: Path) -> None:
    found = heard(at(far, tmp_path, secrets=("AUTHORIZATION=env:FAR_NOWHERE",)))
    assert isinstance(found, Missing)
    assert "FAR_NOWHERE" in found.reason
    assert not far.methods


@pytest.mark.parametrize(
    ("changed", "rule"),
    [
        ({"tools": [{**ECHO, "description": "Say it.\u200b"}]}, "visible"),
        ({"tools": [{**ECHO, "description": "<IMPORTANT> Read the notes. </IMPORTANT>"}]}, "plain"),
        ({"tools": []}, "answered"),
        ({"tools": [{**ECHO, "name": "e cho"}]}, "names"),
        ({"over": "events", "stray": "hello"}, "stray-output"),
        ({"status": 500}, "judged"),
        ({"status": 403}, "judged"),
        ({"status": 307, "location": "/other"}, "judged"),
    ],
)
def test_what_it_says_is_red_at_its_rule(far: Far, tmp_path: Path, changed: dict[str, Any], rule: str) -> None:
    for name, value in changed.items():
        setattr(far, name, value)
    assert outcomes(at(far, tmp_path), "server-tools").get(rule) in ("FAIL", "UNKNOWN")


def test_a_redirect_is_not_followed(far: Far, tmp_path: Path) -> None:
    with far_server() as other:
        far.status, far.location = 307, other.url()
        found = heard(at(far, tmp_path))
        assert isinstance(found, Missing)
        assert "is not followed" in found.reason
        assert not other.methods


def test_another_definition_than_before_is_red(far: Far, tmp_path: Path) -> None:
    made = at(far, tmp_path)
    found = heard(made)
    assert isinstance(found, Evidence)
    made.case = replace(made.case, before=found.body.pins)
    made.seal()
    assert outcomes(made) == SEEN_AS_FAR_AS_IT_CAN_BE
    far.tools = [{**ECHO, "description": "Says it again, and again."}]
    assert outcomes(made)["unchanged"] == "FAIL"


def test_one_that_is_gone_is_no_evidence(far: Far, tmp_path: Path) -> None:
    far.down()
    found = heard(at(far, tmp_path))
    assert isinstance(found, Missing)
    assert "cannot be reached" in found.reason


def test_one_that_was_not_cleared_is_not_asked(far: Far, tmp_path: Path) -> None:
    made = at(far, tmp_path)
    made.case = replace(made.case, cleared=False)
    made.seal()
    assert isinstance(heard(made), Missing)
    assert not far.methods


def test_a_tier_that_does_not_reach_it_says_so_and_asks_for_no_secret(tmp_path: Path) -> None:
    made = made_for("https://mcp.example/mcp", tmp_path, host="mcp.example", secrets=("AUTHORIZATION=env:FAR_NOWHERE",))
    found = heard(made)
    assert isinstance(found, Missing)
    assert "the tier air-gapped does not reach; set ARCOPS_TIER=restricted" in found.reason


@pytest.mark.parametrize("variable", ["COOKIE", "HOST", "MCP_SESSION_ID", "CONTENT_TYPE", "TRANSFER_ENCODING", "ACCEPT", "A B"])
def test_a_row_that_sends_what_is_not_its_own_is_red(tmp_path: Path, variable: str) -> None:
    made = made_for("https://mcp.example/mcp", tmp_path, host="mcp.example", environment=(f"{variable}=x",))
    assert outcomes(made, "server-origin") == {"source": "WARN", "launch": "FAIL"}


def test_what_is_sent_is_the_row_s_headers_and_nothing_of_this_machine(
    far: Far, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ARCOPS_TOKEN", "of this machine")
    made = at(far, tmp_path, environment=("X_TEAM=blue",))
    made.case = replace(made.case, environment=("x-team=blue",))
    made.seal()
    assert isinstance(heard(made), Evidence)
    assert all(one["x-team"] == "blue" for one in far.heads)
    assert "of this machine" not in json.dumps(far.heads)
