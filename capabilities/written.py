"""What a tool writes for a caller over the network is put into the index of their files."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path

from arcops.asks import Use, use_of
from arcops.errors import Refused, Unavailable
from flows.place import Place
from foundation.authorization.naming import caller_name
from foundation.sandbox.files import Sandbox
from foundation.sandbox.index import FileIndex

_log = logging.getLogger(__name__)


def sandbox(at: Place) -> Sandbox:
    """The files of the caller of *at*. Raises `Refused` if this place writes nothing for callers."""
    if at.settings.output is None:
        raise Refused("this server writes no file for callers; its operator sets a folder for that (ARCOPS_OUTPUT)")
    owner = caller_name(at.caller) if at.caller is not None else ""
    return Sandbox(
        folder=Path(at.settings.output).resolve(),
        index=FileIndex(path=at.settings.files),
        owner=owner,
        most=at.settings.most_written,
    )


def filed(ask: object, answer: object, tool: str, mine: Sandbox, at: Place) -> None:
    """Record each file that *ask* named to be written, or that *answer* says was written. What is written stays written."""
    for path in dict.fromkeys((*_paths(ask, Use.WRITE), *_paths(answer, None))):
        try:
            mine.record(path.resolve(), tool, at.now())
        except (Unavailable, OSError) as error:
            _log.warning("a file that %s wrote for a caller is not in the index: %s", tool, error)


def _paths(value: object, use: Use | None) -> Iterator[Path]:
    """The paths in the fields of *value* that are for *use*; with ``None``, all of them."""
    for one in fields(value) if is_dataclass(value) else ():
        found = getattr(value, one.name)
        if use is None or use_of(one, Use.READ) is use:
            yield from (each for each in (found if isinstance(found, tuple) else (found,)) if isinstance(each, Path))
