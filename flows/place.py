"""The place that a capability is asked at and a run works at: settings, clock, signer, and what who asks may name there."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, fields, is_dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

from arcops.asks import Use, use_of
from arcops.errors import Refused
from arcops.silence import silent, unheard
from artifacts.beneath import OUTSIDE, held, reach
from foundation.settings import Settings

if TYPE_CHECKING:  # a door that reads only needs none of them
    from arcops.policy import Policy
    from arcops.roots import Roots
    from artifacts.private_key import Signer

OUTSIDE_OUTPUT = "the path lies outside the folder that this server writes to; ask its operator (ARCOPS_OUTPUT)"
OUTSIDE_WORKER = "it lies outside the folders that this worker serves; its operator names them (ARCOPS_ROOTS)"

V = TypeVar("V")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What a tool takes from its surroundings.

    ``signer`` loads the key that signs here, when it is needed; ``secret`` gives the passphrase for a new key at a path.
    Setting ``stop`` ends a long tool early, with an artifact that says so. ``roots`` are the folders below which a caller may
    name files; ``None`` allows every file that this user can read, as on one's own command line. What is written for a caller
    goes below ``settings.output`` then, or nowhere. ``own`` says that it is one's own command line: only there may an ask name
    what runs a program, say which server is asked, or change what is trusted. ``worker`` says that a run of Prefect's works
    here, which somebody else asked for; ``elsewhere`` that the work is done by such a run, so nothing is looked at here.
    ``say`` is told sentences that the person there has to hear before something happens.
    """

    settings: Settings
    now: Callable[[], datetime]
    signer: Callable[[], Signer]
    secret: Callable[[Path], str]
    roots: tuple[Path, ...] | None = None
    stop: threading.Event = field(default_factory=threading.Event)
    progress: Callable[[int, int], None] = silent
    own: bool = False
    worker: bool = False
    elsewhere: bool = False
    say: Callable[[str], None] = unheard

    @property
    def afar(self) -> bool:
        """Does somebody else ask, through MCP or another door? What a caller names is then never followed to a program."""
        return not self.own or self.roots is not None

    @property
    def may_trust(self) -> bool:
        """May what counts here be changed by who asks? From afar only where the operator said so."""
        return self.settings.remote_trust or not self.afar

    def reach(self, path: Path) -> Path:
        """*path*, absolute; where folders are served, a relative one lies in the first of them.

        Raises `Refused` where it lies outside of them. That tells a caller at once; whoever opens the path opens it `within`.
        """
        return reach(path, self.roots, refusal=OUTSIDE_WORKER if self.worker else OUTSIDE)

    def policy(self, named: str) -> Policy:
        """The policy that *named* means to who asks here. From afar only registered ones count, never a file.

        Raises `Refused` if there is none such.
        """
        from flows.policies.registered import named_here, registered_policy  # most capabilities read no policy

        if self.worker or self.roots is not None:
            return registered_policy(named, self.settings.policies)
        return named_here(named, self.settings.policies)

    def put(self, path: Path) -> Path:
        """*path*, absolute, where a file may be written for this caller; a relative one lies in the operator's output folder.

        Raises `Refused` where it lies outside of it, or where there is none.
        """
        if self.roots is None:
            return path.absolute()
        if self.settings.output is None:
            raise Refused("this server writes no file for callers; its operator names a folder for that (ARCOPS_OUTPUT)")
        return reach(path, (self.settings.output,), refusal=OUTSIDE_OUTPUT)

    @property
    def within(self) -> Roots:
        """The folders below which a path that the caller named is opened, as they are now.

        Who calls a server may name again what was written for him; a run is told nothing of that, so it may not.
        """
        return held(None if self.roots is None else (*self.roots, *(() if self.worker else self._output)))

    @property
    def writable(self) -> Roots:
        """The folders below which a file is written for the caller, as they are now."""
        return held(None if self.roots is None else self._output)

    def told(self, path: Path) -> Path:
        """*path* as an answer names it to this caller: relative to the folder that it may name it in, or its name alone."""
        if self.roots is None or not path.is_absolute():
            return path
        folders = (*self._output, *self.roots)
        return next((path.relative_to(one) for one in folders if path.is_relative_to(one)), Path(path.name))

    @property
    def _output(self) -> tuple[Path, ...]:
        return (self.settings.output,) if self.settings.output is not None else ()


def with_paths(value: V, change: Callable[[Path, Use], Path], use: Use = Use.READ) -> V:
    """*value*, an ask or an answer, with each path in it as *change* gives it for the use that its field declares."""
    changed: Any = value
    if isinstance(value, Path):
        changed = change(value, use)
    elif isinstance(value, tuple):
        items = tuple(with_paths(item, change, use) for item in value)
        changed = items if any(new is not old for new, old in zip(items, value, strict=True)) else value
    elif is_dataclass(value) and not isinstance(value, type):
        members = {one.name: (getattr(value, one.name), use_of(one, use)) for one in fields(value) if one.init}
        new = {name: with_paths(member, change, meant) for name, (member, meant) in members.items()}
        new = {name: member for name, member in new.items() if member is not members[name][0]}
        changed = replace(value, **new) if new else value
    return cast(V, changed)


def bounded(ask: V, at: Place) -> V:
    """*ask*, which came from afar, with each path in it where this place lets it be read or written.

    Raises `Refused` for a path outside of that, and for one that no caller over the network may name.
    """

    def change(path: Path, use: Use) -> Path:
        match use:
            case Use.READ:
                return at.reach(path)
            case Use.WRITE:
                return at.put(path)
            case Use.HERE:
                raise Refused("a caller over the network may not name this path; ask on the machine itself")

    return with_paths(ask, change)
