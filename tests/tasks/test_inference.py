"""What the client of inference endpoints measures, against an endpoint whose every moment is planned."""

from __future__ import annotations

import socket
import time
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from statistics import median

import pytest

from arcops.endpoint import Endpoint, Load, Route
from arcops.errors import ArcOpsError, Refused, Stopped
from arcops.evidence import Cause, Evidence, Missing, Seen
from arcops.request import Request
from arcops.seen.inference import Credential, Fault, Inference, Listing, RunKind, percentile
from arcops.tier import Tier
from flows.runners.looking import look
from tasks.inference.inference import inference
from tests.evidence import NOW
from tests.simulators.openai_api import Api, Break, Plan, serving

pytestmark = pytest.mark.requirement("ARC-C3/requests-are-measured-exactly")


def small(api: Api, *models: str, **more: object) -> Load:
    """A load that takes a second or so."""
    load = Load(
        url=api.url, models=models or tuple(api.plans), each=3, concurrencies=(1,), rates=(), tokens=8, patience=5_000_000
    )
    return replace(load, **more)  # type: ignore[arg-type]  # each test names fields of its own


def request(load: Load, *, key: str = "", tier: Tier = Tier.AIR_GAPPED, **more: object) -> Request:
    here = Path("/")
    made = Request(
        target=here, kind="inference-endpoint", named=load.url, tier=tier, now=NOW, trust=here, data=here, cache=here,
        endpoint=Endpoint(load=load, key=key),
    )  # fmt: skip
    return replace(made, **more)  # type: ignore[arg-type]  # each test names fields of its own


def looked(load: Load, **more: object) -> Inference:
    found = inference.look(request(load, **more), Seen({}, at=NOW, subject_name=""))  # type: ignore[arg-type]  # handed through
    return found.body


def faults(body: Inference) -> set[Fault | None]:
    return {shot.fault for run in body.runs for shot in run.shots}


