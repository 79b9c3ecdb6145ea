"""The sidecar from outside: transports, readiness, restarts of the server, names, TLS, and an end that drops no call."""

from __future__ import annotations

import asyncio
import signal
import ssl
import subprocess
import time
from pathlib import Path
from typing import Any

import httpx2
import pytest

from services.operator.sidecar import CedarPolicies, OwnTls, Reach, Target
from tests.adapters.sidecar.world import Here, Pod, config, listens, pod, shimmed, stdio_pod, until
from tests.certificates import Authority
from tests.simulators.far_server import far_server
from tests.simulators.hosting import trivial

INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "c", "version": "1"}},
}
ACCEPT = {"accept": "application/json, text/event-stream"}


def initialized(made: Pod, **headers: str) -> httpx2.Response:
    return httpx2.post(made.url, json=INITIALIZE, headers={**ACCEPT, **headers}, timeout=30)


@pytest.mark.requirement("OPER-3/transports-are-supported")
@pytest.mark.parametrize(
    ("more", "reach", "path"),
    [({}, Reach.HTTP, "/mcp"), ({"over": "events"}, Reach.HTTP, "/mcp"), ({"over": "sse"}, Reach.SSE, "/sse")],
)
def test_a_server_at_a_port_of_the_pod(tmp_path: Path, more: dict[str, Any], reach: Reach, path: str) -> None:
    with far_server(**more) as far:
        wanted = config(target=Target(reach=reach, url=far.url(path)), transport=reach.value)
        with pod(wanted, tmp_path) as made:
            until(lambda: listens(made) and made.ready())
            assert made.asked("/handshake")[1]["capabilities"] == ["tools"]

            async def calls() -> None:
                one = Here(port=made.port)
                await one.open()
                assert (await one.text("echo", {"text": "hello"})) is not None

            asyncio.run(calls())
            if reach is Reach.SSE:
                return
            far.down()

            async def fails() -> None:
                assert "error" in await Here(port=made.port).open()

            asyncio.run(fails())
            until(lambda: not made.ready())
            far.up()
            until(made.ready)
            asyncio.run(calls())


@pytest.mark.requirement("OPER-3/transports-are-supported")
def test_the_older_transport_is_served(tmp_path: Path) -> None:
    with stdio_pod(tmp_path) as made, httpx2.stream("GET", f"http://127.0.0.1:{made.port}/sse", timeout=30) as stream:
        first = next(stream.iter_text())
        assert first.startswith("event: endpoint\ndata: /messages?session_id=")


@pytest.mark.requirement("OPER-3/no-server-is-ready-before-its-handshake")
@pytest.mark.parametrize("command", [["cat"], ["sleep", "300"], ["echo", "Welcome to nginx!"], ["false"]])
def test_what_does_not_speak_mcp_is_never_ready(tmp_path: Path, command: list[str]) -> None:
    at = tmp_path / "s"
    wanted = config(target=Target(reach=Reach.SOCKET, socket=str(at)))
    with shimmed(at, command, stderr=subprocess.DEVNULL), pod(wanted, tmp_path) as made:
        until(lambda: listens(made))
        for _ in range(5):
            status, said = made.asked("/ready")
            assert status == 503
            assert said["problem"]
            assert made.asked("/handshake")[1]["protocolVersions"] == []


@pytest.mark.requirement("OPER-10/protocol-and-capabilities-are-checked")
def test_a_server_that_is_not_what_its_resource_says_is_not_ready(tmp_path: Path) -> None:
    at = tmp_path / "s"
    target = Target(reach=Reach.SOCKET, socket=str(at))
    with shimmed(at, trivial()), pod(config(target=target, capabilities={"prompts": True}), tmp_path) as made:
        until(lambda: listens(made) and bool(made.asked("/handshake")[1]["protocolVersions"]))
        status, said = made.asked("/ready")
        assert (status, "does not offer prompts" in said["problem"]) == (503, True)
        made.configured(capabilities={"tools": True})
        until(made.ready)


