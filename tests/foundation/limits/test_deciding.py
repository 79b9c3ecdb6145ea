"""Limits of each caller and of each tool: who is curbed, who is not, and what they are told."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import pytest

from arcops.errors import Unavailable
from arcops.identity import Identity
from foundation.limits.fields import limit_field, policy_field
from foundation.limits.memory import Memory
from tests.foundation.limits.limited_sites import ADA, BOB, CONNECT, Breakable, Clock, Site, let

pytestmark = pytest.mark.requirement("HOST-025/rate-limits")

FEW = "rates: [{name: calls, calls: 60, per: minute, burst: 10}]\n"


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(path=tmp_path / "limits.yaml")


def test_a_burst_is_curbed_and_goes_on_at_the_rate(site: Site) -> None:
    at = site.deciding(FEW)
    assert let(at, ADA, times=100) == 10, "nine of ten calls of the burst are refused, from the eleventh on"
    turn = at.decide(ADA, "list_policies", frozenset(("call",)))
    assert not turn.let
    assert (turn.by, turn.quota, turn.wait) == ("calls", False, 1)
    assert turn.reason == "the limit 'calls' of 60 calls per minute is reached; try again in 1 seconds"
    site.clock.later(1)
    assert let(at, ADA, times=5) == 1
    site.clock.later(3600)
    assert let(at, ADA, times=100) == 10


@pytest.mark.parametrize(
    "other",
    [
        replace(ADA, issuer="https://b.example"),
        replace(ADA, tenant="u"),
        replace(ADA, id="bob"),
        Identity(issuer="https://a.example|t", tenant="", id="ada"),
        Identity(issuer="https://a.example", tenant="", id="t|ada"),
    ],
)
def test_callers_share_nothing_unless_issuer_tenant_and_id_are_the_same(site: Site, other: Identity) -> None:
    at = site.deciding(FEW)
    assert let(at, ADA, times=20) == 10
    assert let(at, other, times=20) == 10
    assert let(at, replace(ADA, scopes=frozenset(("read",)), roles=frozenset(("x",))), times=20) == 0, "the same caller"


def test_each_tool_has_its_own_bucket_and_an_action_counts_by_itself(site: Site) -> None:
    at = site.deciding(
        """
rates:
  - {name: checks, tools: ["@check"], calls: 3, per: hour}
  - {name: outside, tools: ["check_cluster:connect"], calls: 1, per: hour}
"""
    )
    assert let(at, ADA, "check_model", times=9) == 3
    assert let(at, ADA, "check_cluster", CONNECT, times=2) == 1
    assert let(at, ADA, "check_cluster", times=9) == 2, "the call that was refused by one limit is not counted by the other"
    assert let(at, ADA, "list_policies", times=50) == 50, "no limit is about it"
    assert let(at, BOB, "check_model", times=9) == 3


def test_hosted_servers_share_nothing_and_their_tools_count_together_unless_one_is_named(site: Site) -> None:
    at = site.deciding(
        """
rates:
  - {name: hosted, tools: ["servers/*"], calls: 4, per: hour}
  - {name: git, tools: ["servers/git/*"], calls: 3, per: hour}
  - {name: push, tools: ["servers/git/Push"], calls: 1, per: hour}
