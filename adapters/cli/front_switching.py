"""``arcops front switch``: looks at a slot as its callers do, and proves what it says of a known model here."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar

from adapters.cli import surroundings
from adapters.cli.exits import GREEN, RED
from adapters.cli.operating import context_here
from adapters.mcp.client import call
from arcops.errors import ArcOpsError, Refused, Stopped
from arcops.policy import SKEW
from arcops.request import LiveCluster
from arcops.verdict import Verdict
from artifacts.projections.printable import printable
from capabilities.artifact.verify import Fetch, Verify, fetch_artifact, verify_artifact
from capabilities.model.check import Check, check_model
from foundation.egress.permission import Purpose
from foundation.egress.web import answers
from services.operator.switching import Health, Look

if TYPE_CHECKING:
    from adapters.cli.front import Switching
    from capabilities.contract import Tool
    from capabilities.place import Place

A = TypeVar("A")
B = TypeVar("B")

_PURPOSE = Purpose(
    what="the address of a slot",
    form="write --address SLOT=https://HOST",
    instead="say --tier restricted, or leave --address out",
)
_READY_SECONDS = 10.0


def run(own: Switching) -> int:
    """Switch, watch, and say how it ended."""
    from adapters.kube.api import Cluster
    from adapters.kube.connecting import connected
    from adapters.kube.slots import Slots
    from adapters.kube.switching import Plan
    from adapters.kube.switching import Switching as Running

    if min(own.wait_seconds, own.watch_seconds) < 0 or own.every_seconds < 1:
        raise Refused("--wait-seconds and --watch-seconds cannot be negative, and --every-seconds is 1 or more")
    stop = surroundings.stop_on_signals()
    place = surroundings.place(own.tier, stop=stop)
    slot = Slot(own, place)
    live = LiveCluster(context=own.context or context_here(own.kubeconfig), clusters=None, kubeconfig=own.kubeconfig)
    cluster = Cluster(connected(live, place.settings.tier, os.environ))
    plan = Plan(
        to=own.slot,
        wait=timedelta(seconds=own.wait_seconds),
        watch=timedelta(seconds=own.watch_seconds),
        every=timedelta(seconds=own.every_seconds),
        answers=slot.answers,
        smoke=slot.smoke,
    )
    try:
        ended = Running(Slots(cluster, own.namespace, own.service), plan, surroundings.now, stop, _say).run()
    finally:
        cluster.close()
    print(printable(f"{'GREEN' if ended.good else 'RED'} {ended.why}"))
    return GREEN if ended.good else RED


def _say(sentence: str) -> None:
    print(f"arcops: {printable(sentence)}", file=sys.stderr, flush=True)


class Slot:
    """Asks slots at their addresses."""

    def __init__(self, own: Switching, place: Place) -> None:
        self._own, self._place = own, place
        self._addresses = _addresses(own.address)

    def answers(self, slot: str) -> Look:
        """Does it answer that it is ready?"""
        url = self._url(slot)
        if answers(self._place.settings.tier, f"{url}/readyz", _PURPOSE, seconds=_READY_SECONDS):
            return Look(health=Health.GOOD, why=f"{url}/readyz is ready")
        return Look(health=Health.UNSEEN, why=f"{url}/readyz does not answer that it is ready")

    def smoke(self, slot: str) -> Look:
        """Does it judge the known model GREEN, now, in an artifact that a key signed which is trusted here?"""
        asked = self._place.now()
        try:
            judged = self._call(slot, check_model, Check(target=self._own.smoke, policy=self._own.smoke_policy))
            kept = self._call(slot, fetch_artifact, Fetch(artifact=judged.artifact))
            proven = verify_artifact(Verify(artifact=kept.text), self._place)
        except Stopped:
            raise
        except ArcOpsError as error:  # what is refused now is refused again
            health = Health.BAD if isinstance(error, Refused) else Health.UNSEEN
            return Look(health=health, why=f"its smoke verdict is not known: {error}")
        report = proven.report
        if proven.expired or report.judged_at < asked - SKEW:
            return Look(
                health=Health.UNSEEN, why=f"its smoke verdict is of {report.judged_at:%Y-%m-%d %H:%M} UTC, and not of now"
            )
        said = f"it judges {report.subject.name} {report.verdict.value}"
        return Look(health=Health.GOOD if report.verdict is Verdict.GREEN else Health.BAD, why=f"{said} ({judged.artifact})")

    def _url(self, slot: str) -> str:
        own = self._own
        return self._addresses.get(slot) or f"https://{own.service}-{slot}.{own.namespace}.svc"

    def _call(self, slot: str, tool: Tool[A, B], ask: A) -> B:
        at = self._place
        return call(
            self._url(slot), tool, ask, settings=at.settings, environment=os.environ, stop=at.stop, progress=at.progress
        )


def _addresses(given: tuple[str, ...]) -> Mapping[str, str]:
    """The URL of each slot that *given* names."""
    found: dict[str, str] = {}
    for one in given:
        slot, equals, url = one.partition("=")
        if not (slot and equals and url) or slot in found:
            raise Refused(f"--address {one!r} is not SLOT=URL, or names a slot again; write --address green=https://HOST")
        found[slot] = url.rstrip("/")
    return found
