"""``arcops host``, from outside: a row, the first call, a crash; and a host that is killed, stopped or ended leaves nothing."""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.adapters.serving import Served, served
from tests.adapters.typed import typed
from tests.foundation.test_keeping import lives
from tests.services.host.hosts import SMALL
from tests.simulators.image import Layout, files, program
from tests.waiting import until

HEADERS = {"content-type": "application/json", "accept": "application/json, text/event-stream"}
HELLO = {
    "protocolVersion": "2025-11-25",
    "capabilities": {},
    "clientInfo": {"name": "test", "version": "1"},
}
REFUSED, RED, AMBER = 2, 3, 4
FOLDERS = """\
name: folders
description: A folder may run if its start is good.
validFor: P7D
amberPasses: true
gates:
  server-origin: {sources: [folder], foldersWarn: true}
  server-tools: {}
"""


@dataclass
class Client:
    """A session at the server *name* of a host."""

    host: Served
    name: str = "small"
    session: dict[str, str] = field(default_factory=dict)

    def post(self, method: str, params: dict[str, Any], id_: int | None = 1) -> httpx2.Response:
        message = {"jsonrpc": "2.0", "method": method, "params": params, **({"id": id_} if id_ is not None else {})}
        return self.host.post(f"/{self.name}/mcp", headers={**HEADERS, **self.session}, json=message, timeout=600)

    def begin(self) -> httpx2.Response:
        """A new session, or why not."""
        self.session = {}
        answer = self.post("initialize", HELLO)
        if answer.status_code == 200 and "mcp-session-id" in answer.headers:
            self.session = {"mcp-session-id": answer.headers["mcp-session-id"]}
            told = self.post("notifications/initialized", {}, None)
            assert told.status_code == 202, (told.status_code, told.text, answer.text)
        return answer

    def call(self, tool: str, **arguments: object) -> Any:
        answer = said(self.post("tools/call", {"name": tool, "arguments": arguments}))
        return json.loads(answer["result"]["content"][0]["text"])

    @property
    def status(self) -> Any:
        return self.host.get(f"/{self.name}/status").json()


def said(answer: httpx2.Response) -> Any:
    """The message in an answer, be it JSON or a stream of events."""
    if answer.headers["content-type"].startswith("application/json"):
        return answer.json()
    data = [line.removeprefix("data:") for line in answer.text.splitlines() if line.startswith("data:")]
    return json.loads(next(one for one in reversed(data) if '"id"' in one))


@dataclass(frozen=True)
class Home:
    """A home with the row ``small``, whose lock is not allowed yet."""

    folder: Path
    policy: str = "folders"

    @property
    def environment(self) -> dict[str, str]:
        return {
            "ARCOPS_HOME": str(self.folder / "home"),
            "ARCOPS_PASSPHRASE": "of a test",
            "ARCOPS_HOST_POLICY": self.policy,
        }

    def arcops(self, *line: str, expect: int = 0) -> str:
        done = typed(*line, environment=self.environment)
        assert done.returncode == expect, done.stderr
        return done.stdout + done.stderr

    def allow(self) -> None:
        digest = json.loads(self.arcops("host", "resolve", "small", "--format", "json"))["digest"]
        self.arcops("host", "allow", "small", digest)
        told = self.arcops("host", "gate", "small", expect=AMBER)
        assert "small may run" in told

    @contextmanager
    def serving(self, **more: str) -> Iterator[Served]:
        with served("host", "serve", env={**self.environment, **more}) as found:
            yield found


@pytest.fixture
def home(tmp_path: Path) -> Home:
    source = tmp_path / "source"
    source.mkdir()
    shutil.copy(SMALL, source / "server.py")
    made = Home(tmp_path)
    made.arcops("keys", "new")
    made.arcops("keys", "trust", str(tmp_path / "home" / "keys" / "arcops.pub"))
    (tmp_path / "folders.yaml").write_text(FOLDERS)
    made.arcops("policy", "register", str(tmp_path / "folders.yaml"))
    made.arcops("host", "add", "small", "--package", f"folder:{source}", "--command", "server.py", "--owner", "team")
    return made


