"""The servers that this host runs: started when they are first asked for, ended when their row says so or no one uses them.

The database says what may run; this host keeps a copy of it, which is looked at again every half second. Nothing starts without
asking the database itself, so while it does not answer, what runs goes on and nothing else begins.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path

from arcops.errors import ArcOpsError, Refused, Unavailable
from arcops.identity import Identity
from foundation.database.lease import Leases
from foundation.processes.keeping import Keeping
from services.host.draining import judging
from services.host.eras import Era
from services.host.figures.starts import Starts, Tell, untold
from services.host.held_to_its_verdict import held_to_its_verdict
from services.host.holding import Holding, no_address
from services.host.hosted import NotYet, Row, Shown, State
from services.host.link import Link
from services.host.looking import Looking
from services.host.offering import pins_by_name, unlike
from services.host.offers import Offers
from services.host.pipe import HostedPipe
from services.host.placing import key_of, refuse_more
from services.host.provisioning import Provisioning
from services.host.reaping import reaping
from services.host.rows import HostedRow, Rows
from services.host.saying import saying
from services.host.serving import Key, Running, Serving
from services.host.spec import is_agent, is_elsewhere
from services.host.starting import Starting
from services.host.to_agents import Bridge, no_bridge
from services.host.updating.switching import proven
from services.host.verdicts import Verdicts
from services.host.withdrawing import Withdrawing, refusal

_log = logging.getLogger(__name__)


class Hosting:
    """As `Hosted`, for the doors. *host* is this host's name, which no other has; *environment* the operator's, for secrets.

    *verdicts* says which rows may run. *logs* gets each line that a server writes to its standard error. *prepare* is called
    until it succeeds once, before rows are read: it brings the database to this version's schema. *address_of* reads another
    host's address from its name in a lease; empty if it has none. *authorities* are as for `Starting`. *record* keeps what
    figures are measured from. *bridge* carries calls to agents. The loops of ``beside`` run as long as this host does.
    """

    def __init__(
        self,
        rows: Rows,
        leases: Leases,
        provisioning: Provisioning,
        keeping: Keeping,
        verdicts: Verdicts,
        *,
        host: str,
        home: Path,
        environment: Mapping[str, str],
        logs: Callable[[str, str], None],
        prepare: Callable[[], object] = bool,
        address_of: Callable[[str], str] = no_address,
        authorities: str = "",
        record: Tell = untold,
        bridge: Bridge = no_bridge,
    ) -> None:
        self._rows, self._provisioning, self._keeping = rows, provisioning, keeping
        self._verdicts = verdicts
        self._host, self._logs, self._bridge = host, logs, bridge
        self._starting = Starting(provisioning, keeping, home=home, environment=environment, authorities=authorities)
        self._servers: dict[str, Serving] = {}
        self._starts = Starts(record)
        self.beside: tuple[Callable[[], Coroutine[None, None, None]], ...] = ()
        self._holding = Holding(leases, lose=self._lost, address_of=address_of)
        self._closing = False
        self._withdrawing = Withdrawing(rows)
        self._proving: set[asyncio.Task[None]] = set()
        came = self._starts.came
        self._looking = Looking(rows, self._servers, end=self._end, prove=self._prove, prepare=prepare, came=came)
        self.offers = Offers(rows=lambda: [one.row for one in self._servers.values()], verdicts=verdicts)

    def row(self, name: str) -> Row | None:
        """As `Hosted.row`."""
        found = self._servers.get(name)
        if found is None:
            return None
        spec = found.row.current.spec
        return Row(
            name=name,
            stateless=spec.stateless,
            call_seconds=float(spec.call_seconds),
            bound=spec.bound,
            one_host=spec.one_host,
            shares=found.row.shares,
            elsewhere=is_elsewhere(spec),
        )

    async def elsewhere(self, name: str) -> str:
        """As `Hosted.elsewhere`."""
        return await self._holding.elsewhere(name)

    def shown(self, name: str) -> Shown | None:
        """As `Hosted.shown`."""
        found = self._servers.get(name)
        return found.shown() if found is not None else None

    def all_shown(self) -> dict[str, Shown]:
        """As `shown`, of every server by its name."""
        return {name: one.shown() for name, one in self._servers.items()}

    def processes(self) -> dict[str, tuple[int, ...]]:
        """The processes of every server here that has some."""
        return {name: one.pids for name, one in self._servers.items() if one.running}

    def names(self) -> tuple[str, ...]:
        """Every server, in order."""
        return tuple(sorted(self._servers))

    def gone(self, name: str, session: str) -> None:
        """As `Hosted.gone`."""
        found = self._servers.get(name)
        for key, running in list(found.running.items()) if found is not None else ():
            if key.session and key.session == session:
                running.pipe.end("its session ended")

    async def link(self, name: str, caller: Identity, session: str, era: Era) -> Link:
        """As `Hosted.link`."""
        serving = self._servers.get(name)
        if serving is None:
            raise Refused(f"there is no hosted server {name[:100]!r}")
        row = serving.row
        self._refuse(row)
        if is_agent(row.current.spec):
            return await self._bridge(row, caller, session, era)
        key = key_of(row, caller, session, era)
        running = serving.running.get(key)
        if running is not None and not running.link.ended and not running.pipe.asked:
            if serving.refused:
                raise Refused(serving.refused)
            if running.pipe.spoke:
                serving.served()
            return running.link
        if time.monotonic() < serving.again:
            raise NotYet(f"{name} could not be started: {serving.reason}", state=State.ERROR, retry=serving.retry)
        starting = serving.starting.get(key)
        if starting is None:
            refuse_more(serving, self._servers.values())
            starting = serving.starting[key] = asyncio.create_task(self._started(serving, key))
            starting.add_done_callback(lambda done: self._settled(serving, key, done))
        return (await asyncio.shield(starting)).link

    def _refuse(self, row: HostedRow) -> None:
        if self._closing:
            raise NotYet("this host is ending", state=State.STOPPED, retry=5)
        if not row.enabled:
            raise Refused(f"{row.name} was stopped by its operator; 'arcops host start {row.name}' lets it run again")

    async def _started(self, serving: Serving, key: Key) -> Running:
        """A new child; a start that fails is tried once more by itself."""
        with self._starts.one(serving):
            return await self._started_or_not(serving, key)

    async def _started_or_not(self, serving: Serving, key: Key) -> Running:
        name = serving.row.name
        while True:
            try:
                return await self._start(serving, key)
            except Refused as error:
                serving.say(State.ERROR, str(error))
                raise
            except Unavailable as error:
                if isinstance(error, NotYet):
                    raise
                if not serving.failed(str(error)):
                    _log.error("hosted server %s cannot be started, also the second time: %s", name, error)
                    raise NotYet(f"{name} cannot be started: {error}", state=State.ERROR, retry=serving.retry) from error
                _log.warning("hosted server %s cannot be started, and is tried once more: %s", name, error)

    def _prove(self, serving: Serving) -> None:
        task = asyncio.get_running_loop().create_task(proven(serving, self._start))
        self._proving.add(task)
        task.add_done_callback(self._proving.discard)

    async def _start(self, serving: Serving, key: Key, wanted: HostedRow | None = None) -> Running:
        begun = time.monotonic()
        row = await self._fresh(serving, wanted)
        name = row.name
        self._event("start", name, row.current.spec.package)
        if row.current.lock is None:
            serving.say(State.INSTALLING, f"resolving {row.current.spec.package}")
        lock = await self._provisioning.resolved(row)
        row = await self._fresh(serving, wanted)
        await asyncio.to_thread(self._verdicts.standing, row)  # before anything is installed
        if row.current.spec.one_host:
            await self._holding.hold(name)
        installed = await self._provisioning.installed(name, lock, say=serving.say)
        standing = await asyncio.to_thread(self._verdicts.standing, row, installed.content)
        artifact = row.judged.artifact if row.judged is not None else ""
        pins = pins_by_name(standing.pins)
        held = held_to_its_verdict(row, pins)
        serving.say(State.STARTING, f"starting {row.current.spec.package}")
        pipe = await self._starting.started(
            row,
            installed,
            key.tenant,
            look=partial(unlike, pins, partial(self._withdraw, serving, artifact)),
            said=partial(self._heard, serving),
        )
        link = Link(pipe, name=name, private=bool(key.session), seconds=float(row.current.spec.call_seconds), held=held)
        link.process = pipe.pid
        running = serving.running[key] = Running(link=link, pipe=pipe)
        pipe.when_over(partial(self._ended, serving, key, running))
        if not pipe.over:
            what = f"process {pipe.pid} began" if pipe.pid is not None else f"{row.current.spec.package} may be asked"
            serving.say(State.RUNNING, f"{what} after {time.monotonic() - begun:.1f} s")
        self._event("mounted", name, f"pid {pipe.pid}" if pipe.pid is not None else "on another machine")
        return running

    def _withdraw(self, serving: Serving, artifact: str, why: str) -> None:
        """It offers something else than when it was judged by *artifact*: its calls stop here now, and on every host soon."""
        name, judged = serving.row.name, serving.row.judged
        _log.error("hosted server %s, version %s: %s", name, serving.row.current.number, why)
        if judged is None or judged.artifact == artifact:
            serving.refused = refusal(name, why)
            serving.say(State.ERROR, serving.refused)
        self._withdrawing.withdraw(name, artifact, why)
        self._end(serving, why)  # one that was judged again since then is started again by its new verdict

    async def _fresh(self, serving: Serving, wanted: HostedRow | None) -> HostedRow:
        """The row as the database has it now, in the version *wanted*, or in that which serves. Raises `Unavailable` if the
        database does not answer: then nothing starts.
        """
        before = wanted or serving.row
        try:
            row = await asyncio.to_thread(self._rows.one, before.name)
            if row is not None and serving.next is not None and row.current.number == serving.next.current.number:
                row = await asyncio.to_thread(self._rows.at, before.name, before.current.number)
        except Unavailable as error:
            raise NotYet(f"nothing starts while the database does not answer: {error}", state=State.PENDING, retry=5) from error
        if row is None:
            raise Refused(f"there is no hosted server {serving.row.name!r} any more")
        if row.current.number != before.current.number or row.generation != before.generation:
            if wanted is None:
                self._looking.changed(serving, row)
            raise NotYet(f"{row.name} has just been changed; ask again", state=State.PENDING, retry=1)
        if wanted is None:
            serving.row = row
        self._refuse(row)
        self._withdrawing.refuse(row)
        return row

    def _settled(self, serving: Serving, key: Key, done: asyncio.Task[Running]) -> None:
        serving.starting.pop(key, None)
        if not done.cancelled():
            done.exception()  # who waited has it; no one may have waited

    def _heard(self, serving: Serving, line: str) -> None:
        serving.errors.append(line)
        self._logs(serving.row.name, line)

    def _ended(self, serving: Serving, key: Key, running: Running) -> None:
        """A child is gone. One that never spoke was not started well."""
        if serving.running.get(key) is running:
            del serving.running[key]
        serving.calls += running.link.counts.calls
        name, pipe = serving.row.name, running.pipe
        tried = serving.next is not None and serving.next.current.number == key.version
        if pipe.pid is None:
            _log.info("hosted server %s, on another machine, is not asked any more: %s", name, pipe.over)
        else:
            _log.info("hosted server %s: process %s ended with %s: %s", name, pipe.pid, pipe.code, pipe.over)
        if tried:
            return  # what serves is something else
        if pipe.asked:
            if not serving.running and serving.state is State.RUNNING:
                serving.say(State.PENDING, f"no process runs: {pipe.over}")
            return
        serving.restarts += 1
        self._starts.crashed(name)
        if pipe.spoke:
            serving.served()
            if not serving.running:
                serving.say(State.ERROR, pipe.over)
        elif not serving.failed(pipe.over):
            _log.error("hosted server %s ends before it answers, again and again: %s", name, pipe.over)

    def _event(self, event: str, name: str, what: str) -> None:
        _log.info("hosted server %s: %s %s", name, event, what)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Serve meanwhile; at the end every child is ended."""
        await asyncio.to_thread(self._provisioning.sweep)
        with suppress(ArcOpsError):  # it is looked for again and again
            await self._looking.look()
        loops: tuple[Callable[[], Coroutine[None, None, None]], ...] = (
            self._keeping.renewing,
            self._looking.always,
            self._holding.renewing,
            partial(saying, self._servers, self._rows, self._host),
            partial(reaping, self._servers),
            partial(judging, self._servers, self._verdicts),
            *self.beside,
        )
        tasks = [asyncio.create_task(one()) for one in loops]
        try:
            yield
        finally:
            self._closing = True
            for task in (*tasks, *self._proving):
                task.cancel()
            there = [running.pipe for one in self._servers.values() for running in one.running.values()]
            for serving in self._servers.values():
                self._end(serving, "this host ends")
                for starting in serving.starting.values():
                    starting.cancel()
            await _drained(there)
            self._keeping.leave()
            await asyncio.to_thread(self._keeping.close)
            await self._withdrawing.close(2.0)
            with suppress(ArcOpsError):
                await self._holding.give()
                await asyncio.to_thread(self._rows.forget, self._host)

    def _end(self, serving: Serving, why: str) -> None:
        for running in list(serving.running.values()):  # one of another machine is gone at once
            running.pipe.end(why)
        self._starting.cool(serving.row.name)

    def _lost(self, name: str) -> None:
        if name in self._servers:
            self._end(self._servers[name], "this host is not sure any more that it is the one that runs it")


async def _drained(pipes: Sequence[HostedPipe]) -> None:
    """Wait until nothing is left of *pipes*, which were told to end."""
    if pipes:
        await asyncio.wait([asyncio.create_task(one.left()) for one in pipes], timeout=8.0)
