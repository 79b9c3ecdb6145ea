"""The REST door of clients' configuration: operations by name, what is cached, what is refused, and who may do what."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx2
import pytest

from adapters.http.app import front
from adapters.http.bound import Bound, bind
from adapters.http.configuration import Configuration
from adapters.http.configuring import OPERATIONS
from adapters.http.opening import UserOpening
from arcops.errors import Refused
from arcops.identity import Identity
from capabilities.client.publishing import PublishClientConfig, RevertClientConfig, publish_client_config, revert_client_config
from capabilities.client.serving import exported, served_here
from tests.adapters.doors import door_for
from tests.services.config.folders import Machine, machine
from tests.services.config.place import DRAFT, version

pytestmark = pytest.mark.requirement(
    "CONF-1-2-3/clients-and-profiles-are-listed", "CONF-4-5/configurations-are-complete", "CONF-9-10-11/changes-can-be-followed"
)
BASE = "/conf/v1"
GET = f"{BASE}/configs/claude-code/dev"
Ask = Callable[..., Awaitable[httpx2.Response]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A service in this process, and the way to ask it."""

    machine: Machine
    made: Configuration
    client: httpx2.AsyncClient

    async def get(self, path: str, **more: Any) -> httpx2.Response:
        return await self.client.get(path, **more)

    async def post(self, path: str, body: object) -> httpx2.Response:
        return await self.client.post(path, json=body)


def served(here: Machine, folder: Path, work: Callable[[Running], Awaitable[None]], *, replica: Path | None = None) -> None:
    """Do *work* with the service of *here*, or of the *replica*."""

    async def run() -> None:
        bound: Bound = bind("127.0.0.1", 8440, here.at.settings, certificate=None, key=None, behind_proxy=False)
        way_in = UserOpening(bound=bound, cache=folder / "cache", secret="the-secret")
        at = replace(here.at, own=False)
        made = Configuration(served=served_here(at, replica), at=lambda: at, door=door_for(opening=way_in), origin=bound.url)
        app = front([made.part()], bound)
        transport = httpx2.ASGITransport(app=app, client=("127.0.0.1", 1))
        headers = {"Authorization": "Bearer the-secret"}
        async with (
            made.running(),
            httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1:8440", headers=headers) as client,
        ):
            await work(Running(machine=here, made=made, client=client))

    asyncio.run(run())


@pytest.fixture
def here(tmp_path: Path) -> Machine:
    return machine(tmp_path)


def publish(here: Machine, draft: bytes = DRAFT, **more: Any) -> str:
    done = publish_client_config(PublishClientConfig(draft=draft.decode(), changelog="It changes.", **more), here.at)
    return done.records[0].artifact_id


def test_every_operation_of_the_specification_is_there(here: Machine, tmp_path: Path) -> None:
    """Its section 10, by name."""
    assert {one.name for one in OPERATIONS} >= {
        "ListClients", "ListProfiles", "GetConfig", "DiffConfig", "SubscribeConfigUpdates", "PollChanges", "ValidateDraft",
        "Publish", "GetAudit", "ReportClientState",
    }  # fmt: skip

    async def work(running: Running) -> None:
        said = (await running.get(f"{BASE}/openapi.json")).json()
        assert said["openapi"].startswith("3.1")
        assert {one["operationId"] for path in said["paths"].values() for one in path.values()} == {o.name for o in OPERATIONS}
        known = (await running.get("/.well-known/mcp-configuration")).json()
        assert set(known["operations"]) == {one.name for one in OPERATIONS}

    served(here, tmp_path, work)


