"""Ollama's Modelfile: which weights it uses, and the template that it gives the server.

Source: ``docs/modelfile.md`` of Ollama; the actions of Go's ``text/template``.
"""

from __future__ import annotations

import re

from arcops.late_pattern import late
from tasks.model.content.draft import Draft, printable
from tasks.model.content.names import fault_of
from tasks.model.content.window import Malformed, Window

LIMIT = 1024 * 1024
QUOTES = '"""'

_KNOWN = frozenset(("from", "parameter", "template", "system", "adapter", "license", "message", "requires"))
LONGEST_ACTION = 4096
_PART = late(
    r"\s+|\"(?:[^\"\\]|\\.)*\"|`[^`]*`|[0-9]+|\$?(?:\.[A-Za-z]\w*)+|\$\w*|\.|:?=|[(),|]|/\*.*?\*/"
    r"|(?:if|else|end|range|with|break|continue|and|or|not|eq|ne|lt|le|gt|ge|len|index|slice|json|print|printf|println"
    r"|currentDate|true|false|nil|in)\b",
    re.DOTALL,
)


def read(window: Window, draft: Draft) -> None:
    if window.size > LIMIT:
        raise Malformed(f"it has {window.size} bytes; at most {LIMIT} are read")
    text = window.read(0, window.size).decode("utf-8", "replace").replace("\r\n", "\n")
    at = 0
    while at < len(text):
        end = text.find("\n", at)
        end = len(text) if end < 0 else end
        name, _, value = text[at:end].strip().partition(" ")
        if value.lstrip().startswith(QUOTES):
            start = text.index(QUOTES, at) + len(QUOTES)
            close = text.find(QUOTES, start)
            if close < 0:
                raise Malformed(f"line {text.count(chr(10), 0, at) + 1} begins a quoted text that does not end")
            value = text[start:close]
            end = text.find("\n", close)
            end = len(text) if end < 0 else end
        if name and not name.startswith("#"):
            _instruction(name.lower(), value.strip(), draft)
        at = end + 1


def _instruction(name: str, value: str, draft: Draft) -> None:
    if name not in _KNOWN:
        draft.problem(f"it has the unknown instruction {printable(name, 40)!r}")
    elif name in ("from", "adapter"):
        fault = fault_of(value) or (
            "" if "." in value.rpartition("/")[2] and ":" not in value else "is fetched from another address"
        )
        if fault or value.count("/") > value.count("./"):
            draft.problem(
                f"the model {printable(value, 80)!r} that it is built from {fault or 'is fetched from another address'}"
            )
        else:
            draft.referred(value)
    elif name == "template":
        for piece in value.split("{{")[1:]:
            action, closed, _ = piece.partition("}}")
            action = action.removeprefix("-").removesuffix("-")
            if not closed or len(action) > LONGEST_ACTION or _PART.sub("", action):
                draft.problem(f"its template does {printable(action.strip(), 60)!r}, which no chat template needs")
