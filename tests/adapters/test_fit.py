"""``arcops fit`` from the outside: files with headers in, a signed plan out; and a plan held against a measured endpoint."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from arcops.asks import questions
from arcops.verdict import Verdict
from artifacts.bundle import open_sealed
from artifacts.public_key import load_public_key
from capabilities.catalogue import tool_named
from capabilities.fit.check import CheckFit, check_fit
from flows.prefect.deployments import completed
from tests.adapters.typed import Done, typed
from tests.fit_models import LLAMA_8B, gguf, gguf_keys, model
from tests.fit_published import Q4_K, QWEN25_7B, quantised
from tests.models import Bench, bench
from tests.simulators.nvml import H100, Driver
from tests.simulators.openai_api import Plan, serving

pytestmark = pytest.mark.requirement("ARC-R3/models-fit-together")

OK, USAGE, RED, AMBER = 0, 2, 3, 4
GIB = 1 << 30
CHAT = "path: ./llama, engine: vllm, context: 8192, concurrency: 16, memoryFraction: auto, stepTokens: 8192, sequences: 256"
TINY = "path: ./tiny, engine: llama.cpp, context: 4096, concurrency: 4"


@pytest.fixture
def here(tmp_path: Path) -> Bench:
    made = bench(tmp_path)
    model(tmp_path / "llama", LLAMA_8B, shards=2)
    model(tmp_path / "tiny")
    return made


def described(here: Bench, models: str, gpus: str = "edge: {sku: NVIDIA H100 80GB HBM3, memory: 81559MiB}") -> Path:
    path = here.home.parent / "fit.yaml"
    path.write_text(f"name: edge\ngpus: {{{gpus}}}\nmodels: {{{models}}}\n")
    return path


def fit(here: Bench, *more: str | Path, **environment: str) -> Done:
    return typed("fit", *more, environment={**os.environ, **here.environment, "COLUMNS": "400", **environment})


def test_models_that_fit_are_planned_signed_kept_and_judged_the_same_again(here: Bench, tmp_path: Path) -> None:
    sealed = tmp_path / "sealed.json"
    path = described(here, f"chat: {{{CHAT}, slo: {{tpot: 50ms}}}}, small: {{{TINY}, after: [chat]}}")
    done = fit(here, path, "--output", sealed)
    assert done.returncode == OK, done.stdout + done.stderr
    for text in ("chat is on edge/0.", "14.96 GiB", "weights 14.99 GiB, cache 16.00 GiB", "are left.", "50 ms a token leaves"):
        assert text in done.stdout
    report = open_sealed(sealed.read_bytes(), [load_public_key(here.public.read_bytes(), where="bench")]).report
    assert (report.verdict, report.subject.kind, report.subject.name) == (Verdict.GREEN, "co-deployment", "fit.yaml")
    names = {source.name for one in report.evidence for source in one.sources}
    assert names == {"skus/h100-sxm-80gb.yaml", "engines/vllm.yaml", "engines/llama.cpp.yaml"}
    environment = {**os.environ, **here.environment}
    assert typed("verify", sealed, "--key", here.public, environment=environment).returncode == OK
    again = typed("rejudge", sealed, environment=environment)
    assert again.returncode == OK, again.stdout + again.stderr


def test_the_page_shows_what_is_printed(here: Bench, tmp_path: Path) -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "fit.md").read_text()
    model(tmp_path / "models" / "llama-3.1-8b", LLAMA_8B, shards=4)
    keys = gguf_keys(
        "qwen2", block_count=28, embedding_length=3584, feed_forward_length=18944, attention__head_count=28,
        attention__head_count_kv=4, context_length=131072,
    )  # fmt: skip
    gguf(tmp_path / "models" / "qwen2.5-coder-7b-q4_k_m.gguf", keys, quantised(QWEN25_7B, Q4_K, biases=True))
    path = tmp_path / "fit.yaml"
    path.write_text(page.split("```yaml\n")[1].split("```")[0])
    done = fit(here, path)
    assert done.returncode == AMBER, done.stderr
    printed = done.stdout[: done.stdout.index("AMBER co-deployment")]
    assert f"```\n{printed}```\n" in page


def test_the_subject_is_named_by_what_is_in_the_headers(here: Bench, tmp_path: Path) -> None:
    path = described(here, f"small: {{{TINY}}}")

    def digest() -> str:
        report = check_fit(CheckFit(target=path), here.place()).report
        return str(report.subject.digests[0])

    first = digest()
    assert digest() == first
    model(tmp_path / "tiny", {**LLAMA_8B, "num_hidden_layers": 2})
    assert digest() != first


@pytest.mark.parametrize(
    ("models", "said"),
    [
        (f"chat: {{{CHAT.replace('8192', '900000')}}}", "900,000 tokens are wanted, and its configuration allows 131,072"),
        ("big: {path: ./llama, engine: vllm, context: 8192, concurrency: 200}", "big fits nowhere: it needs at least"),
        (f"a: {{{CHAT}}}, b: {{{CHAT}}}", "a and b share edge/0, and nothing says which starts first"),
        ("lost: {path: ./gone, engine: vllm, context: 1}", "lost: gone does not exist"),
        (f"chat: {{{CHAT}, endpoint: 'http://127.0.0.1:1', served: chat}}", "it is not known what was measured"),
    ],
)
def test_what_does_not_fit_is_red_and_says_why(here: Bench, models: str, said: str) -> None:
    done = fit(here, described(here, models), "--all")
    assert done.returncode == RED, done.stdout + done.stderr
    assert said in done.stdout


def test_a_missing_shard_is_red_and_named(here: Bench, tmp_path: Path) -> None:
    (tmp_path / "llama" / "model-00002-of-00002.safetensors").unlink()
    done = fit(here, described(here, f"chat: {{{CHAT}}}"), "--all")
    assert done.returncode == RED
    assert "chat: model-00002-of-00002.safetensors is missing, which model.safetensors.index.json names." in done.stdout


@pytest.mark.parametrize(
    ("models", "gpus", "said"),
    [
        ("chat: {path: m, engine: vllm, context: 1, colour: red}", "edge: {sku: L4}", "'colour' is not a known field"),
        ("a: {path: m, engine: vllm, context: 1, after: [a]}", "edge: {sku: L4}", "in a circle"),
        ("a: {path: m, engine: vllm, context: 1}", "edge: {sku: Voodoo 2}", "no profile of a GPU 'Voodoo 2'"),
        ("a: {path: m, engine: vllm, context: 1000000000000}", "edge: {sku: L4}", "context is 1,000,000,000,000"),
    ],
)
def test_a_wrong_description_is_refused_and_nothing_is_kept(here: Bench, models: str, gpus: str, said: str) -> None:
    done = fit(here, described(here, models, gpus))
    assert (done.returncode, done.stdout) == (USAGE, "")
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
    assert not here.settings.store.exists()


def test_a_description_that_is_not_there_is_refused(here: Bench) -> None:
    done = fit(here, here.home.parent / "gone.yaml")
    assert done.returncode == USAGE
    assert "does not exist" in done.stderr


def test_a_caller_of_a_server_reads_only_what_the_server_serves(here: Bench, tmp_path: Path) -> None:
    served = tmp_path / "served"
    served.mkdir()
    path = served / "fit.yaml"
    path.write_text(described(here, f"small: {{{TINY}}}").read_text().replace("./tiny", "../tiny"))
    found = check_fit(CheckFit(target=path), replace(here.place(), roots=(served,))).report
    assert found.verdict is Verdict.RED
    texts = [one.text for result in found.results for one in result.findings]
    assert any("outside the folders that this server serves" in text for text in texts), texts
    assert str(tmp_path) not in "".join(texts)
    (served / "link").symlink_to(tmp_path / "tiny")
    linked = path.read_text()
    path.write_text(linked.replace("../tiny", "./link"))
    found = check_fit(CheckFit(target=path), replace(here.place(), roots=(served,))).report
    assert found.verdict is Verdict.RED
    path.write_text(linked)
    model(served / "tiny")
    path.write_text(path.read_text().replace("../tiny", "./tiny"))
    assert check_fit(CheckFit(target=path), replace(here.place(), roots=(served,))).report.verdict is Verdict.GREEN


def test_agents_and_prefect_are_offered_it() -> None:
    tool = tool_named("check_fit")
    assert tool is not None
    assert {one.name for one in questions(tool.ask)} == {"target", "policy"}
    assert tool.deployed is not None
    document = yaml.safe_load(completed(Path("prefect.yaml").read_text()))
    assert "flows.prefect.made.fit_check" in [one["entrypoint"] for one in document["deployments"]]


@pytest.mark.requirement("ARC-R3/plans-are-held-against-measurements")
def test_a_plan_is_held_against_what_was_measured_at_the_endpoint(here: Bench, tmp_path: Path) -> None:
    """The endpoint answers as planned, and a fake driver says how much of the GPU is taken meanwhile."""
    for used, verdict, code in ((430 << 20, "inside of it", OK), (40 * GIB, "outside of it", RED)):
        free = int(str(H100["memory"])) - used
        driver = Driver(folder=tmp_path / f"node-{free}", device={**H100, "memory.free": free})
        driver.folder.mkdir()
        driver.write()
        loaded: dict[str, Any] = {**here.environment, **driver.environment()}
        with serving(small=Plan(first=0.01, gap=0.001)) as api:
            line = ("--models", "small", "--requests", "4", "--concurrency", "4", "--rate", "20", "--tokens", "4")
            typed("inference", "check", api.url, *line, environment={**os.environ, **loaded})
            served = f"endpoint: '{api.url}/v1/', served: small"
        done = fit(here, described(here, f"small: {{{TINY}, {served}}}"))
        assert done.returncode == code, done.stdout + done.stderr
        assert verdict in done.stdout
        assert "4 requests at once were all answered when it was measured; 4 are wanted." in done.stdout


@pytest.mark.requirement("ARC-R3/plans-are-held-against-measurements")
def test_a_measurement_of_another_site_or_of_too_long_ago_does_not_count(here: Bench) -> None:
    """Mutation: the address alone names the endpoint, and the same address of another site is taken."""
    now = datetime.now(UTC).replace(microsecond=0)
    with serving(small=Plan(first=0.01, gap=0.001)) as api:
        line = ("--models", "small", "--requests", "2", "--concurrency", "1", "--rate", "20", "--tokens", "4")
        typed("inference", "check", api.url, *line, environment={**os.environ, **here.environment, "ARCOPS_SITE": "edge-07"})
        path = described(here, f"small: {{{TINY}, endpoint: '{api.url}', served: small}}")
    for site, later, text in (
        ("edge-07", timedelta(0), "requests at once were all answered"),
        ("edge-08", timedelta(0), "was measured at the site edge-07, and this is edge-08"),
        ("edge-07", timedelta(days=400), "was valid only until"),
    ):
        place = here.place(now=now + later)
        place = replace(place, settings=replace(place.settings, site=site))
        found = [one for result in check_fit(CheckFit(target=path), place).report.results for one in result.findings]
        said = " ".join(one.text for one in found if one.rule == "fit/measured")
        assert text in said, said


@pytest.mark.requirement("ARC-R3/plans-are-held-against-measurements")
def test_a_measurement_of_a_key_that_does_not_count_is_none(here: Bench, tmp_path: Path) -> None:
    with serving(small=Plan(first=0.01, gap=0.001)) as api:
        line = ("--models", "small", "--requests", "2", "--concurrency", "1", "--rate", "20", "--tokens", "4")
        typed("inference", "check", api.url, *line, environment={**os.environ, **here.environment})
        path = described(here, f"small: {{{TINY}, endpoint: '{api.url}', served: small}}")
    assert fit(here, path).returncode != USAGE
    for key in here.settings.trust.rglob("*.pub"):
        key.unlink()
    done = fit(here, path, "--all")
    assert done.returncode == RED
    assert "it is not known what was measured" in done.stdout


def test_json_holds_the_whole_report(here: Bench) -> None:
    done = fit(here, described(here, f"small: {{{TINY}}}"), "--format", "json")
    report = json.loads(done.stdout)
    assert report["predicate"]["results"][0]["gate"] == "fit"
