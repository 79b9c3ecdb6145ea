"""Put a verified configuration into its client's own file: our entries alone, whole or not at all, with a copy of what was
there.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from amend.client.editing.changing import INPUTS, changed, entries, read
from amend.client.family import Form, Mode, Value, Where
from arcops.errors import Refused, Unavailable
from artifacts.canonical import canonical
from artifacts.private_folder import make_private
from artifacts.reading import read_file
from artifacts.wire import canonical_bytes, from_json
from artifacts.writing import new_partial, replace_whole, sync_folder
from services.config.taking import Taken

MOST_BYTES = 32 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Owned:
    """An entry that we put: its name, and the digest of its value, so that a change by the user shows."""

    name: str
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """How far another profile of the client was taken here: to the release ``version``, at ``position`` of the log."""

    client: str
    profile: str
    version: str
    position: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ownership:
    """What we put into the file ``path``: the ``entries`` and ``inputs``, from which artifact, at which place of which log.

    ``others`` are the profiles that were there before, so that none of them goes back either.
    """

    path: str
    client: str
    profile: str
    entries: tuple[Owned, ...]
    inputs: tuple[str, ...]
    artifact: str
    record: str
    version: str
    origin: str
    position: int
    whole: str
    """The digest of the file, if all of it is ours; empty if only entries are."""
    others: tuple[Reached, ...] = ()

    def reached(self) -> tuple[Reached, ...]:
        """How far each profile was taken, the one that is there now too."""
        now = Reached(client=self.client, profile=self.profile, version=self.version, position=self.position)
        return (*self.others, now)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What would be written to ``path``: ``text`` in place of ``before``, which is ``None`` if there is no file."""

    path: Path
    before: bytes | None
    text: str
    ownership: Ownership
    removed: tuple[str, ...]

    @property
    def changes(self) -> bool:
        """Would anything be written?"""
        return self.before is None or self.before != self.text.encode()


