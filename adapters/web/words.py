"""Values as pages show them. Everything in a template goes through here: escaped, and with no invisible character."""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from importlib.resources import files
from urllib.parse import quote, urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from artifacts.typed import moment
from artifacts.vouch import Standing
from capabilities.artifact.figures import worded
from capabilities.artifact.measured_words import amount, ratio
from capabilities.artifact.significance import TimedDifference
from capabilities.artifact.standing import Ledgered

_STATIC = files("adapters.web") / "static"
STATIC: Mapping[str, str] = {
    "arcops.css": "text/css; charset=utf-8",
    "page.js": "text/javascript; charset=utf-8",
    "mark.svg": "image/svg+xml",
}
"""The files that pages need, with their types. Nothing else is served as a file."""


@cache
def static_bytes(name: str) -> bytes:
    return (_STATIC / name).read_bytes()


@cache
def static_tag(name: str) -> str:
    """A name for the content of the file, so that it can be cached for ever."""
    return hashlib.sha256(static_bytes(name)).hexdigest()[:16]


def visible(value: object) -> object:
    """*value* with characters that are not printable written out, because these could hide or reverse text."""
    if isinstance(value, Markup) or not isinstance(value, str) or value.isprintable():
        return value
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in value)


@cache
def environment() -> Environment:
    """The templates. Every expression is escaped and made visible; an unknown name is an error, never empty text."""
    made = Environment(
        loader=PackageLoader("adapters.web"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=visible,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "day": _day,
        "moment": moment,
        "short": short,
        "part": _part,
        "query": urlencode,
        "worded": worded,
        "typed": shlex.join,
    }
    made.filters |= {"ratio": ratio, "amount": amount, "typed": shlex.join}
    made.globals |= {
        "static": lambda name: f"static/{name}?v={static_tag(name)}",
        "trusted": _TRUSTED,
        "ledgered": _LEDGERED,
        "stands": _STANDS,
    }
    return made


def render(name: str, **values: object) -> bytes:
    """The template *name* with *values*."""
    return environment().get_template(name).render(**values).encode("utf-8", "backslashreplace")


def short(digest: str) -> str:
    """The part of *digest* that a person compares."""
    head, colon, value = digest.partition(":")
    return f"{head}{colon}{value[:12]}…" if len(value) > 13 else digest


def _day(at: datetime) -> str:
    return f"{at.day} {at:%b %Y, %H:%M}"


def _part(text: str) -> str:
    """*text* as one part of a path."""
    return quote(text, safe=":")


_TRUSTED = {
    Standing.VERIFIED: ("good", "Verified"),
    Standing.UNTRUSTED: ("bad", "NOT VERIFIED: no trusted key signed it"),
    Standing.REVOKED: ("bad", "NOT VERIFIED: it was revoked"),
    Standing.CHANGED: ("bad", "NOT VERIFIED: its bytes were changed"),
    Standing.UNREADABLE: ("bad", "NOT VERIFIED: it is not a sealed artifact"),
    Standing.UNCHECKED: ("bad", "NOT VERIFIED: it could not be checked"),
}
"""How a page shows the state of a signature: the style, and the words."""

_LEDGERED = {
    Ledgered.PROVEN: ("good", "Proven"),
    Ledgered.NOT_YET: ("open", "Not yet signed"),
    Ledgered.UNPROVEN: ("open", "Not proven"),
    Ledgered.BROKEN: ("bad", "THE LOG WAS CHANGED"),
    Ledgered.ABSENT: ("bad", "Not in the log"),
}
"""How a page shows the state of the ledger."""

_STANDS = {
    TimedDifference.SLOWER: "bad",
    TimedDifference.FASTER: "good",
    TimedDifference.NONE: "good",
    TimedDifference.UNDECIDED: "open",
}
"""The style of a measured difference, beside its word."""
