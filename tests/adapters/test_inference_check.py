"""``arcops inference check`` from the outside, against an endpoint whose answers are planned."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from arcops.errors import Refused
from arcops.evidence import Cause
from arcops.result import Report
from arcops.verdict import Verdict
from artifacts.bundle import open_sealed
from artifacts.public_key import load_public_key
from capabilities.artifact.figures import AskFigures, success_figures
from capabilities.inference.check import CheckInference, check_inference
from tests.adapters.serving import served
from tests.adapters.typed import Done, typed
from tests.certificates import Authority
from tests.models import POLICY, Bench, bench, good_model
from tests.simulators.inference_servers import Foundry, foundry
from tests.simulators.openai_api import Api, Break, Plan, serving

pytestmark = pytest.mark.requirement("ARC-C3/the-command-leaves-an-artifact")

OK, USAGE, RED, AMBER = 0, 2, 3, 4
SHORT = ("--requests", "8", "--concurrency", "2", "--rate", "20", "--tokens", "8")
QUICK = Plan(first=0.05, gap=0.005)


@pytest.fixture
def here(tmp_path: Path) -> Bench:
    return bench(tmp_path)


def line(api: Api | str, *more: str) -> list[str]:
    return ["inference", "check", api if isinstance(api, str) else api.url, *SHORT, *more]


def check(here: Bench, api: Api | str, *more: str, **environment: str) -> Done:
    return typed(*line(api, *more), environment={**os.environ, **here.environment, "COLUMNS": "400", **environment})


def opened(here: Bench, sealed: Path) -> Report:
    return open_sealed(sealed.read_bytes(), [load_public_key(here.public.read_bytes(), where="bench")]).report


def test_an_endpoint_that_answers_in_time_is_green_and_its_artifact_holds_every_request(here: Bench, tmp_path: Path) -> None:
    sealed = tmp_path / "sealed.json"
    with serving(a=QUICK, b=QUICK) as api:
        done = check(here, api, "--models", "a,b", "--slo", "ttft=1500ms", "--output", str(sealed))
    assert done.returncode == OK, done.stdout + done.stderr
    report = opened(here, sealed)
    assert report.verdict is Verdict.GREEN
    assert (report.subject.kind, report.subject.name) == ("inference-endpoint", api.url)
    (evidence,) = report.evidence
    name = evidence.digest.removeprefix("sha256:")
    (kept,) = [path for path in here.settings.store.rglob(name[2:]) if path.parent.name == name[:2]]
    body = json.loads(kept.read_bytes())
    assert body["load"]["seed"] == 1
    assert len(body["formulas"]) > 5
    assert sum(len(run["shots"]) for run in body["runs"]) == len(api.seen)


def test_what_the_check_asks_for_beyond_the_policy_counts(here: Bench) -> None:
    with serving(a=QUICK) as api:
        done = check(here, api, "--models", "a", "--slo", "ttft=20ms", "--format", "json")
    assert done.returncode == RED, done.stderr
    results = json.loads(done.stdout)["predicate"]["results"]
    failed = [one for result in results for one in result["findings"] if one["rule"] == "inference/slo"]
    assert {one["outcome"] for one in failed} == {"FAIL"}
    assert "(aim 20.0 ms)" in failed[0]["text"]


def test_what_the_check_asks_for_does_not_loosen_the_policy(here: Bench, tmp_path: Path) -> None:
    policy = tmp_path / "strict.yaml"
    policy.write_text("name: strict\nvalidFor: P1D\ngates: {inference: {mostTtft: 20, uncounted: warn}}\n")
    with serving(a=QUICK) as api:
        done = check(here, api, "--models", "a", "--slo", "ttft=30s", "--policy", str(policy))
    assert done.returncode == RED, done.stderr
    assert "(aim 20.0 ms)" in done.stdout


@pytest.mark.parametrize(
    ("plan", "said"),
    [
        (Plan(first=0.02, breaks=Break.STATUS, status=429), "429"),
        (Plan(first=0.02, breaks=Break.DISCONNECT, only=2), "disconnected"),
        (Plan(first=0.02, breaks=Break.ENDLESS), "endless"),
        (Plan(first=0.02, breaks=Break.HUGE_EVENT), "too-large"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_breaks_is_red_and_says_why(here: Bench, plan: Plan, said: str) -> None:
    with serving(a=plan) as api:
        done = check(here, api, "--models", "a")
    assert done.returncode in (RED, AMBER) if plan.only is not None else done.returncode == RED, done.stdout + done.stderr
    assert said in done.stdout


def test_an_endpoint_that_is_not_there_is_red(here: Bench) -> None:
    done = check(here, "http://127.0.0.1:9", "--models", "a")
    assert done.returncode == RED, done.stderr
    assert "connect" in done.stdout


def test_the_deadline_is_kept_and_what_was_not_made_is_red(here: Bench) -> None:
    with serving(a=Plan(first=0.5)) as api:
        done = check(here, api, "--models", "a", "--requests", "100", "--budget", "3", "--patience", "1000")
    assert done.returncode == RED, done.stderr
    assert "when the time of the check was over" in done.stdout


def test_a_check_that_is_stopped_leaves_a_red_artifact(here: Bench, tmp_path: Path) -> None:
    sealed = tmp_path / "sealed.json"
    with serving(a=Plan(breaks=Break.STALL)) as api:
        command = [sys.executable, "-m", "adapters.cli", *line(api, "--models", "a", "--output", str(sealed))]
        environment = {**os.environ, **here.environment}
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            while not api.seen:
                assert process.poll() is None, "the check ended before it could be stopped"
            process.send_signal(signal.SIGTERM)
            out, errors = process.communicate(timeout=600)
    assert process.returncode == RED, out + errors
    assert {missing.cause for missing in opened(here, sealed).missing} == {Cause.CANCELLED}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("https://models.example",), "air-gapped"),
        (("http://127.0.0.1:99999",), "not the address"),
        (("http://127.0.0.1:1", "--slo", "ttft=soon"), "not an aim"),
        (("http://127.0.0.1:1", "--concurrency", "many"), "whole number"),
        (("http://127.0.0.1:1", "--rate", "-1"), "not a rate"),
        (("http://127.0.0.1:1", "--requests", "100000"), "--requests"),
    ],
    ids=str,
)
def test_wrong_usage_is_told_before_anything_is_asked(here: Bench, arguments: tuple[str, ...], said: str) -> None:
    done = check(here, arguments[0], "--models", "a", *arguments[1:])
    assert done.returncode == USAGE, done.stdout + done.stderr
    assert said in done.stderr
    assert not done.stdout


def test_a_key_is_named_and_never_in_an_artifact(here: Bench, tmp_path: Path) -> None:
    secret = tmp_path / "key"
    secret.write_text("very-secret\n")
    secret.chmod(0o600)
    with serving(a=QUICK) as api:
        done = check(here, api, "--models", "a", "--api-key", f"file:{secret}")
        assert {one["Authorization"] for one in api.headers} == {"Bearer very-secret"}
    assert done.returncode in (OK, AMBER), done.stdout + done.stderr
    kept = [path for path in here.settings.store.rglob("*") if path.is_file()]
    assert kept
    assert not [path for path in kept if b"very-secret" in path.read_bytes()]


def test_foundry_local_on_this_device_is_judged_by_its_own_policy(here: Bench, tmp_path: Path) -> None:
    asked = ("--models", "a,b", "--policy", "inference-foundry", "--format", "json")
    server = Foundry(aliases=("a", "b"), takes=0.3)
    with foundry(server, QUICK) as api:
        measured = check(here, api, *asked, "--load")
    told = {one["rule"]: one for one in findings(measured)}
    assert told["inference/load-time"]["outcome"] == "PASS", measured.stderr
    assert "was loaded in 0." in told["inference/load-time"]["text"]
    assert told["inference/ready"]["outcome"] == told["inference/listed"]["outcome"] == "PASS"
    assert "of the host" in told["inference/headroom"]["text"]
    assert server.loaded == ["a-random:1", "b-random:1"]


def findings(done: Done) -> list[dict[str, str]]:
    return [one for result in json.loads(done.stdout)["predicate"]["results"] for one in result["findings"]]


@pytest.mark.requirement("ARC-3/callers-are-bounded")
def test_a_server_asks_only_endpoints_that_its_operator_named(here: Bench, tmp_path: Path) -> None:
    environment = {**here.environment, "ARCOPS_ROOTS": str(tmp_path)}
    with serving(a=QUICK) as api, serving(a=QUICK) as other:
        with served("mcp", "--http", env={**environment, "ARCOPS_ENDPOINTS": api.url}) as server:
            named = check(here, api, "--models", "a", "--server", server.mcp)
            unnamed = check(here, other, "--models", "a", "--server", server.mcp)
            keyed = check(here, api, "--models", "a", "--server", server.mcp, "--api-key", "env:PATH")
        assert named.returncode in (OK, AMBER), named.stdout + named.stderr
        assert unnamed.returncode == USAGE, unnamed.stdout + unnamed.stderr
        assert "ARCOPS_ENDPOINTS" in unnamed.stderr
        assert keyed.returncode == USAGE, keyed.stdout + keyed.stderr
        assert not other.seen
        assert not any("Authorization" in one for one in api.headers)


@pytest.mark.requirement("ARC-3/callers-are-bounded")
@pytest.mark.parametrize(
    "asked", [{"token": "env:PATH"}, {"key": "env:PATH"}, {"load": True}, {"authorities": Path("ca.pem")}], ids=str
)
def test_a_remote_caller_neither_lends_secrets_nor_loads_models(here: Bench, tmp_path: Path, asked: dict[str, Any]) -> None:
    """Nor says which authority makes a server the endpoint. The same over standard streams, which serve every folder."""
    with serving(a=QUICK) as api:
        settings = replace(here.settings, endpoints=(api.url,))
        place = replace(here.place(now=datetime.now(UTC)), settings=settings)
        for remote in (replace(place, roots=(tmp_path,)), replace(place, own=False)):
            with pytest.raises(Refused, match="a caller over the network"):
                check_inference(CheckInference(url=api.url, models=("a",), **asked), remote)
            with pytest.raises(Refused, match="ARCOPS_ENDPOINTS"):
                check_inference(CheckInference(url="http://127.0.0.1:1", models=("a",)), remote)
        assert not api.seen


@pytest.mark.requirement("ARC-3/callers-are-bounded")
def test_the_operator_s_authorities_count_for_remote_callers(here: Bench, tmp_path: Path) -> None:
    authority, ca = Authority.new(), tmp_path / "ca.pem"
    ca.write_bytes(authority.pem)
    with serving(tls=authority.issue("127.0.0.1", tmp_path), a=QUICK) as api:
        ask = CheckInference(url=api.url, models=("a",), each=2, concurrencies=(1,), rates=(), tokens=2)
        for authorities in ("", str(ca)):
            settings = replace(here.settings, endpoints=(api.url,), authorities=authorities)
            assert not api.seen, "without the operator's file its authority is unknown"
            check_inference(ask, replace(here.place(now=datetime.now(UTC)), settings=settings, own=False))
        assert api.seen


def checked(here: Bench, model: Path, folder: Path) -> Path:
    """The artifact of the model itself."""
    sealed = folder / "model.json"
    words = ("check", model, "--policy", here.policy, "--output", sealed)
    assert typed(*words, environment={**os.environ, **here.environment}).returncode == OK
    return sealed


def test_with_the_model_s_files_it_counts_for_the_time_to_first_inference(here: Bench, tmp_path: Path) -> None:
    model = good_model(here, now=datetime.now(UTC).replace(microsecond=0))
    first = opened(here, checked(here, model, tmp_path))
    policy = tmp_path / "both.yaml"
    wide = "mostTtft: 5000, mostItl: 1000, mostTpot: 1000, mostLate: 1000, withoutHealth: pass, mostLoad: 0, leastHeadroom: 0"
    policy.write_text(f"{POLICY.rstrip()}\n  inference: {{{wide}}}\n")
    with serving(a=QUICK) as api:
        done = check(here, api, "--models", "a", "--of", str(model), "--policy", str(policy), "--output", str(tmp_path / "o"))
    report = opened(here, tmp_path / "o")
    assert report.subject.digests == first.subject.digests, done.stdout + done.stderr
    assert {result.gate: result.verdict for result in report.results}["inference"] is Verdict.GREEN
    now = datetime.now(UTC).replace(microsecond=0) + timedelta(minutes=1)
    (figure,) = [
        one for one in success_figures(AskFigures(), here.place(now=now)).figures if one.name == "time-to-first-inference"
    ]
    assert (figure.of, figure.value) == (1, int((report.judged_at - first.judged_at).total_seconds()))
