"""A server's first words: it is started once, behind walls and without a network, and asked what it offers."""

from __future__ import annotations

import os
import signal
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import IO, Any

from arcops.collector import collector
from arcops.errors import Broken, Refused, Unavailable
from arcops.evidence import Seen, Sighting
from arcops.request import Request
from arcops.seen.server_tools import Pin, ServerTools, TextSaid, Tried
from foundation.processes import box as boxes
from foundation.processes.environments import of_program
from foundation.processes.starting import PIPE, start
from foundation.processes.watched import watching
from tasks.server.boxing import box_to_look, permits
from tasks.server.case import TREE, Case, read_case
from tasks.server.conversation import LEGACY, MODERN, Conversation, discovering, initializing
from tasks.server.definitions import INSTRUCTIONS, LISTS, pinned, pinned_text, texts, within

_SECONDS = 45.0
_LEFTOVER_SECONDS = 0.3
_MOST_TEXTS = 100_000
_MOST_TRIED = 200
_VERSIONS = ("2024-11-05", "2025-03-26", "2025-06-18", LEGACY)


@dataclass(slots=True, kw_only=True)
class _Heard:
    eras: list[str] = field(default_factory=list)
    version: str = ""
    pins: dict[Pin, None] = field(default_factory=dict)
    texts: dict[TextSaid, None] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class _Started:
    talk: Conversation
    words: list[bytes] = field(default_factory=list)


@collector("server-tools", ServerTools, version="1", deadline=timedelta(minutes=3))
def server_tools(request: Request, seen: Seen) -> Sighting[ServerTools]:
    """Start the server in its box and talk with it.

    Raises `Refused` if it was not judged well without that, or says what cannot be read; `Unavailable` if it does not answer;
    `Broken` if this machine cannot hold it.
    """
    case = read_case(request)
    if not case.cleared:
        raise Refused("it was not started, because what can be judged without starting it is not good")
    if why := boxes.lacking():
        raise Broken(why)
    tried: dict[Tried, None] = {}
    stray: list[str] = []
    heard, watched = _Heard(), True
    for modern, able in ((True, False), (False, True)):  # some servers offer more to a client that can do more
        try:
            watched &= _listen(request, case, heard, tried, stray, modern=modern, able=able)
        except Unavailable:
            if not modern:
                raise
            # One that ends when it is asked for what it does not know is asked as older clients do.
            watched &= _listen(request, case, heard, tried, stray, modern=False, able=able)
    return Sighting(
        body=ServerTools(
            eras=tuple(dict.fromkeys(heard.eras)),
            version=heard.version,
            pins=tuple(sorted(heard.pins, key=lambda one: (one.kind, one.name, one.digest))),
            texts=tuple(heard.texts),
            before=case.before,
            stray=tuple(dict.fromkeys(stray)),
            tried=tuple(tried)[:_MOST_TRIED],
            watched=watched,
        )
    )


def _listen(
    request: Request,
    case: Case,
    heard: _Heard,
    tried: dict[Tried, None],
    stray: list[str],
    *,
    modern: bool,
    able: bool,
) -> bool:
    """Start it once and add what it says to *heard* and what it does to *tried* and *stray*. Could it be watched?"""
    with watching() as (watch, given), tempfile.TemporaryDirectory(prefix="arcops-start-") as scratch:
        home = Path(scratch) / "home"
        home.mkdir()
        box = box_to_look(request.target / TREE, case.command, case.launching, home, given)
        with _started(case, box, home, request) as started:
            try:
                _talk(started.talk, heard, modern=modern, able=able)
            except Unavailable as error:
                last = b"".join(started.words)[-2000:].decode("utf-8", "replace").strip().splitlines()
                raise Unavailable(f"{error}{f'; its last words: {last[-1][:300]}' if last else ''}") from error
            finally:
                stray += started.talk.stray
        for attempt in watch.attempts:
            # What does not exist was only looked for, as every interpreter does along its path.
            there = attempt.what == "connect" or attempt.what == "write" or os.path.lexists(attempt.place)
            if there and (attempt.what == "connect" or not permits(box, attempt.what, attempt.place)):
                tried.setdefault(Tried(what=attempt.what, place=attempt.place.encode("utf-8", "replace").decode()[:1000]))
        return watch.began


@contextmanager
def _started(case: Case, box: boxes.Box, home: Path, request: Request) -> Iterator[_Started]:
    into, out, errors = os.pipe2(os.O_CLOEXEC), os.pipe2(os.O_CLOEXEC), PIPE
    environment = dict(one.partition("=")[::2] for one in case.environment)
    with os.fdopen(out[1], "wb") as writes:
        child = start(
            boxes.boxed(box, case.command),
            environment={**of_program(str(home)), **environment},
            folder=str(home),
            stdin=into[0],
            stdout=writes,
            stderr=errors,
            keep=(box.watched,),
        )
    os.close(into[0])
    os.set_blocking(into[1], False)
    talk = Conversation(into=into[1], out=out[0], seconds=_SECONDS, alive=lambda: request.progress(0, 0))
    started = _Started(talk=talk)
    reading = threading.Thread(target=_words, args=(child.stderr, started.words), daemon=True)
    reading.start()
    try:
        yield started
    finally:
        os.close(into[1])
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()
        os.close(out[0])
        reading.join(timeout=5)


def _words(errors: IO[bytes] | None, words: list[bytes]) -> None:
    """The last of what it writes to its standard error, for a person."""
    if errors is None:
        return
    with errors:
        while part := os.read(errors.fileno(), 65536):
            words[:] = [*words[-3:], part]


def _talk(talk: Conversation, heard: _Heard, *, modern: bool, able: bool) -> None:
    if modern:
        answer = talk.call("server/discover", discovering()).get("result")
        versions = answer.get("supportedVersions") if isinstance(answer, dict) else None
        if isinstance(versions, list) and MODERN in versions:
            heard.eras.append("modern")
            heard.version = MODERN
            _said(heard, "discover", answer)
            _offers(talk, heard, discovering())
    answer = talk.call("initialize", initializing(able=able)).get("result")
    version = answer.get("protocolVersion") if isinstance(answer, dict) else None
    if version in _VERSIONS:
        heard.eras.append("legacy")
        heard.version = heard.version or str(version)
        _said(heard, "initialize", answer)
        talk.notify("notifications/initialized")
        talk.leftover(_LEFTOVER_SECONDS)  # some servers add tools when they have heard this
        _offers(talk, heard, {})
    if not heard.eras:
        raise Refused("it refused the handshake of both eras of MCP")
    talk.leftover(_LEFTOVER_SECONDS)


def _said(heard: _Heard, where: str, answer: Any) -> None:
    """What a model is told of the server itself."""
    for text in within(where, answer):
        heard.texts.setdefault(text)
    told = answer.get(INSTRUCTIONS) if isinstance(answer, dict) else None
    if told is not None and not isinstance(told, str):
        raise Refused("its instructions are no text")
    if told:
        heard.pins.setdefault(pinned_text(told))


def _offers(talk: Conversation, heard: _Heard, more: dict[str, Any]) -> None:
    for kind, (method, member, _) in LISTS.items():
        for definition in talk.listed(method, member, more) or ():
            heard.pins.setdefault(pinned(kind, definition))
            for text in texts(kind, definition):
                heard.texts.setdefault(text)
            if len(heard.texts) > _MOST_TEXTS:
                raise Refused(f"its definitions have more than {_MOST_TEXTS} texts")
