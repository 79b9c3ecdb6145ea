"""Installing a bundle, and taking it back: versions lie side by side, and what counts changes at once.

    BUNDLES/ID/content/…       the pieces of a bundle
    BUNDLES/ID/environment/…   its wheels, installed: its own program is environment/bin/arcops
    BUNDLES/ID/unpacked        says that both are whole
    BUNDLES/ID/before.backup   the site as it was before this bundle counted
    BUNDLES/ID/installed.json  which bundle counted before
    BUNDLES/ID/values.yaml     the names of its images in the site's registry, for the chart
    BUNDLES/current            a link to the ID that counts

What has another version of ArcOps is unpacked only, and its own program, which knows its schema, goes on from there.

The site is backed up, and the backup is restored with the bundle's trust roots, policies and advisories over it, and with the
database brought forward: so all of that, and the link, changes as a restore does, whole or not at all (`foundation.backup`).
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from arcops.errors import ArcOpsError, Refused, Unavailable
from arcops.installed import version
from arcops.silence import unheard
from artifacts.private_folder import make_private
from artifacts.private_key import Signer
from artifacts.public_key import PublicKey
from artifacts.reading import digest_if_readable, read_file
from artifacts.signed_tar import SignedTar, opened_tar
from artifacts.site_bundle import SiteBundle, content_of
from artifacts.wire import canonical_bytes, from_json
from artifacts.writing import replace_whole, stream_new, write_new
from foundation.backup import journal
from foundation.backup.making import make as back_up
from foundation.backup.places import MOST_FILE, key_files
from foundation.backup.reading import Opening
from foundation.backup.restoring import Changes, Permitted, restore
from foundation.database.migrating import refuse_unknown
from foundation.only_one import only_one
from foundation.registry.asking import Asking
from foundation.registry.pushing import Pushed
from foundation.settings import Settings
from foundation.site_bundle.bringing import bring, values_for
from foundation.site_bundle.environment import make_environment
from foundation.site_bundle.reading import Verified, verify

_CURRENT, _CONTENT, _BACKUP, _NOTE, _UNPACKED = "current", "content", "before.backup", "installed.json", "unpacked"
_ENVIRONMENT, _VALUES = "environment", "values.yaml"
INSTALL, ROLLBACK = "arcops bundle install", "arcops bundle rollback"
_REVOKED = "trust/revocations/"
_MOST_NOTE = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """Which bundle this was, when it was ``made``, and the id of the one that counted ``before``, or nothing."""

    bundle: str
    version: str
    before: str
    made: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Doing:
    """What both need: the site, who signs and by which keys, the passphrase of backups, the clock, how an environment is made
    of a folder of wheels, while files that are secret stay closed, or that none is made; and the registry for the images, if
    they are brought to one. A bundle that is ``older`` than the one that counts is only taken if that is said.
    """

    settings: Settings
    signer: Callable[[], Signer]
    keys: Sequence[PublicKey]
    passphrase: Callable[[], str]
    now: datetime
    environment: Mapping[str, str]
    environment_of: Callable[[Path, Path, Sequence[Path]], None] | None = make_environment
    registry: Asking | None = None
    older: bool = False
    step: Callable[[str], None] = unheard


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """A bundle that counts now: its id, its folder, what it was, and the id of the one before. If not ``counts``, it is only
    unpacked, and its own program goes on: the one of ``environment``, which a bundle without ArcOps does not have. ``pushed``
    are the images that are in the registry.
    """

    id: str
    folder: Path
    verified: Verified
    before: str
    counts: bool
    environment: Path | None
    pushed: tuple[Pushed, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenBack:
    """A bundle that was taken back: its id, the one that counts ``now``, if there was one, and the environment of that."""

    id: str
    now: str
    environment: Path | None


def current(settings: Settings) -> str:
    """The id of the bundle that counts, or nothing."""
    try:
        return str((settings.bundles / _CURRENT).readlink())
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise Refused(f"{settings.bundles / _CURRENT} is not the link that ArcOps makes there; move it away") from error


def install(path: Path, doing: Doing) -> Installed:
    """Let the bundle in the file *path* count here: verified first, then whole or not at all.

    Raises `Refused` with nothing changed if it is not sound, or if its wheels do not fit the Python here; and `Unavailable` if
    the disk or the database does not allow it.
    """
    settings = doing.settings
    with only_one(settings.memory, "bundle"), opened_tar(path, f"the bundle {path}") as tar:
        verified = verify(tar, doing.keys)
        bundle = verified.bundle
        ours = bundle.version in ("", version())
        if not ours and doing.environment_of is None:
            raise Refused(
                f"the bundle {path} brings ArcOps {bundle.version}, and this is {version()}: without an environment of its "
                f"own, only the program of {bundle.version} can install it; load that first, such as by its image"
            )
        if ours:
            refuse_unknown(bundle.schema, f"the bundle {path}")
        id_ = id_of(bundle)
        folder = settings.bundles / id_
        changes = _changes(tar, bundle, settings, id_)
        half = journal.read_journal(settings)
        pushed: tuple[Pushed, ...] = ()

        def installed(*, counts: bool) -> Installed:
            environment = folder / _ENVIRONMENT if (folder / _ENVIRONMENT).is_dir() else None
            before = _note(folder).before if counts else ""
            return Installed(
                id=id_,
                folder=folder,
                verified=verified,
                before=before,
                counts=counts,
                environment=environment,
                pushed=pushed,
            )

        doing.step("verified")
        now = current(settings)
        if half is not None:
            journal.refuse_other(half, changes.command)
        elif now == id_:
            _refuse_changed(bundle, folder)
        else:
            if now and not doing.older:
                _refuse_older(bundle, path, settings.bundles / now)
            _make_ready(tar, bundle, folder, doing)
        if not ours:
            return installed(counts=False)
        if doing.registry is not None:
            pushed = bring(tar, bundle, id_, doing.registry, doing.step)
            replace_whole(folder / _VALUES, values_for(pushed).encode(), mode=0o644)
            doing.step("brought the images")
        if half is None and now == id_:
            return installed(counts=True)
        if half is None:
            for left in (_BACKUP, _NOTE):
                (folder / left).unlink(missing_ok=True)
            note = Note(bundle=content_of(bundle), version=bundle.version, before=now, made=bundle.made)
            write_new(folder / _NOTE, canonical_bytes(note), mode=0o600)
            signer = doing.signer()
            back_up(
                folder / _BACKUP,
                settings,
                signer=signer,
                passphrase=doing.passphrase,
                now=doing.now,
                environment=doing.environment,
            )
            doing.step("backed up")
        _restored(folder, doing, changes)
        return installed(counts=True)


def id_of(bundle: SiteBundle) -> str:
    """The name of *bundle* on this machine, and the tag of its images: its version and a part of its digest."""
    return f"{bundle.version or 'content'}-{content_of(bundle).removeprefix('sha256:')[:16]}"


def _refuse_older(bundle: SiteBundle, path: Path, counting: Path) -> None:
    """An old bundle is as well signed as a new one: who has it must not bring back what was repaired since."""
    again = "To go back, run 'arcops bundle rollback'; to install it all the same, say --older"
    try:
        made = _note(counting).made
    except ArcOpsError as error:
        raise Refused(f"it is not known when the bundle was made that counts here, because {error}. {again}") from error
    if bundle.made < made:
        raise Refused(
            f"the bundle {path} was made at {bundle.made:%Y-%m-%d %H:%M:%S}, before the one that counts here ({counting.name}, "
            f"{made:%Y-%m-%d %H:%M:%S}), so its advisories and its program may be older; nothing was installed. {again}"
        )


def take_back(doing: Doing, named: str = "") -> TakenBack:
    """Let the site be as it was before the bundle that counts, which must be the one *named*, if one is.

    The store and the advisories stay: what was judged since is not lost, and older advisories would find less.
    """
    settings = doing.settings
    with only_one(settings.memory, "bundle"):
        half = journal.read_journal(settings)
        if half is not None:
            journal.refuse_other(half, ROLLBACK)
        id_ = half.command.removeprefix(f"{ROLLBACK} ") if half is not None else current(settings)
        if not id_:
            raise Refused(f"no bundle counts here ({settings.bundles / _CURRENT}), so none can be taken back")
        if named not in ("", id_):
            raise Refused(f"the bundle {named[:200]!r} does not count here, so it is not taken back; {id_} counts")
        folder = settings.bundles / id_
        before = _note(folder).before
        if before and not (settings.bundles / before).is_dir():
            raise Refused(f"{settings.bundles / before}, the bundle before, is gone; restore its folder, or install it again")
        link = settings.bundles / _CURRENT
        _restored(folder, doing, Changes(command=f"{ROLLBACK} {id_}", also={link: _linking(before)}, forward=False))
        environment = settings.bundles / before / _ENVIRONMENT
        return TakenBack(id=id_, now=before, environment=environment if before and environment.is_dir() else None)


def _restored(folder: Path, doing: Doing, changes: Changes) -> None:
    restore(
        folder / _BACKUP,
        doing.settings,
        keys=[*doing.keys, doing.signer().public],
        opening=Opening(passphrase=doing.passphrase),
        now=doing.now,
        permitted=Permitted(replace=True),
        changes=changes,
        environment=doing.environment,
        step=doing.step,
    )


def _note(folder: Path) -> Note:
    return from_json(Note, read_file(folder / _NOTE, _MOST_NOTE, follow=False))


def _make_ready(tar: SignedTar, bundle: SiteBundle, folder: Path, doing: Doing) -> None:
    """Write the pieces to *folder*, and install the wheels there. What a process that died left has no effect, and goes."""
    wanted = doing.environment_of if bundle.version else None
    if _is_ready(bundle, folder) and (wanted is None or (folder / _ENVIRONMENT).is_dir()):
        return
    if Path(sys.prefix).is_relative_to(folder):
        raise Refused(f"{folder} was changed, and this program runs from there; install the bundle with the program before it")
    try:
        if folder.exists():
            shutil.rmtree(folder)
        for part in bundle.parts:
            path = folder / _CONTENT / part.name
            make_private(path.parent)
            stream_new(path, lambda file, name=part.name: file.writelines(tar.chunks(name)))  # type: ignore[misc]
        make_private(folder)
        doing.step("written")
        if wanted is not None:
            wanted(folder / _CONTENT / "wheels", folder / _ENVIRONMENT, tuple(key_files(doing.settings).values()))
            doing.step("installed the wheels")
        write_new(folder / _UNPACKED, b"")
    except OSError as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise Unavailable(f"{folder} cannot be written: {error.strerror}; nothing was installed") from error
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    doing.step("unpacked")


def _is_ready(bundle: SiteBundle, folder: Path) -> bool:
    """Is all of *bundle* in *folder*, byte for byte?"""
    return (folder / _UNPACKED).exists() and not any(_changed(bundle, folder))


def _changed(bundle: SiteBundle, folder: Path) -> Iterator[Path]:
    """What below *folder* is not as *bundle* has it, or is more than that."""
    content, parts = folder / _CONTENT, {one.name: one.digest for one in bundle.parts}
    for here, below, names in os.walk(content):
        links = (one for one in below if Path(here, one).is_symlink())
        yield from (
            path for name in (*names, *links) if (path := Path(here, name)).relative_to(content).as_posix() not in parts
        )
    yield from (content / name for name, digest in parts.items() if digest_if_readable(content / name) != digest)


def _refuse_changed(bundle: SiteBundle, folder: Path) -> None:
    if wrong := next(_changed(bundle, folder), None):
        raise Refused(
            f"the bundle counts here, but {wrong} is not as it brought it: someone changed the folder. Find out who. Then run "
            f"'arcops bundle rollback', remove {folder}, and install it again"
        )


def _changes(tar: SignedTar, bundle: SiteBundle, settings: Settings, id_: str) -> Changes:
    names = [one.name for one in bundle.parts]
    files = {name: tar.read(name, MOST_FILE) for name in names if name.startswith(("trust/", "policies/"))}
    for name, content in files.items():
        there = settings.trust / name.removeprefix("trust/")
        if name.startswith(_REVOKED) and there.exists() and read_file(there, MOST_FILE) != content:
            raise Refused(f"the bundle has {name}, but {there} is another list of revocations; give the bundle's another name")
    also: dict[Path, Callable[[Path], None]] = {settings.bundles / _CURRENT: _linking(id_)}
    if advisories := [name for name in names if name.startswith("data/")]:
        also[settings.data] = lambda staged: _over(settings.data, tar, advisories, staged)
    return Changes(command=f"{INSTALL} {id_}", files=files, also=also)


def _linking(id_: str) -> Callable[[Path], None]:
    return lambda staged: staged.symlink_to(id_) if id_ else None


def _over(below: Path, tar: SignedTar, above: Sequence[str], staged: Path) -> None:
    """Make *staged* a copy of the folder *below* with the parts *above* of *tar* put over it."""
    if below.is_dir():
        shutil.copytree(below, staged)
    for name in above:
        path = staged / name.removeprefix("data/")
        make_private(path.parent)
        path.unlink(missing_ok=True)
        stream_new(path, lambda file, name=name: file.writelines(tar.chunks(name)))  # type: ignore[misc]