class TestTimes:
    """With room for a machine that is busy; `benches/inference.py` shows how close it is on a quiet one."""

    @pytest.mark.parametrize("route", list(Route))
    def test_the_planned_times_are_measured(self, route: Route) -> None:
        with serving(a=Plan(first=0.12, gap=0.03)) as api:
            body = looked(small(api, route=route, tokens=10))
        assert faults(body) == {None}
        run = body.run(RunKind.CLOSED, "a", 1)
        assert run is not None
        for shot in run.shots:
            assert shot.first is not None
            assert shot.tpot is not None
            assert shot.e2e is not None
            assert 120_000 <= shot.first < 120_000 + 60_000
            assert len(shot.gaps) + 1 == shot.tokens
            assert shot.e2e >= 120_000 + 30_000 * len(shot.gaps) - 1000
        middle = run.middle("tpot")
        assert middle is not None
        assert abs(middle - 30_000) < 6_000
        paths = {one["path"] for one in api.seen}
        assert paths == {"/v1/chat/completions" if route is Route.CHAT else "/v1/completions"}

    def test_what_was_written_is_what_was_measured_within_five_percent_or_two_milliseconds(self) -> None:
        """Medians, against the moments at which the endpoint wrote: a busy machine may keep it from its plan, too."""
        with serving(a=Plan(first=0.1, gap=0.02)) as api:
            body = looked(small(api, tokens=8, each=7))
        run = body.run(RunKind.CLOSED, "a", 1)
        assert run is not None
        written = api.written[-len(run.shots) :]  # one after the other, and nothing came after them
        firsts = [(shot.first or 0) - (moments[1] - moments[0]) * 1e6 for shot, moments in zip(run.shots, written, strict=True)]
        gaps = [
            abs(gap - (later - earlier) * 1e6)
            for shot, moments in zip(run.shots, written, strict=True)
            for gap, (earlier, later) in zip(shot.gaps, pairwise(moments[1:]), strict=True)
        ]
        assert 0 <= median(firsts) <= 0.05 * 100_000
        assert median(gaps) <= 2_000

    def test_several_tokens_in_an_event_count_as_the_server_counts_them(self) -> None:
        with serving(a=Plan(first=0.05, gap=0.04, events=3, words=4)) as api:
            body = looked(small(api, tokens=12))
        shot = body.run(RunKind.CLOSED, "a", 1).shots[0]  # type: ignore[union-attr]  # it fails if it is None
        assert (shot.tokens, len(shot.gaps)) == (12, 2)
        assert shot.tpot == sum(shot.gaps) // 8  # four came with the first event

    def test_tokens_that_are_counted_and_hidden_do_not_make_an_answer_faster(self) -> None:
        """Twenty milliseconds a token, and as many hidden tokens: by the server's count it would be ten."""
        with serving(a=Plan(first=0.1, gap=0.02, events=8, hidden=8)) as api:
            body = looked(small(api, tokens=16))
        for shot in body.run(RunKind.CLOSED, "a", 1).shots:  # type: ignore[union-attr]  # it fails if it is None
            assert (shot.tokens, shot.later) == (16, 7)
            assert shot.tpot == sum(shot.gaps) // 7
            assert shot.tpot > 15_000

    def test_without_a_count_events_are_counted(self) -> None:
        with serving(a=Plan(usage=False)) as api:
            body = looked(small(api))
        shot = body.runs[0].shots[0]
        assert shot.tokens is None
        assert shot.count == len(shot.gaps) + 1 > 2

    def test_an_event_with_a_role_alone_is_no_first_token(self) -> None:
        with serving(a=Plan(first=0.2, role_first=True)) as api:
            body = looked(small(api))
        assert all((shot.first or 0) >= 200_000 for run in body.runs for shot in run.shots)

    def test_a_closed_loop_keeps_as_many_under_way_as_it_says(self) -> None:
        with serving(a=Plan(first=0.1)) as api:
            looked(small(api, each=6, concurrencies=(3,)))
            assert api.longest == 3

    def test_an_open_loop_sends_when_requests_are_due_whatever_is_under_way(self) -> None:
        with serving(a=Plan(first=0.4)) as api:
            body = looked(small(api, each=6, rates=(20_000,)))
            assert api.longest > 1
        run = body.run(RunKind.OPEN, "a", 20_000)
        assert run is not None
        dues = [shot.due for shot in run.shots]
        assert dues == sorted(dues)
        assert len(set(dues)) == len(dues)
        assert all(shot.late >= 0 for shot in run.shots)

    @pytest.mark.requirement("ARC-C3/models-are-measured-together")
    def test_models_together_are_measured_beside_one_another(self) -> None:
        with serving(a=Plan(first=0.1, gap=0.01, shared=3), b=Plan(first=0.1, gap=0.01, shared=3)) as api:
            body = looked(small(api))
        for model in "ab":
            alone, beside = body.run(RunKind.CLOSED, model, 1), body.run(RunKind.TOGETHER, model, 1)
            assert alone is not None
            assert beside is not None
            assert (beside.middle("ttft") or 0) > 2 * (alone.middle("ttft") or 0)


class TestSeeds:
    def test_the_same_seed_asks_the_same(self) -> None:
        asked = []
        for seed in (1, 1, 2):
            with serving(a=Plan(first=0.0, gap=0.0)) as api:
                looked(small(api, seed=seed))
            asked.append([(one["messages"], one["max_tokens"], one["temperature"]) for one in api.seen])
        assert asked[0] == asked[1]
        assert asked[0] != asked[2]

    def test_the_same_prompt_is_asked_twice_and_greedily(self) -> None:
        with serving(a=Plan(first=0.0, gap=0.0), b=Plan(first=0.0, gap=0.0, drift=True)) as api:
            body = looked(small(api))
        a, b = (body.run(RunKind.REPEATED, model, 1) for model in "ab")
        assert a is not None
        assert b is not None
        assert len({shot.text for shot in a.shots}) == 1
        assert len({shot.text for shot in b.shots}) == 2
        assert {one["temperature"] for one in api.seen} == {0}


