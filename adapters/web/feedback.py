"""The page for feedback: a form for a person who is logged in, what was said about a page, a runbook or a template, and what
became of it.
"""

from __future__ import annotations

from adapters.web.asked import text
from adapters.web.replies import Problem, Reply
from adapters.web.showing import Asked, shown
from capabilities.server.feedback import (
    HostFeedbackAnswer,
    HostFeedbackGive,
    HostFeedbackList,
    host_feedback_answer,
    host_feedback_give,
    host_feedback_list,
)

_MOST = 100
_STATUSES = ("open", "accepted", "done")


def feedback(asked: Asked) -> Reply:
    """What was said, the newest first: about one thing, or about everything."""
    about, status = text(asked.query, "about")[:200], text(asked.query, "status")
    if status and status not in _STATUSES:
        said = f"'status' is {status[:50]!r}; use {', '.join(_STATUSES[:-1])} or {_STATUSES[-1]}."
        raise Problem(
            400, "The address has a value that is not valid", said, "Correct the address, or start again from the list."
        )
    found = host_feedback_list(HostFeedbackList(about=about, status=status, most=_MOST), asked.at)
    values = {
        "found": found,
        "of": about,
        "status": status,
        "statuses": _STATUSES,
        "more": len(found.feedback) == _MOST,
        "mute": asked.why_not(host_feedback_give, HostFeedbackGive(about=about or asked.about, text="-")),
        "unanswering": asked.why_not(host_feedback_answer, HostFeedbackAnswer(id="-", status="done")),
    }
    return shown(asked, "feedback.html", "feedback", found, **values)
