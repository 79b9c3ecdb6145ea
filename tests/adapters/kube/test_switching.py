"""A switch against an API server, with looks that the test sets and a clock that a rest moves."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from adapters.kube.slots import SWITCH, TAKEN_BACK, Slots
from adapters.kube.switching import Plan, Switching
from arcops.errors import Refused, Stopped, Unavailable
from services.operator.switching import End, Health, Look
from tests.adapters.kube.world import client
from tests.simulators.kube.faults import Fault
from tests.simulators.kube.serving import Cluster, cluster

pytestmark = pytest.mark.requirement("BASE-8/blue-green-with-rollback")
GOOD, UNSEEN, BAD = (Look(health=one, why=one.value) for one in Health)


class Clock(Event):
    """The time, and the rests that move it; ``rested`` is called after each."""

    def __init__(self) -> None:
        super().__init__()
        self.now = datetime(2026, 11, 30, 9, tzinfo=UTC)
        self.rested: Callable[[], None] = lambda: None

    def wait(self, timeout: float | None = None) -> bool:
        self.now += timedelta(seconds=timeout or 0)
        self.rested()
        return self.is_set()


class World:
    """A front with the slots blue (live) and green. ``smokes`` and ``answering`` are what each look at a slot finds."""

    def __init__(self, found: Cluster) -> None:
        self.found, self.clock = found, Clock()
        self.smokes = {"blue": GOOD, "green": GOOD}
        self.answering = {"blue": GOOD, "green": GOOD}
        self.told: list[str] = []
        found.namespace("arcops")
        for slot in ("blue", "green"):
            found.create("deployments", deployment(slot), "apps")
            self.pods(slot)
        found.create("services", service())

    def pods(self, slot: str, *, ready: int = 2, updated: int = 2, generation: int = 1) -> None:
        """What the Deployment's controller says of its pods."""

        def put() -> None:
            store = self.found.api.store
            held = store.get("deployments.apps", "arcops", f"site-front-{slot}")
            assert held is not None
            counts = {"replicas": 2, "readyReplicas": ready, "updatedReplicas": updated, "observedGeneration": generation}
            store.put("deployments.apps", {**held.obj, "status": counts}, held.owners)

        self.found.do(put)

    def switching(self, to: str = "green", **more: Any) -> Switching:
        given: dict[str, Any] = {
            "wait": timedelta(seconds=60), "watch": timedelta(seconds=60), "every": timedelta(seconds=10),
            "answers": lambda slot: self.answering[slot], "smoke": lambda slot: self.smokes[slot],
        }  # fmt: skip
        slots = Slots(client(self.found), "arcops", "site-front")
        return Switching(slots, Plan(to=to, **(given | more)), lambda: self.clock.now, self.clock, self.told.append)

    @property
    def service(self) -> dict[str, Any]:
        found = self.found.get("services", "arcops", "site-front")
        assert found is not None
        return found

    @property
    def live(self) -> str:
        return str(self.service["spec"]["selector"]["arcops.dev/slot"])

    @property
    def notes(self) -> dict[str, str]:
        return dict(self.service["metadata"].get("annotations") or {})


def service() -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "site-front", "namespace": "arcops", "annotations": {"a.example/kept": "yes"}},
        "spec": {
            "selector": {"app": "front", "arcops.dev/slot": "blue"},
            "ports": [{"name": "https", "port": 443, "targetPort": 8420, "protocol": "TCP"}],
        },
    }


def deployment(slot: str) -> dict[str, Any]:
    labels = {"app": "front", "arcops.dev/slot": slot}
    containers = [{"name": "front", "image": "front"}]
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": f"site-front-{slot}", "namespace": "arcops"},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": containers}},
        },
    }


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with cluster(tmp_path) as found:
        yield World(found)


def test_a_good_slot_goes_live_is_watched_and_stays(world: World) -> None:
    seen: list[tuple[str, bool]] = []
    world.clock.rested = lambda: seen.append((world.live, SWITCH in world.notes))
    ended = world.switching().run()
    assert ended == End(good=True, settled=True, why="green is live and stayed good: good")
    assert world.live == "green"
    assert set(seen) == {("green", True)}
    assert len(seen) == 6, "it watched for the minute that was said"
    assert world.notes == {"a.example/kept": "yes"}, "nothing is left, and nothing else was touched"


@pytest.mark.parametrize(
    ("part", "look"), [("smokes", UNSEEN), ("smokes", BAD), ("answering", UNSEEN)], ids=["no verdict", "RED", "not ready"]
)
def test_a_slot_that_is_not_seen_good_never_goes_live(part: str, look: Look, world: World) -> None:
    getattr(world, part)["green"] = look
    world.clock.rested = lambda: pytest.fail("it went live") if world.live != "blue" else None
    assert not world.switching().run().good
    assert world.live == "blue"
    assert [one for one in world.found.api.log if one[2] == "services" and one[1] == "update"] == []