class TestErrors:
    @pytest.mark.parametrize(
        ("plan", "fault"),
        [
            (Plan(breaks=Break.STATUS, status=429), Fault.THROTTLED),
            (Plan(breaks=Break.STATUS, status=404), Fault.REFUSED),
            (Plan(breaks=Break.STATUS, status=503), Fault.SERVER),
            (Plan(breaks=Break.REDIRECT), Fault.REDIRECTED),
            (Plan(breaks=Break.DISCONNECT), Fault.DISCONNECTED),
            (Plan(breaks=Break.MALFORMED), Fault.MALFORMED),
            (Plan(breaks=Break.NOT_HTTP), Fault.MALFORMED),
            (Plan(breaks=Break.NOT_STREAM), Fault.MALFORMED),
            (Plan(breaks=Break.ERROR_EVENT), Fault.SERVER),
            (Plan(breaks=Break.HUGE), Fault.TOO_LARGE),
            (Plan(breaks=Break.HUGE_EVENT), Fault.TOO_LARGE),
            (Plan(breaks=Break.ENDLESS), Fault.ENDLESS),
            (Plan(breaks=Break.NO_TEXT), Fault.EMPTY),
            (Plan(events=0), Fault.EMPTY),
        ],
        ids=lambda value: value.value if isinstance(value, Fault) else value.breaks.value,
    )
    def test_each_has_its_name_and_counts_for_one_request(self, plan: Plan, fault: Fault) -> None:
        with serving(a=replace(plan, only=None if plan.events == 0 else 3)) as api:
            body = looked(small(api))
        if plan.events == 0:
            assert faults(body) == {fault}
            return
        shots = [shot for run in body.runs for shot in run.shots]
        assert [shot.fault for shot in shots] == [fault if number == 3 else None for number in range(len(shots))]
        assert shots[3].said

    @pytest.mark.parametrize(("breaks", "fault"), [(Break.STALL, Fault.TIMEOUT), (Break.PINGS, Fault.ENDLESS)])
    def test_patience_ends(self, breaks: Break, fault: Fault) -> None:
        with serving(a=Plan(breaks=breaks, only=0)) as api:
            began = time.monotonic()
            body = looked(small(api, patience=1_000_000))
        assert body.runs[0].shots[0].fault is fault
        assert body.runs[1].shots[0].fault is None
        assert time.monotonic() - began < 20

    def test_no_server_listens(self) -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            load = Load(url=f"http://127.0.0.1:{taken.getsockname()[1]}", models=("a",), each=2, concurrencies=(1,), rates=())
            body = looked(load)
        assert faults(body) == {Fault.CONNECT}
        assert body.listing is Listing.NONE

    def test_the_budget_ends_everything_and_says_what_was_not_made(self) -> None:
        with serving(a=Plan(first=0.3)) as api:
            began = time.monotonic()
            body = looked(small(api, each=50, budget=2_000_000, patience=1_000_000))
        assert time.monotonic() - began < 15
        assert Fault.NOT_RUN in faults(body)
        assert len([shot for run in body.runs for shot in run.shots]) == body.load.planned

    def test_who_is_told_to_stop_stops(self) -> None:
        def told(done: int, total: int) -> None:
            raise Stopped("told to end")

        with serving(a=Plan(breaks=Break.STALL)) as api:
            found = look(inference, request(small(api), progress=told), {})  # type: ignore[arg-type]  # a collector of one body
        assert isinstance(found, Missing)
        assert found.cause is Cause.CANCELLED