"""
    )
    assert let(at, ADA, "servers/git/Push", times=3) == 1
    assert let(at, ADA, "servers/git/log", times=5) == 2, "with the call of the other tool, three of the server"
    assert let(at, ADA, "servers/time/now", times=9) == 4, "one server does not starve another"
    assert let(at, BOB, "servers/git/log", times=9) == 3


def test_a_caller_may_have_other_numbers(site: Site) -> None:
    at = site.deciding(
        'rates: [{name: calls, calls: 5, per: minute, callers: [{issuer: "https://a.example", tenant: t, id: bob, calls: 9}]}]'
    )
    assert (let(at, ADA, times=20), let(at, BOB, times=20)) == (5, 9)


def test_a_quota_advises_above_four_fifths_and_then_refuses_until_the_day_ends(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    at = site.deciding("counters: memory\nquotas: [{name: daily, calls: 10, per: day}]\n")
    with caplog.at_level(logging.WARNING):
        turns = [at.decide(ADA, "list_policies", frozenset(("call",))) for _ in range(12)]
    assert [turn.let for turn in turns] == [True] * 10 + [False] * 2
    assert [bool(turn.advice) for turn in turns] == [False] * 8 + [True] * 2 + [False] * 2, "not at four fifths, but above"
    assert "9 of 10 calls of the quota 'daily' are used" in turns[8].advice[0]
    assert turns[10].quota
    assert 0 < turns[10].wait <= 86_400
    assert "the quota 'daily' of 10 calls per day is reached" in turns[10].reason
    said = [one.getMessage() for one in caplog.records if "quota daily" in one.getMessage()]
    assert len(said) == 1, "once for each window"
    assert "ada of https://a.example (tenant t)" in said[0]
    site.clock.later(turns[10].wait)
    assert let(at, ADA, times=20) == 10
    assert len([one for one in caplog.records if "quota daily" in one.getMessage()]) == 2


def test_a_refused_call_uses_no_quota(site: Site) -> None:
    at = site.deciding(
        "counters: memory\nrates: [{name: calls, calls: 1, per: second}]\nquotas: [{name: m, calls: 3, per: month}]\n"
    )
    assert let(at, ADA, times=50) == 1
    for _ in range(2):
        site.clock.later(1)
        assert let(at, ADA, times=50) == 1
    site.clock.later(1)
    assert let(at, ADA) == 0


def test_a_clock_that_is_set_back_gives_nothing(site: Site) -> None:
    at = site.deciding("counters: memory\nquotas: [{name: daily, calls: 3, per: day}]\n")
    assert let(at, ADA, times=5) == 3
    site.clock.wall -= 3 * 86_400_000
    assert let(at, ADA, times=5) == 0


def test_what_is_full_again_is_forgotten_and_a_full_memory_refuses(site: Site) -> None:
    site.most = 100
    at = site.deciding(FEW)
    many = [replace(ADA, id=f"u{number}") for number in range(1_000)]
    for who in many[:100]:
        assert let(at, who) == 1
    with pytest.raises(Unavailable, match="100 limits of callers"):
        let(at, many[100])
    assert let(at, many[0]) == 1, "those who are counted are served"
    site.clock.later(60)
    for number, who in enumerate(many):
        site.clock.later(0.1)
        if number % 100 == 99:
            site.clock.later(60)
        assert let(at, who) == 1
        assert len(at.memory) <= 100


SHARED = "counters: database\nhosts: 4\nrates: [{name: calls, calls: 3600, per: hour, burst: 40}]\n"


def test_if_shared_counts_are_lost_each_host_gives_its_part_and_says_so(site: Site) -> None:
    clock = site.clock
    site.shared = Breakable(Memory(clock=lambda: clock.micros, wall=lambda: clock.wall))
    at = site.deciding(SHARED)
    assert at.waits()
    assert let(at, ADA, times=20) == 20
    assert at.told.lost == ""
    site.shared.lost = 0
    assert let(at, BOB, times=100) == 10, "a quarter of the burst"
    assert let(at, ADA, times=100) == 5, "half of the bucket was used before, so half of the part is left"
    assert site.shared.lost == 1, "it is not asked again for each call"
    assert "1/4" in at.told.lost
    assert "database" in at.told.lost
    assert at.told.alone == 200
    site.clock.later(2)
    assert let(at, BOB, times=100) == 0, "a quarter of the rate: no second's token yet"
    assert site.shared.lost == 2
    site.clock.later(2)
    assert let(at, BOB, times=100) == 1
    site.shared.lost = None
    site.clock.later(60)
    assert let(at, BOB, times=100) == 40
    assert at.told.lost == ""
    at.close()
    assert site.shared.closed


def test_what_was_used_of_a_quota_while_the_counts_were_lost_is_counted_when_they_are_back(site: Site) -> None:
    clock = site.clock
    site.shared = Breakable(Memory(clock=lambda: clock.micros, wall=lambda: clock.wall))
    at = site.deciding("counters: redis\nhosts: 2\nquotas: [{name: daily, calls: 100, per: day}]\n")
    assert let(at, ADA, times=60) == 60
    for _ in range(4):
        site.shared.lost = 0
        let(at, ADA, times=3)
        site.shared.lost = None
        site.clock.later(60)
        assert let(at, ADA) == 1
    assert let(at, ADA, times=100) == 100 - 60 - 4 * 4
    site.shared.lost = 0
    assert let(at, ADA, times=100) == 0, "nothing is left, so there is no part of it"


def test_a_share_of_a_quota_is_of_what_is_left(site: Site) -> None:
    clock = site.clock
    site.shared = Breakable(Memory(clock=lambda: clock.micros, wall=lambda: clock.wall))
    at = site.deciding("counters: redis\nhosts: 2\nquotas: [{name: daily, calls: 100, per: day}]\n")
    assert let(at, ADA, times=60) == 60
    site.shared.lost = 0
    assert let(at, ADA, times=100) == 20
    assert let(at, BOB, times=100) == 50


def test_any_fault_of_shared_counts_is_a_loss_and_never_a_way_through(site: Site) -> None:
    def opened(_: object) -> Memory:
        raise ZeroDivisionError

    at = site.deciding(SHARED, opened=opened)
    assert let(at, ADA, times=100) == 10


def test_counts_that_do_not_answer_in_time_are_lost(site: Site) -> None:
    import threading

    ended = threading.Event()

    class Hanging:
        def take(self, charges: object) -> tuple[()]:
            ended.wait(600)
            return ()

        def close(self) -> None: ...

    at = site.deciding(SHARED, opened=lambda _: Hanging())
    at.seconds = 0.01
    try:
        assert let(at, ADA, times=100) == 10
    finally:
        ended.set()
        at.close()


def test_fields_are_lists_of_structured_fields(site: Site) -> None:
    at = site.deciding(
        "counters: memory\nrates: [{name: calls, calls: 60, per: minute, burst: 10}]\nquotas: [{name: d, calls: 9, per: day}]\n"
    )
    turn = at.decide(ADA, "list_policies", frozenset(("call",)))
    assert policy_field(turn.lines) == '"calls";q=60;w=60, "d";q=9;w=86400'
    assert limit_field(turn.lines).startswith('"calls";r=9;t=1, "d";r=8;t=')
    assert Clock().wall > 0
