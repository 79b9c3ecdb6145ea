"""Serve in a child process that restarts when a source file of ours changes: for development, never in production."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from socket import socket

from uvicorn import Config
from uvicorn.supervisors import ChangeReload

import adapters
from arcops.errors import Refused
from foundation.processes.hiding import hide_secrets
from foundation.processes.starting import begin_safely


def serve_again(work: Callable[[list[socket]], None], listening: socket) -> None:
    """Call *work*, which can be pickled, with the sockets in a child, and again at every change, until a signal.

    *listening* stays open between, so callers wait then and are not refused. Raises `Refused` if this is not a checkout.
    """
    begin_safely()  # uvicorn starts the child with Python's own functions
    config = Config("", reload=True, reload_dirs=[str(room) for room in _rooms()], log_config=None)
    ChangeReload(config, target=partial(_called, work), sockets=[listening]).run()


def _rooms() -> list[Path]:
    checkout = Path(adapters.__file__).parents[1]
    if not (checkout / "pyproject.toml").is_file():
        raise Refused(f"{checkout} is not a checkout of ArcOps, so its source does not change; leave out --reload")
    return [room.parent for room in checkout.glob("*/__init__.py")]


def _called(work: Callable[[list[socket]], None], sockets: list[socket] | None) -> None:
    hide_secrets()
    work(sockets or [])