class TestDialects:
    """A server that refuses a part of a request is asked without it, and the evidence says so."""

    @pytest.mark.parametrize(
        ("refuses", "left_out"),
        [
            (("stream_options",), ("a: stream_options",)),
            (("temperature",), ("a: temperature",)),
            (("max_tokens",), ("a: max_tokens (max_completion_tokens was sent)",)),
            (("max_tokens", "max_completion_tokens"), ("a: max_tokens",)),
            (("stream_options", "temperature"), ("a: stream_options", "a: temperature")),
        ],
    )
    def test_what_a_server_refuses_is_left_out(self, refuses: tuple[str, ...], left_out: tuple[str, ...]) -> None:
        with serving(a=Plan(first=0.0, gap=0.0, refuses=refuses)) as api:
            body = looked(small(api))
        assert body.left_out == left_out
        assert faults(body) == {None}
        assert not any(part in one for part in refuses for one in api.seen[-3:])

    def test_a_server_that_refuses_everything_is_refused_as_before(self) -> None:
        with serving(a=Plan(refuses=("model",))) as api:
            body = looked(small(api))
        assert body.left_out == ()
        assert faults(body) == {Fault.REFUSED}

    def test_nothing_is_left_out_without_a_refusal(self) -> None:
        with serving(a=Plan(first=0.0, gap=0.0)) as api:
            body = looked(small(api))
        assert body.left_out == ()
        assert len(api.seen) == body.load.planned
        assert {one["Accept-Encoding"] for one in api.headers} == {"identity"}


class TestListing:
    def test_the_models_are_listed_by_their_ids(self) -> None:
        with serving(a=Plan(), b=Plan()) as api:
            body = looked(small(api, "a"))
        assert (body.listing, body.listed) == (Listing.OPENAI, ("a", "b"))

    def test_models_that_are_loaded_on_a_device_are_found_where_it_lists_them(self) -> None:
        with serving(a=Plan()) as api:
            api.list_path = "/models/loaded"
            body = looked(small(api))
        assert (body.listing, body.listed) == (Listing.LOADED, ("a",))


class TestReach:
    def test_the_air_gapped_tier_reaches_this_machine_alone(self) -> None:
        load = Load(url="https://models.example:8443", models=("a",))
        found = look(inference, request(load), {})  # type: ignore[arg-type]  # a collector of one body
        assert isinstance(found, Missing)
        assert found.cause is Cause.REFUSED
        assert "air-gapped" in found.reason

    def test_this_machine_by_its_name_is_this_machine(self) -> None:
        with serving(a=Plan()) as api:
            body = looked(small(api, url=api.url.replace("127.0.0.1", "localhost")))
        assert faults(body) == {None}

    def test_a_key_does_not_travel_in_the_clear(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("MODEL_KEY", "very-secret")
        load = Load(url="http://models.example", models=("a",))
        with pytest.raises(Refused, match="without encryption"):
            looked(load, key="env:MODEL_KEY", tier=Tier.RESTRICTED)

    def test_a_key_is_sent_and_never_kept(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("MODEL_KEY", "very-secret")
        with serving(a=Plan(), b=Plan(breaks=Break.STATUS, status=401)) as api:
            body = looked(small(api), key="env:MODEL_KEY")
        assert {one["Authorization"] for one in api.headers} == {"Bearer very-secret"}
        assert body.credential is Credential.API_KEY
        assert "very-secret" not in repr(body)  # though the server repeats it in its refusal

    @pytest.mark.parametrize("reference", ["env:NOT_SET_HERE", "file:/nowhere/key", "very-secret"])
    def test_a_key_that_is_not_there_is_refused_and_not_repeated(self, reference: str) -> None:
        with pytest.raises(ArcOpsError) as refused:
            looked(Load(url="http://127.0.0.1:1", models=("a",)), key=reference)
        assert "very-secret" not in str(refused.value)


def test_percentiles_are_by_nearest_rank() -> None:
    assert [percentile(range(1, 21), percent) for percent in (50, 95, 100)] == [10, 19, 20]
    assert percentile([7], 95) == 7
    assert percentile([], 50) is None


def test_what_was_seen_has_one_form(tmp_path: Path) -> None:
    from artifacts.wire import canonical, from_json, to_json

    with serving(a=Plan(first=0.0)) as api:
        found = look(inference, request(small(api)), {})  # type: ignore[arg-type]  # a collector of one body
    assert isinstance(found, Evidence)
    assert from_json(Inference, canonical(to_json(found.body))) == found.body