@pytest.mark.requirement(
    "HOST-014/just-in-time-start",
    "HOST-013/many-servers-under-one-endpoint",
    "HOST-015/onboarding-by-a-row",
    "HOST-017/status-shows-the-state",
    "HOST-021/removal-is-complete",
    "HOST-OPS/operations-per-server",
)
def test_a_row_the_first_call_a_crash_and_the_end(home: Home) -> None:
    with home.serving() as host:
        client = Client(host)
        refused = client.begin()
        assert refused.status_code == 403
        assert "no one has allowed what folder:" in said(refused)["error"]["message"]
        assert "Next: arcops host gate small" in home.arcops("host", "status", "small")
        assert "server-origin/allowed No one allowed folder:" in home.arcops("host", "gate", "small", expect=RED)
        assert "its verdict is RED; its operator can repair that" in said(client.begin())["error"]["message"]
        home.allow()
        assert client.begin().status_code == 200
        assert client.call("echo", a=1) == {"a": 1}
        pid = client.call("place")["pid"]
        assert (client.status["state"], client.status["pids"]) == ("Running", [pid])
        assert host.get("/other/status").status_code == 404
        assert httpx2.get(f"{host.url}/small/status").status_code == 401  # no secret
        until(lambda: "Running" in home.arcops("host", "list"), "the list shows that it runs")
        client.call("say", text="a line for its log")
        until(lambda: "a line for its log" in home.arcops("host", "logs", "small"), "the log has the line")

        os.kill(pid, signal.SIGKILL)
        until(lambda: client.status["state"] == "Error", "the crash shows")
        assert client.begin().status_code == 200
        assert client.call("echo", a=2) == {"a": 2}
        assert client.status["restarts"] == 1

        pid = client.call("place")["pid"]
        home.arcops("host", "remove", "small")
        until(lambda: not lives(pid), "the process of a removed server ended")
        until(lambda: client.begin().status_code == 404, "its address is gone")
        until(
            lambda: [one for one in host.log if f"process {pid} ended" in one and "it was removed" in one], "its end is logged"
        )
    assert "was removed" in home.arcops("host", "history", "small")


@pytest.mark.site
@pytest.mark.requirement("HOST-016/one-host-provisions", "HOST-NFR/crashes-are-recovered-from")
def test_a_killed_host_leaves_no_process_and_another_one_serves(home: Home) -> None:
    home.arcops(
        *("host", "add", "small", "--package", f"folder:{home.folder / 'source'}", "--command", "server.py", "--one-host")
    )
    home.allow()
    with home.serving() as one, home.serving() as two:
        first, second = Client(one), Client(two)
        assert first.begin().status_code == 200
        pid = first.call("place")["pid"]
        other = second.begin()
        assert other.status_code == 503
        assert "runs on one host at a time" in said(other)["error"]["message"]
        one.process.kill()
        killed = time.monotonic()
        until(lambda: not lives(pid), "the process ended with its host")
        assert time.monotonic() - killed < 60  # a second on a machine that has nothing else to do (`benches/hosting.py`)
        until(lambda: second.begin().status_code == 200, "the other host serves it when the lease has ended")
        assert second.call("echo", a=1) == {"a": 1}


@pytest.mark.site
@pytest.mark.requirement("HOST-013/sessions-go-on-at-every-host", "HOST-016/one-host-provisions")
def test_hosts_with_a_key_pass_on_what_is_at_another_one(home: Home) -> None:
    home.arcops(
        *("host", "add", "small", "--package", f"folder:{home.folder / 'source'}", "--command", "server.py", "--one-host")
    )
    home.allow()
    shared = {"ARCOPS_HOST_KEY": "env:SITE_KEY", "SITE_KEY": "the key of all hosts of this test"}
    with home.serving(**shared) as one, home.serving(**shared) as two:
        first, second = Client(one), Client(two)
        assert first.begin().status_code == 200
        pid = first.call("place")["pid"]
        assert second.begin().status_code == 200  # at the other host, which runs it
        assert second.call("echo", a=1) == {"a": 1}
        there = Client(two, session=first.session)
        assert there.call("place")["pid"] == pid
        one.process.kill()
        until(lambda: there.post("tools/list", {}).status_code == 404, "the session ended with its host")
        until(lambda: second.begin().status_code == 200, "the other host runs it when the lease has ended")
        assert second.call("place")["pid"] != pid
    assert "at least 32" in _refused(home, ARCOPS_HOST_KEY="env:SITE_KEY", SITE_KEY="short")
    assert "without ARCOPS_HOST_KEY" in _refused(home, ARCOPS_HOST_ADDRESS="https://host.example:8430")


@pytest.mark.site
@pytest.mark.requirement("HOST-013/servers-in-images")
def test_an_image_is_judged_and_served(home: Home, tmp_path: Path) -> None:
    (tmp_path / "layout").mkdir()
    layout = Layout(tmp_path / "layout")
    digest = layout.image([files({"app/server": program(tmp_path)})], Entrypoint=["/app/server"])
    package = f"oci:{layout.folder}@{digest}"
    home.arcops("host", "add", "small", "--package", package, "--stateless")
    lock = json.loads(home.arcops("host", "resolve", "small", "--format", "json"))["digest"]
    home.arcops("host", "allow", "small", lock)
    assert "permits folder" in home.arcops("host", "gate", "small", expect=RED)
    policy = (
        FOLDERS.replace("[folder]", "[oci]").replace("name: folders", "name: images")
        + f"  server-contents: {{native: ['{package}']}}\n"
    )
    (tmp_path / "images.yaml").write_text(policy)
    home.arcops("policy", "register", str(tmp_path / "images.yaml"))
    home = Home(home.folder, policy="images")
    told = home.arcops("host", "gate", "small", expect=AMBER)
    assert "It is from an image" in told
    with home.serving() as host:
        client = Client(host)
        assert client.begin().status_code == 200
        text = said(client.post("tools/call", {"name": "seen"}))["result"]["content"][0]["text"]
        assert "passwd=No such file" in text
        blob = layout.folder / "blobs" / "sha256" / digest.removeprefix("sha256:")
        blob.write_bytes(b"{}")
    assert "other content" in home.arcops("host", "add", "other", "--package", package) + home.arcops(
        "host", "resolve", "other", expect=REFUSED
    )


