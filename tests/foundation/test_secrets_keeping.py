"""A secret of another program counts until it expires, is asked for once at a time, and is replaced while we run."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from arcops.errors import Refused, Unavailable
from foundation.secrets.keeping import MOST_KEPT, REST_SECONDS, Secrets
from foundation.secrets.reference import Scheme, SecretRef, read_reference
from foundation.secrets.source import Given

pytestmark = pytest.mark.requirement("BASE-5/secrets-by-reference")

REF = read_reference("vault:kv/a#key", "key")


@dataclass
class Store:
    """A place whose ``value`` changes, which may be silent, and whose clock is turned by hand."""

    value: str = "first"
    seconds: float | None = None
    now: float = 1000.0
    error: Exception | None = None
    asked: int = 0
    meanwhile: Callable[[], None] = field(default=lambda: None)

    def read(self, ref: SecretRef) -> Given:
        self.asked += 1
        value = self.value
        self.meanwhile()
        if self.error is not None:
            raise self.error
        return Given(value=value, seconds=self.seconds)

    def secrets(self, seconds: float = 300) -> Secrets:
        return Secrets({Scheme.VAULT: lambda: self}, seconds=seconds, clock=lambda: self.now)


def test_a_secret_is_kept_until_it_expires_and_then_asked_for_again() -> None:
    store = Store()
    secrets = store.secrets()
    assert secrets.value(REF, "key") == "first"
    store.value = "second"
    store.now += 269
    assert secrets.value(REF, "key") == "first"
    store.now += 31
    assert secrets.value(REF, "key") == "second"
    assert store.asked == 2


def test_the_shorter_of_its_time_and_the_setting_counts() -> None:
    for said, setting, lasts in (
        (10.0, 300.0, 10.0),
        (1000.0, 20.0, 20.0),
        (None, 30.0, 30.0),
        (0.0, 300.0, 0.0),
        (10.0, 0.0, 0.0),
    ):
        store = Store(seconds=said)
        secrets = store.secrets(setting)
        secrets.value(REF, "key")
        store.now += lasts * 0.89
        secrets.value(REF, "key")
        assert store.asked == (1 if lasts else 2)
        store.now += lasts * 0.11 + 0.001
        secrets.value(REF, "key")
        assert store.asked == (2 if lasts else 3)


def test_while_its_place_is_down_it_counts_until_it_expires_and_no_longer() -> None:
    store = Store()
    secrets = store.secrets()
    secrets.value(REF, "key")
    store.error = Unavailable("it does not answer")
    store.now += 100
    for _ in range(3):  # also while its place is left alone
        assert secrets.value(REF, "key") == secrets.latest(REF, "key") == "first"
    store.now += 200
    for ask in (secrets.value, secrets.latest):
        with pytest.raises(Unavailable, match="the API key cannot be had from vault:kv/a#key: it does not answer") as raised:
            ask(REF, "API key")
        assert "first" not in str(raised.value)
        assert repr(secrets) == "Secrets(0 kept)", "what has expired is not held either"
        store.now += REST_SECONDS
    store.error = None
    assert secrets.value(REF, "key") == "first"


def test_a_refusal_is_not_outlived_by_what_is_kept() -> None:
    """Its place answers, and says that we may not have it any more."""
    store = Store()
    secrets = store.secrets()
    secrets.value(REF, "key")
    store.error = Refused("the login may not read it")
    with pytest.raises(Refused):
        secrets.latest(REF, "key")
    with pytest.raises(Refused):
        secrets.value(REF, "key")


def test_a_place_that_is_silent_is_left_alone_for_a_moment() -> None:
    store = Store(error=Unavailable("it does not answer"))
    secrets = store.secrets()
    for _ in range(5):
        with pytest.raises(Unavailable):
            secrets.value(REF, "key")
    assert store.asked == 1
    store.now += REST_SECONDS
    store.error = None
    assert secrets.value(REF, "key") == "first"


def test_forgotten_is_asked_for_again() -> None:
    store = Store()
    secrets = store.secrets()
    secrets.value(REF, "key")
    store.value = "second"
    secrets.forget(REF)
    assert secrets.value(REF, "key") == "second"


def test_an_answer_that_was_under_way_when_it_was_forgotten_is_not_kept() -> None:
    store = Store()
    secrets = store.secrets()

    def replaced() -> None:
        store.value = "second"
        secrets.forget(REF)

    store.meanwhile = replaced
    assert secrets.value(REF, "key") == "first"
    store.meanwhile = lambda: None
    assert secrets.value(REF, "key") == "second"


@pytest.mark.parametrize("error", [None, Unavailable("silent"), Refused("not yours"), KeyboardInterrupt()])
def test_many_who_ask_at_once_are_one_question(error: BaseException | None) -> None:
    store = Store()
    secrets = store.secrets()
    many = 8
    waiting = threading.Barrier(many)
    begun, answer = threading.Event(), threading.Event()
    got: list[object] = []

    def meanwhile() -> None:
        begun.set()
        answer.wait(60)
        if error is not None:
            raise error

    store.meanwhile = meanwhile

    def ask() -> None:
        waiting.wait(60)
        try:
            got.append(secrets.value(REF, "key"))
        except BaseException as raised:
            got.append(raised)

    threads = [threading.Thread(target=ask) for _ in range(many)]
    for one in threads:
        one.start()
    assert begun.wait(60)
    while len(threads) - store.asked > 0 and len(_waiting(secrets)) < many - 1:
        threading.Event().wait(0.001)
    answer.set()
    for one in threads:
        one.join()
    assert store.asked == 1
    if error is None:
        assert got == ["first"] * many
    else:
        assert len({id(one) for one in got}) == many  # each its own error
        assert sum(isinstance(one, (Unavailable, Refused)) for one in got) >= many - 1


def _waiting(secrets: Secrets) -> list[object]:
    """Those who wait for the question that is under way."""
    return [one for asking in secrets._asked.values() for one in asking._condition._waiters]  # type: ignore[attr-defined]


def test_few_are_kept() -> None:
    store = Store()
    secrets = store.secrets()
    for number in range(MOST_KEPT + 10):
        secrets.value(read_reference(f"vault:kv/{number}#key", "key"), "key")
    assert repr(secrets) == f"Secrets({MOST_KEPT} kept)"
    asked = store.asked
    secrets.value(read_reference(f"vault:kv/{MOST_KEPT + 9}#key", "key"), "key")
    assert store.asked == asked


def test_nothing_shows_what_is_kept() -> None:
    store = Store(value="canary-of-the-cache")
    secrets = store.secrets()
    secrets.value(REF, "key")
    for one in (secrets, secrets._kept, secrets._kept[REF], Given(value="canary-of-the-cache"), REF):
        assert "canary-of-the-cache" not in f"{one!r} {one}"
