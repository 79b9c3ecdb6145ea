"""The artifact that Prefect names for a run is its answer only if the artifact itself is of this run and no other."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from arcops.errors import Refused
from arcops.evidence import Cause
from arcops.result import Report
from arcops.subject import Subject
from arcops.tier import Tier
from arcops.verdict import Verdict
from artifacts.bundle import seal
from artifacts.private_key import Algorithm, Signer, create
from artifacts.store import Store
from capabilities.catalogue import all_tools
from capabilities.client.checking import CheckClientDraft
from capabilities.cluster.check import CheckCluster
from capabilities.contract import Left, Tool
from capabilities.fit.check import CheckFit
from capabilities.inference.check import CheckInference
from capabilities.keys.keys import RevokeKey, TrustKey, revoke_key, trust_key
from capabilities.model.check import Check, CheckedModel, check_model
from capabilities.network.check import CheckNetwork
from capabilities.network.drift import DiffNetwork, diff_network
from flows.conclude import conclude
from flows.evaluate import seal_and_keep
from flows.place import Place
from flows.plan import make_plan
from flows.policies.registered import registered_policy
from flows.policies.unread import nothing_seen, plan_or_all
from flows.runners import direct
from flows.subjects.model import READINESS
from tests.manifests import POLICIES, shop
from tests.models import CLOCK, Bench, bench, good_model

pytestmark = pytest.mark.requirement("ARC-3/remote-is-as-local", "ARC-4/no-failed-collector-is-green")

RUN, ANOTHER = "0196a2b4-0000-7000-8000-000000000001", "0196a2b4-0000-7000-8000-000000000002"


@pytest.fixture
def here(tmp_path: Path) -> Bench:
    return bench(tmp_path)


def told(here: Bench, model: Path) -> Mapping[str, object]:
    """The parameters of a run that checks *model* by the policy ``bench``."""
    assert check_model.deployed is not None
    parameters: Mapping[str, object] = check_model.deployed.parameters(Check(target=model, policy="bench"), here.place())
    return parameters


def left_by_a_run(here: Bench, model: Path, *, run: str = RUN, policy: str = "bench") -> Report:
    """What the flow ``readiness`` makes of *model*, judged here as its worker does."""
    request = replace(here.plan(model).request, store=here.settings.store)
    plan = make_plan(request, registered_policy(policy, here.settings.policies))
    collected = direct.collect(plan, stop=here.stop)
    report = conclude(plan, collected, runner=READINESS.runner(run, told(here, model)))
    with Store(here.settings.store) as store:
        seal_and_keep(report, collected, policy=plan.policy, signer=here.signer, store=store, now=lambda: CLOCK)
    return report


def keep(here: Bench, report: Report, signer: Signer | None = None) -> str:
    """*report*, sealed and kept; the artifact's digest."""
    with Store(here.settings.store) as store:
        return store.put(seal(report, signer or here.signer), {}, at=CLOCK).artifact


def answer(ask: Check, artifact: str, at: Place, *, run: str = RUN, begun: timedelta = timedelta(0)) -> CheckedModel:
    assert check_model.deployed is not None
    parameters = check_model.deployed.parameters(ask, at)
    left = Left(artifact=artifact, run=run, parameters=parameters, begun=CLOCK + begun)
    answered: CheckedModel = check_model.deployed.answer(ask, left, at)
    return answered


def test_the_artifact_that_the_run_left_is_the_answer(here: Bench) -> None:
    ask = Check(target=good_model(here), policy="bench", summary=True)
    report = left_by_a_run(here, ask.target)
    answered = answer(ask, keep(here, report), here.place())
    assert (answered.report, report.verdict) == (report, Verdict.GREEN)
    assert answered.summary


OTHERS: dict[str, tuple[Callable[[Report], Report], str]] = {
    "another run": (lambda report: replace(report, runner=report.runner.replace(RUN, ANOTHER)), "was made by 'prefect/"),
    "another folder of the same name": (
        lambda report: replace(report, runner=READINESS.runner(RUN, {"target": "/other/tiny"})),
        "was told to judge something else",
    ),
    "a run whose id begins so": (lambda report: replace(report, runner=report.runner.replace(RUN, f"{RUN}0")), "was made by"),
    "no run of Prefect": (lambda report: replace(report, runner="direct"), "was made by 'direct'"),
    "a run of an earlier release": (lambda report: replace(report, runner="prefect"), "was made by 'prefect'"),
    "another name": (lambda report: replace(report, subject=replace(report.subject, name="other")), "about the model 'other'"),
    "another kind": (
        lambda report: replace(report, subject=Subject(name="tiny", kind="manifests", digests=report.subject.digests)),
        "about the manifests 'tiny'",
    ),
    "another policy of the same name": (lambda report: replace(report, policy_digest=f"sha256:{'0' * 64}"), "was judged by"),
    "a wider tier": (lambda report: replace(report, tier=Tier.CONNECTED), "in the tier connected"),
    "an older one": (lambda report: replace(report, judged_at=CLOCK - timedelta(minutes=3)), "the run began at"),
    "one of the future": (lambda report: replace(report, judged_at=CLOCK + timedelta(minutes=3)), "was judged at"),
}


