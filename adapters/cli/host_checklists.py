"""``arcops host checklist`` and ``host feedback``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from adapters.cli.answering import shown
from adapters.cli.commands import Given, command
from adapters.cli.exits import GREEN, RED
from adapters.cli.printing import Answering
from artifacts.projections.lines import printable

if TYPE_CHECKING:
    from capabilities.server.checklisting import ChecklistShown, HostChecklist, HostChecklistMark
    from capabilities.server.feedback import (
        FeedbackListed,
        FeedbackShown,
        HostFeedbackAnswer,
        HostFeedbackGive,
        HostFeedbackList,
    )

_CHECKLIST, _FEEDBACK = "capabilities.server.checklisting", "capabilities.server.feedback"


@command("host checklist show", f"{_CHECKLIST}:host_checklist", own=Answering, example="time")
def show(given: Given[HostChecklist, ChecklistShown, Answering]) -> int:
    """Show a server's checklist: 0 if every mandatory item is done now, 3 if not."""
    return GREEN if shown(given, _print).ready else RED


@command(
    "host checklist mark",
    f"{_CHECKLIST}:host_checklist_mark",
    own=Answering,
    example="time tools-read --note 'read all 2 tools with the team'",
)
def mark(given: Given[HostChecklistMark, ChecklistShown, Answering]) -> None:
    """Say that an item is done, for the version of now."""
    shown(given, _print)


def _print(found: ChecklistShown) -> None:
    print(printable(f"{found.name}, version {found.version}: checklist {found.checklist} of {found.updated}"))
    for one in found.items:
        box = "x" if one.done else " "
        must = "" if one.mandatory else " (not mandatory)"
        print(printable(f"[{box}] {one.id}: {one.title}{must}"))
        who = f" by {one.by}" if one.by else ""
        when = f" {one.when:%Y-%m-%d}" if one.when is not None else ""
        if one.evidence or who:
            print(printable(f"      {one.evidence or 'by hand'}{who}{when}"))
        if one.why:
            print(printable(f"      {one.why}"))
    print("every mandatory item is done" if found.ready else "not every mandatory item is done")


@command("host feedback give", f"{_FEEDBACK}:host_feedback_give", own=Answering, example="runbook:deploy 'step 2 needs --tier'")
def give(given: Given[HostFeedbackGive, FeedbackShown, Answering]) -> None:
    """Say what is wrong, missing or good about a page, a runbook or a template."""
    shown(given, _print_one)


@command("host feedback list", f"{_FEEDBACK}:host_feedback_list", own=Answering, example="runbook:deploy --status open")
def list_(given: Given[HostFeedbackList, FeedbackListed, Answering]) -> None:
    """List feedback, with its status and the time of its first answer."""

    def tell(found: FeedbackListed) -> None:
        for one in found.feedback:
            _print_one(one)
        if not found.feedback:
            print("there is no such feedback")

    shown(given, tell)


@command(
    "host feedback answer",
    f"{_FEEDBACK}:host_feedback_answer",
    own=Answering,
    example="3f2a9c1b04de accepted --text 'next week'",
)
def answer_(given: Given[HostFeedbackAnswer, FeedbackShown, Answering]) -> None:
    """Accept feedback, or say that it is done."""
    shown(given, _print_one)


def _print_one(one: FeedbackShown) -> None:
    print(printable(f"{one.id} {one.status} {one.about} by {one.author}, {one.made:%Y-%m-%d %H:%M}Z: {one.text}"))
    if one.answered_by:
        print(printable(f"  {one.answered_by}, after {one.hours} h: {one.answer}"))
