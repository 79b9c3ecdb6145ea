"""The limits of this place: the file that the operator wrote, and where its counts are."""

from __future__ import annotations

from collections.abc import Mapping

from arcops.errors import Broken, Refused
from capabilities.access.known import known_objects
from foundation.authorization.objects import APPROVE, CALL
from foundation.limits.counting import Counters
from foundation.limits.deciding import Deciding
from foundation.limits.limits_file import LimitsFile
from foundation.limits.rules import Limits, Numbers, Rule, Where
from foundation.settings import Settings

USUAL = Limits(rules=(Rule(name="calls", quota=False, per="minute", numbers=Numbers(calls=600, burst=100)),))
"""What counts for callers with a token or a key if the operator wrote nothing."""
NONE = Limits()
"""What counts if only the user of this machine is served, and wrote nothing."""


def limits_of(settings: Settings, *, alone: bool) -> Deciding:
    """What decides about calls here; *alone*: only this machine's user calls. Raises `Refused` if the file is wrong now."""
    objects = known_objects()
    if settings.limits is None:
        raise Broken("no file of limits is named in the settings")
    file = LimitsFile(
        path=settings.limits,
        named=settings.limits_named,
        usual=NONE if alone else USUAL,
        actions=_called(objects.actions),
        groups=objects.groups,
    )
    if (wrong := file.wrong()) is not None:
        raise wrong

    def opened(where: Where) -> Counters:
        raise Refused(f"counters: {where.value} is not there yet")

    return Deciding(file=file, opened=opened)


def _called(actions: Mapping[str, frozenset[str]]) -> Mapping[str, frozenset[str]]:
    """Only what is called: a waiver is approved, and never called."""
    return {name: found - {APPROVE} for name, found in actions.items() if CALL in found}
