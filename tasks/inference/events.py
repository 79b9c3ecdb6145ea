"""Reads the stream of an OpenAI-compatible answer: from bytes to text, token count and end.

Server-sent events as the WHATWG HTML standard has them (section 9.2.6), of which such servers use ``data`` lines alone.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from arcops.endpoint import Route
from arcops.seen.inference import Fault

_MOST_EVENT = 1024 * 1024
_MOST_COUNT = 2**31
_LONGEST_FINISH = 40


class BadAnswer(Exception):
    """The answer is wrong. ``said`` holds no text of it, because a server may repeat the key that it got.

    ``status`` is its HTTP status if that is the error, else 0.
    """

    def __init__(self, fault: Fault, said: str, status: int = 0) -> None:
        super().__init__(said)
        self.fault, self.said, self.status = fault, said, status


@dataclass(slots=True)
class StreamedAnswer:
    """What has come so far. ``moments`` are nanoseconds of the clock, one for each event with text."""

    route: Route
    most_events: int
    moments: list[int] = field(default_factory=list)
    tokens: int | None = None
    finish: str = ""
    done: bool = False
    _text: Any = field(default_factory=hashlib.sha256)
    _rest: bytearray = field(default_factory=bytearray)
    _data: list[bytes] = field(default_factory=list)
    _size: int = 0
    _looked: int = 0

    @property
    def digest(self) -> str:
        return str(self._text.hexdigest())

    def feed(self, data: bytes, at: int) -> None:
        """Take *data* that arrived *at*. Raises `BadAnswer`."""
        self._rest += data
        for line in self._lines():
            if line:
                self._line(line)
            elif self._data:
                event, self._data, self._size = b"\n".join(self._data), [], 0
                self._event(event, at)
        if len(self._rest) > _MOST_EVENT:
            raise BadAnswer(Fault.TOO_LARGE, f"an event is larger than {_MOST_EVENT} bytes")

    def _lines(self) -> Iterator[bytes]:
        while not self.done and (end := self._rest.find(b"\n", self._looked)) >= 0:
            line = bytes(self._rest[:end]).removesuffix(b"\r")
            del self._rest[: end + 1]
            self._looked = 0
            yield line
        self._looked = len(self._rest)  # no line ends before this point, so the next search begins here

    def _line(self, line: bytes) -> None:
        name, _, value = line.partition(b":")
        if name != b"data":
            if name not in (b"", b"event", b"id", b"retry"):
                raise BadAnswer(Fault.MALFORMED, "a line of the stream is not a field of a server-sent event")
            return
        self._data.append(value.removeprefix(b" "))
        self._size += len(value)
        if self._size > _MOST_EVENT:
            raise BadAnswer(Fault.TOO_LARGE, f"an event is larger than {_MOST_EVENT} bytes")

    def _event(self, event: bytes, at: int) -> None:
        if event == b"[DONE]":
            self.done = True
            return
        try:
            said = json.loads(event)
        except (ValueError, RecursionError) as error:
            raise BadAnswer(Fault.MALFORMED, "an event of the stream is not JSON") from error
        if not isinstance(said, dict):
            raise BadAnswer(Fault.MALFORMED, "an event of the stream is not a JSON object")
        if said.get("error"):
            raise BadAnswer(Fault.SERVER, "the stream ended with an error instead of text")
        self._usage(said.get("usage"))
        choices = said.get("choices")
        if not isinstance(choices, list) or not all(isinstance(choice, dict) for choice in choices):
            raise BadAnswer(Fault.MALFORMED, "an event of the stream has no list of choices")
        for choice in choices:
            self._choice(choice, at)

    def _choice(self, choice: dict[str, Any], at: int) -> None:
        finish = choice.get("finish_reason")
        if isinstance(finish, str):
            self.finish = "".join(char if char.isprintable() else "?" for char in finish[:_LONGEST_FINISH])
        if self.route is Route.CHAT:
            delta = choice.get("delta")
            if not isinstance(delta, dict):
                raise BadAnswer(Fault.MALFORMED, "a choice of the stream has no delta")
            parts = [delta.get("reasoning_content"), delta.get("reasoning"), delta.get("content")]
        else:
            parts = [choice.get("text")]
        if any(part is not None and not isinstance(part, str) for part in parts):
            raise BadAnswer(Fault.MALFORMED, "the content of an event is not text")
        text = "".join(part for part in parts if part)
        if not text:
            return
        self._text.update(text.encode("utf-8", "surrogatepass"))
        self.moments.append(at)
        if len(self.moments) > self.most_events:
            raise BadAnswer(
                Fault.ENDLESS, f"more than {self.most_events} events with text came, far more than the requested tokens"
            )

    def _usage(self, usage: object) -> None:
        if not isinstance(usage, dict):
            return
        tokens = usage.get("completion_tokens")
        if isinstance(tokens, int) and not isinstance(tokens, bool) and 0 <= tokens < _MOST_COUNT:
            self.tokens = tokens
        elif tokens is not None:
            raise BadAnswer(Fault.MALFORMED, "the count of tokens is not a number")
