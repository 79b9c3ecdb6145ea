"""Log lines on standard error: one event a line, as JSON or for people, with the ids of what they are about and no secrets.

It uses the standard library's logging, because other libraries use it anyway. Lines of ours and of the web server are shown
from INFO on, those of other libraries from WARNING. No line has the query of an address, because queries may hold tokens.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import time
from collections.abc import Iterable, Mapping
from typing import TextIO

from arcops.errors import Refused
from foundation.telemetry.concealed import concealed
from foundation.telemetry.spans import known, trace

FORM = "ARCOPS_LOG"
_OURS = ("adapters", "arcops", "artifacts", "capabilities", "flows", "foundation", "services", "tasks", "uvicorn", "prefect")
_SECRET = re.compile(r"(PASSPHRASE|PASSWORD|PASSWD|TOKEN|SECRET|AUTH_STRING|API_KEY|ACCESS_KEY|HEADERS|PIN|CONNECTION_URL)\Z")
_SHORTEST_SECRET = 4
_HIDDEN = "(secret)"
_LEFT_OUT = "(query)"
_LOOKS_SECRET = re.compile(
    r"(?i:\b(?:bearer|basic)\s+)[A-Za-z0-9._~+/=-]{6,}"  # RFC 6750, RFC 7617
    r"|\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*)?"  # a JSON Web Token
    r"|(?<=://)[^/\s:@]*:[^/\s@]+(?=@)"  # user and password in a URL
)
_ACCESS = "uvicorn.access"
"""Loggers of uvicorn whose lines hold addresses with queries; our front writes its own lines."""
_WORD = re.compile(r"\S+")
_MOST = 8000


def begin(environment: Mapping[str, str], stream: TextIO | None = None) -> None:
    """From now on every log line of this process goes to *stream*, standard error by default, as ``ARCOPS_LOG`` says.

    Without it: for people on a terminal, else JSON. Raises `Refused` for an unknown form.
    """
    to = stream or sys.stderr
    form = environment.get(FORM, "") or ("text" if to.isatty() else "json")
    if form not in ("text", "json"):
        raise Refused(f"{FORM} is {form[:50]!r}; use json or text")
    handler = Lines(to)
    handler.setFormatter((_Json if form == "json" else _Text)(secrets(environment)))
    root = logging.getLogger()
    for before in list(root.handlers):
        if isinstance(before, Lines):
            root.removeHandler(before)
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    logging.captureWarnings(True)
    take_over()


def take_over() -> None:
    """Take over the lines of libraries that have their own handlers for a terminal; if no log was begun, leave them."""
    if not any(isinstance(handler, Lines) for handler in logging.getLogger().handlers):
        return
    for name, logger in list(logging.root.manager.loggerDict.items()):
        if isinstance(logger, logging.Logger) and name.split(".")[0] in ("prefect", "uvicorn", "fastapi"):
            for handler in list(logger.handlers):
                if isinstance(handler, logging.StreamHandler):
                    logger.removeHandler(handler)
            logger.propagate = name != _ACCESS
    logging.getLogger(_ACCESS).propagate = False
    for name in _OURS:
        logging.getLogger(name).setLevel(logging.INFO)


def secrets(environment: Mapping[str, str]) -> tuple[str, ...]:
    """Each value in *environment* that must never be shown, the longest first."""
    found: set[str] = set()
    for name, value in environment.items():
        if _SECRET.search(name):
            found.add(value)
            if name.endswith("HEADERS"):
                found.update(one.partition("=")[2].strip() for one in value.split(","))
            if name.endswith("AUTH_STRING"):
                found.add(value.partition(":")[2])
    return tuple(sorted((one for one in found if len(one) >= _SHORTEST_SECRET), key=len, reverse=True))


class Lines(logging.StreamHandler[TextIO]):
    """The handler that `begin` installs. If its name began with an underscore, Prefect would remove it."""


class _Formatter(logging.Formatter):
    def __init__(self, hidden: Iterable[str]) -> None:
        super().__init__()
        self._hidden = tuple(hidden)

    def _clean(self, text: str) -> str:
        for one in (*concealed(), *self._hidden):
            text = text.replace(one, _HIDDEN)
        text = _WORD.sub(_without_query, _LOOKS_SECRET.sub(_HIDDEN, text))
        return text if len(text) <= _MOST else f"{text[: _MOST // 2]} … {text[-_MOST // 2 :]}"

    def _event(self, record: logging.LogRecord) -> dict[str, object]:
        """The content of *record*, and the ids of the span in which it was written."""
        event: dict[str, object] = {"message": self._clean(record.getMessage())}
        about: dict[str, object] = {**known(), "trace": trace(), **getattr(record, "known", {})}
        event |= {name: self._clean(value) if isinstance(value, str) else value for name, value in about.items() if value != ""}
        if record.exc_info and record.exc_info[0] is not None:
            event["error"] = record.exc_info[0].__name__
            event["raised"] = self._clean(self.formatException(record.exc_info))
        return event


class _Json(_Formatter):
    def format(self, record: logging.LogRecord) -> str:
        at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{int(record.msecs):03d}Z"
        head = {"time": at, "level": record.levelname.lower(), "logger": record.name}
        return json.dumps({**head, **self._event(record)})


class _Text(_Formatter):
    def format(self, record: logging.LogRecord) -> str:
        event = self._event(record)
        said, raised = str(event.pop("message")), str(event.pop("raised", ""))
        level = "" if record.levelno <= logging.INFO else f"{record.levelname.lower()}: "
        about = "".join(f" {name}={value}" for name, value in event.items())
        line = _harmless(f"arcops: {level}{said}{about}")
        return "\n".join((line, *map(_harmless, raised.splitlines())))


def _without_query(word: re.Match[str]) -> str:
    """An address up to its question mark; any other word unchanged."""
    before, _, after = word[0].partition("?")
    return f"{before}?{_LEFT_OUT}" if after and ("/" in before or "=" in after) else word[0]


def _harmless(line: str) -> str:
    """*line*, which may hold callers' text, without control codes for the terminal that shows it."""
    return "".join(one if one.isprintable() else "?" for one in line)
