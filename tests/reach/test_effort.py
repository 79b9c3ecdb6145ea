"""Manifests that are made to cost much: the engine ends by its own count, with a refusal, and nothing of it is GREEN."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

import pytest

from arcops.errors import Refused, Stopped
from arcops.finding import Outcome
from arcops.seen.network import Network
from arcops.verdict import Verdict
from flows.plan import all_gates
from gates.network.network.gate import NetworkSafetyPolicy
from reach import effort
from reach.drift import compare
from reach.effort import told
from reach.exposure import exposures
from reach.picture import picture
from reach.question import ask
from reach.world import World
from tasks.network.network import network_of
from tests.evidence import judged
from tests.reach.hostile import SHAPES, manifests

pytestmark = pytest.mark.requirement("ARC-B2/costly-manifests-are-refused")

NETWORK = next(one for one in all_gates() if one.id == "network")
SITE = NetworkSafetyPolicy(enforcer="calico", api_server=("10.96.0.1",))


def seen(shape: str, size: int) -> Network:
    found = network_of([("a.yaml", manifests(shape, size))])
    assert not found.unread
    assert not found.refused
    return found


def every_pair(network: Network) -> None:
    world = World(network)
    for port_class in world.port_classes:
        world.pairs(port_class)


QUESTIONS: dict[str, Callable[[Network], object]] = {
    "every pair": every_pair,
    "one pair": lambda network: ask(network, "p1", "Pod/p2:80"),
    "picture": picture,
    "drift": lambda network: compare(network, replace(network, policies=())),
    "exposures": lambda network: list(exposures(network)),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_what_is_small_is_answered_whole(shape: str) -> None:
    """No shape is refused for what it is: only for how much of it there is."""
    network = seen(shape, 4)
    for question in QUESTIONS.values():
        question(network)
    assert not [one.text for one in judged(NETWORK, SITE, [network]).findings if "failed while judging" in one.text]


@pytest.mark.parametrize("bound", ["MOST_WORK", "MOST_HELD"])
@pytest.mark.parametrize("name", QUESTIONS)
def test_what_costs_too_much_is_refused(monkeypatch: pytest.MonkeyPatch, bound: str, name: str) -> None:
    network = seen("selectors", 40)
    monkeypatch.setattr(effort, bound, 2_000)
    with pytest.raises(Refused, match="check fewer manifests at a time"):
        QUESTIONS[name](network)


@pytest.mark.parametrize("bound", ["MOST_WORK", "MOST_HELD"])
@pytest.mark.parametrize("shape", SHAPES)
def test_what_could_not_be_computed_is_never_green(monkeypatch: pytest.MonkeyPatch, bound: str, shape: str) -> None:
    network = seen(shape, 4)
    monkeypatch.setattr(effort, bound, 1000)
    result = judged(NETWORK, SITE, [network])
    assert result.verdict is Verdict.RED
    unknown = {one.rule for one in result.findings if one.outcome is Outcome.UNKNOWN}
    assert {"network/metadata", "network/api-server", "network/isolated"} & unknown or "network/judged" in unknown
    assert any("check fewer manifests at a time" in one.text for one in result.findings)


@pytest.mark.parametrize("shape", sorted(SHAPES.keys() - {"routes"}))
def test_work_is_counted_before_it_is_done(monkeypatch: pytest.MonkeyPatch, shape: str) -> None:
    """Ten times the shape is counted as more work: nothing that grows goes uncounted."""

    def cost(size: int) -> int:
        counted: list[int] = []
        real = effort.Effort.spend

        def spend(self: effort.Effort, size: int, *, steps: int = 1) -> None:
            counted.append(size + steps * effort.STEP)
            real(self, size, steps=steps)

        monkeypatch.setattr(effort.Effort, "spend", spend)
        every_pair(seen(shape, size))
        monkeypatch.setattr(effort.Effort, "spend", real)
        return sum(counted)

    assert cost(30) > 1.2 * cost(3)


def test_who_loses_patience_is_heard_while_the_engine_works(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(effort, "_TOLD_EVERY", 1000)
    network, stop, asked = seen("selectors", 40), threading.Event(), 0

    def tick() -> None:
        nonlocal asked
        asked += 1
        if stop.is_set():
            raise Stopped("told to end")

    with told(tick):
        every_pair(network)
    assert asked > 10
    stop.set()
    with told(tick), pytest.raises(Stopped):
        every_pair(network)
    every_pair(network)  # outside of it no one is told


def test_a_stop_while_a_gate_judges_is_red() -> None:
    def tick() -> None:
        raise Stopped("told to end")

    with told(tick):
        result = judged(NETWORK, SITE, [seen("selectors", 40)])
    assert result.verdict is Verdict.RED
    assert any("Stopped: told to end" in one.text for one in result.findings)


def test_rules_that_were_not_compared_are_told() -> None:
    found = judged(NETWORK, SITE, [seen("peers", 60)]).findings
    (one,) = [one for one in found if "were not compared with the others" in one.text]
    assert (one.rule, one.outcome) == ("network/used", Outcome.WARN)
    assert "17 of 40 rules for egress in namespace ns0" in one.text
