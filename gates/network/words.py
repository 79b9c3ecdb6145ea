"""How the gates of a network show places and complaints to people."""

from __future__ import annotations

from arcops.finding import Location
from arcops.seen.network import Complaint
from gates.words import shown


def place(at: Location) -> str:
    """``file:line``, as compilers write it."""
    return f"{at.path}:{at.line}" if at.line else at.path


def said(one: Complaint) -> str:
    """A complaint as a sentence that begins with its place."""
    about = f", {one.about}" if one.about else ""
    field = f", field {one.field}" if one.field else ""
    return f"{shown(f'{place(one.at)}{about}{field}: {one.text}')}."


def named(one: Complaint) -> str:
    """What a complaint is about: the name that a waiver uses."""
    return shown(" ".join(filter(None, (one.about, one.field))) or one.at.path)
