"""Wait until a release is GREEN."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import timedelta

from arcops.asks import shaped
from arcops.errors import Stopped
from arcops.verdict import Verdict
from capabilities.contract import Scope, tool
from capabilities.release.show import NothingReleased, ReleaseShown, ShowRelease, show_release
from flows.place import Place

_LOOK_SECONDS = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchRelease:
    """Which release, and how long."""

    release: str = field(default="", metadata=shaped(positional=True, title="NAME", most=200))
    """Its name; by default the release that was judged last here."""
    minutes: int = field(default=60, metadata=shaped(least=0, most=7 * 24 * 60))
    """End after so many minutes at the latest."""


@tool(title="Watch a release", scope=Scope.READ, reads_only=True, long=True)
def watch_release(ask: WatchRelease, at: Place) -> ReleaseShown:
    """Wait until a release is GREEN, or until the time is over, and show it as it stands then; say what changes meanwhile."""
    ends, before = time.monotonic() + timedelta(minutes=ask.minutes).total_seconds(), ""
    while True:
        try:
            found = show_release.work(ShowRelease(release=ask.release), at)
            said = f"{found.now.value} {found.name}: {found.said}"
            if found.now is Verdict.GREEN or time.monotonic() >= ends:
                return found
        except NothingReleased as error:
            if time.monotonic() >= ends:
                raise
            said = str(error)
        if said != before:
            at.say(said)
            before = said
        at.progress(0, 0)
        if at.stop.wait(_LOOK_SECONDS):
            raise Stopped("the release was not watched to its end: the work was stopped")
