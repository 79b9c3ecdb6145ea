"""What measures the calls of hosted servers: cheap on their way, counted and written by a thread of its own.

A call that ended waits in memory for a quarter of a second at most. What the database does not take goes to a file of this
machine (`spool`). If that is full, too, calls are refused, or by best effort their events are lost, counted and recorded.
"""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from msgspec import Raw

from arcops.errors import ArcOpsError, Unavailable
from arcops.identity import Identity
from foundation.limits.ledger import Ledger
from services.host.costs.event import CostEvent
from services.host.costs.rates import UNKNOWN, Card, Model, Rates
from services.host.costs.spool import Spool
from services.host.costs.tokens import Tokenizers, estimated, read_by_model

_log = logging.getLogger(__name__)
EVERY_SECONDS = 0.25
MOST_CALLS = 20_000
"""Calls whose events wait in memory."""
MOST_HELD = 32 * 1024 * 1024
"""Bytes of arguments and results that wait to be counted; what is over that is estimated."""
_BATCH = 1000
_AGAIN_SECONDS = 2.0
_CLOSE_SECONDS = 5.0


class Timed(Protocol):
    """A link to a running server, as far as its time is measured. ``process`` is its main process, if it has one here."""

    process: int | None

    @property
    def busy(self) -> int:
        """How many calls wait at it."""

    @property
    def called(self) -> int:
        """How many calls it had."""


@dataclass(slots=True, kw_only=True, eq=False)
class Metered:
    """One call that is measured. `ended` is told once, whatever becomes of it. ``let``: limits let it through as a call."""

    meter: Meter
    caller: Identity
    server: str
    tool: str
    arguments: Raw | None
    trace: str
    audited: bool
    at: int
    began: float
    link: Timed | None = None
    cpu: float | None = None
    before: int = 0
    let: bool = True

    def reached(self, link: Timed) -> None:
        """It goes to *link* now."""
        if link.process is not None and not link.busy:
            self.link, self.before, self.cpu = link, link.called, cpu_of(link.process)

    def ended(self, outcome: str, result: Raw | None) -> None:
        """It ended so, with this *result* or error."""
        took = round((time.perf_counter() - self.began) * 1e6)
        cpu, link = None, self.link
        if link is not None and link.process is not None and link.called == self.before + 1 and self.cpu is not None:
            now = cpu_of(link.process)
            cpu = round((now - self.cpu) * 1e6) if now is not None else None
        self.meter.tell(_Seen(call=self, outcome=outcome, result=result, latency=took, cpu=cpu))


@dataclass(slots=True, kw_only=True, eq=False)
class _Seen:
    """A call that ended. ``result`` is dropped if its tokens are only estimated."""

    call: Metered
    outcome: str
    result: Raw | None
    latency: int
    cpu: int | None
    model: Model = UNKNOWN
    size_in: int = 0
    size_out: int = 0
    guessed: int = 0


