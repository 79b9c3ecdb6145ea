"""A server made ready to be judged: resolved, installed and not started, with its case written for the collectors."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from arcops.seen.server_tools import ServerTools
from artifacts.wire import from_json
from services.host.hosted import State
from services.host.lock import Lock
from services.host.provisioning import Installed, Provisioning
from services.host.rows import HostedRow, Rows
from services.host.spec import launching
from tasks.server.case import Case, Locked, write_case


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """``row`` is the server's, ``installed`` where it is, ``case`` what its row says, written into ``folder``."""

    row: HostedRow
    lock: Lock
    installed: Installed
    case: Case
    folder: Path

    def clear(self) -> None:
        """Everything that can be judged without starting it was judged well: say so in the case."""
        write_case(replace(self.case, cleared=True), self.folder)


async def ready(name: str, rows: Rows, provisioning: Provisioning, folder: Path) -> Ready:
    """Resolve and install *name*, and write its case into *folder*. Nothing of it runs.

    Raises `Refused` if there is no such row, or it cannot be resolved or installed.
    """
    row = rows.there(name)
    lock = await provisioning.resolved(row)
    row = rows.there(name)
    installed = await provisioning.installed(name, lock, say=_unsaid)
    launch = provisioning.launch(row, installed, "\n", None)
    case = Case(
        lock=Locked(package=lock.package, runtime=lock.runtime, text=lock.text),
        launching=launching(row.current.spec),
        allowed=row.by,
        hosted=tuple(sorted(one.current.spec.package for one in rows.all() if one.name != name)),
        command=tuple(launch.command),
        environment=tuple(sorted(f"{one}={value}" for one, value in launch.environment.items())),
        before=from_json(ServerTools, row.judged.tools).pins if row.judged is not None and row.judged.tools else (),
    )
    write_case(case, folder)
    return Ready(row=row, lock=lock, installed=installed, case=case, folder=folder)


def _unsaid(state: State, reason: str) -> None:
    """No one waits for the state of a server that does not start."""
