"""Feedback about pages, runbooks and templates: give it, list it, answer it."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from arcops.asks import shaped
from arcops.errors import Refused
from capabilities.contract import Scope, tool
from capabilities.server.place import database, kept_database, moment, who
from flows.place import Place

if TYPE_CHECKING:
    from services.host.feedback.kept import Feedback, Status

_MOST_TEXT = 4000


@dataclass(frozen=True, slots=True, kw_only=True)
class HostFeedbackGive:
    """What you say, and about what."""

    about: str = field(metadata=shaped(positional=True, title="ABOUT", least=1, most=200))
    """runbook:NAME, template:NAME, docs:NAME or page:/PATH."""
    text: str = field(metadata=shaped(positional=True, title="TEXT", least=1, most=_MOST_TEXT))
    """What is wrong or missing there, or what helped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedbackShown:
    """One piece of feedback. ``status`` is open, accepted or done; ``hours`` until the first answer, or -1 without one."""

    id: str
    about: str
    text: str
    author: str
    made: datetime
    status: str
    answer: str = ""
    answered_by: str = ""
    hours: int = -1


@tool(title="Give feedback", scope=Scope.CHECK)
def host_feedback_give(ask: HostFeedbackGive, at: Place) -> FeedbackShown:
    """Say what is wrong, missing or good about a page, a runbook or a template. It is kept with who said it, and answered."""
    from services.host.runbooks.template import names
    from services.host.scaffold.kinds import kind_of

    kind, _, name = ask.about.partition(":")
    if kind == "runbook" and name not in names():
        raise Refused(f"there is no runbook {name[:80]!r}; there are {', '.join(names())}")
    if kind == "template":
        kind_of(name)
    with database(at) as there:
        from services.host.feedback.kept import FeedbackKept

        return _shown(FeedbackKept(there).give(secrets.token_hex(6), ask.about, ask.text, author=who(at)))


@dataclass(frozen=True, slots=True, kw_only=True)
class HostFeedbackList:
    """Which feedback to list."""

    about: str = field(default="", metadata=shaped(positional=True, title="ABOUT", most=200))
    """Only about this: runbook:NAME, template:NAME, docs:NAME or page:/PATH."""
    status: str = field(default="", metadata=shaped(most=20))
    """Only with this status: open, accepted or done."""
    most: int = field(default=100, metadata=shaped(least=1, most=1000))
    """At most so many, the newest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedbackListed:
    """The newest first. ``abouts`` are the runbooks and the templates that feedback may be about."""

    feedback: tuple[FeedbackShown, ...]
    abouts: tuple[str, ...] = ()


@tool(title="List feedback", scope=Scope.READ, reads_only=True)
def host_feedback_list(ask: HostFeedbackList, at: Place) -> FeedbackListed:
    """List what was said about pages, runbooks and templates, and what became of it."""
    from services.host.runbooks.template import names
    from services.host.scaffold.kinds import kinds

    abouts = (*(f"runbook:{one}" for one in names()), *(f"template:{one}" for one in kinds()))
    status = _status(ask.status) if ask.status else None
    with kept_database(at) as there:
        if there is None:
            return FeedbackListed(feedback=(), abouts=abouts)
        from services.host.feedback.kept import FeedbackKept

        listed = FeedbackKept(there).listed(ask.about, status, ask.most)
        return FeedbackListed(feedback=tuple(_shown(one) for one in listed), abouts=abouts)


@dataclass(frozen=True, slots=True, kw_only=True)
class HostFeedbackAnswer:
    """Which feedback to answer, and how."""

    id: str = field(metadata=shaped(positional=True, title="ID", least=1, most=40))
    """Its number, as 'arcops host feedback list' shows it."""
    status: str = field(metadata=shaped(positional=True, title="STATUS", least=1, most=20))
    """accepted or done."""
    text: str = field(default="", metadata=shaped(option="--text", most=_MOST_TEXT))
    """What you answer."""


@tool(title="Answer feedback", scope=Scope.TRUST, destructive=True)
def host_feedback_answer(ask: HostFeedbackAnswer, at: Place) -> FeedbackShown:
    """Accept feedback, or say that it is done, with an answer. Its status only goes forward."""
    with database(at) as there:
        from services.host.feedback.kept import FeedbackKept
        from services.host.figures.records import Ending, Kind, record

        found = FeedbackKept(there).answer(ask.id, _status(ask.status), ask.text, author=who(at))
        record(there, Kind.FEEDBACK, found.id, moment(found.made), at.now(), Ending.DONE)
        return _shown(found)


def _status(text: str) -> Status:
    from services.host.feedback.kept import Status

    if text not in tuple(Status):
        raise Refused(f"there is no status {text[:40]!r}; there are {', '.join(Status)}")
    return Status(text)


def _shown(one: Feedback) -> FeedbackShown:
    return FeedbackShown(
        id=one.id,
        about=one.about,
        text=one.text,
        author=one.author,
        made=moment(one.made),
        status=one.status,
        answer=one.answer,
        answered_by=one.answered_by,
        hours=(one.answered - one.made) // 3_600_000 if one.answered else -1,
    )
