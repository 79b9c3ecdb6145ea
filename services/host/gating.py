"""A server made ready to be judged: resolved, installed and not started, with its case written for the collectors."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from arcops.seen.server import Catalogued
from arcops.seen.server_tools import ServerTools
from artifacts.private_folder import make_private
from artifacts.reading import read_file
from artifacts.wire import from_json
from services.host.hosted import State
from services.host.lock import Lock
from services.host.provisioning import Installed, Provisioning
from services.host.rows import HostedRow, Judgement, Rows
from services.host.spec import launching
from tasks.server.case import Case, Locked, write_case
from tasks.server.server_attestations import FOLDER

_MOST_ATTESTED = 16 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """``row`` is the server's, ``installed`` its installation, ``case`` what its row says, written into ``folder``."""

    row: HostedRow
    lock: Lock
    installed: Installed
    case: Case
    folder: Path

    def clear(self) -> None:
        """Everything that can be judged without starting it was judged well: say so in the case."""
        write_case(replace(self.case, cleared=True), self.folder)


async def ready(
    row: HostedRow,
    rows: Rows,
    provisioning: Provisioning,
    folder: Path,
    *,
    attested: Sequence[Path],
    catalogued: Iterable[Catalogued],
    beside: Callable[[Lock], Path],
    published: Callable[[Judgement], tuple[str, ...] | None],
) -> Ready:
    """Resolve and install *row*, and write its case into *folder*. Nothing of it runs.

    *catalogued* is what this site's catalog says of its package's files. *attested* are files with attestations, which are kept
    *beside* the lock from now on. *published* says which kinds of attestations an earlier verdict saw, ``None`` if that cannot
    be seen here.

    Raises `Refused` if it cannot be resolved or installed, or the row is not there any more.
    """
    name = row.name
    lock = await provisioning.resolved(row)
    row = rows.at(name, row.current.number) or rows.there(name)
    installed = await provisioning.installed(name, lock, say=_unsaid)
    address = provisioning.address(row, installed, "\n", None)
    launch = provisioning.launch(row, installed, "\n", None)
    environment = launch.environment if address is None else address.headers
    keep_attested([(one.name, read_file(one, _MOST_ATTESTED)) for one in attested], beside(lock))
    if beside(lock).is_dir():
        shutil.copytree(beside(lock), folder / FOLDER)
    # The version before, and the last good verdict of all: this version too must not have less than it had.
    earlier = {one.artifact: one for one in (rows.judged_before(name, lock.digest), rows.judged_before(name, "")) if one}
    had = [published(one) for one in earlier.values()]
    case = Case(
        lock=Locked(package=lock.package, runtime=lock.runtime, text=lock.text),
        launching=launching(row.current.spec),
        allowed=row.by,
        catalogued=tuple(catalogued),
        hosted=tuple(sorted(one.current.spec.package for one in rows.all() if one.name != name)),
        command=tuple(launch.command),
        environment=tuple(sorted(f"{one}={value}" for one, value in environment.items())),
        before=from_json(ServerTools, row.judged.tools).pins if row.judged is not None and row.judged.tools else (),
        published=tuple(sorted({kind for kinds in had for kind in kinds or ()})),
        published_lost=None in had,
    )
    write_case(case, folder)
    return Ready(row=row, lock=lock, installed=installed, case=case, folder=folder)


def keep_attested(files: Iterable[tuple[str, bytes]], folder: Path) -> None:
    """Put attestations, by name and bytes, into the *folder* beside a lock."""
    for name, data in files:
        make_private(folder)
        (folder / f"{hashlib.sha256(data).hexdigest()[:16]}-{name[-80:]}").write_bytes(data)


def _unsaid(state: State, reason: str) -> None:
    """No one waits for the state of a server that does not start."""