@pytest.mark.requirement("OPER-10/sessions-survive-changes")
def test_a_server_that_dies_is_begun_again_with_a_new_handshake(tmp_path: Path) -> None:
    with stdio_pod(tmp_path) as made:

        async def calls() -> None:
            one, other = Here(port=made.port), Here(port=made.port)
            await one.open()
            await other.open()
            assert await other.text("count") == "1"
            assert "error" in await one.call("die")
            said = await one.text("environment")  # the next call of the same session
            assert '"initialized": 1' in said
            assert '"name": "c"' in said, "the new process heard what the client said of itself"
            assert await other.text("count") == "2", "no other session is touched"

        asyncio.run(calls())
        assert made.ready()


@pytest.mark.requirement("OPER-10/sessions-survive-changes")
def test_a_container_that_starts_again_is_spoken_with_again(tmp_path: Path) -> None:
    at = tmp_path / "s"
    with pod(config(target=Target(reach=Reach.SOCKET, socket=str(at))), tmp_path) as made:
        until(lambda: listens(made))
        assert made.asked("/ready")[0] == 503

        async def calls(one: Here) -> str:
            return await one.text("count")

        one = Here(port=made.port)
        with shimmed(at, trivial(), "--linger", "0"):
            until(made.ready)
            asyncio.run(one.open())
            assert asyncio.run(calls(one)) == "1"
        with shimmed(at, trivial(), "--linger", "0"):
            until(made.ready)
            assert asyncio.run(calls(one)) == "1", "the session goes on with a new process"


@pytest.mark.requirement("OPER-10/sessions-survive-changes")
def test_told_to_end_it_finishes_what_is_under_way(tmp_path: Path) -> None:
    with stdio_pod(tmp_path) as made:

        async def calls() -> None:
            one = Here(port=made.port)
            await one.open()
            slow = asyncio.create_task(one.call("slow", {"seconds": 4.0}))
            async with asyncio.timeout(30):
                while made.asked("/metrics")[1].count("arcops_sidecar_requests_total 1") == 0:
                    await asyncio.sleep(0.02)
            made.process.send_signal(signal.SIGTERM)
            until(lambda: made.asked("/ready")[0] == 503)
            late = Here(port=made.port)  # balancers hear of it late
            await late.open()
            assert await late.text("echo", {"text": "late"}) == "late"
            assert (await slow)["result"]["content"][0]["text"] == "slept"

        asyncio.run(calls())
        assert made.process.wait(30) == -signal.SIGTERM


@pytest.mark.requirement("OPER-10/sessions-survive-changes")
def test_a_call_that_does_not_end_holds_up_no_pod(tmp_path: Path) -> None:
    with stdio_pod(tmp_path, "--drain", "0.3") as made:

        async def calls() -> None:
            one = Here(port=made.port)
            await one.open()
            slow = asyncio.create_task(one.call("slow", {"seconds": 300}))
            async with asyncio.timeout(30):
                while made.asked("/metrics")[1].count("arcops_sidecar_requests_total 1") == 0:
                    await asyncio.sleep(0.02)
            made.process.send_signal(signal.SIGTERM)
            assert "this host ends" in (await slow)["error"]["message"]

        asyncio.run(calls())
        assert made.process.wait(30) == -signal.SIGTERM


@pytest.mark.requirement("OPER-3/transports-are-supported")
def test_other_names_and_pages_of_others_are_refused(tmp_path: Path) -> None:
    with stdio_pod(tmp_path, hosts=("mcp.example",)) as made:
        for host in ("time", "time.tools", "time.tools.svc:8080", "time.tools.svc.cluster.local", "mcp.example", "10.1.2.3"):
            assert initialized(made, host=host).status_code == 200, host
        for host in ("evil.example", "time.other.svc", "time.tools.svc.evil.example", "xtime", "time.toolsx", ""):
            assert initialized(made, host=host).status_code == 421, host
        assert initialized(made, host="time.tools", origin="https://evil.example").status_code == 403
        assert initialized(made, host="time.tools", origin="null").status_code == 403
        assert httpx2.get(f"http://127.0.0.1:{made.port}/time/mcp").status_code == 404


