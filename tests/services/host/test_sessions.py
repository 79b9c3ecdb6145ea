"""Sessions are few, belong to who opened them, and leave nothing behind."""

from __future__ import annotations

import asyncio
import tracemalloc

import pytest

from arcops.errors import Unavailable
from arcops.identity import Identity
from services.host.handshake import Opening
from services.host.sessions import Sessions

ADA, EVE = (Identity(issuer="i", tenant="t", id=one) for one in ("ada", "eve"))
OTHER = Identity(issuer="i", tenant="other", id="ada")


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_session_is_found_by_its_caller_alone() -> None:
    sessions = Sessions(lambda *_: None)
    one = sessions.begin("t", ADA, Opening())
    granted = Identity(issuer="i", tenant="t", id="ada", scopes=frozenset(("arcops:read",)))
    assert sessions.find(one.id, "t", granted) is one
    assert [sessions.find(one.id, "t", EVE), sessions.find(one.id, "t", OTHER), sessions.find(one.id, "s", ADA)] == [None] * 3
    assert sessions.begin("t", ADA, Opening()).id != one.id


def test_the_callers_own_oldest_makes_room_and_no_other() -> None:
    gone: list[tuple[str, str]] = []
    sessions = Sessions(lambda *one: gone.append(one), most_each=2, most=4)
    eve = sessions.begin("t", EVE, Opening())
    first, second = sessions.begin("t", ADA, Opening()), sessions.begin("t", ADA, Opening())
    sessions.find(first.id, "t", ADA)
    sessions.begin("t", ADA, Opening())
    assert gone == [("t", second.id)]
    assert sessions.find(eve.id, "t", EVE) is eve
    for one in list(sessions._all.values()):
        one.standing.attach(0, lambda: None)
    with pytest.raises(Unavailable, match="you have 2 sessions, all in use"):
        sessions.begin("t", ADA, Opening())
    sessions.begin("t", OTHER, Opening())
    with pytest.raises(Unavailable, match="4 sessions are open here"):
        sessions.begin("t", OTHER, Opening())


def test_idle_sessions_end_and_busy_ones_do_not() -> None:
    clock, gone = Clock(), list[str]()
    sessions = Sessions(lambda _, id: gone.append(id), idle_seconds=10, clock=clock)
    idle, busy = sessions.begin("t", ADA, Opening()), sessions.begin("t", ADA, Opening())
    busy.standing.attach(0, lambda: None)
    clock.now = 9.0
    sessions.sweep()
    assert gone == []
    clock.now = 11.0
    sessions.sweep()
    assert gone == [idle.id]
    sessions.close()
    assert gone == [idle.id, busy.id]
    assert len(sessions) == 0


def test_sessions_that_are_dropped_take_no_memory() -> None:
    async def run() -> None:
        sessions = Sessions(lambda *_: None, most_each=50)

        def dropped(number: int) -> int:
            for _ in range(number):
                one = sessions.begin("t", ADA, Opening())
                one.told("notifications/x", b"{}")
                one.stream().put(b"{}", last=True)
            return tracemalloc.get_traced_memory()[0]

        tracemalloc.start()
        try:
            before = dropped(200)
            after = dropped(5000)
        finally:
            tracemalloc.stop()
        assert len(sessions) == 50
        assert after < before * 1.1

    asyncio.run(run())
