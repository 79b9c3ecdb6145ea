"""The pieces of a bundle, and what each must be: checked when it is made, and again before it is installed."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from arcops.errors import Refused
from artifacts.envelope import strict_json
from artifacts.public_key import load_public_key
from artifacts.signed_tar import TarPart
from artifacts.site_bundle import ImageCarried, WheelCarried
from foundation.registry.pushing import Content

KINDS = ("images", "chart", "wheels", "trust", "data", "policies", "docs")
REQUIREMENTS = "wheels/requirements.txt"
OURS = "arcops"
_MOST_JSON = 4 * 1024 * 1024
_MOST_DEPTH = 4
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")

Read = Callable[[str, int], bytes]
"""Gives the bytes of a part, if they are not more than so many."""
Parts = Mapping[str, TarPart]


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """An image as an OCI layout: its name, the digest of its index, what the index names, every blob below that, and the
    manifests, each after those that it names.
    """

    name: str
    digest: str
    roots: tuple[Content, ...]
    blobs: tuple[Content, ...]
    manifests: tuple[Content, ...]

    @property
    def carried(self) -> ImageCarried:
        """What the signed list says of it."""
        return ImageCarried(name=self.name, digest=self.digest)

    def part(self, one: Content) -> str:
        """The name of *one* of it in the bundle."""
        return _part(f"images/{self.name}", one.digest)


def layouts(parts: Parts, read: Read) -> tuple[Layout, ...]:
    """Each image among *parts*. Raises `Refused` if one is no whole OCI image layout (OCI image-spec, ``image-layout.md``)."""
    return tuple(
        _layout(name, parts, read) for name in sorted({one.split("/")[1] for one in parts if one.startswith("images/")})
    )


def images(parts: Parts, read: Read) -> tuple[ImageCarried, ...]:
    """What the signed list says of each image among *parts*. Raises as `layouts`."""
    return tuple(one.carried for one in layouts(parts, read))


def _layout(name: str, parts: Parts, read: Read) -> Layout:
    folder = f"images/{name}"
    for needed in ("oci-layout", "index.json"):
        if f"{folder}/{needed}" not in parts:
            raise Refused(f"{folder} has no {needed}, so it is no OCI image layout")
    manifests: dict[str, Content] = {}
    blobs: dict[str, Content] = {}
    listed = _listed(_read_json(f"{folder}/index.json", read), "manifests", folder)
    roots = [_follow(one, folder, parts, read, (manifests, blobs), _MOST_DEPTH) for one in listed]
    if not manifests:
        raise Refused(f"{folder} names no image in its index.json")
    return Layout(
        name=name,
        digest=parts[f"{folder}/index.json"].digest,
        roots=tuple(roots),
        blobs=tuple(blobs.values()),
        manifests=tuple(manifests.values()),
    )


def _part(folder: str, digest: str) -> str:
    return f"{folder}/blobs/sha256/{digest.removeprefix('sha256:')}"


def _follow(
    one: Any, folder: str, parts: Parts, read: Read, found: tuple[dict[str, Content], dict[str, Content]], depth: int
) -> Content:
    """Every blob that the descriptor *one* leads to is there, and has the digest and the size that are said of it."""
    manifests, blobs = found
    digest = one.get("digest") if isinstance(one, dict) else None
    if not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
        raise Refused(f"{folder} names a blob by something else than a SHA-256 digest")
    name = _part(folder, digest)
    part = parts.get(name)
    if part is None or part.digest != digest or one.get("size") != part.size:
        raise Refused(f"the blob {digest} of {folder} is missing, or is not what its name says")
    this = Content(media_type=str(one.get("mediaType")), digest=digest, size=part.size)
    if not re.search(r"(manifest|image\.index|manifest\.list)\.v[12]\+json$", this.media_type):
        blobs.setdefault(digest, this)
        return this
    if digest in manifests:
        return this
    if not depth:
        raise Refused(f"{folder} is nested too deep")
    document = _read_json(name, read)
    if "config" not in document and "manifests" not in document:
        raise Refused(f"{name} is no manifest of an image")
    below = [*([document["config"]] if "config" in document else [])]
    for key in ("layers", "manifests"):
        below += _listed(document, key, folder) if key in document else []
    for each in below:
        _follow(each, folder, parts, read, found, depth - 1)
    manifests[digest] = this
    return this


def _read_json(name: str, read: Read) -> dict[str, Any]:
    found = strict_json(read(name, _MOST_JSON), name)
    if not isinstance(found, dict):
        raise Refused(f"{name} is no JSON object")
    return found


def _listed(document: dict[str, Any], key: str, folder: str) -> list[Any]:
    found = document.get(key)
    if not isinstance(found, list):
        raise Refused(f"{folder} has no list of {key}")
    return found


def wheels(parts: Parts) -> tuple[WheelCarried, ...]:
    """Each wheel among *parts*. Raises `Refused` for another file, or for two versions of one package."""
    from packaging.utils import InvalidWheelFilename, parse_wheel_filename

    found: list[WheelCarried] = []
    versions: dict[str, str] = {}
    for name, part in sorted(parts.items()):
        if not name.startswith("wheels/") or name == REQUIREMENTS:
            continue
        try:
            package, version, _, _ = parse_wheel_filename(PurePosixPath(name).name)
        except InvalidWheelFilename as error:
            raise Refused(f"{name} is no wheel: {error}") from error
        if versions.setdefault(package, str(version)) != str(version):
            raise Refused(f"there are two versions of {package}: {versions[package]} and {version}; carry one")
        found.append(WheelCarried(name=package, version=str(version), digest=part.digest))
    return tuple(found)


def requirements(carried: tuple[WheelCarried, ...]) -> bytes:
    """What pip installs from the *carried* wheels: each package with the digests of its files, and nothing else."""
    lines: dict[str, list[str]] = {}
    for one in carried:
        lines.setdefault(f"{one.name}=={one.version}", []).append(f"--hash={one.digest}")
    return "".join(f"{package} {' '.join(sorted(hashes))}\n" for package, hashes in sorted(lines.items())).encode()


def version_in(carried: tuple[WheelCarried, ...]) -> str:
    """The version of ArcOps among the *carried* wheels; empty without one."""
    return next((one.version for one in carried if one.name == OURS), "")


def refuse_wrong(parts: Parts, read: Read) -> None:
    """Raise `Refused` with the first piece that is not what it has to be; images and wheels have their own functions."""
    charts = [one for one in parts if one.startswith("chart/")]
    if charts and not any(one == "chart/Chart.yaml" or one.endswith(".tgz") for one in charts):
        raise Refused("the chart has no Chart.yaml, and is no packed chart (.tgz)")
    for name in parts:
        if name.startswith("trust/keys/") and name.endswith((".pub", ".pem")):
            load_public_key(read(name, _MOST_JSON), where=name)
        if name.split("/")[0] not in KINDS:
            raise Refused(f"{name} is no piece of a bundle; these are: {', '.join(KINDS)}")


def not_given(parts: Parts) -> Iterator[str]:
    """The kinds of pieces that are not among *parts*."""
    there = {one.split("/")[0] for one in parts}
    return (kind for kind in KINDS if kind not in there)