@pytest.mark.requirement("OPER-5/oidc-sources")
def test_clients_without_a_certificate_are_not_let_in(tmp_path: Path) -> None:
    authority, other_authority = Authority.new(), Authority.new()
    for name in ("own", "client", "other"):
        (tmp_path / name).mkdir()
    certificate, key = authority.issue("127.0.0.1", tmp_path / "own")
    (ca := tmp_path / "ca.pem").write_bytes(authority.pem)
    tls = OwnTls(certificate_path=str(certificate), key_path=str(key), client_authorities_path=str(ca))
    with stdio_pod(tmp_path, tls=tls) as made:
        url = f"https://127.0.0.1:{made.port}/mcp"

        def asked(pair: tuple[Path, Path] | None) -> int:
            context = ssl.create_default_context(cadata=authority.pem.decode())
            if pair is not None:
                context.load_cert_chain(*pair)
            return httpx2.post(url, json=INITIALIZE, headers=ACCEPT, verify=context, timeout=30).status_code

        assert asked(authority.issue("client", tmp_path / "client")) == 200
        for wrong in (None, other_authority.issue("client", tmp_path / "other")):
            with pytest.raises((httpx2.HTTPError, ssl.SSLError)):
                asked(wrong)
        assert made.ready(), "probes have no certificate"


@pytest.mark.requirement("OPER-6/cedar-decides-each-call")
def test_a_policy_that_is_wrong_denies_until_it_is_right(tmp_path: Path) -> None:
    good = CedarPolicies(policies=("permit (principal, action, resource);",))
    with stdio_pod(tmp_path, authz=good) as made:

        async def calls() -> None:
            one = Here(port=made.port)
            await one.open()
            assert await one.text("count") == "1"
            made.configured(authz=CedarPolicies(policies=("permit (principal, action, resource",)))
            until(lambda: not made.ready())
            assert "policy 1 (line 1) is not in the policy language Cedar" in made.asked("/ready")[1]["problem"]
            assert "error" in await one.call("count")
            made.configured(authz=good)
            until(made.ready)
            assert await one.text("count") == "2"

        asyncio.run(calls())


@pytest.mark.requirement("OPER-6/cedar-decides-each-call")
@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"authz": CedarPolicies(policies=())}, "there is no Cedar policy"),
        ({"authz": CedarPolicies(policies=("permit (principal, action, resource);",), entities="[{]")}, "entitiesJSON"),
        ({"target": Target(reach=Reach.SOCKET, socket="s")}, "not an absolute path"),
    ],
)
def test_a_configuration_that_is_wrong_ends_it_at_once(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    with pod(config(**changes), tmp_path) as made:
        assert made.process.wait(60) == 1
        assert said in made.words()
        assert "Traceback" not in made.words()


@pytest.mark.requirement("OPER-10/sessions-survive-changes")
def test_so_many_sessions_and_no_more(tmp_path: Path) -> None:
    with stdio_pod(tmp_path, most=2) as made:

        async def calls() -> None:
            first = [Here(port=made.port) for _ in range(2)]
            for one in first:
                await one.open()
                await one.text("count")
            for _ in range(2):  # a session that is idle makes room for the next one of the same caller
                more = Here(port=made.port)
                async with asyncio.timeout(30):
                    while "result" not in await more.open():
                        await asyncio.sleep(0.05)
                assert await more.text("count") == "1"

        asyncio.run(calls())
        began = time.monotonic()
        assert made.ready()
        assert time.monotonic() - began < 10


@pytest.mark.requirement("OPER-9/metrics-and-audit")
def test_without_room_for_records_no_call_is_done_and_no_caller_is_sent_here(tmp_path: Path) -> None:
    (tmp_path / "records").symlink_to("/dev/full")  # every write finds no space
    with stdio_pod(tmp_path) as pod:

        async def run() -> None:
            ada = Here(port=pod.port)
            await ada.open()
            assert await ada.text("count") == "1", "its place was kept before anyone knew"
            await asyncio.to_thread(until, lambda: pod.asked("/ready")[0] == 503)
            assert "cannot be written" in str(pod.asked("/ready")[1])
            refused = await ada.call("count")
            assert "cannot be recorded, so it is not done" in refused["error"]["message"]

        asyncio.run(run())
