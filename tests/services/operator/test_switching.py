"""What follows from a look at a slot: nothing is switched to that was not seen good, and what is not good is taken back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arcops.errors import Refused
from services.operator.switching import (
    LOOKS,
    End,
    Health,
    Look,
    LookBack,
    SendTo,
    Situation,
    Switch,
    Wait,
    decide,
    read_switch,
)

pytestmark = pytest.mark.requirement("BASE-8/blue-green-with-rollback")
AT = datetime(2026, 11, 30, 9, tzinfo=UTC)
MADE = Switch(before="blue", to="green", since=AT - timedelta(minutes=1), until=AT + timedelta(minutes=4))
GOOD, UNSEEN, BAD = (Look(health=one, why=one.value) for one in Health)


def a(**more: Any) -> Situation:
    base: dict[str, Any] = {
        "live": "blue", "wanted": "green", "switch": None, "new": GOOD, "failed": 0, "before": None, "at": AT,
        "patience": AT + timedelta(minutes=10),
    }  # fmt: skip
    return Situation(**(base | more))


def live(**more: Any) -> Situation:
    return a(live="green", switch=MADE, **more)


def test_it_switches_when_the_new_slot_is_seen_good() -> None:
    assert decide(a()) == SendTo(slot="green", back=False, why="good")


def test_it_waits_for_a_slot_that_starts_and_gives_it_up_in_the_end() -> None:
    assert isinstance(decide(a(new=UNSEEN, failed=1)), Wait)
    ended = decide(a(new=UNSEEN, failed=90, at=AT + timedelta(minutes=10)))
    assert ended == End(good=False, settled=False, why="green is not good, so callers stay at blue: unseen")


def test_it_waits_for_no_slot_that_judges_badly() -> None:
    assert isinstance(decide(a(new=BAD, failed=1)), End)


def test_it_watches_for_the_time_that_was_said() -> None:
    assert isinstance(decide(live()), Wait)
    assert decide(live(at=MADE.until)) == End(good=True, settled=True, why="green is live and stayed good: good")


def test_one_lost_answer_takes_nothing_back_and_several_do() -> None:
    assert isinstance(decide(live(new=UNSEEN, failed=LOOKS - 1)), Wait)
    assert decide(live(new=UNSEEN, failed=LOOKS)) == LookBack(slot="blue")
    assert decide(live(new=UNSEEN, failed=LOOKS, before=GOOD)) == SendTo(slot="blue", back=True, why="unseen")


def test_a_bad_verdict_takes_it_back_at_once() -> None:
    assert decide(live(new=BAD, failed=1, before=GOOD)) == SendTo(slot="blue", back=True, why="bad")


def test_it_does_not_go_back_to_what_cannot_be_seen() -> None:
    assert isinstance(decide(live(new=BAD, failed=1, before=UNSEEN)), Wait)
    ended = decide(live(new=BAD, failed=9, before=UNSEEN, at=AT + timedelta(minutes=10)))
    assert isinstance(ended, End)
    assert not ended.good
    assert "blue cannot take over" in ended.why


def test_a_slot_that_was_live_already_is_only_looked_at() -> None:
    assert decide(a(live="green")) == End(good=True, settled=False, why="green was live already: good")
    assert decide(a(live="green", new=UNSEEN)) == End(good=False, settled=False, why="green was live already: unseen")


LOOKED = st.sampled_from([GOOD, UNSEEN, BAD])


@given(
    live=st.sampled_from(["blue", "green"]),
    switch=st.sampled_from([None, MADE]),
    new=LOOKED,
    failed=st.integers(0, 9),
    before=st.none() | LOOKED,
    seconds=st.integers(-600, 1200),
)
def test_whatever_is_seen_nothing_is_switched_to_that_is_not_good(
    live: str, switch: Switch | None, new: Look, failed: int, before: Look | None, seconds: int
) -> None:
    step = decide(a(live=live, switch=switch, new=new, failed=failed, before=before, at=AT + timedelta(seconds=seconds)))
    if isinstance(step, SendTo):
        assert (before if step.back else new) == GOOD
        assert step.slot != live
    if isinstance(step, End) and step.good:
        assert (live, new) == ("green", GOOD)
    if isinstance(step, LookBack):
        assert before is None


@given(st.text(min_size=1), st.text(min_size=1), st.datetimes(timezones=st.just(UTC)), st.datetimes(timezones=st.just(UTC)))
def test_what_the_service_keeps_is_read_again(before: str, to: str, since: datetime, until: datetime) -> None:
    made = Switch(before=before, to=to, since=since, until=until)
    assert read_switch(made.text()) == made


@pytest.mark.parametrize(
    "text",
    ["", "green", "[]", "{}", '{"from":"","to":"a","since":"2026-11-30T09:00:00+00:00","until":"2026-11-30T09:00:00+00:00"}',
     '{"from":"a","to":"b","since":"2026-11-30T09:00:00","until":"2026-11-30T09:00:00"}',
     '{"from":"a","to":"b","since":5,"until":null}'],
)  # fmt: skip
def test_an_annotation_that_is_no_switch_is_refused(text: str) -> None:
    with pytest.raises(Refused, match="not readable"):
        read_switch(text)
