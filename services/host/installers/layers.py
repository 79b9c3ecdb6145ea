"""The layers of an image, one over the other, as plain files: what a layer removes is gone, and nothing leads out of the tree.

Owners, times, devices and set-user-id bits are left out: a server runs as its host's user, and may change none of them. A layer
is read once, and its digest is compared when it was read to its end; the caller throws away what was made of a wrong one.
"""

from __future__ import annotations

import gzip
import hashlib
import shutil
import tarfile
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from arcops.errors import Refused
from foundation.processes.rooted import FILES, POINTS

MOST_BYTES, MOST_FILES = 8 << 30, 400_000
"""Of all layers together."""
_HIDES, _HIDES_ALL = ".wh.", ".wh..wh..opq"
_PART = 1 << 20
_PLAIN = ("application/vnd.oci.image.layer.v1.tar", "application/vnd.docker.image.rootfs.diff.tar")
_GZIP = tuple(f"{one}{end}" for one, end in zip(_PLAIN, ("+gzip", ".gzip"), strict=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class Blob:
    """A layer at *path*: its digest (``sha256:…``), its size in bytes and its media type."""

    path: Path
    digest: str
    size: int
    kind: str


class _Hashed:
    """A file that is read, with the digest of what was read so far."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self.sha256 = file, hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(size)
        self.sha256.update(data)
        return data


def unpack(blobs: Iterable[Blob], root: Path) -> None:
    """Put the layers *blobs* into *root*, which is empty, and make the folders that every such tree has. Raises `Refused`."""
    left = [MOST_BYTES, MOST_FILES]
    for blob in blobs:
        try:
            _layer(blob, root, left)
        except (OSError, EOFError, tarfile.TarError, zlib.error, ValueError) as error:
            raise Refused(f"the layer {blob.digest} cannot be unpacked: {error}") from error
    for name in POINTS:
        place = root / name
        if place.is_symlink() or (place.exists() and not place.is_dir()):
            raise Refused(f"/{name} of the image is no folder, so nothing can be put there")
        place.mkdir(exist_ok=True)
    for name in FILES:
        place = _parent(root, name.split("/")) / name.rpartition("/")[2]
        if not place.exists() and not place.is_symlink():
            place.touch()


def _layer(blob: Blob, root: Path, left: list[int]) -> None:
    if blob.kind not in (*_PLAIN, *_GZIP):
        raise Refused(f"a layer of the image is {blob.kind[:100]!r}, which is not read here; copy it as gzip or as plain tar")
    with blob.path.open("rb") as file:
        hashed = _Hashed(file)
        opened = cast(IO[bytes], gzip.GzipFile(fileobj=cast(IO[bytes], hashed)) if blob.kind in _GZIP else hashed)
        with tarfile.open(fileobj=opened, mode="r|") as archive:
            made: set[Path] = set()
            for member in archive:
                left[0] -= max(0, member.size)
                left[1] -= 1
                if min(left) < 0:
                    raise Refused(f"the image has more than {MOST_FILES} files, or {MOST_BYTES >> 30} GiB")
                _member(archive, member, root, made)
        while opened.read(_PART):
            pass  # what a tar has after its end
        while hashed.read(_PART):
            pass
    if f"sha256:{hashed.sha256.hexdigest()}" != blob.digest:
        raise Refused(f"the layer {blob.digest} has other content; copy the image again")


def _member(archive: tarfile.TarFile, member: tarfile.TarInfo, root: Path, made: set[Path]) -> None:
    parts = [one for one in member.name.split("/") if one not in ("", ".")]
    if not parts:
        return
    if ".." in parts or "\0" in member.name:
        raise Refused(f"a layer names {member.name[:200]!r}, which leads out of the image")
    name, folder = parts[-1], _parent(root, parts)
    if name == _HIDES_ALL:
        for one in list(folder.iterdir()):
            if one not in made:
                _remove(one)
        return
    if name.startswith(_HIDES):
        _remove(folder / name.removeprefix(_HIDES))
        return
    place = folder / name
    if member.isdir():
        if place.is_symlink() or (place.exists() and not place.is_dir()):
            _remove(place)
        place.mkdir(exist_ok=True)
    elif member.issym():
        _remove(place)
        place.symlink_to(member.linkname)
    elif member.islnk():
        linked = [one for one in member.linkname.split("/") if one not in ("", ".")]
        target = _parent(root, linked) / linked[-1] if linked and ".." not in linked else None
        if target is None or target.is_symlink() or not target.is_file():
            raise Refused(f"a layer links {member.name[:200]!r} to what is no file of the image")
        _remove(place)
        place.hardlink_to(target)
    elif member.isreg():
        source = archive.extractfile(member)
        _remove(place)
        with place.open("xb") as file:
            if source is not None:
                shutil.copyfileobj(source, file, _PART)
        place.chmod(0o755 if member.mode & 0o111 else 0o644)
    else:
        return  # a device, which a server may not use
    made.update((place, *place.parents))


def _parent(root: Path, parts: list[str]) -> Path:
    """The folder of *parts* below *root*. What is a link on the way is not followed: layers name real places."""
    here = root
    for one in parts[:-1]:
        here /= one
        if here.is_symlink():
            raise Refused(f"a layer writes through the link {'/'.join(parts[:-1])[:200]!r}, which could lead anywhere")
        if not here.is_dir():
            if here.exists():
                here.unlink()
            here.mkdir()
    return here


def _remove(place: Path) -> None:
    if place.is_symlink() or place.is_file():
        place.unlink()
    elif place.is_dir():
        shutil.rmtree(place)
