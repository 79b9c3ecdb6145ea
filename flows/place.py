"""The place that a capability is called at and a run works at: settings, clock, signer, and what the caller may name there."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import field, fields, is_dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

from arcops.asks import Use, use_of
from arcops.errors import Refused
from arcops.late_dataclass import dataclass
from arcops.silence import silent, unheard
from artifacts.beneath import OUTSIDE, held, reach
from foundation.settings import Settings

if TYPE_CHECKING:  # a door that only reads needs none of these
    from arcops.identity import Identity
    from arcops.policy import Policy
    from arcops.roots import Roots
    from artifacts.private_key import Signer
    from flows.prefect.at_once import AtOnce

OUTSIDE_OUTPUT = "the path is outside the folder that this server writes to; ask its operator (ARCOPS_OUTPUT)"
OUTSIDE_WORKER = "it is outside the folders that this worker serves; its operator sets them (ARCOPS_ROOTS)"

V = TypeVar("V")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What a tool takes from its surroundings.

    ``signer`` loads the signing key when it is needed; ``secret`` gives the passphrase for a new key at a path.
    Setting ``stop`` ends a long tool early, with an artifact that says so. ``roots`` are the folders in which a caller may
    name files; ``None`` allows every file that this user can read, as on one's own command line. Files for a caller are
    then written to ``settings.output``, or not at all. ``own`` is true on one's own command line: only there may an ask name
    what runs a program, choose which server is asked, or change what is trusted. ``worker`` is true in a run of Prefect, which
    another caller started. ``elsewhere`` is true if such a run will do the work, so nothing is read here.
    ``say`` is called with sentences that the person there has to read before something happens. ``at_once`` begins runs of
    Prefect without its worker, if this process may. ``caller`` is who asks, if a token or a key says so.
    ``permit`` raises `Refused` if that caller may not send a tool an ask, for tools that do the work of others.
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
    at_once: AtOnce | None = None
    caller: Identity | None = None
    permit: Callable[[Any, object], None] | None = None

    @property
    def remote(self) -> bool:
        """Does the ask come through MCP or another door? Then what it names is never followed to a program."""
        return not self.own or self.roots is not None

    @property
    def may_trust(self) -> bool:
        """May the caller change what counts here? A remote caller may only if the operator allowed it."""
        return self.settings.remote_trust or not self.remote

    def reach(self, path: Path) -> Path:
        """*path*, absolute. If folders are served, a relative path is one in the first of them.

        Raises `Refused` if it is outside of them. This only tells the caller early; the path is opened `within`.
        """
        return reach(path, self.roots, refusal=OUTSIDE_WORKER if self.worker else OUTSIDE)

    def policy(self, named: str) -> Policy:
        """The policy that *named* means for this caller. For a remote caller only registered policies count, never a file.

        Raises `Refused` if there is no such policy.
        """
        from flows.policies.registered import named_here, registered_policy  # most capabilities read no policy

        if self.worker or self.roots is not None:
            return registered_policy(named, self.settings.policies)
        return named_here(named, self.settings.policies)

    def put(self, path: Path) -> Path:
        """*path*, absolute, to which a file may be written for this caller. A relative one is in the operator's output folder.

        Raises `Refused` if it is outside of that folder, or if there is no such folder.
        """
        if self.roots is None:
            return path.absolute()
        if self.settings.output is None:
            raise Refused("this server writes no file for callers; its operator sets a folder for that (ARCOPS_OUTPUT)")
        from foundation.sandbox.names import refuse_unplain  # most calls write nothing

        refuse_unplain(path)
        return reach(path, (self.settings.output,), refusal=OUTSIDE_OUTPUT)

    @property
    def within(self) -> Roots:
        """The folders in which a path that the caller named is opened, as they are now.

        A caller of a server may name a file that was written for them. A run gets no such answer, so it may not.
        """
        return held(None if self.roots is None else (*self.roots, *(() if self.worker else self._output)))

    @property
    def writable(self) -> Roots:
        """The folders in which a file is written for the caller, as they are now."""
        return held(None if self.roots is None else self._output)

    def told(self, path: Path) -> Path:
        """*path* as an answer shows it to this caller: relative to a folder that the caller may name, or just its name."""
        if self.roots is None or not path.is_absolute():
            return path
        folders = (*self._output, *self.roots)
        return next((path.relative_to(one) for one in folders if path.is_relative_to(one)), Path(path.name))

    @property
    def _output(self) -> tuple[Path, ...]:
        return (self.settings.output,) if self.settings.output is not None else ()


def with_paths(value: V, change: Callable[[Path, Use], Path], use: Use = Use.READ) -> V:
    """*value*, an ask or an answer, in which *change* replaced each path for the use that its field declares."""
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
    """*ask*, from a remote caller, with each path made absolute in the folders that this place reads or writes.

    Raises `Refused` for a path outside of these, and for a path that no remote caller may name.
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
