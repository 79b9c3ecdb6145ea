"""An advisory about a quota reaches those who are told about artifacts: a web address, and MCP clients by the log."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from arcops.errors import Refused
from artifacts.bundle import read_envelope
from artifacts.quota_advisory import QUOTA_ADVISORY
from artifacts.store import Store
from capabilities.artifact.feed import AskNew, new_artifacts
from capabilities.publishing.receivers import AddReceiver, TellReceivers, add_receiver, tell_receivers
from capabilities.server.advisories import keep_advisory
from flows.place import Place
from foundation.database.engine import Database
from foundation.database.lease import Leases
from foundation.database.migrating import ready
from foundation.limits.ledger import Ledger
from foundation.limits.rules import Unit
from services.host.costs.advising import SUSTAINED_MS
from services.host.costs.quotas import Quota, Quotas
from services.host.costs.store import CostStore
from services.host.costs.watching import ADVISE_SECONDS, Watching
from tests.foundation.database.open_here import at_server, hurried
from tests.models import CLOCK, bench
from tests.services.host.costs.calls import ANN, Kept, call, meter
from tests.simulators.webhook import inbox

pytestmark = pytest.mark.requirement("HOST-026-028/advisories-reach-receivers")


def place(folder: Path) -> Place:
    return replace(bench(folder).place(), own=True)


class Used:
    """A server of whose daily quota ann used 91 %, looked at by one host."""

    def __init__(self, at: Place, folder: Path) -> None:
        self.at, self.folder, self.now = at, folder, int(CLOCK.timestamp() * 1000)

    def watched(self, *, looks: int = 2, seconds: float = SUSTAINED_MS / 1000) -> None:
        with hurried(at_server(f"sqlite:///{self.folder}/database/arcops.sqlite")) as opened:
            database = ready(opened)
            Quotas(database).put(Quota(server="time", unit=Unit.CALLS, per="month", amount=100, author="bob"))
            kept = Kept()
            measuring = meter(kept, self.folder, wall=lambda: self.now / 1000)
            for _ in range(91):
                call(measuring, ANN)
            measuring.close()
            CostStore(database).write(kept.events)
            self.look(database, looks, seconds)

    def look(self, database: Database, looks: int, seconds: float) -> None:
        told = partial(keep_advisory, self.at)
        watching = Watching(database, Ledger(wall=lambda: self.now), Leases(database, "a"), wall=lambda: self.now, advise=told)
        for _ in range(looks):
            watching.look()
            self.now += int(seconds * 1000) + 1

    def raised_to(self, amount: int) -> None:
        """The quota is raised, and it is looked at again, twice."""
        with hurried(at_server(f"sqlite:///{self.folder}/database/arcops.sqlite")) as opened:
            database = ready(opened)
            Quotas(database).put(Quota(server="time", unit=Unit.CALLS, per="month", amount=amount, author="bob"))
            self.look(database, 2, ADVISE_SECONDS)


def test_a_web_address_and_the_log_have_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOOK_SECRET", "a-secret-of-twenty-four-bytes-or-more")
    at = place(tmp_path / "here")
    with inbox() as box:
        hook = AddReceiver(name="hook", address=box.url, secret="env:HOOK_SECRET", kinds=("quota-advisory",))
        add_receiver(hook, at)
        Used(at, tmp_path).watched(looks=4)
        tell_receivers(TellReceivers(), at)
        (told,) = box.took
    assert (told["data"]["kind"], told["data"]["subject"], told["data"]["standing"]) == (
        "quota-advisory",
        "servers/time",
        "verified",
    )
    assert "verdict" not in told["data"] or not told["data"]["verdict"]
    (one,) = new_artifacts(AskNew(), at).artifacts
    assert (one.kind, one.subject) == ("quota-advisory", "servers/time")
    with Store.at(at.settings) as store:
        sealed = store.get(one.artifact)
    advisory = QUOTA_ADVISORY.read(read_envelope(sealed).payload)
    assert (advisory.server, advisory.used, advisory.amount, advisory.unit) == ("time", 91, 100, "calls")
    assert "arcops host quota show time" in advisory.action
    assert ANN.id not in json.dumps(box.took) + sealed.decode(), "who it is, only those know who may read the quotas"


def test_its_end_is_told_too_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The quota is raised, or its window is over: receivers hear of it by the same digest as of the advisory."""
    monkeypatch.setenv("HOOK_SECRET", "a-secret-of-twenty-four-bytes-or-more")
    at = place(tmp_path / "here")
    with inbox() as box:
        hook = AddReceiver(name="hook", address=box.url, secret="env:HOOK_SECRET", kinds=("quota-advisory",))
        add_receiver(hook, at)
        used = Used(at, tmp_path)
        used.watched(looks=4)
        used.raised_to(200)
        tell_receivers(TellReceivers(), at)
        assert len(box.took) == 2
    found = []
    with Store.at(at.settings) as store:
        for one in new_artifacts(AskNew(), at).artifacts:
            found.append(QUOTA_ADVISORY.read(read_envelope(store.get(one.artifact)).payload))
    assert [one.ended for one in found] == [False, True]
    assert found[0].use == found[1].use
    assert (found[1].used, found[1].unit, found[1].per) == (91, "calls", "month")
    assert "not over 80 % any more" in found[1].action
    assert found[1].raised > found[0].raised


def test_the_end_of_what_was_not_raised_tells_no_one(tmp_path: Path) -> None:
    at = place(tmp_path / "here")
    used = Used(at, tmp_path)
    used.watched(looks=2, seconds=ADVISE_SECONDS)
    used.raised_to(200)
    assert new_artifacts(AskNew(), at).artifacts == ()


def test_use_that_is_soon_over_tells_no_one(tmp_path: Path) -> None:
    at = place(tmp_path / "here")
    Used(at, tmp_path).watched(looks=3, seconds=ADVISE_SECONDS)
    assert new_artifacts(AskNew(), at).artifacts == ()


def test_without_a_key_the_advisory_is_in_the_log_of_the_host(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    def no_key() -> None:
        raise Refused("there is no key")

    at = replace(place(tmp_path / "here"), signer=no_key)  # type: ignore[arg-type]  # as a place without a key
    with caplog.at_level(logging.WARNING):
        Used(at, tmp_path).watched(looks=4)
    said = [one.getMessage() for one in caplog.records if "quota time-calls-month" in one.getMessage()]
    assert len(said) == 1, "it is raised"
    assert sum("cannot be kept as an artifact: there is no key" in one.getMessage() for one in caplog.records) == 1
