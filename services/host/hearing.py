"""What one running server says: each message goes to the call or the sessions that it is for, and to no one else."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

import msgspec
from msgspec import UNSET, Raw, UnsetType

from services.host import envelope
from services.host.calls import Call, Counts, Listener, TooMuch
from services.host.envelope import Malformed, Message
from services.host.pipe import Lost

MOST_STRAYS = 1000
"""Lines of one server that are no messages, before it counts as broken: what prints there does not speak MCP."""
SUBSCRIPTION = "io.modelcontextprotocol/subscriptionId"
PROGRESS, CANCELLED, MESSAGE = "notifications/progress", "notifications/cancelled", "notifications/message"
UPDATED = "notifications/resources/updated"
CHANGED = "/list_changed"
TASK_STATUS = "notifications/tasks/status"
"""How the notification of each list that changed ends."""


@dataclass(slots=True, kw_only=True, eq=False)
class Hearing:
    """Hears a server for its `Link`, whose ``pending`` calls, ``cancelled`` ids, ``listeners`` and ``counts`` these are.

    ``private``: one session has it for itself. ``write`` sends it a message; ``broken`` ends it with a reason. ``changes`` is
    how often it said that a list of it changed.
    """

    name: str
    private: bool
    counts: Counts
    pending: Mapping[int, Call]
    cancelled: Collection[int]
    listeners: Collection[Listener]
    write: Callable[[bytes], None]
    broken: Callable[[str], None]
    most_strays: int = MOST_STRAYS
    changes: int = 0

    def heard(self, line: bytes) -> None:
        """The server wrote *line*."""
        try:
            message = envelope.heard(line)
        except Malformed:
            self._stray()
            return
        if message.method is UNSET:
            self._answered(message)
        elif message.id is UNSET:
            self._told(message.method, message)
        else:
            self._asked(envelope.encoded(message.id), message.method, message)

    def _stray(self) -> None:
        self.counts.strays += 1
        if self.counts.strays == self.most_strays:
            self.broken(f"{self.name} wrote {self.most_strays} lines to its output that are no messages of MCP")

    def _answered(self, message: Message) -> None:
        call = self.pending.get(message.id) if isinstance(message.id, int) else None
        if call is None or call.answer.done():
            if message.id in self.cancelled:
                self.counts.late += 1
            else:
                self.counts.unknown += 1
        elif envelope.is_answer(message):
            call.answer.set_result(message)
        else:
            call.answer.set_exception(TooMuch(f"{self.name} answered with neither a result nor an error, or with both"))

    def _told(self, method: str, message: Message) -> None:
        try:
            params = envelope.members(message.params)
        except Malformed:
            self._stray()
            return
        if method == PROGRESS:
            self._progressed(params or {})
        elif method == CANCELLED:
            id = bytes((params or {}).get("requestId", Raw(b"null")))
            for listener in list(self.listeners):
                listener.withdrawn(id, message)
        elif params is not None and b"subscriptionId" in bytes(params.get("_meta", Raw(b""))):
            self._subscribed(method, params)
        else:
            self._spread(method, params or {}, envelope.notification(method, _bytes(message.params)))

    def _progressed(self, params: dict[str, Raw]) -> None:
        call = self._of(params.get("progressToken"))
        if call is None or call.tell is None or call.token is None:
            self.counts.unheard += 1
            return
        params["progressToken"] = call.token
        call.tell(PROGRESS, envelope.notification(PROGRESS, envelope.encoded(params)))

    def _subscribed(self, method: str, params: dict[str, Raw]) -> None:
        meta = envelope.members(params["_meta"]) or {}
        self.changes += method.endswith(CHANGED)
        call = self._of(meta.get(SUBSCRIPTION))
        if call is None or call.tell is None or not call.subscription:
            self.counts.unheard += 1
            return
        params["_meta"] = Raw(envelope.encoded({**meta, SUBSCRIPTION: Raw(call.subscription)}))
        call.tell(method, envelope.notification(method, envelope.encoded(params)))

    def _of(self, id: Raw | None) -> Call | None:
        try:
            found = envelope.value(id)
        except msgspec.DecodeError:
            return None
        return self.pending.get(found) if isinstance(found, int) else None

    def _spread(self, method: str, params: Mapping[str, Raw], message: bytes) -> None:
        """A notification that names no call: a log line to the call that it may be about, others to the sessions."""
        if method == MESSAGE:
            about = self._about()
            if about is not None and about.tell is not None:
                about.tell(method, message)
                return
            if not self.private and self.pending:
                self.counts.unheard += 1  # of which call it is, no one can know, and it may say what only one may see
                return
        if method == TASK_STATUS and not self.private:
            self.counts.unheard += 1  # whose task it is, is not known here; its client polls
            return
        self.changes += method.endswith(CHANGED)
        uri = envelope.text(params.get("uri")) if method == UPDATED else ""
        concerned = [one for one in self.listeners if not uri or self.private or one.wants(uri)]
        for listener in concerned:
            listener.told(method, message)
        if not concerned:
            self.counts.unheard += 1

    def _about(self) -> Call | None:
        """The call that something without a name of a call may be about: the newest, if all are of one session."""
        calls = [one for one in self.pending.values() if one.tell is not None and not one.subscription]
        if not calls or (not self.private and any(one.listener is not calls[0].listener for one in calls)):
            return None
        if not self.private and len(calls) > 1 and calls[0].listener is None:
            return None
        return calls[-1]

    def _asked(self, id: bytes, method: str, message: Message) -> None:
        if method == "ping":
            self.write(envelope.result(id, b"{}"))
            return
        if self.private:
            for listener in self.listeners:
                if listener.asked(id, method, message.params, self._about()):
                    return
            why = "no client of this server can be asked now"
        else:
            why = "several sessions share this server (its row says stateless), so none of them can be asked"
        self.write(envelope.error(id, envelope.METHOD_NOT_FOUND, f"{method} is not passed on: {why}"))

    def lost(self, lost: Lost) -> None:
        """The server wrote a message over the bound."""
        self.counts.lost += 1
        call = self.pending.get(lost.id) if lost.answer and isinstance(lost.id, int) else None
        why = TooMuch(f"{self.name} answered with {lost.size} bytes, which is over the bound of one message")
        if call is not None and not call.answer.done():
            call.answer.set_exception(why)
        elif lost.answer and lost.id is None and len(self.pending) == 1:  # it can be no other's
            only = next(iter(self.pending.values()))
            if not only.answer.done():
                only.answer.set_exception(why)


def _bytes(raw: Raw | UnsetType) -> bytes | None:
    return None if raw is UNSET else bytes(raw)
