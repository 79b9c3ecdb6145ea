"""What a site watches its ArcOps by: traces at a collector, lines in the log, `/metrics`; and nothing of it unasked."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest
from prometheus_client.parser import text_string_to_metric_families

from adapters.mcp.client import call
from adapters.mcp.names import ANSWER, WHOLE
from arcops.errors import Refused
from arcops.request import silent
from arcops.tier import Tier
from artifacts.store import Store
from capabilities.catalogue import all_tools
from capabilities.model.check import Check, CheckedModel, check_model
from capabilities.policy.explain import Explain, explain_rule
from foundation.telemetry import logs
from foundation.telemetry.traces import read_traces
from tests.adapters.serving import REPOSITORY, Served, environment, served
from tests.adapters.typed import typed
from tests.models import PASSPHRASE, Bench, bench, good_model
from tests.simulators.issuer import issuing
from tests.simulators.otlp import Collected, Spanned, collecting
from tests.waiting import until

pytestmark = [pytest.mark.requirement("BASE-7/metrics-and-probes"), pytest.mark.xdist_group("telemetry")]

TRACE, ASKING = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
PARENT = f"00-{TRACE}-{ASKING}-01"
COLLECTOR_TOKEN = "the-collectors-own-token"
SERVER = 2  # SPAN_KIND_SERVER


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return bench(tmp_path_factory.mktemp("telemetry"))


@pytest.fixture(scope="module")
def model(here: Bench) -> Path:
    return good_model(here, now=datetime.now(UTC).replace(microsecond=0))


@pytest.fixture(scope="module")
def otlp() -> Iterator[Collected]:
    with collecting() as one:
        yield one


@pytest.fixture(scope="module")
def http(here: Bench, otlp: Collected) -> Iterator[Served]:
    traced = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": otlp.endpoint,
        "OTEL_EXPORTER_OTLP_HEADERS": f"authorization=Bearer%20{COLLECTOR_TOKEN}",
        "OTEL_BSP_SCHEDULE_DELAY": "100",
        "HTTP_PROXY": "http://127.0.0.1:9",  # what is for this machine goes through none
    }
    with served("mcp", "--http", env={**here.environment, **traced}) as server:
        yield server


def ask(
    server: Served, model: Path, here: Bench, *, headers: Mapping[str, str] | None = None, meta: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Check *model* there as any MCP client does, and give what the server answered."""

    async def called() -> Any:
        async with server.client(headers) as client:
            arguments = {"target": str(model), "policy": str(here.policy)}
            return await client.call_tool("check_model", arguments, meta={**(meta or {}), WHOLE: True})

    answer = asyncio.run(called())
    assert not answer.is_error, answer
    found: dict[str, Any] = answer.meta[ANSWER]
    return found


def check(server: Served, model: Path, here: Bench) -> CheckedModel:
    """The same by our own client, for which it is a task."""
    return call(
        server.mcp, check_model, Check(target=model, policy=str(here.policy)), settings=here.settings, environment={},
        stop=threading.Event(), progress=silent,
    )  # fmt: skip


def of(spans: list[Spanned], trace: str) -> dict[str, Spanned]:
    return {one.name: one for one in spans if one.trace == trace}


def whole(trace: str) -> Any:
    """Is the span that ends last among those that came?"""
    return lambda spans: any(one.trace == trace and one.name == "tools/call" for one in spans)