@pytest.mark.parametrize("more", [{"ready": 1}, {"updated": 1}, {"generation": 0}], ids=["not all", "old ones", "not seen yet"])
def test_a_slot_whose_pods_are_not_ready_is_not_even_asked(more: dict[str, int], world: World) -> None:
    world.pods("green", **more)
    found = world.switching(answers=lambda slot: pytest.fail("it was asked")).run()
    assert "of 2 pod(s) of site-front-green are ready" in found.why
    assert (found.good, world.live) == (False, "blue")


def test_a_live_slot_that_loses_half_of_its_pods_stays_and_with_all_it_is_taken_back(world: World) -> None:
    world.clock.rested = lambda: world.pods("green", ready=1)
    assert world.switching().run().good
    world.switching("blue").run()
    world.pods("green")
    world.clock.rested = lambda: world.pods("green", ready=0)
    assert not world.switching().run().good
    assert world.live == "blue"


def test_a_slot_that_becomes_bad_is_taken_back_by_itself(world: World) -> None:
    world.clock.rested = lambda: world.smokes.update(green=BAD)
    ended = world.switching().run()
    assert (ended.good, world.live) == (False, "blue")
    assert world.notes[TAKEN_BACK] == ended.why == "green was taken back, and blue is live again: bad"
    assert SWITCH not in world.notes
    world.smokes["green"] = GOOD
    world.clock.rested = lambda: None
    assert world.switching().run().good, "repaired, it may try again"
    assert TAKEN_BACK not in world.notes


def test_lost_answers_take_it_back_only_if_they_go_on(world: World) -> None:
    looks = iter([UNSEEN, UNSEEN, GOOD, UNSEEN, UNSEEN, GOOD])
    world.clock.rested = lambda: world.smokes.update(green=next(looks, GOOD))
    assert world.switching().run().good
    world.switching("blue").run()
    world.clock.rested = lambda: world.answering.update(green=UNSEEN)
    assert not world.switching().run().good
    assert world.live == "blue"


def test_it_does_not_go_back_to_a_slot_that_is_not_good(world: World) -> None:
    def both() -> None:
        world.smokes["green"] = BAD
        world.answering["blue"] = UNSEEN

    world.clock.rested = both
    ended = world.switching().run()
    assert (ended.good, world.live) == (False, "green")
    assert "blue cannot take over" in ended.why
    assert SWITCH in world.notes, "it is not over: the same command goes on"


@pytest.mark.parametrize("later", [0, 3600], ids=["at once", "an hour later"])
def test_stopped_in_the_middle_one_is_live_and_the_same_call_goes_on(later: int, world: World) -> None:
    world.clock.rested = world.clock.set
    with pytest.raises(Stopped, match="the same command goes on"):
        world.switching().run()
    assert (world.live, SWITCH in world.notes) == ("green", True)
    world.clock.clear()
    world.clock.rested = lambda: None
    world.clock.now += timedelta(seconds=later)
    assert world.switching().run().good
    assert world.notes == {"a.example/kept": "yes"}


def test_stopped_in_the_middle_the_same_call_still_takes_it_back(world: World) -> None:
    world.clock.rested = world.clock.set
    with pytest.raises(Stopped):
        world.switching().run()
    world.clock.clear()
    world.smokes["green"] = BAD
    assert not world.switching().run().good
    assert world.live == "blue"


def test_a_write_whose_answer_is_lost_is_found_done(world: World) -> None:
    world.found.api.faults.add(Fault(verb="update", resource="services", status=0, late=True))
    assert world.switching().run().good
    assert world.live == "green"


def test_a_write_against_what_changed_meanwhile_is_not_made(world: World) -> None:
    def touched(slot: str) -> Look:
        value = world.service

        def touch() -> None:
            world.found.api.store.put("services", {**value, "metadata": {**value["metadata"], "labels": {"x": "y"}}}, [])

        if "labels" not in value["metadata"]:
            world.found.do(touch)
        return GOOD

    assert world.switching(smoke=touched).run().good
    assert world.service["metadata"]["labels"] == {"x": "y"}, "what the other one wrote is not lost"


def test_if_another_one_switches_meanwhile_it_ends_and_says_so(world: World) -> None:
    def other() -> None:
        world.clock.rested = lambda: None
        world.switching("blue", watch=timedelta(0)).run()

    world.clock.rested = other
    with pytest.raises(Refused, match="another one changed the Service meanwhile; blue is live now"):
        world.switching().run()
    assert world.live == "blue"


def test_an_api_server_that_is_away_is_waited_for_and_not_for_ever(world: World) -> None:
    for _ in range(2):
        world.found.api.faults.add(Fault(verb="get", resource="services", status=503))
    assert world.switching().run().good
    for _ in range(99):
        world.found.api.faults.add(Fault(verb="get", resource="services", status=503))
    with pytest.raises(Unavailable, match="callers stay at the slot that is live"):
        world.switching("blue").run()
    assert world.live == "green"


def test_what_is_not_there_is_named(world: World) -> None:
    with pytest.raises(Refused, match="no Deployment site-front-grren; add the slot grren"):
        world.switching("grren").run()
    slots = Slots(client(world.found), "arcops", "other")
    with pytest.raises(Refused, match="no Service other"):
        slots.standing()
