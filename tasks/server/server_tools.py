"""A server's first words: it is started once, behind walls and without a network, and asked what it offers. One of another
machine is asked there.
"""

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
from typing import IO

from arcops.collector import collector
from arcops.errors import Broken, Refused, Unavailable
from arcops.evidence import Seen, Sighting
from arcops.request import Request
from arcops.seen.server_tools import ServerTools, Tried
from foundation.processes import box as boxes
from foundation.processes.environments import of_program
from foundation.processes.starting import PIPE, start
from foundation.processes.watched import Attempt, watching
from tasks.server.boxing import box_to_look, permits
from tasks.server.case import TREE, Case, read_case
from tasks.server.conversation import Conversation
from tasks.server.elsewhere import heard_elsewhere
from tasks.server.first_words import Heard, first_words, heard_in_both_ways
from tasks.server.locks import ELSEWHERE

_SECONDS = 45.0
_MOST_TRIED = 200


@dataclass(slots=True, kw_only=True)
class _Started:
    talk: Conversation
    words: list[bytes] = field(default_factory=list)


@collector("server-tools", ServerTools, version="3", deadline=timedelta(minutes=3))
def server_tools(request: Request, seen: Seen) -> Sighting[ServerTools]:
    """Start the server in its box and talk with it, or with one of another machine over the network.

    Raises `Refused` if it was not judged well without that, says what cannot be read, or is out of the tier's reach;
    `Unavailable` if it does not answer; `Broken` if this machine cannot hold it.
    """
    case = read_case(request)
    if not case.cleared:
        raise Refused("it was not started, because what can be judged without starting it is not good")
    if case.lock.package.startswith(ELSEWHERE):
        heard, stray = heard_elsewhere(request, case)
        return Sighting(body=_body(heard, case, stray=stray, elsewhere=True))
    if why := boxes.lacking():
        raise Broken(why)
    tried: dict[Tried, None] = {}
    stray = []
    watched: list[bool] = []

    def ask(heard: Heard, *, modern: bool, able: bool) -> None:
        watched.append(_listen(request, case, heard, tried, stray, modern=modern, able=able))

    heard = heard_in_both_ways(ask, modern=True)
    return Sighting(body=_body(heard, case, stray=stray, tried=tuple(tried)[:_MOST_TRIED], watched=all(watched)))


def _body(
    heard: Heard, case: Case, *, stray: list[str], tried: tuple[Tried, ...] = (), watched: bool = False, elsewhere: bool = False
) -> ServerTools:
    return ServerTools(
        eras=tuple(heard.eras),
        version=heard.version,
        pins=tuple(sorted(heard.pins, key=lambda one: (one.kind, one.name, one.digest))),
        texts=tuple(heard.texts),
        definitions=tuple(sorted(heard.definitions)),
        before=case.before,
        stray=tuple(dict.fromkeys(stray)),
        tried=tried,
        watched=watched,
        elsewhere=elsewhere,
    )


def _listen(
    request: Request,
    case: Case,
    heard: Heard,
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
                first_words(started.talk, heard, modern=modern, able=able)
            except Unavailable as error:
                last = b"".join(started.words)[-2000:].decode("utf-8", "replace").strip().splitlines()
                raise Unavailable(f"{error}{f'; its last words: {last[-1][:300]}' if last else ''}") from error
            finally:
                stray += started.talk.stray
        for attempt in watch.attempts:
            if _there(attempt) and (attempt.what in _ANYWHERE or not permits(box, attempt.what, attempt.place)):
                tried.setdefault(Tried(what=attempt.what, place=attempt.place.encode("utf-8", "replace").decode()[:1000]))
        return watch.began


_ANYWHERE = ("connect", "listen", "use")
"""What is noted wherever it leads."""
_NAMES_OF_USERS = ("unix:/var/run/nscd/socket", "unix:/run/nscd/socket")
"""The C library asks there for the name of a user."""


def _there(attempt: Attempt) -> bool:
    """Is it there? What does not exist was only looked for, as every interpreter does along its path."""
    if attempt.what == "connect" and attempt.place.startswith("unix:/"):
        return attempt.place not in _NAMES_OF_USERS and os.path.lexists(attempt.place.removeprefix("unix:"))
    return attempt.what in (*_ANYWHERE, "write") or os.path.lexists(attempt.place)


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
