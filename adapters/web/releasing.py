"""The pages of releases: one release with the tree of its parts; and how long models take to their first answer."""

from __future__ import annotations

from dataclasses import dataclass

from adapters.web.asked import number, text
from adapters.web.replies import Problem, Reply
from adapters.web.showing import Asked, shown
from capabilities.artifact.first_inference import MOST_DAYS, AskFirstInference, ModelTimed, WaitedFor, time_to_first_inference
from capabilities.artifact.measured_words import lasting
from capabilities.release.show import NothingReleased, ReleaseShown, ShowRelease, show_release

_DAYS = 365
_WIDTH = 1000.0
"""Of the picture, in its own units; the page scales it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One step in the picture: its left edge and its width, its style and what it says."""

    x: float
    width: float
    style: str
    said: str


def releases(asked: Asked) -> Reply:
    """One release: the one that is named, or the one that was judged last."""
    name = text(asked.query, "name")
    found: ReleaseShown | None = None
    try:
        found = show_release(ShowRelease(release=name), asked.at)
    except NothingReleased as error:
        if name:
            said = f"{str(error)[0].upper()}{str(error)[1:]}."
            raise Problem(404, "There is no such release", said, "Choose one from the list of releases.") from error
    if found is None:
        return shown(asked, "releases.html", "releases", EMPTY, found=None)
    return shown(asked, "releases.html", "releases", found, found=found)


@dataclass(frozen=True, slots=True, kw_only=True)
class NoRelease:
    """No release was judged at this place yet."""

    releases: tuple[str, ...] = ()


EMPTY = NoRelease()


def first_inference(asked: Asked) -> Reply:
    """How long each model took from its first check to its first judged answer, as a picture and as a table."""
    days = number(asked.query, "days", _DAYS, most=MOST_DAYS)
    found = time_to_first_inference(AskFirstInference(days=days), asked.at)
    longest = max((one.seconds for one in found.models), default=0)
    bars = {one.model + one.site: tuple(_bars(one, longest)) for one in found.models}
    return shown(
        asked,
        "first_inference.html",
        "figures",
        found,
        found=found,
        days=days,
        bars=bars,
        steps=tuple(WaitedFor),
        lasting=lasting,
    )


def _bars(one: ModelTimed, longest: int) -> list[Bar]:
    made, x = [], 0.0
    for step in one.steps:
        width = _WIDTH * step.seconds / longest if longest else 0.0
        words = " and ".join(each.value for each in step.spent)
        made.append(
            Bar(x=round(x, 1), width=round(width, 1), style=step.spent[-1].value, said=f"{words}: {lasting(step.seconds)}")
        )
        x += width
    return made


__all__ = ["first_inference", "releases"]
