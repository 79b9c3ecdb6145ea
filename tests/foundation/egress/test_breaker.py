"""Circuit breakers: what no order of answers, failures and time can make them do."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arcops.errors import Unavailable
from foundation.egress.breaker import Breaker, Phase, Tolerance, asked, backoff, failed, let_go, succeeded
from foundation.egress.destination import read_destination
from foundation.egress.remotes import NotAsked, Remotes, named, retried

pytestmark = pytest.mark.requirement("BASE-9/remotes-that-do-not-answer-are-left-alone")

LIMITS = Tolerance(failures=3, first=1.0, most=8.0, patience=5.0)
STEPS = st.lists(st.tuples(st.sampled_from(("ask", "answer", "fail", "stop")), st.floats(0, 20), st.floats(0, 1)), max_size=60)


@given(STEPS)
def test_a_breaker_is_always_bounded_and_comes_back(steps: list[tuple[str, float, float]]) -> None:
    state, now = Breaker(), 0.0
    for what, later, drawn in steps:
        now += later
        before = state
        if what == "ask":
            state, may = asked(state, now, LIMITS)
            assert may == (before.phase is Phase.CLOSED or now >= before.until)
        elif what == "answer":
            state = succeeded(state)
            assert state == (before if before.phase is Phase.OPEN else Breaker())
        elif what == "fail":
            state = failed(state, now, LIMITS, drawn)
            if before.phase is Phase.HALF_OPEN:
                assert state.phase is Phase.OPEN, "the one that tried had no answer"
        else:
            state = let_go(state, now)
        assert 0 <= state.failures <= LIMITS.failures
        assert 0 <= state.opened <= 64
        assert state.phase is Phase.CLOSED or state.until <= now + max(LIMITS.most, LIMITS.patience)
        if state.phase is Phase.OPEN and before.phase is not Phase.OPEN:
            assert LIMITS.first / 2 <= state.until - now <= LIMITS.most
        _, later_may = asked(state, now + LIMITS.most + LIMITS.patience, LIMITS)
        assert later_may, "no remote is left alone for ever"


@given(STEPS)
def test_one_caller_at_a_time_tries_a_remote_that_was_open(steps: list[tuple[str, float, float]]) -> None:
    state, now = Breaker(phase=Phase.OPEN, failures=3, opened=1, until=1.0), 0.0
    trying_until = -1.0
    for what, later, _ in steps:
        now += later
        if what != "ask":
            continue
        state, may = asked(state, now, LIMITS)
        if may:
            assert now >= trying_until, "another one still tries"
            trying_until = now + LIMITS.patience


@given(st.integers(0, 1000), st.floats(0.01, 10), st.floats(10, 1000), st.floats(0, 1))
def test_a_rest_grows_is_bounded_and_jittered(tries: int, first: float, most: float, drawn: float) -> None:
    rest = backoff(tries, first, most, drawn)
    assert first / 2 <= rest <= most
    assert backoff(tries, first, most, 0.0) * 2 == pytest.approx(backoff(tries, first, most, 1.0))
    assert rest <= backoff(tries + 1, first, most, 1.0)


@dataclass
class Clock:
    now: float = 1000.0
    rests: list[float] = field(default_factory=list)

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.rests.append(seconds)
        self.now += seconds


class Gone(Exception):
    pass


def remotes(clock: Clock, **more: int) -> Remotes:
    return Remotes(clock=clock, wall=lambda: 1_780_000_000.0, drawn=lambda: 1.0, tolerance=LIMITS, **more)


def ask(at: Remotes, name: str, error: BaseException | None = None) -> None:
    with at.asking(name, (Gone,)):
        if error is not None:
            raise error


def fail(at: Remotes, name: str, times: int) -> None:
    for _ in range(times):
        with pytest.raises(Gone):
            ask(at, name, Gone())


def test_a_remote_that_does_not_answer_is_left_alone_and_asked_again_by_one() -> None:
    clock = Clock()
    at = remotes(clock)
    fail(at, "https://a:443", 3)
    with pytest.raises(NotAsked, match=r"https://a:443 .* 3 times in a row, so it is not asked until 2\d:"):
        ask(at, "https://a:443")
    assert issubclass(NotAsked, Unavailable), "so what it was asked for is missing evidence, which is RED"
    ask(at, "https://b:443")
    assert "1 remotes do not answer" in at.said()
    assert "a:443" not in at.said(), "what anyone may read names no remote"
    clock.now += 1
    fail(at, "https://a:443", 1)
    with pytest.raises(NotAsked):
        ask(at, "https://a:443")
    clock.now += 1.9
    with pytest.raises(NotAsked):
        ask(at, "https://a:443")
    clock.now += 0.2
    ask(at, "https://a:443")
    ask(at, "https://a:443")
    assert at.said() == ""
    assert at.opened == 2
    assert at.now() == (), "what answers takes no room"


def test_failures_that_are_not_in_a_row_open_nothing() -> None:
    at = remotes(Clock())
    for _ in range(10):
        fail(at, "https://a:443", 2)
        ask(at, "https://a:443")
    assert at.opened == 0


@pytest.mark.parametrize("error", [ValueError(), Unavailable("it answers 500")])
def test_an_answer_that_the_caller_does_not_take_is_an_answer(error: Exception) -> None:
    at = remotes(Clock())
    for _ in range(10):
        with pytest.raises(type(error)):
            ask(at, "https://a:443", error)
    ask(at, "https://a:443")


def test_a_caller_who_was_stopped_while_trying_lets_the_next_one_try() -> None:
    clock = Clock()
    at = remotes(clock)
    fail(at, "https://a:443", 3)
    clock.now += 1
    with pytest.raises(KeyboardInterrupt):
        ask(at, "https://a:443", KeyboardInterrupt())
    ask(at, "https://a:443")


def test_while_one_tries_the_others_are_told_to_wait_and_never_for_ever() -> None:
    clock = Clock()
    at = remotes(clock)
    fail(at, "https://a:443", 3)
    clock.now += 1
    with at.asking("https://a:443", (Gone,)):
        with pytest.raises(NotAsked):
            ask(at, "https://a:443")
        clock.now += LIMITS.patience
        ask(at, "https://a:443")


def test_the_number_of_remotes_is_bounded() -> None:
    at = remotes(Clock(), most=10)
    for number in range(100):
        fail(at, f"https://h{number}:443", 1)
    assert len(at.now()) == 10


@given(st.integers(0, 5), st.floats(0, 3), st.floats(0, 1))
def test_a_retry_is_made_once_and_never_after_the_deadline(failures: int, seconds: float, drawn: float) -> None:
    clock, calls = Clock(), 0
    begun = clock.now

    def work() -> int:
        nonlocal calls
        calls += 1
        if calls <= failures:
            raise Gone
        return calls

    try:
        found = retried(work, (Gone,), deadline=begun + seconds, clock=clock, sleep=clock.sleep, drawn=lambda: drawn)
    except Gone:
        assert failures >= calls
    else:
        assert found == failures + 1
    assert calls <= 2
    assert clock.now < begun + seconds or not clock.rests


def test_other_errors_are_not_retried() -> None:
    calls = 0

    def work() -> None:
        nonlocal calls
        calls += 1
        raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011  # any
        retried(work, (Gone,), deadline=1e12)
    assert calls == 1


def test_a_remote_is_its_scheme_host_and_port() -> None:
    assert named(read_destination("HTTPS://A.example/x?y")) == "https://a.example:443"
    assert named(read_destination("http://[::1]:8080/")) == "http://[::1]:8080"
