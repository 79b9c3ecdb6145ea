"""Each part is looked up once for a check in which nothing runs, and again as soon as anything did."""

from __future__ import annotations

import shutil
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from flows.subjects.release import planning
from flows.subjects.release.planning import Looked, described_here, looked, release_policy
from tasks.release import release_parts
from tests.flows.release.conftest import World
from tests.models import CLOCK

LATER = CLOCK + timedelta(hours=1)


def look(world: World) -> Looked:
    at = world.at(LATER)
    policy = release_policy(at.policy(str(world.policy)))
    return looked(described_here(world.file, at), at, policy, own_key=at.signer().public.id)


@pytest.fixture
def times(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each part was looked up."""
    times: Counter[str] = Counter()
    before = release_parts._looked_up

    def counted(part: Any, *more: Any) -> Any:
        times[part.part] += 1
        return before(part, *more)

    monkeypatch.setattr(release_parts, "_looked_up", counted)
    return times


def test_valid_parts_are_looked_up_once_and_the_report_is_the_same(
    world: World, times: Counter[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    world.check()
    times.clear()
    once = world.check(LATER)
    assert times == {"chain": 1, "files": 1}
    monkeypatch.setattr(planning.Looked, "still", lambda looked, parts: None)
    twice = world.check(LATER)
    assert times == {"chain": 3, "files": 3}
    assert once.report == twice.report


def test_a_part_that_ran_is_looked_up_again(world: World, times: Counter[str]) -> None:
    world.check()
    times.clear()
    world.check(CLOCK + timedelta(days=2) - timedelta(minutes=30))  # one of them is about to end
    assert times == {"chain": 2, "files": 2}


def test_a_part_that_ran_to_the_same_plan_is_no_longer_the_one_that_was_looked_up(world: World) -> None:
    world.check()
    found = look(world)
    parts = [one.planned for one in found.steps]
    assert found.seen is not None
    assert found.still(parts) is found.seen
    assert found.still([replace(parts[0]), parts[1]]) is None


def test_a_log_that_lost_what_is_remembered_is_not_handed_on(world: World) -> None:
    world.check()
    store, kept = world.here.settings.store, world.here.home / "earlier"
    shutil.copytree(store, kept)
    world.check(LATER)
    shutil.rmtree(store)
    kept.rename(store)
    found = look(world)
    assert found.seen is None
    assert [one.runs for one in found.steps] == [False, False]
