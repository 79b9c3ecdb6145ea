"""What a caller may do at a hosted server, how often, and the record of it.

The object of a decision is ``servers/NAME/TOOL`` for a tool, and ``servers/NAME/METHOD`` for what else gives out content. To
open a session and to list what there is takes no permission of its own: the host decides whose rows a caller sees. The user of
this machine may call every server that they added.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial

import msgspec
from msgspec import UNSET, Raw
from starlette.types import Scope

from adapters.http.access import Door
from adapters.http.callers import other_login
from adapters.relay.addresses import Addresses
from adapters.relay.failing import FORBIDDEN, LIMITED, RETRY_SECONDS, UNAUTHORIZED, Failed, Failure
from adapters.relay.in_scope import refuse_outside
from adapters.relay.task_calls import GET, LIST, OF_ONE, RESULT, TaskCalls
from arcops.errors import SAID_AS, ArcOpsError, Refused
from arcops.identity import Identity
from foundation.audit.record import NO_ONE, Actor, Outcome, Record
from foundation.audit.telling import Tells
from foundation.authorization.authorizing import decide, possible
from foundation.authorization.decision import Decision
from foundation.authorization.objects import CALL
from foundation.authorization.role_policy import RESERVED
from foundation.authorization.stronger import stronger
from foundation.limits.deciding import Deciding, Turn
from foundation.limits.fields import limit_field, policy_field
from foundation.limits.rules import Triple
from foundation.telemetry.spans import REQUEST
from services.host import envelope
from services.host.costs.meter import Meter, Metered
from services.host.envelope import Message
from services.host.hosted import Row
from services.host.link import Link
from services.host.shown_tools import hidden, shown

DOOR = "relay"
_CALL = frozenset((CALL,))
_TRACEPARENT = re.compile(rb"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
_GIVES = frozenset(
    (
        "resources/read",
        "resources/subscribe",
        "prompts/get",
        "completion/complete",
        "tasks/get",
        "tasks/result",
        "tasks/update",
        "tasks/cancel",
        "tasks/list",
    )
)
"""Methods that give out content, besides the calls of tools."""
_UNKNOWN = "unknown"
RECORDED = _GIVES | {"tools/call"}
"""Each request of these has one record, however it ends."""
_ARGUMENTS = {"tools/call": "arguments", "resources/read": "uri", "prompts/get": "arguments", RESULT: "taskId"}
"""Methods whose answer a model reads: each request of these counts for limits and quotas, and has one event of cost. Beside
each, the member of its params that says what is asked for. To poll for a task (``tasks/get``) counts only when it brings what
its call gave.
"""


async def _decided(limits: Deciding, caller: Identity, target: str) -> Turn:
    """What *limits* decide, in a thread. If this is cancelled meanwhile, a turn that was let through is given back."""
    deciding = asyncio.ensure_future(asyncio.to_thread(limits.decide, caller, target, _CALL))
    try:
        return await asyncio.shield(deciding)
    except asyncio.CancelledError:
        deciding.add_done_callback(partial(_given_back, limits, (caller.issuer, caller.tenant, caller.id), target))
        raise


def _given_back(limits: Deciding, who: Triple, target: str, done: asyncio.Future[Turn]) -> None:
    if not done.cancelled() and done.exception() is None and done.result().let and limits.ledger is not None:
        limits.ledger.given(who, target)


class _Arguments(Mapping[str, object]):
    """The arguments of a call, decoded only if a policy looks at them."""

    __slots__ = ("_found", "_raw")

    def __init__(self, raw: Raw | None) -> None:
        self._raw = raw
        self._found: Mapping[str, object] | None = None

    def _all(self) -> Mapping[str, object]:
        if self._found is None:
            try:
                found = envelope.value(self._raw)
            except msgspec.DecodeError:
                found = None
            self._found = found if isinstance(found, dict) else {}
        return self._found

    def __getitem__(self, name: str) -> object:
        return self._all()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())


@dataclass(slots=True, kw_only=True)
class Account:
    """The record of one call: told once, when it ended. Its place in the log is kept already."""

    audit: Tells
    record: Callable[[Outcome, str, int], Record]
    began: float = field(default_factory=time.perf_counter)
    told: bool = False

    def ended(self, outcome: Outcome, reason: str = "") -> None:
        """It ended so."""
        if self.told:
            return
        self.told = True
        self.audit.tell(self.record(outcome, reason, round((time.perf_counter() - self.began) * 1e6)), reserved=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Permit:
    """A request that may go on: its ``account`` and what is ``metered``, if it is one to keep; its answer's fields.

    ``tasks`` knows which ``task`` belongs to which call, and ``call`` is who calls which tool of which server in which trace.
    """

    account: Account | None = None
    metered: Metered | None = None
    headers: tuple[tuple[bytes, bytes], ...] = ()
    tasks: TaskCalls | None = None
    method: str = ""
    task: Raw | None = None
    call: tuple[Identity, str, str, str] | None = None

    def reached(self, link: Link) -> None:
        """It goes to the server at *link* now."""
        if self.metered is not None:
            self.metered.reached(link)

    def ended(self, outcome: Outcome, reason: str, found: Message | None) -> None:
        """It ended so; *found* is what the server answered, if it did."""
        if self.account is not None:
            self.account.ended(outcome, reason)
        result = (found.result if found.error is UNSET else found.error) if found is not None else UNSET
        said = None if result is UNSET else result
        if self.tasks is not None and self.call is not None and self.method == "tools/call":
            self.tasks.began(*self.call, said)
        if self.metered is not None:
            if self.tasks is not None and self.method == GET:
                said = self.tasks.polled(self.metered, self.task, said) if outcome is Outcome.DONE else None
                if said is None:
                    return
                self.metered.let = False
            self.metered.ended(outcome.value, said)


NOTHING_KEPT = Permit()


@dataclass(frozen=True, slots=True, kw_only=True)
class Permitting:
    """Decides by ``door``; without one everything may be done, and nothing is kept. ``meter`` measures what a model reads."""

    door: Door | None
    addresses: Addresses = field(default_factory=Addresses)
    meter: Meter | None = None
    tasks: TaskCalls = field(default_factory=TaskCalls)

    async def permit(self, scope: Scope, caller: Identity, row: Row, method: str, params: Mapping[str, Raw] | None) -> Permit:
        """*caller* asks the server of *row* for *method*.

        Raises `Failed`: not allowed, outside of what the row binds for this caller, over a limit, or no place for its record.
        """
        door, server = self.door, row.name
        if row.bound:
            self._within_scope(scope, caller, row, method, params)
        if row.tools is not None and (tool := hidden(row.tools, method, params)):
            self.told(scope, caller, Outcome.DENIED, "filter", server, tool)
            said = f"{server} shows no tool {tool[:100]!r}; list its tools to see what there is"
            raise Failed(Failure(status=403, code=FORBIDDEN, said=said, data={SAID_AS: "refused"}))
        if door is None or method not in RECORDED:
            return NOTHING_KEPT
        tool = _tool(method, params)
        target = f"servers/{server}/{tool}"
        if caller.issuer != RESERVED:
            given = _Arguments((params or {}).get("arguments"))

            def may(one: Identity) -> Decision:
                return decide(one, CALL, target, given, door.authorization, shared=row.shares)

            decision = may(caller)
            if not decision.allowed:
                self.told(scope, caller, Outcome.DENIED, "policy", server, tool)
                raise self._denied(server, decision, stronger(caller, may, door.authorization))
        if method in OF_ONE and row.shared and not self.tasks.is_of(caller, server, (params or {}).get("taskId")):
            self.told(scope, caller, Outcome.DENIED, "task", server, tool)
            said = f"no call of yours at {server} began this task, as far as this host knows; call the tool again"
            raise Failed(Failure(status=400, code=envelope.INVALID_PARAMS, said=said, data={SAID_AS: "refused"}))
        return await self._begun(scope, caller, server, method, tool, params)

    def seen(self, caller: Identity, row: Row, method: str, found: Message) -> Message:
        """*found*, the answer to *method*, with no more than *caller* may know of."""
        if method == LIST and row.shared and self.door is not None and found.error is UNSET:
            return self.tasks.own(caller, row.name, found)
        return shown(row.tools, method, found)

    async def permit_here(
        self, scope: Scope, caller: Identity, server: str, tool: str, params: Mapping[str, Raw] | None
    ) -> Permit:
        """*caller* calls a *tool* of this host itself, under the name *server*, which shows only what they may see. Raises as
        `permit`: over a limit, or no place for its record.
        """
        return await self._begun(scope, caller, server, "tools/call", tool, params)

    async def _begun(
        self, scope: Scope, caller: Identity, server: str, method: str, tool: str, params: Mapping[str, Raw] | None
    ) -> Permit:
        """A request that may be done, within its limits and with a place for its record and its cost."""
        door, target = self.door, f"servers/{server}/{tool}"
        if door is None:
            return NOTHING_KEPT
        headers: tuple[tuple[bytes, bytes], ...] = ()
        counted = method in _ARGUMENTS
        if counted:
            headers = await self._within_limits(scope, caller, server, tool, target)
        account = metered = None
        task = (params or {}).get("taskId")
        try:
            if (counted or method == GET) and self.meter is not None:
                audited = door.accounts is not None and bool(caller.id)
                arguments = (params or {}).get(_ARGUMENTS.get(method, ""))
                metered = self.meter.begin(caller, server, tool, arguments, trace=_trace(scope), audited=audited)
                if method in (GET, RESULT):
                    self.tasks.asks(metered, task)
            if door.accounts is not None:
                door.accounts.audit.reserve()
                account = Account(
                    audit=door.accounts.audit, record=partial(self._record, scope, caller, server, tool, datetime.now(UTC))
                )
        except ArcOpsError as error:
            if counted and door.limits is not None and door.limits.ledger is not None:
                door.limits.ledger.given((caller.issuer, caller.tenant, caller.id), target)
            raise Failed(_not_now(error)) from error
        call = (caller, server, tool, metered.trace if metered is not None else "")
        return Permit(account=account, metered=metered, headers=headers, tasks=self.tasks, method=method, task=task, call=call)

    def refused(
        self, scope: Scope, caller: Identity, server: str, method: str, params: Mapping[str, Raw] | None, reason: str
    ) -> None:
        """Record a request that was wrong in itself, and so was asked of no server."""
        if method in RECORDED:
            self.told(scope, caller, Outcome.REFUSED, reason, server, _tool(method, params))

    def may(self, caller: Identity, row: Row, tool: str) -> bool:
        """May *caller* call this *tool* of the server of *row*, or one of the methods that give out something else, with some
        arguments? It is asked for a list; a call is decided by `permit`.
        """
        if row.tools is not None and tool not in row.tools and tool not in _GIVES:
            return False
        if self.door is None or caller.issuer == RESERVED:
            return True
        target = f"servers/{row.name}/{tool}"
        return possible(caller, CALL, target, self.door.authorization, shared=row.shares)

    def _denied(self, server: str, decision: Decision, acr: tuple[str, ...]) -> Failed:
        if not acr:
            return Failed(Failure(status=403, code=FORBIDDEN, said=decision.reason, data={SAID_AS: "refused"}))
        found = other_login(acr, f'resource_metadata="{self.addresses.metadata(server)}"')
        headers = ((b"www-authenticate", found.challenge.encode()),)
        return Failed(
            Failure(status=found.status, code=UNAUTHORIZED, said=found.said, data={SAID_AS: "refused"}, headers=headers)
        )

    def _within_scope(self, scope: Scope, caller: Identity, row: Row, method: str, params: Mapping[str, Raw] | None) -> None:
        try:
            refuse_outside(row, caller, params or {})
        except Refused as error:
            self.told(scope, caller, Outcome.DENIED, "scope", row.name, envelope.text((params or {}).get("name")) or method)
            raise Failed(Failure(status=403, code=FORBIDDEN, said=str(error), data={SAID_AS: "refused"})) from error

    async def _within_limits(
        self, scope: Scope, caller: Identity, server: str, tool: str, target: str
    ) -> tuple[tuple[bytes, bytes], ...]:
        limits = self.door.limits if self.door is not None else None
        if limits is None:
            return ()
        try:
            if limits.waits():
                turn = await _decided(limits, caller, target)
            else:
                turn = limits.decide(caller, target, _CALL)
        except ArcOpsError as error:
            self.told(scope, caller, Outcome.LIMIT, "limits", server, tool)
            raise Failed(_not_now(error)) from error
        headers = _fields(policy_field(turn.lines), limit_field(turn.lines)) if turn.lines else ()
        if turn.let:
            return headers
        self.told(scope, caller, Outcome.LIMIT, turn.by, server, tool)
        data = {SAID_AS: "unavailable", "retryAfterSeconds": turn.wait}
        retry = (b"retry-after", b"%d" % turn.wait)
        raise Failed(Failure(status=429, code=LIMITED, said=turn.reason, data=data, headers=(retry, *headers)))

    def told(self, scope: Scope, caller: Identity | None, outcome: Outcome, reason: str, server: str, tool: str = "") -> None:
        """Record that a request was not let through. It is not done in any case, so it needs no place kept for it."""
        if self.door is None or self.door.accounts is None:
            return
        with suppress(ArcOpsError):
            self.door.accounts.audit.tell(self._record(scope, caller, server, tool, datetime.now(UTC), outcome, reason, 0))

    def _record(
        self,
        scope: Scope,
        caller: Identity | None,
        server: str,
        tool: str,
        at: datetime,
        outcome: Outcome,
        reason: str,
        took: int,
    ) -> Record:
        accounts = self.door.accounts if self.door is not None else None
        return Record(
            at=at,
            action=tool if tool in _GIVES else "tools/call" if tool else "access",
            outcome=outcome,
            reason=reason,
            latency_us=took,
            actor=Actor.of(caller) if caller is not None else NO_ONE,
            door=DOOR,
            tool=tool,
            object=f"servers/{server}",
            tier=accounts.tier.value if accounts is not None else "",
            request=str(scope.get(REQUEST, "")),
            source=str((scope.get("client") or ("",))[0]),
        )


def _tool(method: str, params: Mapping[str, Raw] | None) -> str:
    """What is called: the tool, or the method that gives out content. Without a name that can be read, it is unknown."""
    if method != "tools/call":
        return method
    try:
        return envelope.text((params or {}).get("name")) or _UNKNOWN
    except msgspec.DecodeError:
        return _UNKNOWN


def _trace(scope: Scope) -> str:
    """The trace that the request is a part of (W3C Trace Context, ``traceparent``), or nothing."""
    for name, value in scope["headers"]:
        if name == b"traceparent":
            return value[3:35].decode() if _TRACEPARENT.fullmatch(value) else ""
    return ""


def _fields(policy: str, limit: str) -> tuple[tuple[bytes, bytes], ...]:
    return (b"ratelimit-policy", policy.encode()), (b"ratelimit", limit.encode())


def _not_now(error: Exception) -> Failure:
    return Failure(
        status=503,
        code=envelope.UNAVAILABLE,
        said=str(error),
        data={SAID_AS: "unavailable", "retryAfterSeconds": RETRY_SECONDS},
        headers=((b"retry-after", b"%d" % RETRY_SECONDS),),
    )
