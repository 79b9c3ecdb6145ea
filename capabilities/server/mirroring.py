"""Mirrors of hosted servers for a site that reaches no index: make one tar, and use it there."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from arcops.asks import Use, shaped, used
from arcops.errors import Refused, Unavailable
from capabilities.contract import Scope, always, tool
from capabilities.server.place import author, rows
from flows.place import Place

if TYPE_CHECKING:
    from services.host.mirrored import Mirrored, Wanted


@dataclass(frozen=True, slots=True, kw_only=True)
class HostMirrorMake:
    """What to put into a mirror."""

    servers: Path = field(metadata=used(Use.HERE) | shaped(positional=True, title="SERVERS", most=4096))
    """A YAML file with the servers, each with a name and a spec, and with OSV exports under 'advisories'."""
    output: Path = field(metadata=used(Use.HERE) | shaped(short="-o", most=4096))
    """Write the tar here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MirrorMade:
    """The tar, its SHA-256, and how many files are in it."""

    path: Path
    sha256: str
    servers: tuple[str, ...]
    files: int
    size: int


@tool(title="Make a mirror of servers", scope=Scope.TRUST, destructive=True, long=True, connects=always)
def host_mirror_make(ask: HostMirrorMake, at: Place) -> MirrorMade:
    """Resolve servers and fetch every file of their locks into one tar, for a site that reaches no index. Nothing runs."""
    from artifacts.writing import replaceable
    from services.host.installers.workshop import installer
    from services.host.mirror_files import fetched
    from services.host.mirrored import ADVISORIES, ATTESTATIONS, FILES, Index, Kept, Mirrored, write
    from services.host.site import workshop
    from services.host.spec import Source, checked, read_package

    replaceable(ask.output)
    wanted = _wanted(ask.servers)
    shop = workshop(at.settings)
    members: dict[str, bytes] = {}
    made: list[Mirrored] = []
    for one in wanted.servers:
        package = read_package(checked(one.spec).package)
        if package.source in (Source.FOLDER, Source.OCI):
            raise Refused(f"{one.name} is a folder of this machine, or an image in one; copy the folder itself")
        if package.source is Source.AGENT:
            raise Refused(f"{one.name} is an agent, of which there is nothing to mirror; import its card there")
        if package.source.elsewhere:
            raise Refused(f"{one.name} is a server of another machine, of which there is nothing to mirror; add its row there")
        lock = installer(package.source).resolve(package, shop)
        files: set[Kept] = set()
        for name, data in fetched(lock, shop):
            sha256 = hashlib.sha256(data).hexdigest()
            members[f"{FILES}/{sha256}"] = data
            files.add(Kept(sha256=sha256, name=name))
            at.progress(len(members), 0)
        attested = []
        for path in one.attestations:
            data = _near(ask.servers, path).read_bytes()
            attested.append(f"{ATTESTATIONS}/{hashlib.sha256(data).hexdigest()}")
            members[attested[-1]] = data
        made.append(Mirrored(name=one.name, spec=one.spec, lock=lock, files=tuple(sorted(files)), attestations=tuple(attested)))
    advisories = []
    for path in wanted.advisories:
        data = _near(ask.servers, path).read_bytes()
        advisories.append(f"{ADVISORIES}/{hashlib.sha256(data).hexdigest()}")
        members[advisories[-1]] = data
    part = ask.output.with_name(f".{ask.output.name}.part")
    write(Index(format=1, servers=tuple(made), advisories=tuple(advisories)), members, part)
    with part.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    size = part.stat().st_size
    part.replace(ask.output)
    return MirrorMade(path=ask.output, sha256=sha256, servers=tuple(one.name for one in made), files=len(members), size=size)


@dataclass(frozen=True, slots=True, kw_only=True)
class HostMirrorUse:
    """Which mirror to use."""

    mirror: Path = field(metadata=used(Use.HERE) | shaped(positional=True, title="MIRROR", most=4096))
    """The tar that 'arcops host mirror make' wrote."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MirrorUsed:
    """The servers whose rows, locks and files are here now, and the indexes whose advisories were imported."""

    servers: tuple[str, ...]
    advisories: tuple[str, ...]


@tool(title="Use a mirror of servers", scope=Scope.TRUST, destructive=True, long=True)
def host_mirror_use(ask: HostMirrorUse, at: Place) -> MirrorUsed:
    """Take in a mirror: its rows with their locks, the files that the locks name, and its advisories. Each server is then gated
    here, as anywhere: a mirror lets nothing run.
    """
    import tarfile
    import tempfile

    from artifacts.private_folder import make_private
    from services.host.gating import keep_attested
    from services.host.mirrored import files_of, opened
    from services.host.site import attested_in, mirrored_in
    from tasks.model.osv.importing import import_osv

    folder = mirrored_in(at.settings)
    imported: list[str] = []
    try:
        with tarfile.open(ask.mirror, "r:") as tar, rows(at) as there:
            content = opened(tar)
            make_private(folder)
            for server in content.index.servers:
                place = folder / server.lock.digest.partition(":")[2][:40]
                with tempfile.TemporaryDirectory(prefix="taking-", dir=folder) as beside:
                    whole = Path(beside) / "files"
                    whole.mkdir()
                    for name, data in files_of(server, content):
                        (whole / name).write_bytes(data)
                    if not place.exists():
                        whole.rename(place)
                attested = [(name.rpartition("/")[2], content.read(name)) for name in server.attestations]
                keep_attested(attested, attested_in(at.settings, server.lock))
                row = there.put(server.name, server.spec, author=author(at))
                there.lock(server.name, row.current.number, server.lock)
                if there.there(server.name).current.lock != server.lock:
                    raise Refused(f"{server.name} has another lock here already; give its row a new version first")
            for name in content.index.advisories:
                with tempfile.NamedTemporaryFile(suffix=".zip") as export:
                    export.write(content.read(name))
                    export.flush()
                    imported.append(import_osv(Path(export.name), at.settings.data, ecosystem=None, now=at.now()).ecosystem)
    except tarfile.TarError as error:
        raise Refused(f"{ask.mirror} is no mirror: {error}") from error
    except OSError as error:
        raise Unavailable(f"the mirror cannot be used: {error.strerror or error}") from error
    return MirrorUsed(servers=tuple(one.name for one in content.index.servers), advisories=tuple(imported))


def _wanted(path: Path) -> Wanted:
    from artifacts.reading import read_file
    from artifacts.wire import from_values
    from foundation.strict_yaml import load_all
    from services.host.mirrored import Wanted

    found = load_all(read_file(path, 1 << 20), what=str(path))
    if len(found) != 1:
        raise Refused(f"{path} holds {len(found)} documents; write one, with 'servers:'")
    return from_values(Wanted, found[0])


def _near(servers: Path, path: str) -> Path:
    """*path*, which the file *servers* names: relative to that."""
    found = servers.absolute().parent / path
    if not found.is_file():
        raise Refused(f"{found} does not exist, and {servers} names it")
    return found