def test_a_configuration_is_complete_and_cached(here: Machine, tmp_path: Path) -> None:
    publish(here)

    async def work(running: Running) -> None:
        clients = (await running.get(f"{BASE}/clients")).json()["clients"]
        assert len(clients) >= 12
        assert next(one for one in clients if one["clientId"] == "claude-code")["profiles"] == ["dev"]
        assert (await running.get(f"{BASE}/clients/claude-code/profiles")).json()["profiles"] == ["dev"]
        found = await running.get(GET)
        said = found.json()
        assert set(said) >= {
            "artifactId", "clientId", "profile", "payload", "schemaRef", "version", "issuedAt", "policySetId", "signature",
            "provenance", "changelog", "auditLogUri", "verification",
        }  # fmt: skip
        assert set(said["signature"]) == {"alg", "value", "keyId"}
        assert said["artifactId"] == f"sha256:{hashlib.sha256(said['payload'].encode()).hexdigest()}"
        again = await running.get(GET, headers={"If-None-Match": found.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        schema = (await running.get(f"{BASE}/schemas/claude-code/1.0.0")).json()
        import jsonschema_rs

        jsonschema_rs.validator_for(schema).validate(json.loads(said["payload"]))

    served(here, tmp_path, work)


def test_inputs_are_names_and_a_value_is_not_said_back(here: Machine, tmp_path: Path) -> None:
    publish(here)

    async def work(running: Running) -> None:
        assert (await running.get(f"{GET}?inputs=GITHUB_TOKEN,OTHER")).status_code == 200
        for query in (
            "inputs=GITHUB_TOKEN=canary-7f3a",
            "GITHUB_TOKEN=canary-7f3a",
            "inputs=canary-7f3a!",
            "inputs=A&inputs=B",
        ):
            found = await running.get(f"{GET}?{query}")
            assert found.status_code in (400, 422), query
            assert "canary-7f3a" not in found.text

    served(here, tmp_path, work)


def test_differences_and_changes(here: Machine, tmp_path: Path) -> None:
    first = publish(here)

    async def work(running: Running) -> None:
        async def status(current: str) -> str:
            return str((await running.get(f"{GET}/diff?current={current}")).json()["status"])

        assert await status(first) == "up-to-date"
        polled = (await running.get(f"{BASE}/changes")).json()
        assert [one["artifactId"] for one in polled["events"]] == [first]
        assert (await running.get(f"{BASE}/changes?since={polled['next']}")).json() == {"events": [], "next": polled["next"]}
        second = publish(here, version("1.1.0"))
        running.made.served.reading.refresh()
        assert await status(first) == "outdated"
        assert await status(second) == "up-to-date"
        assert await status(f"sha256:{'0' * 64}") == "unknown"
        (event,) = (await running.get(f"{BASE}/changes?since={polled['next']}")).json()["events"]
        assert (event["artifactId"], event["changelog"], event["policySetId"]) == (second, "It changes.", "corp@1.0.0")
        assert event["publisherId"] == here.key.public.id
        ask = RevertClientConfig(client="claude-code", profile="dev", to=first, reason="it breaks")
        revert_client_config(ask, here.at)
        running.made.served.reading.refresh()
        assert await status(second) == "outdated"
        assert await status(first) == "up-to-date"
        for token in ("x", "r0.0000000000000000", f"r9{polled['next'][1:]}", polled["next"][:-1] + "g"):
            assert (await running.get(f"{BASE}/changes?since={token}")).status_code == 422, token

    served(here, tmp_path, work)


_TOKEN = "ghp_" + "x7Kq2mW9" * 4 + "AbCd"  # made for this test


def test_a_secret_in_any_place_of_a_request_is_refused_and_neither_said_back_nor_kept(here: Machine, tmp_path: Path) -> None:
    """Mutation: an error that quotes the whole wrong word."""
    publish(here)
    secrets = (_TOKEN, _TOKEN.lower(), "hunter2x9")
    draft, named = DRAFT.decode(), {"client": "claude-code", "profile": "dev", "to": f"sha256:{'0' * 64}", "reason": "x"}
    posted: list[tuple[str, object]] = [
        *(
            ("publish", {"draft": draft, "changelog": "x"} | more)
            for more in (
                {"changelog": _TOKEN}, {"changelog": "the password is hunter2x9"}, {"draft": _TOKEN}, {"percent": _TOKEN},
                {"draft": f"{draft}# {_TOKEN}\n"}, {"draft": draft.replace("dev", _TOKEN.lower())}, {_TOKEN: 1},
                {"draft": [_TOKEN]},
            )
        ),
        ("publish", [_TOKEN]), ("validate", {"draft": draft.replace("1.0.0", _TOKEN)}), ("validate", {_TOKEN: 1}),
        *(("reverts", named | {field: _TOKEN}) for field in named), ("approvals", {"id": _TOKEN}),
        ("withdrawals", {"id": _TOKEN}),
    ]  # fmt: skip
    got = (
        f"configs/{_TOKEN}/dev", f"configs/claude-code/{_TOKEN}", f"schemas/{_TOKEN}/1", f"changes?since={_TOKEN}",
        f"audit?since={_TOKEN}", f"configs/claude-code/dev?schema={_TOKEN}", f"configs/claude-code/dev?{_TOKEN}=1", _TOKEN,
    )  # fmt: skip

    async def work(at: Running) -> None:
        for name, body in posted:
            found = await at.post(f"{BASE}/{name}", body)
            assert 400 <= found.status_code < 500, (name, body)
            assert not [one for one in secrets if one in found.text], (name, body, found.text)
        for path in got:
            found = await at.get(f"{BASE}/{path}")
            assert 400 <= found.status_code < 500, path
            assert _TOKEN not in found.text

    served(here, tmp_path, work)
    kept = b"".join(one.read_bytes() for one in tmp_path.rglob("*") if one.is_file())
    assert not [one for one in secrets if one.encode() in kept]


def test_a_canary_is_given_to_its_cohort_alone(here: Machine, tmp_path: Path) -> None:
    stable = publish(here)
    canary = publish(here, version("1.1.0"), percent=5)

    async def work(running: Running) -> None:
        got = [(await running.get(f"{GET}?machine=machine-{number}")).json()["artifactId"] for number in range(300)]
        assert 2 <= got.count(canary) <= 40
        assert set(got) == {stable, canary}
        again = [(await running.get(f"{GET}?machine=machine-{number}")).json()["artifactId"] for number in range(300)]
        assert got == again
        assert (await running.get(GET)).json()["artifactId"] == stable

    served(here, tmp_path, work)


def test_updates_come_as_they_are_released_and_go_on_after_a_restart(here: Machine, tmp_path: Path) -> None:
    publish(here)
    tokens: list[str] = []

    async def streamed(made: Configuration, since: str, release: Callable[[], object] | None, count: int) -> list[str]:
        """What a subscriber gets, by the ASGI application itself, because the client of tests reads no stream."""
        got: list[str] = []
        enough = asyncio.Event()

        async def receive() -> dict[str, Any]:
            await enough.wait()
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            got.append(message.get("body", b"").decode())
            if sum("event: release" in one for one in got) >= count:
                enough.set()

        from capabilities.client.looking import PollClientChanges

        scope: Any = {"type": "http", "headers": [(b"last-event-id", since.encode())] if since else []}
        work = asyncio.create_task(made.subscribers.serve(PollClientChanges(), scope, receive, send))
        while not got:
            await asyncio.sleep(0)
        if release is not None:
            await asyncio.to_thread(release)
            made.served.reading.refresh()
            made.subscribers.tell()
        async with asyncio.timeout(20):
            await work
        return got

    async def first(running: Running) -> None:
        got = await streamed(running.made, "", lambda: publish(here, version("1.1.0")), 1)
        (event,) = (one for one in got if "event: release" in one)
        tokens.append(event.splitlines()[0].removeprefix("id: "))
        assert "1.1.0" in event

    async def second(running: Running) -> None:
        got = await streamed(running.made, tokens[0], None, 1)
        assert ["1.2.0" in one for one in got if "event: release" in one] == [True], "only what came meanwhile"

    served(here, tmp_path, first)
    publish(here, version("1.2.0"))
    served(here, tmp_path, second)


def test_a_slow_subscriber_and_one_that_is_gone_keep_no_one_waiting(here: Machine, tmp_path: Path) -> None:
    """Nothing is kept for the slow one: it reads from its own token when it can."""
    from capabilities.client.looking import PollClientChanges

    publish(here)

    async def work(running: Running) -> None:
        subscribers, got = running.made.subscribers, {name: [] for name in ("slow", "gone", "quick")}
        leave = {name: asyncio.Event() for name in got}
        go_on, stuck = asyncio.Event(), asyncio.Event()

        def one(name: str) -> asyncio.Task[None]:
            async def receive() -> dict[str, Any]:
                await leave[name].wait()
                return {"type": "http.disconnect"}

            async def send(message: Any) -> None:
                if name == "slow" and got[name] and not go_on.is_set():
                    stuck.set()
                    await go_on.wait()
                got[name].append(message.get("body", b"").decode())
                if any("1.2.0" in each for each in got[name]):
                    leave[name].set()

            scope: Any = {"type": "http", "headers": []}
            return asyncio.create_task(subscribers.serve(PollClientChanges(), scope, receive, send))

        def release(number: str) -> None:
            publish(here, version(number))
            running.made.served.reading.refresh()

        async with asyncio.timeout(60):
            tasks = {name: one(name) for name in got}
            while not (stuck.is_set() and all(len(each) > 1 for name, each in got.items() if name != "slow")):
                await asyncio.sleep(0)
            leave["gone"].set()
            await tasks["gone"]
            assert subscribers.count == 2
            for number in ("1.1.0", "1.2.0"):
                await asyncio.to_thread(release, number)
                subscribers.tell()
            await tasks["quick"]
            assert len(got["slow"]) == 1
            go_on.set()
            await tasks["slow"]
        for name in ("quick", "slow"):
            told = "".join(got[name])
            assert told.count("event: release") == 2
            assert told.index("1.1.0") < told.index("1.2.0")
        assert "event: release" not in "".join(got["gone"])
        assert subscribers.count == 0

    served(here, tmp_path, work)


def test_publishing_over_the_network_is_judged_and_audited(here: Machine, tmp_path: Path) -> None:
    async def work(running: Running) -> None:
        bad = DRAFT.replace(b"name: time", b"name: my-shell").decode()
        refused = await running.post(f"{BASE}/publish", {"draft": bad, "changelog": "x"})
        assert refused.status_code == 422
        assert "no-shell" in refused.json()["error"]
        report = (await running.post(f"{BASE}/validate", {"draft": bad})).json()
        assert report["verdict"] == "RED"
        assert any(one["outcome"] == "FAIL" and "no-shell" in one["text"] for one in report["findings"])
        running.made.served.reading.refresh()
        assert (await running.get(GET)).status_code == 404
        done = await running.post(f"{BASE}/publish", {"draft": DRAFT.decode(), "changelog": "First."})
        assert (done.status_code, done.json()["state"]) == (201, "released")
        (record,) = (await running.get(f"{BASE}/audit?client=claude-code")).json()["releases"]
        assert (record["status"], record["publisherId"]) == ("latest", here.key.public.id)
        assert (await running.get(f"{BASE}/audit?client=codex")).json()["releases"] == []
        for method in ("PUT", "DELETE", "PATCH"):
            assert (await running.client.request(method, f"{BASE}/audit")).status_code == 405
            assert (await running.client.request(method, GET)).status_code == 405

    served(here, tmp_path, work)


def test_a_caller_without_a_token_gets_nothing(here: Machine, tmp_path: Path) -> None:
    publish(here)

    async def work(running: Running) -> None:
        for one in OPERATIONS:
            path = BASE + one.path.replace("{}", "claude-code", 1).replace("{}", "dev")
            asked = await running.client.request(one.method, path, headers={"Authorization": "Bearer wrong"}, json={})
            assert asked.status_code == 401, one.name

    served(here, tmp_path, work)


@pytest.mark.requirement("CONF-14-15/client-state-is-counted")
def test_reports_are_counted_and_name_no_one(here: Machine, tmp_path: Path) -> None:
    artifact = publish(here)
    named = "alice-laptop-192-168-1-20"

    async def work(running: Running) -> None:
        said = {"fingerprint": named, "client": "claude-code", "profile": "dev", "artifact": artifact, "result": "failed"}
        assert (await running.post(f"{BASE}/reports", said)).status_code == 201
        assert (await running.post(f"{BASE}/reports", said | {"result": "applied"})).status_code == 201
        assert (await running.post(f"{BASE}/reports", said | {"user": "alice"})).status_code == 422
        (count,) = (await running.get(f"{BASE}/counts")).json()["counts"]
        assert (count["machines"], count["result"], count["version"]) == (1, "applied", "1.0.0")

    served(here, tmp_path, work)
    kept = b"".join(path.read_bytes() for path in here.at.settings.store.parent.rglob("*") if path.is_file())
    assert named.encode() not in kept


@pytest.mark.requirement("CONF-TOP/topologies-work")
def test_a_replica_serves_the_same_bytes_without_a_key(here: Machine, tmp_path: Path) -> None:
    publish(here)
    folder = tmp_path / "replica"
    assert exported(here.at, folder) == (1, 1)
    assert exported(here.at, folder) == (0, 1)
    bodies: list[bytes] = []

    async def work(running: Running) -> None:
        bodies.append((await running.get(GET)).content)
        fresh = await running.get(f"{BASE}/tuf/timestamp.json")
        assert fresh.json()["signed"]["_type"] == "timestamp"
        assert (await running.get(f"{BASE}/tuf/none.json")).status_code == 404
        if running.made.served.replica:
            said = {"draft": DRAFT.decode(), "changelog": "x"}
            assert (await running.post(f"{BASE}/publish", said)).status_code == 405

    served(here, tmp_path, work)
    other = machine(tmp_path / "other") if (tmp_path / "other").mkdir() is None else here
    served(replace(other, at=replace(other.at, signer=_no_key)), tmp_path, work, replica=folder)
    assert bodies[0] == bodies[1]
    publish(here, version("1.1.0"))
    exported(here.at, folder)
    (damaged,) = sorted(folder.glob("0*.json"))[1:]
    damaged.write_bytes(damaged.read_bytes()[:-20])

    async def behind(running: Running) -> None:
        assert (await running.get(GET)).content == bodies[0], "what was read before the damage is served"
        assert running.made.served.healthy()

    served(other, tmp_path, behind, replica=folder)


@pytest.mark.requirement("CONF-AC/conformance-kit")
def test_it_conforms_by_its_own_kit(here: Machine, tmp_path: Path) -> None:
    """Each request of the kit goes through the whole application."""
    from services.config.kit.asking import Answer, Service
    from services.config.kit.running import Result, conforms
    from services.config.kit.running import run as check

    publish(here)
    publish(here, DRAFT.replace(b"[claude-code]", b"[codex]"))

    async def work(running: Running) -> None:
        loop = asyncio.get_running_loop()

        def transport(method: str, path: str, headers: Any, body: bytes) -> Answer:
            running.made.served.reading.refresh()
            asked = running.client.request(method, path, headers=headers, content=body or None)
            found = asyncio.run_coroutine_threadsafe(asked, loop).result(30)
            return Answer(status=found.status_code, headers=dict(found.headers), body=found.content)

        tokens = {"reader": "the-secret", "publisher": "the-secret"}
        service = Service(transport=transport, tokens=tokens, draft=DRAFT.decode(), keys=(here.key.public,))
        found = await asyncio.to_thread(check, service, here.at.now())
        assert [one for one in found if one.result is Result.NO] == []
        left = [one.id for one in found if one.result is Result.NOT_ASKED]
        assert left == ["AC-3/self-approval", "AC-3/separate"], "no approvals are asked for, and this user has one token"
        assert conforms(found)

    served(here, tmp_path, work)


def _no_key() -> Any:
    raise AssertionError("a replica asked for a key")


def test_rules_know_who_publishes_at_every_door(here: Machine, tmp_path: Path) -> None:
    """A denying rule that asks for a claim counts at the tool that MCP and pages call, and at this door."""
    asked = {"claims": [{"name": "user", "values": ["nearby", "eve"]}]}
    rule = {"id": "not-them", "action": "deny", "servers": ["github"], "when": asked}
    rules = {"id": "corp", "version": "1.0.0", "rules": [rule]}
    (here.at.settings.trust / "client-rules.yaml").write_text(json.dumps(rules))
    eve = Identity(issuer="https://id.example", tenant="", id="eve")
    with pytest.raises(Refused, match="not-them"):
        publish_client_config(PublishClientConfig(draft=DRAFT.decode(), changelog="It changes."), replace(here.at, caller=eve))

    async def work(running: Running) -> None:
        found = await running.post(f"{BASE}/publish", {"draft": DRAFT.decode(), "changelog": "It changes."})
        assert found.status_code == 422
        assert "not-them" in found.text

    served(here, tmp_path, work)
    ada = replace(eve, id="ada")
    publish_client_config(PublishClientConfig(draft=DRAFT.decode(), changelog="It changes."), replace(here.at, caller=ada))