@pytest.mark.parametrize("other", OTHERS)
def test_the_artifact_of_something_else_is_refused(here: Bench, other: str) -> None:
    """Each is genuine, GREEN and signed by the trusted key, and only not what was asked for."""
    ask = Check(target=good_model(here), policy="bench")
    change, said = OTHERS[other]
    with pytest.raises(Refused, match="not its answer") as refused:
        answer(ask, keep(here, change(left_by_a_run(here, ask.target))), here.place())
    assert said in str(refused.value)


def test_an_artifact_that_was_judged_before_the_run_began_is_refused(here: Bench) -> None:
    ask = Check(target=good_model(here), policy="bench")
    kept = keep(here, left_by_a_run(here, ask.target))
    answer(ask, kept, here.place(now=CLOCK + timedelta(hours=1)))
    with pytest.raises(Refused, match="the run began at"):
        answer(ask, kept, here.place(now=CLOCK + timedelta(hours=1)), begun=timedelta(minutes=3))


def test_a_policy_that_the_worker_could_not_read_is_a_red_answer(here: Bench) -> None:
    ask = Check(target=good_model(here), policy="bench", summary=True)
    digest = registered_policy("bench", here.settings.policies).digest

    def nowhere(named: str) -> None:
        raise Refused("no such policy here")

    plan = plan_or_all(here.plan(ask.target).request, digest, READINESS.gates, nowhere)  # type: ignore[arg-type]  # it only raises
    report = conclude(
        plan, nothing_seen(plan, Cause.REFUSED, "no such policy"), runner=READINESS.runner(RUN, told(here, ask.target))
    )
    answered = answer(ask, keep(here, report), here.place())
    assert answered.report.verdict is Verdict.RED
    assert "FAILED" in _said(answered.summary)


def test_a_key_that_is_not_trusted_or_revoked_answers_nothing(here: Bench) -> None:
    ask = Check(target=good_model(here), policy="bench")
    report, outsider = left_by_a_run(here, ask.target), create(Algorithm.ED25519)
    with pytest.raises(Refused):
        answer(ask, keep(here, report, outsider), here.place())
    trust_key(TrustKey(public=outsider.public.pem.decode()), here.place())
    kept = keep(here, report, outsider)
    assert answer(ask, kept, here.place()).report == report
    revoke_key(RevokeKey(key=outsider.public.id, reason="lost"), here.place())
    with pytest.raises(Refused, match="does not count here"):
        answer(ask, kept, here.place())


