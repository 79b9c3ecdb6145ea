"""Put a client's configuration in place on this machine: verify, write, ask the client, say what happened."""

from __future__ import annotations

import os
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from shutil import which
from typing import TYPE_CHECKING, Any

from arcops.asks import Use, shaped, used
from arcops.errors import ArcOpsError, Refused, Unavailable
from capabilities.client.place import families_here
from capabilities.contract import Scope, tool
from flows.place import Place

if TYPE_CHECKING:
    from amend.client.families import Families
    from amend.client.family import Family, Where
    from services.config.applying import Plan
    from services.config.taking import Taken

_SYSTEMS = {"linux": "linux", "darwin": "macos", "win32": "windows"}
_MOST_DOCUMENT = 64 * 1024 * 1024
_LIST_SECONDS = 60.0
ROOT = "client-root.json"
"""The root of the metadata, in the trust folder: what 'arcops conf metadata 1.root.json' prints at the service."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplyClientConfig:
    """Which client to configure, from where."""

    client: str = field(metadata=shaped(least=1, most=63))
    """The family's id."""
    profile: str = field(metadata=shaped(least=1, most=63))
    """The profile."""
    url: str = field(default="", metadata=shaped(most=500))
    """The address of the configuration service; without it and a mirror, this machine's own releases are taken."""
    mirror: Path | None = field(default=None, metadata=used(Use.HERE) | shaped(most=4096))
    """A folder of a replica, or a tar of one, that was carried here."""
    surface: str = field(default="user", metadata=shaped(least=1, most=40))
    """Which of the client's files: user, project or managed."""
    file: Path | None = field(default=None, metadata=used(Use.HERE) | shaped(most=4096))
    """The file to write, if it is another one than the client's usual file."""
    schema: str = field(default="", metadata=shaped(most=60))
    """The version of the client's schema; the default one if none is named."""
    machine: str = field(default="", metadata=shaped(most=128))
    """A random text that stays the same on this machine, for canaries and reports."""
    take: bool = False
    """Entries of the same names that are the user's own become ours."""
    preview: bool = False
    """Only say what would change; nothing is written."""
    without_client: bool = field(default=False, metadata=shaped(option="--no-list"))
    """Do not ask the client's own command for its list afterwards."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientConfigApplied:
    """What was done. ``status``: applied, current (it was so already), preview, or stale.

    ``listed`` says what the client's own command shows: ``seen`` all of our servers, ``missing`` some of them, or ``not
    asked``.
    """

    status: str
    client_id: str
    profile: str
    version: str
    artifact_id: str
    record: str
    file: Path
    copy: Path | None
    servers: tuple[str, ...]
    removed: tuple[str, ...]
    listed: str
    missing: tuple[str, ...]
    remarks: tuple[str, ...]


@tool(
    title="Put a client's configuration in place",
    scope=Scope.TRUST,
    destructive=True,
    idempotent=True,
    connects=lambda ask: bool(ask.url),
)
def apply_client_config(ask: ApplyClientConfig, at: Place) -> ClientConfigApplied:
    """Verify a released configuration and write it to the client's own file: our entries alone; every other byte stays.

    Only on one's own command line. What the client's own list does not show afterwards is said, because clients skip what they
    cannot read without an error.
    """
    if at.remote:
        raise Refused("a configuration is put in place on the user's own machine; run 'arcops conf apply' there")
    from services.config.applying import Applied, plan, real_path, write
    from services.config.roles import read_roles
    from services.config.taking import taken
    from tasks.signing.grounds import grounds

    roles = read_roles(at.settings.trust)
    families = families_here(at)
    data = _document(ask, families, at)
    one = taken(data, grounds(at.settings.trust), roles, at.now(), client=ask.client, profile=ask.profile, families=families)
    unproven = _refuse_older(one, ask, at)
    where, path = _place(one.family, ask)
    path = real_path(path)
    records = Applied(at.settings.store.parent / "applied")
    planned = plan(one, where, path, records.of(path), take=ask.take)
    copy = None
    if not ask.preview:
        if planned.changes:
            copy = write(planned)
        records.keep(planned.ownership)
    listed, missing, remark = ("not asked", (), "") if ask.preview else _listed(one, planned, where, ask, at)
    status = "preview" if ask.preview else "applied" if planned.changes else "stale" if one.stale else "current"
    return ClientConfigApplied(
        status=status,
        client_id=ask.client,
        profile=ask.profile,
        version=one.release.version,
        artifact_id=one.release.artifact,
        record=one.record,
        file=path,
        copy=copy,
        servers=tuple(each.name for each in planned.ownership.entries) or _names(one),
        removed=planned.removed,
        listed=listed,
        missing=missing,
        remarks=tuple(
            each
            for each in (
                unproven,
                remark,
                "its time is over; nothing new is taken until a newer one comes" if one.stale else "",
            )
            if each
        ),
    )


def _refuse_older(one: Taken, ask: ApplyClientConfig, at: Place) -> str:
    """Raise `Refused` if *one* is not the newest release, by metadata from the root that this machine was given.

    A sentence, if this machine was given no root, or asks its own releases.
    """
    if not ask.url and ask.mirror is None:
        return ""
    root = at.settings.trust / ROOT
    if not root.exists():
        return f"there is no {ROOT} in the trust folder, so it is not known that this is the newest release"
    from artifacts.reading import read_file
    from services.config.fetching import fetched_file
    from services.config.fresh import newest
    from services.config.freshness import Freshness
    from services.config.replica import METADATA, unpacked

    known = at.settings.store.parent / "applied" / "metadata"
    given: dict[str, Any] = {
        "root": read_file(root, _MOST_DOCUMENT),
        "known": known / one.origin.replace("/", "_"),
        "now": at.now(),
        "client": ask.client,
        "profile": ask.profile,
        "version": one.schema.version,
        "machine": ask.machine,
    }
    if ask.mirror is not None:
        with unpacked(ask.mirror) as folder:
            found = newest(Freshness(folder / METADATA).file, **given)
    else:
        token = os.environ.get("ARCOPS_TOKEN", "")
        found = newest(lambda name: fetched_file(ask.url, at.settings.tier, name, token=token), **given)
    if found.record != one.record:
        raise Refused("the release is not the one that the service's metadata says is the newest; try again in a moment")
    return ""


def _document(ask: ApplyClientConfig, families: Families, at: Place) -> bytes:
    if ask.url and ask.mirror:
        raise Refused("an address and a mirror were named; name one of them")
    if ask.url:
        from services.config.fetching import fetched

        token = os.environ.get("ARCOPS_TOKEN", "")
        return fetched(
            ask.url,
            at.settings.tier,
            client=ask.client,
            profile=ask.profile,
            schema=ask.schema,
            machine=ask.machine,
            token=token,
        )
    if ask.mirror is not None:
        from services.config.reading import Reading
        from services.config.replica import Folder, unpacked

        with unpacked(ask.mirror) as folder:
            reading = Reading(Folder(folder), lambda: families)
            reading.refresh()
            return reading.get(ask.client, ask.profile, schema=ask.schema, who=ask.machine).body
    from capabilities.client.looking import GetClientConfig, get_client_config

    asked = GetClientConfig(client=ask.client, profile=ask.profile, schema=ask.schema, machine=ask.machine)
    return get_client_config(asked, at).document.encode()


def _place(family: Family, ask: ApplyClientConfig) -> tuple[Where, Path]:
    found = next((one for one in family.files if one.surface == ask.surface), None)
    if found is None:
        raise Refused(f"{family.title} has no surface {ask.surface!r}; it has {', '.join(one.surface for one in family.files)}")
    if ask.file is not None:
        return found, ask.file.absolute()
    system = _SYSTEMS.get(sys.platform, "")
    text = found.on(system)
    if not text:
        raise Refused(
            f"the place at which {family.title} reads its {ask.surface} file on this system is not known; name it with --file"
        )
    path = Path(os.path.expandvars(text)).expanduser()
    return found, path.absolute()


def _names(one: Taken) -> tuple[str, ...]:
    from amend.client.editing.changing import entries

    return tuple(entries(one.family.form, one.payload, one.schema.key, "the payload"))


def _listed(one: Taken, planned: Plan, where: Where, ask: ApplyClientConfig, at: Place) -> tuple[str, tuple[str, ...], str]:
    """What the client's own command shows of our servers."""
    command = one.family.lists
    names = _names(one)
    if ask.without_client or not command or where.surface == "project" or not names:
        return "not asked", (), "" if command else f"{one.family.title} has no command that lists what it read"
    program = which(command[0])
    if program is None:
        return "not asked", (), f"{command[0]} is not on the PATH, so its own list was not asked"
    from amend.client.editing.changing import entries
    from foundation.secrets import key_files
    from services.config.listing import not_shown
    from tasks.program import Limits, run

    told = {name: os.environ[name] for name in ("HOME", "PATH", "USER", "XDG_CONFIG_HOME", "CODEX_HOME") if name in os.environ}
    with tempfile.TemporaryDirectory() as scratch:
        try:
            found = run(
                [program, *command[1:]],
                scratch=Path(scratch),
                limits=Limits(seconds=_LIST_SECONDS, size=4 * 1024 * 1024),
                alive=at.stop.is_set,
                secrets=key_files(at.settings.key),
                told=told,
            )
        except (Unavailable, ArcOpsError) as error:
            return "not asked", (), f"{one.family.title} could not be asked for its list: {error}"
    text = found.output.decode("utf-8", "replace") + found.log.decode("utf-8", "replace")
    written = entries(one.family.form, one.payload, one.schema.key, "the payload")
    missing = not_shown(text, one.family, written)
    return ("missing" if missing else "seen"), missing, ""
