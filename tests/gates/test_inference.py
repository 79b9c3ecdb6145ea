"""What the gate makes of measured requests: each change turns the one rule that it is about, and no other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from arcops.endpoint import Load, Slo, parse_slo
from arcops.errors import Refused
from arcops.finding import Outcome
from arcops.seen.inference import Fault, Inference, Listing, RunKind, Shot
from arcops.seen.inference_server import HEALTH, Flavour, Probe, RoomKind, Server, When
from flows.policies.reading import load_policy
from gates.breach import Weight
from gates.inference.inference.examples import beside, changed, failed, good, plain, with_room, with_served
from gates.inference.inference.gate import aims, inference
from gates.inference.inference.policy import InferencePolicy
from tests.evidence import judged

pytestmark = pytest.mark.requirement("ARC-C3/goals-are-judged")

CLOSED, OPEN, TOGETHER, REPEATED = RunKind.CLOSED, RunKind.OPEN, RunKind.TOGETHER, RunKind.REPEATED
SHIPPED = load_policy("inference").gates["inference"]


def worst(body: Inference, policy: object = None) -> dict[str, Outcome]:
    """The worst outcome of every rule that is not passed."""
    found = judged(inference, InferencePolicy() if policy is None else policy, [body])  # type: ignore[arg-type]  # any gate
    bad: dict[str, Outcome] = {}
    for one in sorted(found.findings, key=lambda finding: finding.outcome.verdict):
        if one.outcome is not Outcome.PASS:
            bad[one.rule.removeprefix("inference/")] = one.outcome
    return bad


def test_what_is_good_passes_every_rule() -> None:
    assert worst(good("a")) == {}
    assert worst(good("a", "b")) == {}
    assert worst(good("a", "b"), SHIPPED) == {}


def with_shot(kind: RunKind, only: int | None = None, **new: object) -> Callable[[Inference], Inference]:
    def change(was: Shot) -> Shot:
        return replace(was, **new)  # type: ignore[arg-type]  # each mutation names fields of its own

    return lambda body: changed(body, kind, change, only=only)


def with_fault(fault: Fault, kind: RunKind = CLOSED) -> Callable[[Inference], Inference]:
    return lambda body: changed(body, kind, lambda was: failed(was, fault), only=0)


def with_server(**new: object) -> Callable[[Inference], Inference]:
    return lambda body: replace(body, server=replace(body.server, **new))  # type: ignore[arg-type]  # each mutation names fields


def probed(flavour: Flavour, ill: str = "", status: int = 503) -> tuple[Probe, ...]:
    return tuple(
        Probe(path=path, when=when, status=status if ill == f"{path} {when.value}" else 200, said="")
        for when in When
        for path in HEALTH[flavour]
    )


def azure(ill: str = "", status: int = 503) -> Callable[[Inference], Inference]:
    return with_server(flavour=Flavour.FOUNDRY_AZURE, probes=probed(Flavour.FOUNDRY_AZURE, ill, status))


def roomless(body: Inference) -> Inference:
    return with_server(memory=replace(body.server.memory, rooms=(), said="another machine"))(body)


MUTATIONS: list[tuple[str, Callable[[Inference], Inference], dict[str, Outcome]]] = [
    ("not listed", lambda body: replace(body, listed=("a:1",)), {"listed": Outcome.FAIL}),
    ("no list", lambda body: replace(body, listing=Listing.NONE), {"listed": Outcome.UNKNOWN}),
    ("another id", lambda body: with_served(body, id="a:2"), {"listed": Outcome.FAIL}),
    ("no id", lambda body: with_served(body, id=""), {"listed": Outcome.FAIL}),
    ("not alive before", azure("/health before"), {"ready": Outcome.FAIL}),
    ("not ready after", azure("/ready after"), {"ready": Outcome.FAIL}),
    ("it does not answer after", azure("/ready after", 0), {"ready": Outcome.FAIL}),
    ("not asked after", lambda body: with_server(probes=body.server.probes[:1])(body), {"ready": Outcome.UNKNOWN}),
    ("asked in vain", with_server(flavour=Flavour.VLLM), {"ready": Outcome.UNKNOWN}),
    ("not reached", with_server(flavour=Flavour.UNREACHED, probes=()), {"ready": Outcome.UNKNOWN}),
    ("nothing tells its health", with_server(flavour=Flavour.OPENAI, probes=()), {"ready": Outcome.UNKNOWN}),
    ("loading takes long", lambda body: with_served(body, cold=60_000_001), {"load-time": Outcome.FAIL}),
    ("loading was not timed", lambda body: with_served(body, cold=None), {"load-time": Outcome.UNKNOWN}),
    ("little is left", lambda body: with_room(body, RoomKind.HOST, percent=9), {"headroom": Outcome.FAIL}),
    ("little is left of a GPU", lambda body: with_room(body, RoomKind.DEVICE, percent=0), {"headroom": Outcome.FAIL}),
    ("a GPU is not read", lambda body: with_room(body, RoomKind.DEVICE, percent=None), {"headroom": Outcome.UNKNOWN}),
    ("looked at once", lambda body: with_room(body, RoomKind.HOST, samples=1), {"headroom": Outcome.UNKNOWN}),
    ("no memory was seen", roomless, {"headroom": Outcome.UNKNOWN}),
    ("late", with_shot(OPEN, 0, late=50_001), {"measured": Outcome.UNKNOWN}),
    ("one piece", with_shot(OPEN, gaps=()), {"measured": Outcome.UNKNOWN}),
    ("not run", with_fault(Fault.NOT_RUN), {"measured": Outcome.UNKNOWN, "slo": Outcome.FAIL}),
    ("ttft", with_shot(OPEN, 3, first=400_001), {"slo": Outcome.FAIL}),
    ("itl", with_shot(OPEN, 3, gaps=(*(10_000,) * 6, 50_001)), {"slo": Outcome.FAIL}),
    ("tpot", with_shot(OPEN, 3, gaps=(50_000,) * 7, tokens=7), {"slo": Outcome.FAIL}),
    ("two answers", with_shot(REPEATED, 1, text="00" * 32), {"determinism": Outcome.FAIL}),
    ("two ends", with_shot(REPEATED, 1, finish="stop"), {"determinism": Outcome.FAIL}),
    ("uncounted", with_shot(OPEN, 0, tokens=None), {"counted": Outcome.FAIL}),
    ("too many tokens", with_shot(OPEN, 0, tokens=9), {"counted": Outcome.FAIL}),
    ("no tokens", with_shot(RunKind.WARM_UP, 0, tokens=0), {"counted": Outcome.FAIL}),
    ("a neighbour that costs", lambda body: changed(body, TOGETHER, beside), {"interference": Outcome.FAIL}),
    ("a fault of the first request", with_fault(Fault.SERVER, RunKind.WARM_UP), {"errors": Outcome.FAIL}),
    ("asked once", with_fault(Fault.SERVER, REPEATED), {"errors": Outcome.FAIL, "determinism": Outcome.UNKNOWN}),
    *(
        (fault.value, with_fault(fault), {"errors": Outcome.FAIL, "slo": Outcome.FAIL})
        for fault in Fault
        if fault.value != "not-run"
    ),
]


@pytest.mark.parametrize(
    ("change", "bad"), [(change, bad) for _, change, bad in MUTATIONS], ids=[name for name, *_ in MUTATIONS]
)
def test_a_mutation_turns_its_rule(change: Callable[[Inference], Inference], bad: dict[str, Outcome]) -> None:
    assert worst(change(good("a", "b"))) == bad


@pytest.mark.parametrize("number", range(len(good("a", "b").runs)))
def test_no_run_can_be_left_out(number: int) -> None:
    body = good("a", "b")
    assert worst(replace(body, runs=body.runs[:number] + body.runs[number + 1 :]))["measured"] is Outcome.UNKNOWN


def test_the_good_is_just_good_enough() -> None:
    for change in (
        azure(),
        lambda body: with_served(body, cold=60_000_000),
        lambda body: with_room(body, RoomKind.HOST, percent=10),
    ):
        assert worst(change(good("a", "b"))) == {}


@pytest.mark.parametrize("policy", ["inference", "inference-foundry", "inference-azure-local"])
def test_what_a_shipped_policy_asks_for_and_was_not_measured_is_not_green(policy: str) -> None:
    shipped = load_policy(policy).gates["inference"]
    assert worst(good("a"), shipped) == {}
    silent = worst(plain(good("a")), shipped)
    asked = {"inference": set(), "inference-azure-local": {"ready"}, "inference-foundry": {"ready", "load-time", "headroom"}}
    assert silent == dict.fromkeys(asked[policy], Outcome.UNKNOWN)
    assert Weight.FAIL is InferencePolicy().without_health


def test_a_server_is_found_by_name() -> None:
    server: Server = good("a", "b").server
    assert server.named("b") == server.served[1]
    assert server.named("c") is None


def test_too_few_requests_are_not_enough() -> None:
    body = good("a")
    cut = replace(body, runs=tuple(replace(run, shots=run.shots[:7]) if run.kind is OPEN else run for run in body.runs))
    assert worst(cut) == {"measured": Outcome.UNKNOWN}


def test_a_model_that_never_answers_is_no_fast_one() -> None:
    body = good("a", "b")
    runs = tuple(replace(run, shots=tuple(failed(one) for one in run.shots)) if run.model == "b" else run for run in body.runs)
    bad = worst(replace(body, runs=runs), replace(InferencePolicy(), most_failed=99))
    assert bad["slo"] is Outcome.UNKNOWN
    assert bad["interference"] is Outcome.UNKNOWN
    assert bad["errors"] is Outcome.FAIL


def test_the_stricter_aim_counts() -> None:
    policy = InferencePolicy(most_ttft=100, most_itl=0, most_tpot=50, most_e2e=0)
    assert aims(policy, Slo(ttft=50_000, tpot=80_000, e2e=9)) == (("ttft", 50_000), ("tpot", 50_000), ("e2e", 9))


def test_aims_are_read_with_their_units() -> None:
    assert parse_slo("ttft=500ms, itl=50.5ms,e2e=5s,tpot=900us") == Slo(ttft=500_000, itl=50_500, e2e=5_000_000, tpot=900)
    assert parse_slo("") == Slo()
    for bad in ("ttft=500", "ttft", "ttft=-1ms", "ttft=1ms,ttft=2ms", "ttft=0ms", "ttft=1e3ms", "speed=1ms"):
        with pytest.raises(Refused):
            parse_slo(bad)


@pytest.mark.parametrize(
    "decided",
    [
        {"least_good": 0},
        {"least_good": 90, "warn_good": 80},
        {"most_failed": 100},
        {"least_headroom": 100},
        {"most_load": -1},
        {"most_late": -1},
        {"least_requests": 1},
        {"warn_interference": 200},
        {"most_ttft": 0, "most_itl": 0, "most_tpot": 0},
    ],
    ids=str,
)
def test_a_policy_that_could_not_fail_is_refused(decided: dict[str, int]) -> None:
    with pytest.raises(Refused):
        InferencePolicy(**decided)  # type: ignore[arg-type]  # each case names fields of its own


@pytest.mark.parametrize(
    "asked",
    [
        {"models": ()},
        {"models": ("a", "a")},
        {"models": ("a\n",)},
        {"each": 1},
        {"concurrencies": ()},
        {"concurrencies": (0,)},
        {"concurrencies": (2, 2)},
        {"rates": (0,)},
        {"tokens": 1},
        {"patience": 400_000_000},
        {"each": 256, "models": tuple("abcdefgh")},
        {"url": "http://a:b@127.0.0.1"},
        {"url": "http://127.0.0.1/?key=x"},
        {"url": "http://127.0.0.1:1/\n"},
    ],
    ids=str,
)
def test_a_load_that_says_nothing_or_too_much_is_refused(asked: dict[str, object]) -> None:
    with pytest.raises(Refused):
        Load(**{"url": "http://127.0.0.1:1", "models": ("a",), **asked})  # type: ignore[arg-type]  # each case names its own


def test_an_address_is_kept_without_the_version_of_the_api() -> None:
    assert Load(url="http://127.0.0.1:8000/x/v1/", models=("a",)).url == "http://127.0.0.1:8000/x"


class TestTokensThatAreNotSeen:
    """Answers of 20 ms a token, of which the server counts more than came: an aim of 10 ms is missed all the same."""

    AIM = parse_slo("tpot=10ms")

    def tried(self, **new: object) -> dict[str, Outcome]:
        body = good("a")
        for kind in (CLOSED, OPEN, REPEATED, RunKind.WARM_UP):
            body = with_shot(kind, asked=64, **new)(body)
        return worst(replace(body, load=replace(body.load, slo=self.AIM)))

    def test_hidden_tokens_do_not_help(self) -> None:
        """Mutation: N - 1, as the server counts."""
        assert self.tried(tokens=15) == {"slo": Outcome.FAIL}

    def test_several_tokens_in_the_first_event_do_not_help(self) -> None:
        assert self.tried(tokens=64) == {"slo": Outcome.FAIL}

    def test_several_words_in_each_later_event_do(self) -> None:
        assert self.tried(tokens=32, many=(4,) * 7) == {}
        assert self.tried(tokens=8, many=(4,) * 7) == {"slo": Outcome.FAIL}  # no more than the server counts

    def test_a_count_along_the_way_decides(self) -> None:
        assert self.tried(tokens=32, counted=(4,)) == {}
        assert self.tried(tokens=32, counted=(25,)) == {"slo": Outcome.FAIL}

    def test_it_is_said(self) -> None:
        body = with_shot(CLOSED, asked=64, tokens=64)(good("a"))
        found = judged(inference, InferencePolicy(most_tpot=10), [body])  # type: ignore[arg-type]  # a gate of its own policy
        said = [one.text for one in found.findings if one.rule == "inference/slo" and "closed" in one.text]
        assert all("only 56 of 504 tokens can be shown to have come after the first text" in one for one in said)


def test_what_was_left_out_of_a_request_is_said() -> None:
    body = replace(good("a", "b"), left_out=("a: stream_options", "a: temperature"))
    found = judged(inference, InferencePolicy(), [body])  # type: ignore[arg-type]  # a gate of its own policy
    said = {one.about: one.text for one in found.findings if one.rule == "inference/counted"}
    assert "left out: stream_options, temperature" in said["a"]
    assert "left out" not in said["b"]