def test_a_run_that_names_the_digest_of_somebody_else_s_run(here: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole way: the tool at a place with Prefect, whose API says that this run left what another one left."""
    from flows.prefect import deployed

    ask = Check(target=good_model(here), policy="bench")
    at = replace(here.place(), settings=replace(here.settings, prefect_api="http://127.0.0.1:9/api"))
    begun: dict[str, object] = {}
    said = {RUN: keep(here, left_by_a_run(here, ask.target)), ANOTHER: keep(here, left_by_a_run(here, ask.target, run=ANOTHER))}
    named = RUN

    async def start(name: str, parameters: dict[str, object], *, key: str = "", **_: object) -> deployed.Run:
        begun.update(parameters)
        return deployed.Run(id=RUN, state="Pending", ended=False, message="")

    async def follow(run_id: str, **_: object) -> deployed.Run:
        await asyncio.sleep(0)
        return deployed.Run(id=run_id, state="GREEN", ended=True, message="", artifact=said[named])

    monkeypatch.setattr(deployed, "start", start)
    monkeypatch.setattr(deployed, "follow", follow)
    assert check_model(ask, at).artifact == said[RUN]
    assert begun["policy"] == registered_policy("bench", here.settings.policies).digest
    named = ANOTHER
    with pytest.raises(Refused, match="not its answer"):
        check_model(ask, at)


REMOTE: dict[str, Callable[[Path], object]] = {
    "check_model": lambda here: Check(target=here / "tiny", policy="bench", attached=(here / "sbom.json", here / "x.vex")),
    "check_network": lambda here: CheckNetwork(target=here / "manifests"),
    "check_cluster": lambda here: CheckCluster(context="edge"),
    "diff_network": lambda here: DiffNetwork(declared=here / "declared", context="edge"),
    "check_client_draft": lambda here: CheckClientDraft(target=here / "draft.yaml"),
    "check_fit": lambda here: CheckFit(target=here / "fit.yaml"),
    "check_inference": lambda here: CheckInference(url="http://127.0.0.1:1/v1", models=("a",), of=here / "tiny"),
}


@pytest.mark.filterwarnings("ignore")  # Prefect's own warnings are not ours to fix
@pytest.mark.parametrize("tool", [one for one in all_tools() if one.deployed is not None], ids=lambda one: one.name)
def test_what_a_flow_is_told_is_what_the_tool_holds_its_artifact_against(
    here: Bench, tmp_path: Path, tool: Tool[Any, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from flows.prefect import made
    from flows.subjects.evaluation import evaluation

    at = replace(here.place(), settings=replace(here.settings, tier=Tier.RESTRICTED, prefect_api="http://127.0.0.1:1/api"))
    asked = tool.deployed.parameters(REMOTE[tool.name](tmp_path), at)  # type: ignore[union-attr]  # those that are deployed
    what = evaluation(tool.deployed.name.partition("/")[0])  # type: ignore[union-attr]  # as above
    told: list[Mapping[str, object]] = []

    async def evaluate(what: object, parameters: Mapping[str, object]) -> None:
        told.append(parameters)

    monkeypatch.setattr(made, "evaluate", evaluate)
    asyncio.run(made.flow_of(what).fn(**asked))
    assert [what.runner(RUN, one) for one in told] == [what.runner(RUN, asked)]
    assert what.runner(RUN, {**asked, "policy": "another"}) != what.runner(RUN, asked)
    name = next(name for name in ("target", "saved", "context", "declared", "url") if asked.get(name))
    assert what.runner(RUN, {**asked, name: "/elsewhere/tiny"}) != what.runner(RUN, asked)


def then(change: Callable[[], object]) -> Callable[..., object]:
    """The direct runner, with a *change* made as soon as its plan is made."""
    collect = direct.collect

    def collected(*given: object, **more: object) -> object:
        change()
        return collect(*given, **more)  # type: ignore[arg-type]  # handed through

    return collected


class TestWhatJudgedIsWhatAnswers:
    """A policy file that changes between judging and answering changes nothing: the answer is made from what judged."""

    def test_the_summary_goes_by_the_policy_that_judged(self, here: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
        model = good_model(here)
        (model / "config.json").chmod(0o755)
        text = here.policy.read_text() + (
            "waivers:\n  - {rule: integrity/executables, anyContent: true, about: config.json, owner: Ada, reason: packed so, "
            f"expires: {CLOCK + timedelta(days=9):%Y-%m-%d}T00:00:00Z}}\n"
        )
        for passes, result in (("false", "FAILED"), ("true", "PASSED")):
            here.policy.write_text(f"{text}amberPasses: {passes}\n")
            other = f"{text}amberPasses: {'true' if passes == 'false' else 'false'}\n"

            with monkeypatch.context() as patch:
                patch.setattr(direct, "collect", then(lambda text=other: here.policy.write_text(text)))
                checked = check_model(Check(target=model, policy=str(here.policy), summary=True), here.place())
            assert checked.report.verdict is Verdict.AMBER
            assert result in _said(checked.summary)

    def test_the_summary_of_a_run_goes_by_the_policy_in_the_store(self, here: Bench) -> None:
        ask = Check(target=good_model(here), policy="bench", summary=True)
        report = left_by_a_run(here, ask.target)
        registered = here.settings.policies / "bench.yaml"
        at = here.place()
        assert check_model.deployed is not None
        left = Left(artifact=keep(here, report), run=RUN, parameters=check_model.deployed.parameters(ask, at), begun=CLOCK)
        registered.unlink()
        assert "PASSED" in _said(check_model.deployed.answer(ask, left, at).summary)

    def test_drift_is_spelled_out_by_the_policy_that_judged(
        self, here: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        folders = shop(tmp_path / "declared"), shop(tmp_path / "live", policies=POLICIES.replace("port: postgres", "port: 22"))
        own = tmp_path / "own.yaml"
        own.write_text("name: own\nvalidFor: P1D\ngates: {drift: {}}\n")
        monkeypatch.setattr(direct, "collect", then(lambda: own.write_text("no policy any more")))
        found = diff_network(DiffNetwork(declared=folders[0], live=folders[1], policy=str(own)), here.place())
        assert found.drift.objects


def _said(summary: str) -> str:
    return base64.b64decode(json.loads(summary)["dsseEnvelope"]["payload"]).decode()