class Meter:
    """Measures calls. *write* keeps events, or raises `Unavailable`; *rates* gives the rates as they are now; *lost* is told
    how many events could be kept nowhere, when something can be kept again. *ledger* counts for quotas.
    """

    def __init__(
        self,
        write: Callable[[Sequence[CostEvent]], object],
        rates: Callable[[], Rates],
        spool: Spool,
        *,
        host: str = "",
        required: bool = True,
        ledger: Ledger | None = None,
        lost: Callable[[int], object] = bool,
        most: int = MOST_CALLS,
        most_held: int = MOST_HELD,
        every: float = EVERY_SECONDS,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._write, self._rates, self._spool, self._lose = write, rates, spool, lost
        self.host = host or new_host()
        self._required, self._ledger, self._most, self._most_held, self._every = required, ledger, most, most_held, every
        self._wall = wall
        self._tokenizers = Tokenizers()
        self._seen: deque[_Seen] = deque()
        self._settled = 0  # the number of the last event that the ledger was told is kept
        self._held_ever = self._counted_ever = 0  # bytes; each is changed by one thread
        self._waiting: deque[CostEvent] = deque()
        self._number = 0
        self.lost = 0
        """Events that could be kept nowhere."""
        self._unsaid = 0
        self._problem = ""
        self._no_room = ""
        self._card: Card | None = None
        self._currency = ""
        self._ending, self._told, self._idle = threading.Event(), threading.Event(), threading.Condition()
        self._busy = False
        self._look()
        self._thread = threading.Thread(target=self._run, name="costs", daemon=True)
        self._thread.start()

    def begin(self, caller: Identity, server: str, tool: str, arguments: Raw | None, *, trace: str, audited: bool) -> Metered:
        """*caller* calls *tool* of *server*. Raises `Unavailable` if its event could not be kept, and has to be."""
        if self._required and (self._no_room or len(self._seen) >= self._most):
            raise Unavailable(
                f"this call's cost cannot be recorded, so it is not done: {self._no_room or 'too many events wait'}; try "
                "again, and tell the operator (ARCOPS_HOST_COSTS says whether it has to be)"
            )
        return Metered(
            meter=self,
            caller=caller,
            server=server,
            tool=tool,
            arguments=arguments,
            trace=trace,
            audited=audited,
            at=int(self._wall() * 1000),
            began=time.perf_counter(),
        )

    def tell(self, seen: _Seen) -> None:
        """A call ended. Never waits."""
        call, card = seen.call, self._card
        arguments, result = call.arguments, seen.result
        seen.size_in = memoryview(arguments).nbytes if arguments is not None else 0  # `bytes` of it would be a copy
        seen.size_out = memoryview(result).nbytes if result is not None else 0
        who = call.caller
        model = seen.model = card.model((who.issuer, who.tenant, who.id), call.server) if card is not None else UNKNOWN
        around = model.around_arguments + model.around_result
        seen.guessed = estimated(model, seen.size_in) + estimated(model, seen.size_out) + around
        if self._ledger is not None:
            told = self._ledger.ended if call.let else self._ledger.came
            told((who.issuer, who.tenant, who.id), call.server, call.at, seen.guessed)
        if not self._required and len(self._seen) >= self._most:
            self._drop(1)
            return
        held = seen.size_in + seen.size_out
        if model.tokenizer is not None and self._held_ever - self._counted_ever + held <= self._most_held:
            self._held_ever += held
        else:
            call.arguments = seen.result = None
        self._seen.append(seen)
        if len(self._seen) >= _BATCH and not self._told.is_set():
            self._told.set()

    def healthy(self) -> str:
        """Empty if what is told is kept in the database; else what is wrong, in one sentence without folders."""
        if not self._thread.is_alive():
            return "the writer of the events of cost ended"
        lost = f", and {self.lost:,} are lost" if self.lost else ""
        if self._no_room:
            return f"events of cost can be kept nowhere{lost}: {self._no_room}"
        if self._problem:
            return f"events of cost wait on this machine{lost}, because the database does not take them; the log says why"
        return f"{self.lost:,} events of cost are lost" if self.lost else ""

    def flush(self, seconds: float = _CLOSE_SECONDS) -> bool:
        """Wait until all that was told before is kept; false if that is not so after so many *seconds*."""
        ends = time.monotonic() + seconds
        with self._idle:
            while self._seen or self._waiting or self._busy:
                left = ends - time.monotonic()
                if left <= 0 or not self._thread.is_alive():
                    return False
                self._told.set()
                self._idle.wait(min(left, 0.05))
        return True

    def close(self) -> None:
        """Keep all that was told, and end."""
        self._ending.set()
        self._told.set()
        self._thread.join(_CLOSE_SECONDS)

    def _run(self) -> None:
        again = 0.0
        while True:
            self._told.wait(self._every)
            self._told.clear()
            ending = self._ending.is_set()
            with self._idle:
                self._busy = True
            try:
                self._look()
                self._count()
                if ending or not self._problem or time.monotonic() >= again:
                    again = time.monotonic() + _AGAIN_SECONDS
                    self._keep()
                elif self._waiting:
                    self._put_by()
            except Exception:  # the thread must go on: calls are refused else
                _log.exception("events of cost could not be kept")
            with self._idle:
                self._busy = False
                self._idle.notify_all()
            if ending:
                self._spool.close()
                left = len(self._waiting) + len(self._seen)
                if left:
                    _log.error("the host ends with %d events of cost that are kept nowhere", left)
                return

    def _look(self) -> None:
        found = self._rates()
        self._currency = found.currency
        self._card = found.at(int(self._wall() * 1000))

    def _count(self) -> None:
        """Make events of the calls that ended."""
        while self._seen:
            batch = [self._seen.popleft() for _ in range(min(_BATCH, len(self._seen)))]
            tokens = self._tokens(batch)
            for seen, (tokens_in, tokens_out, guess) in zip(batch, tokens, strict=True):
                self._number += 1
                event = self._event(seen, tokens_in, tokens_out, guess)
                if self._ledger is not None and (more := event.tokens_in + event.tokens_out - seen.guessed):
                    self._ledger.corrected((event.issuer, event.tenant, event.identity), event.server, event.at, more)
                self._waiting.append(event)

    def _tokens(self, batch: Sequence[_Seen]) -> list[tuple[int, int, bool]]:
        """The tokens of the arguments and of the result of each, and whether they are estimated."""
        found: list[tuple[int, int, bool] | None] = [None] * len(batch)
        by_model: dict[Model, list[int]] = {}
        for number, seen in enumerate(batch):
            if seen.call.arguments is not None or seen.result is not None:
                by_model.setdefault(seen.model, []).append(number)
        for model, numbers in by_model.items():
            texts: list[str] = []
            for one in numbers:
                arguments, result = batch[one].call.arguments, batch[one].result
                texts.append(bytes(arguments).decode(errors="replace") if arguments is not None else "")
                texts.append(read_by_model(bytes(result)) if result is not None else "")
                self._counted_ever += batch[one].size_in + batch[one].size_out
                batch[one].call.arguments = batch[one].result = None
            counted = self._tokenizers.count(model, texts) if model.tokenizer is not None else None
            if counted is not None:
                for place, one in enumerate(numbers):
                    found[one] = (counted[2 * place], counted[2 * place + 1], False)
        return [
            one or (estimated(seen.model, seen.size_in), estimated(seen.model, seen.size_out), True)
            for one, seen in zip(found, batch, strict=True)
        ]

    def _event(self, seen: _Seen, tokens_in: int, tokens_out: int, guess: bool) -> CostEvent:
        call, card, model = seen.call, self._card, seen.model
        tokens_in += model.around_arguments
        tokens_out += model.around_result
        return CostEvent(
            host=self.host,
            number=self._number,
            at=call.at,
            issuer=call.caller.issuer,
            tenant=call.caller.tenant,
            identity=call.caller.id,
            server=call.server,
            tool=call.tool.replace("\0", "\ufffd")[:200],  # PostgreSQL takes no text with a NUL
            model=model.name,
            bytes_in=seen.size_in,
            bytes_out=seen.size_out,
            tokens_in=tokens_in,
            tokens_out=tokens_out,
            estimated=guess,
            cpu=seen.cpu,
            price=card.price(model, tokens_in, tokens_out, seen.cpu) if card is not None else None,
            currency=self._currency,
            card=card.since.isoformat() if card is not None else "",
            latency=seen.latency,
            outcome=seen.outcome,
            audited=call.audited,
            trace=call.trace,
        )

    def _keep(self) -> None:
        """Write what waits: first what was put by, because the database takes a host's events in their order."""
        try:
            for batch in self._spool.batches():
                self._write(batch)
                self._kept(batch)
            self._spool.clear()
            while self._waiting:
                batch = tuple(self._first(_BATCH))
                self._write(batch)
                self._kept(batch)
                for _ in batch:
                    self._waiting.popleft()
        except ArcOpsError as error:
            if str(error) != self._problem:
                _log.warning("events of cost wait on this machine, because the database does not take them: %s", error)
            self._problem = str(error)
            self._put_by()
            return
        if self._problem:
            _log.warning("the database takes events of cost again")
        self._problem = self._no_room = ""
        self._say_lost()

    def _kept(self, batch: Iterable[CostEvent]) -> None:
        """The ledger reads these in the database from now on."""
        if self._ledger is None:
            return
        for one in batch:  # what was put by may be written again, and is told once
            if one.host == self.host and one.number > self._settled:
                self._settled = one.number
                self._ledger.kept((one.issuer, one.tenant, one.identity), one.server, one.at, one.tokens_in + one.tokens_out)

    def _put_by(self) -> None:
        while self._waiting:
            batch = tuple(self._first(_BATCH))
            try:
                self._spool.put(batch)
            except Unavailable as error:
                if str(error) != self._no_room:
                    _log.error("events of cost can be kept nowhere: %s", error)
                self._no_room = str(error)
                if not self._required and len(self._waiting) > self._most:
                    self._drop(len(self._waiting) - self._most)
                    while len(self._waiting) > self._most:
                        self._waiting.popleft()
                return
            self._no_room = ""
            for _ in batch:
                self._waiting.popleft()

    def _first(self, most: int) -> Iterable[CostEvent]:
        return (self._waiting[number] for number in range(min(most, len(self._waiting))))

    def _drop(self, count: int) -> None:
        self.lost += count
        self._unsaid += count

    def _say_lost(self) -> None:
        if self._unsaid:
            try:
                self._lose(self._unsaid)
            except ArcOpsError:
                return
            self._unsaid = 0


def new_host() -> str:
    """A name for this process's events that no other has."""
    return secrets.token_hex(8)


def cpu_of(process: int) -> float | None:
    """Seconds of CPU of *process* and its threads; ``None`` if it has ended. Linux names the clock by the process."""
    try:
        return time.clock_gettime((~process << 3) | 2)
    except OSError:
        return None
