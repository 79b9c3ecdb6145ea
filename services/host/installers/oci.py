"""Servers in OCI images: a layout on this machine is read by its digests, and its layers become the files that a server sees.

No registry is asked. ``skopeo copy docker://REGISTRY/NAME@sha256:… oci:/PATH``, on a machine that reaches one, writes such a
layout (image-spec 1.1, ``image-layout.md``, ``layer.md``).
"""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path
from platform import machine
from typing import Any

from arcops.errors import Refused
from artifacts.canonical import canonical
from artifacts.envelope import strict_json
from artifacts.reading import read_file
from artifacts.typed import JSON
from services.host.installers.layers import Blob, unpack
from services.host.installers.workshop import Launch, Workshop
from services.host.lock import Lock
from services.host.spec import Package, read_package
from tasks.server.images import ROOT, Image, image_in, inside, write_image

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_MOST = 4 << 20
_MOST_LAYERS = 256
_MACHINES = {"x86_64": "amd64", "aarch64": "arm64"}
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}=[^\0]*")
_FOLDERS = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def resolve(package: Package, at: Workshop) -> Lock:
    """The manifest of the image for this machine, and every blob that it names, by their digests."""
    manifest, digest = manifest_of(Path(package.name), package.version)
    said: dict[str, JSON] = {
        "manifest": digest,
        "config": _one(manifest.get("config"))[0],
        "layers": [[digest, size, kind] for digest, size, kind in map(_one, _layers(manifest))],
    }
    return Lock(package=str(package), runtime=runtime(), text=canonical(said).decode())


def install(lock: Lock, folder: Path, at: Workshop) -> None:
    """Unpack the layers. Raises `Refused` if a blob is not what the lock names. Nothing of the image runs."""
    layout = Path(read_package(lock.package).name)
    said = json.loads(lock.text)
    config = _object(strict_json(blob_of(layout, said["config"]), "the configuration of the image"))
    root = folder / ROOT
    root.mkdir()
    unpack(
        [Blob(path=_path(layout, digest), digest=digest, size=size, kind=kind) for digest, size, kind in said["layers"]], root
    )
    write_image(_image(_object(config.get("config", {}))), folder)


def launch(package: Package, folder: Path, command: str) -> Launch:
    """The image's own program, or *command*, which is looked for in its PATH."""
    image = image_in(folder)
    if image is None:
        raise Refused(f"what is installed of {package} is no image; remove it, and gate the server again")
    line = (command,) if command else image.command
    if not line:
        raise Refused(f"{package} does not say which program it runs; say it with --command")
    return Launch(command=(_found(line[0], folder / ROOT, image, package), *line[1:]), environment={})


def runtime() -> str:
    """The machine that a lock here is for."""
    return f"oci-{sys.platform}-{_machine()}"


def _machine() -> str:
    return _MACHINES.get(machine(), machine())


def manifest_of(layout: Path, digest: str) -> tuple[dict[str, Any], str]:
    """The manifest *digest*, or the one for this machine in an index of that digest."""
    document = _object(strict_json(blob_of(layout, digest), "the manifest of the image"))
    if "manifests" in document:
        for one in document["manifests"]:
            platform = _object(_object(one).get("platform", {}))
            if platform.get("os") == "linux" and platform.get("architecture") == _machine():
                return _object(strict_json(blob_of(layout, _one(one)[0]), "the manifest of the image")), _one(one)[0]
        raise Refused(f"the image {digest} has no part for linux/{_machine()}")
    return document, digest


def _layers(manifest: dict[str, Any]) -> list[Any]:
    layers = manifest.get("layers")
    if not isinstance(layers, list) or not 0 < len(layers) <= _MOST_LAYERS:
        raise Refused(f"the image has no layers, or more than {_MOST_LAYERS}")
    return layers


def _one(descriptor: object) -> tuple[str, int, str]:
    """The digest, the size and the media type in a descriptor."""
    said = _object(descriptor)
    digest, size, kind = said.get("digest"), said.get("size"), said.get("mediaType")
    if not (isinstance(digest, str) and _DIGEST.fullmatch(digest) and isinstance(size, int) and isinstance(kind, str)):
        raise Refused("the image names a blob without a SHA-256, a size and a media type")
    return digest, size, kind


def blob_of(layout: Path, digest: str) -> bytes:
    """The blob *digest* of *layout*, which is no layer. Raises `Refused` if it is not there, or has other content."""
    import hashlib

    if not _DIGEST.fullmatch(digest):
        raise Refused(f"{digest[:100]!r} is no SHA-256 of a blob")
    data = read_file(_path(layout, digest), _MOST)
    if f"sha256:{hashlib.sha256(data).hexdigest()}" != digest:
        raise Refused(f"the blob {digest} in {layout} has other content; copy the image again")
    return data


def _path(layout: Path, digest: str) -> Path:
    return layout / "blobs" / "sha256" / digest.removeprefix("sha256:")


def _object(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Refused("the image is malformed: a JSON object is missing")
    return value


def _image(config: dict[str, Any]) -> Image:
    command = [*(config.get("Entrypoint") or ()), *(config.get("Cmd") or ())]
    environment = list(config.get("Env") or ())
    if not all(isinstance(one, str) and "\0" not in one for one in command):
        raise Refused("the image's Entrypoint or Cmd is not a list of texts")
    if not all(isinstance(one, str) and _VARIABLE.fullmatch(one) for one in environment):
        raise Refused("the image's Env is not a list of variables")
    return Image(command=tuple(command), environment=tuple(environment))


def _found(program: str, root: Path, image: Image, package: Package) -> str:
    """The path of *program* as the image's own files have it. Links are followed as they lead there."""
    path = next((one.partition("=")[2] for one in image.environment if one.startswith("PATH=")), _FOLDERS)
    places = [program] if program.startswith("/") else [f"{folder}/{program}" for folder in path.split(":") if folder]
    for place in places:
        file = inside(place, root)
        if file is not None and file.is_file() and os.access(file, os.X_OK):
            return place
    raise Refused(f"there is no program {program[:200]!r} in {package}; say which one runs, with --command")
