"""Tasks of hosted servers: a call that was answered with a task has its result later, and that is counted to the call and given
to its caller alone.

A client of 2026-07-28 polls with ``tasks/get``, and the last answer holds the result; one of 2025-11-25 asks for it with
``tasks/result``. What a model reads of a task has one event of cost, under the name of the tool that was called.

A server sees one client, this host, so it cannot keep its tasks apart for several callers (MCP 2025-11-25, tasks, security).
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from dataclasses import dataclass, field

import msgspec
from msgspec import UNSET, Raw

from arcops.identity import Identity
from services.host import envelope
from services.host.costs.meter import Metered
from services.host.envelope import Malformed, Message

GET, RESULT, LIST = "tasks/get", "tasks/result", "tasks/list"
"""The first two are methods whose answer may hold what the call of a tool gave."""
OF_ONE = frozenset((GET, RESULT, "tasks/cancel", "tasks/update"))
"""Methods about one task."""
MOST_TASKS = 10_000
"""Of which call they are is known. One that was forgotten is no one's."""
_MOST_TASK = 16 * 1024
"""Bytes of an answer that only names a task."""


@dataclass(slots=True)
class _Begun:
    """The call of a ``tool`` in a ``trace``; ``told``: the event of its result was told."""

    tool: str
    trace: str
    told: bool = False


@dataclass(slots=True, kw_only=True)
class TaskCalls:
    """Which tasks were begun by which calls, as far as they are remembered: ``most``, the oldest are forgotten first."""

    most: int = MOST_TASKS
    _begun: OrderedDict[bytes, _Begun] = field(default_factory=OrderedDict)

    def began(self, caller: Identity, server: str, tool: str, trace: str, result: Raw | None) -> None:
        """The call of a *tool* was answered with *result*, which may be a task."""
        if result is None or memoryview(result).nbytes > _MOST_TASK or b'"taskId"' not in bytes(result):
            return
        found = _members(result)
        inner = _members(found.get("task"))  # 2025-11-25
        id = _text(found.get("taskId") if _text(found.get("resultType")) == "task" else inner.get("taskId"))
        if id:
            self._keep(_key(caller, server, id), _Begun(tool, trace))

    def is_of(self, caller: Identity, server: str, asked: Raw | None) -> bool:
        """Did a call of *caller* at *server* begin the task *asked*, as far as that is remembered?"""
        return _key(caller, server, _text(asked)) in self._begun

    def own(self, caller: Identity, server: str, found: Message) -> Message:
        """The list of tasks *found*, with those of *caller* alone. What is no list is an error."""
        try:
            result = envelope.members(found.result) or {}
            listed = envelope.objects(result["tasks"])
        except (Malformed, msgspec.MsgspecError, KeyError):
            return envelope.heard(envelope.error(b"0", envelope.INTERNAL_ERROR, "the server's list of tasks cannot be read"))
        own = [one for one in listed if self.is_of(caller, server, one.get("taskId"))]
        return envelope.heard(envelope.result(b"0", envelope.encoded({**result, "tasks": own})))

    def asks(self, call: Metered, asked: Raw | None) -> None:
        """*call* asks for the task *asked*: it has the name of the tool that began that."""
        begun = self._begun.get(_key(call.caller, call.server, _text(asked)))
        if begun is not None:
            call.tool, call.trace = begun.tool, call.trace or begun.trace

    def polled(self, call: Metered, asked: Raw | None, state: Raw | None) -> Raw | None:
        """What a model reads of the *state* of the task *asked*; ``None`` if that is nothing yet, or was told before."""
        found = _members(state)
        given = found.get("result", found.get("error"))
        if given is None:
            return None
        key = _key(call.caller, call.server, _text(asked))
        begun = self._begun.get(key) or _Begun(call.tool, call.trace)
        if begun.told:
            return None
        begun.told = True
        self._keep(key, begun)
        return given

    def _keep(self, key: bytes, begun: _Begun) -> None:
        self._begun[key] = begun
        self._begun.move_to_end(key)
        while len(self._begun) > self.most:
            self._begun.popitem(last=False)


def _key(caller: Identity, server: str, id: str) -> bytes:
    said = "\n".join((server, caller.issuer, caller.tenant, caller.id, id))
    return hashlib.sha256(said.encode("utf-8", "surrogatepass")).digest()


def _members(raw: Raw | None) -> dict[str, Raw]:
    try:
        return envelope.members(UNSET if raw is None else raw) or {}
    except Malformed:
        return {}


def _text(raw: Raw | None) -> str:
    try:
        return envelope.text(raw)
    except msgspec.DecodeError:
        return ""