def _refused(home: Home, **more: str) -> str:
    done = typed("host", "serve", "--port", "0", environment={**home.environment, **more})
    assert done.returncode == REFUSED, done.stderr
    return done.stderr


@pytest.mark.site
@pytest.mark.requirement("HOST-016/one-host-provisions")
def test_a_stopped_host_loses_its_processes_and_what_it_held(home: Home) -> None:
    home.arcops(
        *("host", "add", "small", "--package", f"folder:{home.folder / 'source'}", "--command", "server.py", "--one-host")
    )
    home.allow()
    with ExitStack() as stack:
        one, two = (stack.enter_context(home.serving()) for _ in range(2))
        first, second = Client(one), Client(two)
        assert first.begin().status_code == 200
        pid = first.call("place")["pid"]
        one.process.send_signal(signal.SIGSTOP)
        try:
            until(lambda: not lives(pid), "the process of the stopped host ended")
            until(lambda: second.begin().status_code == 200, "the other host serves it when the lease has ended")
        finally:
            one.process.send_signal(signal.SIGCONT)
        refused = until(lambda: found if (found := first.begin()).status_code == 503 else None, "it knows that it lost it")
        assert "runs on one host at a time" in said(refused)["error"]["message"]
        assert second.call("echo", a=1) == {"a": 1}


@pytest.mark.site
@pytest.mark.requirement("HOST-013/many-servers-under-one-endpoint")
def test_sigterm_with_open_streams_ends_the_host_and_its_processes(home: Home) -> None:
    home.allow()
    with home.serving() as host:
        client = Client(host)
        client.begin()
        pid = client.call("place")["pid"]
        fields = {**host.secret, **client.session, "accept": "text/event-stream"}
        with httpx2.stream("GET", f"{host.url}/small/mcp", headers=fields, timeout=600) as stream:
            assert stream.status_code == 200
            host.process.send_signal(signal.SIGTERM)
            assert host.process.wait(timeout=600) in (0, -signal.SIGTERM)
        assert not lives(pid)


@pytest.mark.site
@pytest.mark.requirement("HOST-014/just-in-time-start")
def test_a_full_disk_is_said_and_leaves_nothing_half_installed(home: Home) -> None:
    """A limit on the size of files stands for a disk that is full while a server is installed."""
    (home.folder / "source" / "large").write_bytes(b"x" * (8 << 20))
    home.allow()
    installed = home.folder / "home" / "hosted" / "installed"
    shutil.rmtree(installed)  # as on another host: the verdict is there, and the installation is not
    with home.serving() as host:
        resource.prlimit(host.process.pid, resource.RLIMIT_FSIZE, (4 << 20, resource.RLIM_INFINITY))
        client = Client(host)
        answer = client.begin()
        assert answer.status_code == 503
        message = said(answer)["error"]["message"]
        assert "cannot be installed" in message
        assert "File too large" in message
        assert list(installed.iterdir()) == []
        resource.prlimit(host.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        until(lambda: client.begin().status_code == 200, "it is served when there is room")


def test_what_cannot_be_hosted_is_refused_before_it_is_a_row(home: Home) -> None:
    for line, why in (
        (("metrics", "--package", "pypi:x==1"), "the address of something else"),
        (("Big", "--package", "pypi:x==1"), "cannot be the name"),
        (("x", "--package", "pypi:x"), "one exact version"),
        (("x", "--package", "pypi:x==1", "--env", "ARCOPS_KEY=1"), "may be given"),
        (("x", "--package", "pypi:x==1", "--most", "0"), "most"),
    ):
        assert why in home.arcops("host", "add", *line, expect=REFUSED)
    assert "air-gapped" in (home.arcops("host", "add", "x", "--package", "pypi:x==1") and "") + home.arcops(
        "host", "resolve", "x", expect=REFUSED
    )
    assert "there is no hosted server" in home.arcops("host", "status", "nothing", expect=REFUSED)
    assert "is not the digest" in home.arcops("host", "allow", "small", f"sha256:{'0' * 64}", expect=REFUSED)
