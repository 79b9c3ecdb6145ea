"""Receivers are told about each new artifact: at least once, in order, whatever ends in the middle. None waits for another."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from arcops.errors import ArcOpsError, Refused
from arcops.finding import Outcome
from arcops.tier import Tier
from arcops.verdict import Verdict
from artifacts.store import Store
from capabilities.artifact.standing import grounds
from capabilities.publishing.receivers import (
    AddReceiver,
    ListReceivers,
    RemoveReceiver,
    TellReceivers,
    add_receiver,
    list_receivers,
    remove_receiver,
    tell_receivers,
)
from flows.place import Place
from flows.publish.delivering import LEASE_SECONDS, Telling
from flows.publish.feed import Feed
from flows.publish.sending import senders
from flows.publish.working import Publisher
from foundation.database.late import Late
from foundation.database.lease import Lost
from foundation.database.receivers import Receivers
from tests.kept import emptied, finding, keep, report, result
from tests.models import Bench, bench
from tests.simulators.webhook import inbox

pytestmark = [pytest.mark.requirement("ARC-R2/new-artifacts-reach-subscribers")]

SECRET = "a-secret-of-twenty-four-bytes-or-more"
GREEN = result("signatures", finding("signatures/signed"))
RED = result("signatures", finding("signatures/signed", outcome=Outcome.FAIL))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return bench(tmp_path_factory.mktemp("bench"))


@pytest.fixture
def here(made: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.setenv("HOOK_SECRET", SECRET)
    return emptied(made, tmp_path)


def place(here: Bench) -> Place:
    return replace(here.place(now=datetime.now(UTC)), own=True)


def add(here: Bench, url: str, name: str = "hook", **more: Any) -> None:
    add_receiver(AddReceiver(name=name, address=url, secret="env:HOOK_SECRET", **more), place(here))


def kept(here: Bench, *names: str, judged: Any = GREEN) -> None:
    for name in names:
        keep(here, report(name, judged, at=datetime.now(UTC).replace(microsecond=0)))


def tell(here: Bench, name: str = "") -> Any:
    return tell_receivers(TellReceivers(name=name), place(here)).receivers


def state(here: Bench, name: str = "hook") -> Any:
    return next(one for one in list_receivers(ListReceivers(), place(here)).receivers if one.name == name)


class TestOneReceiver:
    def test_it_is_told_what_was_kept_since_it_was_added_in_order(self, here: Bench) -> None:
        with inbox() as box:
            kept(here, "before")
            add(here, box.url)
            kept(here, "one", "two")
            kept(here, "three", judged=RED)
            (found,) = tell(here)
            assert box.subjects == ["one", "two", "three"]
            assert [one["data"]["verdict"] for one in box.took] == ["GREEN", "GREEN", "RED"]
            assert [one["data"]["position"] for one in box.took] == [1, 2, 3]
            assert (found.behind, found.position, found.problem) == (0, 4, "")
            tell(here)
            assert len(box.took) == 3

    def test_from_the_start_it_is_told_all(self, here: Bench) -> None:
        with inbox() as box:
            kept(here, "before")
            add(here, box.url, from_start=True)
            tell(here)
            assert box.subjects == ["before"]

    def test_the_signature_is_that_of_standard_webhooks(self, here: Bench) -> None:
        with inbox() as box:
            add(here, box.url)
            kept(here, "one")
            tell(here)
        (head,), (body,) = box.heads, box.bodies
        said = f"{head['webhook-id']}.{head['webhook-timestamp']}.".encode() + body
        expected = base64.b64encode(hmac.new(SECRET.encode(), said, hashlib.sha256).digest()).decode()
        assert head["webhook-signature"] == f"v1,{expected}"
        assert abs(int(head["webhook-timestamp"]) - time.time()) < 60
        assert SECRET not in body.decode() + json.dumps(head)

    def test_a_secret_in_the_form_of_the_specification_is_decoded(self, here: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
        raw = bytes(range(32))
        monkeypatch.setenv("HOOK_SECRET", f"whsec_{base64.b64encode(raw).decode()}")
        with inbox() as box:
            add(here, box.url)
            kept(here, "one")
            tell(here)
        (head,), (body,) = box.heads, box.bodies
        said = f"{head['webhook-id']}.{head['webhook-timestamp']}.".encode() + body
        assert head["webhook-signature"] == f"v1,{base64.b64encode(hmac.digest(raw, said, 'sha256')).decode()}"

    def test_only_what_it_wants(self, here: Bench) -> None:
        with inbox() as box:
            add(here, box.url, verdicts=(Verdict.RED,), kinds=("model",))
            kept(here, "good")
            kept(here, "bad", judged=RED)
            keep(here, report("shop", RED, kind="manifests", at=datetime.now(UTC).replace(microsecond=0)))
            (found,) = tell(here)
            assert box.subjects == ["bad"]
            assert found.behind == 0

    def test_what_no_one_vouches_for_is_told_without_a_verdict(self, here: Bench, tmp_path: Path) -> None:
        outsider = bench(tmp_path / "outsider")
        with inbox() as box:
            add(here, box.url, verdicts=(Verdict.GREEN,))
            keep(here, report("tiny", GREEN, at=datetime.now(UTC).replace(microsecond=0)), signer=outsider.signer)
            tell(here)
        (one,) = box.took
        assert (one["data"].get("verdict"), one["data"]["standing"]) == (None, "untrusted")


class TestWhenItFails:
    def test_what_was_not_taken_is_told_again_and_first(self, here: Bench) -> None:
        answers = [204, 500, 204, 204, 204]
        with inbox(lambda number: answers[number]) as box:
            add(here, box.url)
            kept(here, "one", "two", "three")
            (found,) = tell(here)
            assert (box.subjects, found.behind, found.failures) == (["one"], 2, 1)
            assert "HTTP 500" in found.problem
            (found,) = tell(here)
            assert (box.subjects, found.behind, found.failures, found.problem) == (["one", "two", "three"], 0, 0, "")

    def test_one_that_says_gone_is_told_nothing_more(self, here: Bench) -> None:
        with inbox(lambda number: 410) as box:
            add(here, box.url)
            kept(here, "one")
            (found,) = tell(here)
            assert found.ended
            assert "410" in found.problem
            box.status = lambda number: 204
            tell(here)
            assert box.took == []

    def test_a_redirect_is_not_followed(self, here: Bench) -> None:
        with inbox(lambda number: 307) as box:
            add(here, box.url)
            kept(here, "one")
            assert "HTTP 307" in tell(here)[0].problem

    @pytest.mark.parametrize("secret", ["", "short"])
    def test_a_secret_that_is_missing_or_short_sends_nothing(
        self, here: Bench, secret: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with inbox() as box:
            add(here, box.url)
            monkeypatch.setenv("HOOK_SECRET", secret)
            kept(here, "one")
            (found,) = tell(here)
            assert found.problem
            assert box.took == []

    def test_the_process_ends_between_telling_and_noting_and_it_is_told_again(self, here: Bench) -> None:
        """At least once, with the same id, so that the receiver can tell."""
        with inbox() as box:
            add(here, box.url)
            kept(here, "one", "two")
            late = Late(settings=here.settings, made=Receivers)
            receivers = late.opened()
            send = senders(here.settings, os.environ)

            class Killed(BaseException):
                pass

            def killed(row: Any, message: Any) -> None:
                send["webhook"](row, message)
                raise Killed

            telling = telling_of(here, receivers, {"webhook": killed})
            with pytest.raises(Killed):
                telling.tell("hook")
            late.close()
            tell(here)
            assert box.subjects == ["one", "one", "two"]
            assert box.heads[0]["webhook-id"] == box.heads[1]["webhook-id"] != box.heads[2]["webhook-id"]

    def test_a_log_that_lost_entries_is_said_and_nothing_is_told(self, here: Bench) -> None:
        with inbox() as box:
            kept(here, "one", "two")
            add(here, box.url)
            with Store.at(here.settings) as store:
                path = store.log.path
            lines = path.read_bytes().splitlines(keepends=True)
            path.write_bytes(lines[0])
            with pytest.raises(ArcOpsError, match="entries were removed"):
                tell(here)
            assert box.took == []


def telling_of(here: Bench, receivers: Receivers, send: Any, holder: str = "one") -> Telling:
    return Telling(
        receivers=receivers,
        leases=receivers.leases(holder),
        feed=Feed(here.settings),
        send=send,
        grounds=lambda: grounds(place(here)),
        now=lambda: datetime.now(UTC),
        drawn=lambda: 0.5,
    )


class TestSeveralInstances:
    def test_only_the_holder_of_the_lease_tells(self, here: Bench) -> None:
        with inbox() as box:
            add(here, box.url)
            kept(here, "one")
            late = Late(settings=here.settings, made=Receivers)
            receivers = late.opened()
            assert receivers.leases("other").take("receiver/hook", LEASE_SECONDS) is not None
            with pytest.raises(Lost):
                telling_of(here, receivers, senders(here.settings, os.environ)).tell("hook")
            assert box.took == []
            late.close()

    def test_an_instance_that_was_stopped_and_woken_moves_nothing_back(self, here: Bench) -> None:
        with inbox() as box:
            add(here, box.url)
            kept(here, "one", "two")
            late = Late(settings=here.settings, made=Receivers)
            receivers = late.opened()
            old = receivers.leases("old")
            lease = old.take("receiver/hook", LEASE_SECONDS)
            assert lease is not None
            assert old.give(lease)  # it stands for the time that passed
            tell(here)
            with pytest.raises(Lost):
                receivers.took(old, lease, "hook", 0)
            assert state(here).position == 2
            assert len(box.took) == 2
            late.close()


@contextmanager
def publisher(here: Bench, told: Sequence[Any] = ()) -> Iterator[None]:
    running = Publisher(
        here.settings,
        Late(settings=here.settings, made=Receivers),
        senders(here.settings, os.environ),
        grounds=lambda: grounds(place(here)),
        now=lambda: datetime.now(UTC),
    )
    running.start()
    try:
        yield
    finally:
        running.close()


class TestWhileAServerRuns:
    def test_a_dead_receiver_holds_up_no_other_and_gets_all_when_it_is_back(
        self, here: Bench, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("flows.publish.delivering.FIRST_SECONDS", 0.2)
        monkeypatch.setattr("flows.publish.delivering.MOST_SECONDS", 0.2)
        with inbox() as live, inbox(lambda number: 503) as dead:
            add(here, live.url, "live")
            add(here, dead.url, "dead")
            with publisher(here):
                kept(here, "one", "two", "three")
                live.wait_for(3)
                assert (live.subjects, dead.took) == (["one", "two", "three"], [])
                dead.status = lambda number: 204
                dead.wait_for(3)
                assert dead.subjects == ["one", "two", "three"]

    def test_a_receiver_that_is_added_while_it_runs_is_told(self, here: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("flows.publish.working.LIST_SECONDS", 0.1)
        with inbox() as box, publisher(here):
            add(here, box.url)
            kept(here, "one")
            assert box.wait_for(1)[0]["type"] == "artifact.kept"

    def test_after_a_restart_it_goes_on_where_it_was(self, here: Bench) -> None:
        with inbox() as box:
            add(here, box.url)
            with publisher(here):
                kept(here, "one")
                box.wait_for(1)
            kept(here, "two", "three")
            with publisher(here):
                box.wait_for(3)
            assert box.subjects == ["one", "two", "three"]


class TestWhoMayBeTold:
    @pytest.mark.parametrize(
        ("ask", "said"),
        [
            (AddReceiver(name="hook", address="https://ci.example.org/hook", secret="env:HOOK_SECRET"), "does not reach"),
            (AddReceiver(name="hook", address="https://u:p@ci.example.org/", secret="env:HOOK_SECRET"), "plain http URL"),
            (AddReceiver(name="hook", address="http://127.0.0.1:9/"), "needs a secret"),
            (AddReceiver(name="hook", address="http://127.0.0.1:9/", secret="in the clear"), "secret"),
            (AddReceiver(name="hook", secret="env:HOOK_SECRET"), "give --url"),
        ],
    )
    def test_an_address_or_a_secret_that_cannot_be_used_is_refused(self, here: Bench, ask: AddReceiver, said: str) -> None:
        with pytest.raises(Refused, match=said):
            add_receiver(ask, place(here))

    def test_never_in_the_clear_to_another_machine(self, here: Bench) -> None:
        at = place(here)
        at = replace(at, settings=replace(at.settings, tier=Tier.RESTRICTED))
        with pytest.raises(Refused, match="not encrypted"):
            add_receiver(AddReceiver(name="hook", address="http://ci.example.org/", secret="env:HOOK_SECRET"), at)

    def test_a_name_is_given_once_and_can_be_removed(self, here: Bench) -> None:
        add(here, "http://127.0.0.1:9/")
        with pytest.raises(Refused, match="already"):
            add(here, "http://127.0.0.1:9/")
        remove_receiver(RemoveReceiver(name="hook"), place(here))
        with pytest.raises(Refused, match="no receiver"):
            remove_receiver(RemoveReceiver(name="hook"), place(here))

    def test_a_receiver_of_prefect_waits_for_a_server_that_has_one(self, here: Bench) -> None:
        add_receiver(AddReceiver(name="prefect"), place(here))
        kept(here, "one")
        (found,) = tell(here)
        assert (found.behind, found.failures) == (1, 0)