class Applied:
    """The ownership records in *folder*, one for each file of a client."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def of(self, path: Path) -> Ownership | None:
        """What we own in *path*. Raises `Refused` if the record was damaged: then nothing in the file is known to be ours."""
        record = self._path(path)
        if not record.exists():
            return None
        found = from_json(Ownership, read_file(record, MOST_BYTES))
        if found.path != str(path):
            raise Refused(f"{record} is about {found.path}, not about {path}; move it away")
        return found

    def keep(self, one: Ownership) -> None:
        """Keep the record *one*, in place of the one before it."""
        make_private(self.folder)
        replace_whole(self._path(Path(one.path)), canonical_bytes(one), mode=0o600)

    def _path(self, path: Path) -> Path:
        return self.folder / f"{hashlib.sha256(str(path).encode()).hexdigest()[:32]}.json"


def plan(one: Taken, where: Where, path: Path, had: Ownership | None, *, take: bool = False) -> Plan:
    """What taking *one* would write to *path*. With *take*, entries of the same names that are not ours become ours.

    Raises `Refused` if it is older than what was taken before, if its time is over, if the file cannot be read by its client,
    or if something of the user's own is in the way.
    """
    if one.stale and (had is None or had.record != one.record):
        raise Refused(
            f"STALE: the newest release is {one.release.version}, which could be taken until "
            f"{one.release.valid_until:%Y-%m-%d}; what "
            "is there stays, and nothing new is taken until the service answers with a newer one"
        )
    before_it = _of_profile(had, one) if had is not None and had.origin == one.origin else None
    if before_it is not None and one.position < before_it.position:
        raise Refused(
            f"the release is older than the one that was taken here ({before_it.version}, at {before_it.position} of the "
            "log): someone shows an old state; a revert is a new release"
        )
    if had is not None and had.origin != one.origin:
        raise Refused(
            f"the release is of the log {one.origin}, and what is here came from {had.origin}; remove the record first"
        )
    before = _read(path)
    text = _text(before, path)
    if where.mode is Mode.EXCLUSIVE:
        return _exclusive(one, path, before, had)
    return _additive(one, path, before, text, had, take)


def _of_profile(had: Ownership, one: Taken) -> Reached | None:
    """How far the profile of *one* was taken here: the order of the log says what is older only within one profile."""
    which = (one.release.client, one.release.profile)
    return next((each for each in had.reached() if (each.client, each.profile) == which), None)


def _exclusive(one: Taken, path: Path, before: bytes | None, had: Ownership | None) -> Plan:
    new = one.payload
    if before is not None and before != new.encode() and (had is None or _digest(before) != had.whole):
        raise Refused(
            f"{path} is there and was not put by ArcOps, or was changed since; move it away, or merge it into the draft"
        )
    whole = _digest(new.encode())
    return Plan(path=path, before=before, text=new, ownership=_owned(one, path, {}, (), whole, had), removed=())


def _additive(one: Taken, path: Path, before: bytes | None, text: str, had: Ownership | None, take: bool) -> Plan:
    form, key = one.family.form, one.schema.key
    ours = _values(entries(form, one.payload, key, "the payload"))
    inputs = _inputs(form, one.payload)
    there = _values(entries(form, text, key, str(path)))
    known = {each.name: each.digest for each in had.entries} if had is not None else {}
    for name, value in ours.items():
        if name in there and there[name] != value and known.get(name) != _value_digest(there[name]) and not take:
            why = "was changed since it was put" if name in known else "is the user's own"
            raise Refused(f"{path} has a server {name!r} that {why}; rename it, remove it, or say --take to replace it")
    gone = [
        name
        for name, digest in known.items()
        if name not in ours and name in there and (take or _value_digest(there[name]) == digest)
    ]
    asked = {str(each["id"]) for each in inputs if isinstance(each, dict)}
    gone_inputs = [each for each in (had.inputs if had is not None else ()) if each not in asked]
    new = one.payload  # a file that is not there begins as exactly these bytes
    if before is not None:
        new = changed(form, text, key, ours, gone, where=str(path), inputs=inputs, drop_inputs=gone_inputs)
    ownership = _owned(one, path, ours, tuple(sorted(asked)), "", had)
    return Plan(path=path, before=before, text=new, ownership=ownership, removed=tuple(gone))


def write(planned: Plan) -> Path | None:
    """Write what was *planned*: beside the file, to the disk, and then in its place. Returns the copy of what was there before.

    A managed file, which is ours as a whole, can be read by everyone: it is for all users of the machine, and holds no secret.

    Raises `Refused` if the file may only be read; `Unavailable` if it changed since it was planned, or cannot be written; then
    it is as it was.
    """
    path = planned.path
    managed = bool(planned.ownership.whole)
    try:
        _make_folder(path.parent, for_all=managed)
        mode = stat.S_IMODE(path.stat().st_mode) if planned.before is not None else 0o600
        if not mode & stat.S_IWUSR and not managed:  # a rename would replace it nevertheless
            raise Refused(f"{path} may only be read, so someone meant it to stay as it is; make it writable, or leave it out")
        if managed:
            mode |= 0o444
        copy = _copy(path, planned.before, mode) if planned.before is not None else None
        beside = path.parent / new_partial()
        try:
            descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(planned.text.encode())
                file.flush()
                os.fchmod(file.fileno(), mode)
                os.fsync(file.fileno())
            if _read(path) != planned.before:
                raise Unavailable(f"{path} was changed meanwhile, by its client or by a person; nothing was written: try again")
            beside.replace(path)
        finally:
            with suppress(FileNotFoundError):
                beside.unlink()
        sync_folder(path.parent)
    except OSError as error:
        raise Unavailable(f"{path} cannot be written: {error.strerror}; what was there before is unchanged") from error
    return copy


def _make_folder(folder: Path, *, for_all: bool) -> None:
    """Make *folder* and what is above it; if it is *for_all*, everyone can read there, whatever the umask is."""
    missing = [one for one in (folder, *folder.parents) if not one.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for one in missing if for_all else ():
        one.chmod(0o755)


def _copy(path: Path, before: bytes, mode: int) -> Path:
    """A copy beside *path*, named by its content, so that the same content is copied once."""
    copy = path.with_name(f"{path.name}.arcops-{hashlib.sha256(before).hexdigest()[:12]}.bak")
    if not copy.exists():
        replace_whole(copy, before, mode=mode)
    return copy


def real_path(path: Path) -> Path:
    """The file itself, if *path* is a link, as people have who keep their settings in a repository."""
    return Path(os.path.realpath(path))


def _read(path: Path) -> bytes | None:
    try:
        return read_file(path, MOST_BYTES) if path.exists() else None
    except OSError as error:
        raise Unavailable(f"{path} cannot be read: {error.strerror}") from error


def _text(before: bytes | None, path: Path) -> str:
    try:
        return (before or b"").decode("utf-8")
    except UnicodeDecodeError as error:
        raise Refused(f"{path} is not text in UTF-8 (byte {error.start}); nothing was changed") from error


def _owned(
    one: Taken, path: Path, values: Mapping[str, Value], inputs: tuple[str, ...], whole: str, had: Ownership | None
) -> Ownership:
    which = (one.release.client, one.release.profile)
    return Ownership(
        path=str(path),
        client=one.release.client,
        profile=one.release.profile,
        entries=tuple(Owned(name=name, digest=_value_digest(value)) for name, value in values.items()),
        inputs=inputs,
        artifact=one.release.artifact,
        record=one.record,
        version=one.release.version,
        origin=one.origin,
        position=one.position,
        whole=whole,
        others=tuple(each for each in (had.reached() if had is not None else ()) if (each.client, each.profile) != which),
    )


def _inputs(form: Form, payload: str) -> list[Value]:
    found = read(form, payload, "the payload").get(INPUTS, [])
    return list(found) if isinstance(found, list) else []


def _values(found: Mapping[str, object]) -> dict[str, Value]:
    return dict(found.items())  # type: ignore[arg-type]  # what was read of JSON, TOML or YAML


def _value_digest(value: object) -> str:
    try:
        data = canonical(value)  # type: ignore[arg-type]  # the same
    except Refused:  # a number or a date of the user's that JSON cannot hold
        data = json.dumps(value, sort_keys=True, default=str).encode()
    return _digest(data)


def _digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"