@pytest.mark.requirement("BASE-7/traces-cross-processes")
class TestTraces:
    @pytest.mark.parametrize("way", ["message", "header"])
    def test_one_trace_from_the_call_to_gates_and_collectors(
        self, http: Served, otlp: Collected, here: Bench, model: Path, way: str
    ) -> None:
        trace = TRACE if way == "message" else TRACE[::-1]
        parent = {"traceparent": PARENT.replace(TRACE, trace)}
        answer = ask(http, model, here, meta=parent) if way == "message" else ask(http, model, here, headers=parent)
        spans = of(otlp.until(whole(trace)), trace)
        called, tool, flow = spans["tools/call"], spans["tool check_model"], spans["flow model"]
        assert (called.parent, called.kind) == (ASKING, SERVER)
        assert tool.parent == called.id
        assert flow.parent == tool.id
        report = answer["report"]
        gates = {f"gate {one['gate']}": one["verdict"] for one in report["results"]}
        collectors = {f"collector {one['collector']}" for one in report["evidence"]}
        assert gates
        assert collectors
        for name, verdict in gates.items():
            assert spans[name].parent == flow.id
            assert spans[name].attributes["arcops.verdict"] == verdict
        for name in collectors:
            assert spans[name].parent == flow.id
            assert spans[name].attributes["arcops.outcome"] == "seen"
        assert set(spans) == {"tools/call", "tool check_model", "flow model", "seal and keep", *gates, *collectors}
        for one in (called, tool, flow):
            assert one.attributes["arcops.artifact.digest"] == answer["artifact"]
            assert one.attributes["arcops.verdict"] == report["verdict"] == "GREEN"
        assert len({one.attributes["arcops.run.id"] for one in spans.values()}) == 1
        for one in spans.values():
            assert flow.began <= one.began <= one.ended <= flow.ended or one in (called, tool)
            assert not one.failed

    def test_they_tell_names_and_ids_and_nothing_else(self, otlp: Collected, here: Bench, model: Path, http: Served) -> None:
        with pytest.raises(Refused, match="does not exist"):
            call(
                http.mcp, check_model, Check(target=here.home / "private" / "weights"), settings=here.settings, environment={},
                stop=threading.Event(), progress=silent,
            )  # fmt: skip
        ask(http, model, here)
        otlp.until(lambda spans: any(one.attributes.get("arcops.outcome") == "refused" for one in spans))
        spans = otlp.until(lambda spans: any(one.name == "seal and keep" for one in spans))
        failed = next(one for one in spans if one.failed)
        assert failed.said == "Refused", "the kind of error, and never its sentence"
        for said in {value for one in spans for value in (one.name, one.said, *one.attributes.values())}:
            assert "/" not in said.removeprefix("tools/call")
            assert model.name not in said.split()
            assert PASSPHRASE not in said
        assert otlp.services == {"arcops"}
        assert {one["authorization"] for one in otlp.headers} == {f"Bearer {COLLECTOR_TOKEN}"}

    @pytest.mark.parametrize("wrong", ["00-0-0-00", "x" * 10_000, "", f"00-{'0' * 32}-{ASKING}-01"])
    def test_a_traceparent_that_is_none_counts_as_none(self, http: Served, otlp: Collected, wrong: str) -> None:
        before = len(otlp.spans)

        async def asked() -> Any:
            async with http.client() as client:
                return await client.call_tool("explain_rule", {"name": "integrity"}, meta={"traceparent": wrong})

        assert not asyncio.run(asked()).is_error
        spans = otlp.until(lambda spans: any(one.name == "tools/call" for one in spans[before:]))[before:]
        assert next(one for one in spans if one.name == "tools/call").parent == ""

    def test_the_command_line_is_part_of_the_servers_trace(
        self, http: Served, otlp: Collected, here: Bench, model: Path, tmp_path: Path
    ) -> None:
        """A task: the call that began it is answered long before it ends."""
        file = tmp_path / "traces.jsonl"
        command = [
            sys.executable,
            "-m",
            "adapters.cli",
            "--server",
            http.mcp,
            "check",
            str(model),
            "--policy",
            str(here.policy),
        ]
        env = environment({**here.environment, "ARCOPS_TRACES": str(file)})
        done = subprocess.run(command, env=env, cwd=REPOSITORY, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        (line,) = file.read_text().splitlines()
        (ours,) = json.loads(line)["resourceSpans"][0]["scopeSpans"][0]["spans"]
        assert ours["name"] == "call check_model"
        spans = of(
            otlp.until(lambda spans: any(one.name == "flow model" and one.trace == ours["traceId"] for one in spans)),
            ours["traceId"],
        )
        assert spans["flow model"].parent == spans["tool check_model"].id
        assert file.stat().st_mode & 0o077 == 0

    def test_a_file_where_there_is_no_network(self, here: Bench, model: Path, tmp_path: Path) -> None:
        file = tmp_path / "traces.jsonl"
        command = [sys.executable, "-m", "adapters.cli", "check", str(model), "--policy", str(here.policy), "--format", "json"]
        env = environment({**here.environment, "ARCOPS_TRACES": str(file)})
        done = subprocess.run(command, env=env, cwd=REPOSITORY, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        spans = [
            one
            for line in file.read_text().splitlines()
            for resource in json.loads(line)["resourceSpans"]
            for scope in resource["scopeSpans"]
            for one in scope["spans"]
        ]
        assert {one["traceId"] for one in spans} == {spans[0]["traceId"]}
        assert all(
            re.fullmatch("[0-9a-f]{32}", one["traceId"]) and re.fullmatch("[0-9a-f]{16}", one["spanId"]) for one in spans
        )
        (root,) = [one for one in spans if "parentSpanId" not in one]
        assert root["name"] == "tool check_model"
        assert int(root["kind"]) == 1

    def test_a_collector_that_is_down_changes_no_verdict(self, here: Bench, model: Path) -> None:
        command = [sys.executable, "-m", "adapters.cli", "check", str(model), "--policy", str(here.policy), "--format", "json"]
        env = environment({**here.environment, "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"})
        done = subprocess.run(command, env=env, cwd=REPOSITORY, capture_output=True, text=True, check=False, timeout=600)
        assert done.returncode == 0
        assert json.loads(done.stdout)["predicate"]["verdict"] == "GREEN"
        assert "Failed to export" in done.stderr


SPY = """
import os, sys
def told(event, arguments):
    if event == "socket.connect" and isinstance(arguments[1], tuple):
        said = "connect %s:%s" % arguments[1][:2]
    elif event == "import" and arguments[0].startswith(("opentelemetry.sdk", "opentelemetry.exporter")):
        said = "import " + arguments[0]
    else:
        return
    os.write(log, (said + chr(10)).encode())
log = os.open(os.environ["SPY"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
sys.addaudithook(told)
"""


@pytest.mark.requirement("BASE-7/nothing-is-sent-unasked")
class TestUnasked:
    @pytest.mark.parametrize("asked", [False, True])
    def test_nothing_is_sent_and_no_sdk_is_read(self, here: Bench, model: Path, tmp_path: Path, asked: bool) -> None:
        """Each connection that the server or a child of it opens, and each import of the SDK, from beginning to end."""
        spy = tmp_path / "spy"
        spy.mkdir()
        (spy / "sitecustomize.py").write_text(SPY)
        with ExitStack() as stack:
            env = {**here.environment, "PYTHONPATH": f"{spy}{os.pathsep}{REPOSITORY}", "SPY": str(tmp_path / "seen")}
            if asked:
                env["OTEL_EXPORTER_OTLP_ENDPOINT"] = stack.enter_context(collecting()).endpoint
            server = stack.enter_context(served("mcp", "--http", env=env))
            check(server, model, here)
        seen = (tmp_path / "seen").read_text().splitlines()
        assert any(one.startswith("connect 127.0.0.1") for one in seen) is asked
        assert any(one.startswith("import opentelemetry.sdk") for one in seen) is asked
        assert asked or not seen

    @pytest.mark.parametrize(
        ("setting", "tier", "says"),
        [
            ({"OTEL_EXPORTER_OTLP_ENDPOINT": "https://otel.example:4318"}, "air-gapped", "does not reach"),
            ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "https://otel.example/v1/traces"}, "air-gapped", "does not reach"),
            (
                {
                    "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1",
                    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "https://o.example/",
                },
                "air-gapped",
                "does not reach",
            ),
            ({"OTEL_EXPORTER_OTLP_ENDPOINT": "file:///etc"}, "air-gapped", "not a plain http URL"),
            ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://me:secret@127.0.0.1"}, "air-gapped", "not a plain http URL"),
            (
                {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4317", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"},
                "air-gapped",
                "grpc",
            ),
            (
                {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://otel.example", "OTEL_EXPORTER_OTLP_HEADERS": "authorization=x"},
                "restricted",
                "unencrypted",
            ),
        ],
    )
    def test_what_the_tier_does_not_reach_is_refused(self, setting: Mapping[str, str], tier: str, says: str) -> None:
        with pytest.raises(Refused, match=says) as refused:
            read_traces(setting, Tier(tier))
        assert "secret" not in str(refused.value)

    def test_what_it_does_is_not(self) -> None:
        found = read_traces({"OTEL_EXPORTER_OTLP_ENDPOINT": "https://otel.example/base/"}, Tier.RESTRICTED)
        assert found is not None
        assert (found.endpoint, found.here) == ("https://otel.example/base/v1/traces", False)
        assert read_traces({}, Tier.AIR_GAPPED) is None

    def test_the_command_refuses_before_it_does_anything(self, here: Bench, model: Path) -> None:
        env = environment({**here.environment, "OTEL_EXPORTER_OTLP_ENDPOINT": "https://otel.example"})
        done = typed("check", model, "--policy", here.policy, environment=env)
        assert done.returncode == 2
        assert "does not reach" in done.stderr
        assert done.stdout == ""


def scraped(server: Served, **headers: str) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """Each sample that the server shows, by its name and labels."""
    answer = server.get("/metrics", headers=headers)
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    return {
        (one.name, tuple(sorted(one.labels.items()))): one.value
        for family in text_string_to_metric_families(answer.text)
        for one in family.samples
    }


def value(samples: Mapping[Any, float], name: str, **labels: str) -> float:
    return samples[name, tuple(sorted(labels.items()))]


class TestMetrics:
    def test_they_move_with_a_check(self, http: Served, here: Bench, model: Path, tmp_path: Path) -> None:
        edited = tmp_path / "edited"
        shutil.copytree(model, edited)
        (edited / "config.json").write_text("{}")
        before = scraped(http)
        calls = {"tool": "check_model", "outcome": "answered"}
        check(http, edited, here)
        ask(http, model, here)
        with pytest.raises(Refused):
            call(
                http.mcp, explain_rule, Explain(name="nonsense"), settings=here.settings, environment={},
                stop=threading.Event(), progress=silent,
            )  # fmt: skip
        after = scraped(http)
        assert value(after, "arcops_calls_total", **calls) == value(before, "arcops_calls_total", **calls) + 2
        refused = {"tool": "explain_rule", "outcome": "refused"}
        assert value(after, "arcops_calls_total", **refused) == value(before, "arcops_calls_total", **refused) + 1
        assert value(after, "arcops_call_seconds_count", tool="check_model", kind="long") >= 2
        red = ("arcops_checks_total", (("policy", "bench"), ("verdict", "RED")))
        assert after[red] == before.get(red, 0) + 1
        with Store(here.settings.store) as store:
            assert value(after, "arcops_artifacts") == store.size
            newest = store.list()[0].at.timestamp()
        assert value(after, "arcops_newest_artifact_timestamp_seconds") == newest
        assert value(after, "arcops_store_bytes") > 1000
        assert value(after, "arcops_store_free_bytes") > 0
        for name in ("arcops_store_whole", "arcops_store_writable"):
            assert value(after, name) == 1
        assert value(after, "arcops_ready", part="store") == 1
        assert value(after, "arcops_tasks", state="under_way") == value(after, "arcops_tasks", state="waiting") == 0
        assert value(after, "process_resident_memory_bytes") > 1_000_000
        assert value(after, "process_cpu_seconds_total") > 0
        assert value(after, "arcops_http_requests_total", part="/mcp", status="2xx") > 2

    def test_what_callers_write_is_no_label(self, http: Served) -> None:
        async def asked() -> None:
            async with http.client() as client:
                for name in ("rm -rf", "x" * 1000):
                    with pytest.raises(Exception, match="there is no tool"):
                        await client.call_tool(name, {})

        asyncio.run(asked())
        for path in ("/nonsense", "/%ff", "/mcp/../x"):
            http.get(path)
        samples = scraped(http)
        assert {dict(labels)["tool"] for name, labels in samples if name == "arcops_calls_total"} == {
            "(unknown)", *(tool.name for tool in all_tools()),
        }  # fmt: skip
        assert value(samples, "arcops_calls_total", tool="(unknown)", outcome="refused") == 2
        assert "/nonsense" not in {dict(labels).get("part") for _, labels in samples}
        assert not any("tiny" in value for _, labels in samples for _, value in labels)

    def test_policies_of_any_name_are_few_labels(self) -> None:
        from adapters.http.metrics import OTHER, Metrics
        from adapters.http.stored import Stored, StoreWatch

        metrics = Metrics(StoreWatch(Path("/nowhere")), lambda app: app)
        many = Stored(checks={("RED", f"policy {number:05}"): 1 for number in range(1000)})
        counted = metrics.bounded(many.checks)
        assert len({policy for _, policy in counted}) < 100
        assert sum(counted.values()) == 1000
        assert counted["RED", OTHER] > 900

    def test_a_token_with_the_scope_read_is_needed_where_tokens_are(self, tmp_path: Path) -> None:
        here = bench(tmp_path)
        with issuing() as issuer:
            env = {**here.environment, "ARCOPS_OIDC_ISSUER": issuer.url, "ARCOPS_OIDC_AUDIENCE": "https://arcops.example/mcp"}
            claims = {"aud": "https://arcops.example/mcp", "sub": "prometheus", "exp": time.time() + 600}
            with served("web", env=env) as server:
                assert httpx2.get(f"{server.url}/metrics").status_code == 401
                other = issuer.token(scope="arcops:check", **claims)
                assert httpx2.get(f"{server.url}/metrics", headers={"Authorization": f"Bearer {other}"}).status_code == 403
                token = issuer.token(scope="arcops:read", **claims)
                samples = scraped(server, Authorization=f"Bearer {token}")
                assert value(samples, "arcops_artifacts") == 0
                assert httpx2.get(f"{server.url}/metrics?token={token}").status_code == 401
            said = "\n".join(server.log)
            assert '"path": "/metrics"' in said
            assert token not in said
            assert token.split(".")[1] not in said

    def test_without_tokens_only_this_machine_is_told(self, http: Served) -> None:
        assert http.get("/metrics", headers={"X-Forwarded-For": "192.0.2.1"}).status_code == 403
        assert http.get("/metrics", headers={"Host": "metrics.example"}).status_code == 421
        assert httpx2.post(f"{http.url}/metrics").status_code == 405

    def test_a_damaged_store_has_no_numbers_and_is_not_ready(self, tmp_path: Path) -> None:
        here = bench(tmp_path)
        here.check(good_model(here))
        with served("web", env=here.environment) as server:
            assert value(scraped(server), "arcops_store_whole") == 1
            assert httpx2.get(f"{server.url}/readyz").status_code == 200
            (here.settings.store / "log").write_bytes(b"")
            samples = scraped(server)
            assert value(samples, "arcops_store_whole") == 0
            assert value(samples, "arcops_ready", part="store") == 0
            assert ("arcops_artifacts", ()) not in samples
            assert not any(name == "arcops_checks_total" for name, _ in samples)
            answer = httpx2.get(f"{server.url}/readyz")
            assert answer.status_code == 503
            assert "damaged" in answer.json()["parts"]["store"]
            assert str(here.home) not in answer.text

    def test_work_that_waits_is_seen(self, here: Bench) -> None:
        from capabilities.work import Work

        work, at = Work(long=1), here.place()
        hold = threading.Event()
        told: list[str] = []
        work.tell = lambda called: told.append(called.outcome)
        slow = _slow(hold)
        try:
            begun = [work.begin(slow, Explain(), _told(at)) for _ in range(3)]
            until(lambda: work.load.under_way == 1, "the first is under way")
            assert work.load.waiting == 2
        finally:
            hold.set()
        for one in begun:
            one.result(timeout=600)
        until(lambda: len(told) == 3, "all are told")
        assert told == ["answered"] * 3
        until(lambda: (work.load.under_way, work.load.waiting) == (0, 0), "nothing is left")
        work.close()


def _slow(hold: threading.Event) -> Any:
    from dataclasses import replace

    def work(ask: Explain, at: Any) -> Any:
        hold.wait(600)
        return explain_rule.work(ask, at)

    return replace(explain_rule, work=work, long=True)


def _told(at: Any) -> Any:
    from capabilities.work import told

    return told(at, silent)


def lines(server: Served) -> list[dict[str, Any]]:
    """Every line so far, each of which is JSON."""
    return [json.loads(line) for line in server.log if line]


@pytest.mark.requirement("BASE-7/logs-have-ids-and-no-secrets")
class TestLog:
    def test_each_line_knows_what_it_is_about(self, http: Served, here: Bench, model: Path) -> None:
        answer = ask(
            http, model, here, headers={"X-Request-Id": "from-the-gateway-1", "traceparent": PARENT.replace("0af", "fff")}
        )
        task = check(http, model, here)

        def found(**what: str) -> list[dict[str, Any]]:
            told = [one for one in lines(http) if one["message"] == "tool check_model: answered"]
            return [one for one in told if what.items() <= one.items()]

        (line,) = until(lambda: found(request="from-the-gateway-1"), "the call's line")
        assert line["artifact"] == answer["artifact"]
        assert line["verdict"] == "GREEN"
        assert line["trace"] == TRACE.replace("0af", "fff")
        assert line["level"] == "info"
        assert datetime.fromisoformat(line["time"]).tzinfo is UTC
        assert re.fullmatch("[0-9a-f-]{36}", line["run"])
        of_task = until(lambda: found(artifact=task.artifact), "the task's line")[-1]
        assert of_task["run"] != line["run"]
        assert of_task["request"] != line["request"]

    def test_an_access_line_a_request_and_none_for_a_probe_that_is_well(self, http: Served) -> None:
        answer = httpx2.get(f"{http.url}/nonsense?key=hunter2", headers={"X-Request-Id": "r-1"})
        assert answer.headers["x-request-id"] == "r-1"
        given = httpx2.get(f"{http.url}/livez", headers={"X-Request-Id": "no\tgood id"}).headers["x-request-id"]
        assert re.fullmatch("[0-9a-f]{32}", given)
        (line,) = until(lambda: [one for one in lines(http) if one.get("request") == "r-1"], "the access line")
        assert (line["method"], line["path"], line["status"]) == ("GET", "/nonsense", 404)
        assert 0 <= line["seconds"] < 30
        assert not [one for one in lines(http) if one.get("path") == "/livez"]
        assert "hunter2" not in "\n".join(http.log)

    def test_no_secret_is_in_any(self, http: Served, here: Bench) -> None:
        headers = {"Authorization": "Bearer abcdefghijklmnop", "Cookie": "session=abcdefghijklmnop"}
        httpx2.get(f"{http.url}/prefect/abc", headers=headers)
        httpx2.post(http.mcp, headers=headers, content=b'{"token": "abcdefghijklmnop"}')
        until(lambda: [one for one in lines(http) if one.get("path") == "/prefect/abc"], "the access line")
        said = "\n".join(http.log)
        for secret in (PASSPHRASE, "abcdefghijklmnop", COLLECTOR_TOKEN):
            assert secret not in said
        assert here.home.name  # the rest of what the log says of folders is the operator's own

    def test_the_web_servers_lines_are_among_them(self, http: Served) -> None:
        loggers = {one["logger"] for one in lines(http)}
        assert "uvicorn.error" in loggers
        assert "adapters.http.watched" in loggers

    @pytest.mark.parametrize("form", ["json", "text"])
    def test_a_secret_that_somebody_writes_is_hidden(self, form: str) -> None:
        out = io.StringIO()
        kept = logging.getLogger().handlers[:], logging.getLogger().level
        env = {
            "ARCOPS_LOG": form, "ARCOPS_PASSPHRASE": "correct horse", "PREFECT_API_AUTH_STRING": "arcops:s3cretpassword",
            "OTEL_EXPORTER_OTLP_HEADERS": "authorization=Basic Zm9vOmJhcg==,x-key=abcd1234", "ARCOPS_TIER": "air-gapped",
        }  # fmt: skip
        try:
            logs.begin(env, out)
            try:
                raise ValueError("the passphrase is \x1b[2J correct horse")
            except ValueError:
                logging.getLogger("adapters.x").error("with %s", "Bearer abc.def-ghi", exc_info=True)
            logging.getLogger("uvicorn.error").info(
                "http://me:s3cretpassword@host and eyJhbGciOiJFUzI1NiJ9.e30.c2ln, \x1b[31m abcd1234"
            )
            logging.getLogger("somebody.else").info("not shown")
            logging.getLogger("prefect.client").warning("shown", extra={"known": {"artifact": "correct horse"}})
        finally:
            logging.getLogger().handlers[:], level = kept
            logging.getLogger().setLevel(level)
            logging.captureWarnings(False)
        said = out.getvalue()
        for secret in ("correct horse", "s3cretpassword", "abcd1234", "abc.def-ghi", "eyJ", "Zm9v"):
            assert secret not in said
        assert "ValueError" in said
        assert "air-gapped" not in said
        assert "not shown" not in said
        assert "\x1b" not in said
        if form == "json":
            assert [json.loads(line)["level"] for line in said.splitlines()] == ["error", "info", "warning"]

    def test_text_for_people(self, here: Bench) -> None:
        with served("web", env={**here.environment, "ARCOPS_LOG": "text"}) as server:
            server.get("/nonsense")
        (line,) = [line for line in server.log if "/nonsense" in line]
        assert line.startswith("arcops: GET /nonsense: 404 ")

    def test_another_form_is_refused(self, here: Bench) -> None:
        env = environment({**here.environment, "ARCOPS_LOG": "yaml"})
        done = typed("mcp", "--http", "--port", "0", environment=env)
        assert done.returncode == 2
        assert "use json or text" in done.stderr

    @pytest.mark.site
    def test_what_prefects_client_says_is_a_line_like_any_other(self) -> None:
        program = """
import logging, os
from foundation.telemetry import logs
logs.begin(os.environ)
import flows.prefect.api
from prefect.logging import get_logger
get_logger("client").warning("the API does not answer")
logging.getLogger("prefect._internal").error("inside")
logging.getLogger("uvicorn.error").info("of the web server")
logging.getLogger("adapters.x").info("ours")
"""
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", program], env=environment({"ARCOPS_LOG": "json"}), cwd=REPOSITORY,
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        said = [json.loads(line) for line in done.stderr.splitlines()]
        assert [one["message"] for one in said] == ["the API does not answer", "inside", "of the web server", "ours"]
        assert said[0]["logger"] == "prefect.client"
