"""A newer image of the same server, and of its base, among those that were brought into a layout on this machine.

Sources: OCI image-spec 1.1, ``image-layout.md`` (``index.json``), ``annotations.md`` (``ref.name``, ``base.name``,
``base.digest``), ``config.md`` (``created``).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from arcops.errors import ArcOpsError, Refused
from artifacts.envelope import strict_json
from artifacts.reading import read_file
from services.host.installers.oci import blob_of, manifest_of
from services.host.spec import Package

_MOST = 4 << 20
_MOST_IMAGES = 1000
_PREFIX = "org.opencontainers.image."
_SAME_LABELS = (f"{_PREFIX}title", f"{_PREFIX}source")


@dataclass(frozen=True, slots=True, kw_only=True)
class Newer:
    """``digests`` are those of newer images of the same server, the newest first. ``base`` names the image that it was built
    on, as ``NAME@DIGEST``, if it says so, and ``newer_base`` is the digest of a newer one of that name in the layout.
    """

    digests: tuple[str, ...] = ()
    base: str = ""
    newer_base: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Image:
    digest: str
    name: str
    created: datetime | None
    program: str
    labels: tuple[str, ...]
    annotations: dict[str, str]


def newer(package: Package) -> Newer:
    """What the layout of *package* has that is newer. Raises `Refused` if the layout or the image of *package* cannot be read.

    An image is the same server if it starts the same program with the same arguments, and has the same title and source as far
    as this one says them. It is newer if it was made later, as both say.
    """
    layout = Path(package.name)
    mine = _image(layout, package.version, "", {})
    images = [one for one in _images(layout) if one.digest != mine.digest]
    same = [one for one in images if one.program == mine.program and one.labels == mine.labels and _later(one, mine)]
    same.sort(key=lambda one: (str(one.created), one.digest), reverse=True)
    name, digest = (mine.annotations.get(f"{_PREFIX}base.{one}", "") for one in ("name", "digest"))
    bases = [one for one in images if name and one.name in (name, name.rpartition("/")[2]) and one.digest != digest]
    bases.sort(key=lambda one: (str(one.created), one.digest), reverse=True)
    return Newer(
        digests=tuple(one.digest for one in same),
        base=f"{name}@{digest}" if name and digest else name or digest,
        newer_base=bases[0].digest if bases else "",
    )


def _later(one: _Image, mine: _Image) -> bool:
    return one.created is not None and mine.created is not None and one.created > mine.created


def _images(layout: Path) -> list[_Image]:
    """The images of the layout's index that can be read and are for this machine."""
    document = strict_json(read_file(layout / "index.json", _MOST), "the index of the layout")
    listed = document.get("manifests") if isinstance(document, dict) else None
    if not isinstance(listed, list) or len(listed) > _MOST_IMAGES:
        raise Refused(f"{layout}/index.json lists no images, or more than {_MOST_IMAGES}; copy the image into it again")
    found: list[_Image] = []
    for one in listed:
        digest = one.get("digest") if isinstance(one, dict) else None
        if isinstance(digest, str):
            said = _texts(one.get("annotations"))
            try:
                found.append(_image(layout, digest, said.get(f"{_PREFIX}ref.name", ""), said))
            except ArcOpsError:
                continue  # for another machine, or damaged: it is no candidate
    return found


def _image(layout: Path, digest: str, name: str, annotations: dict[str, str]) -> _Image:
    manifest, _ = manifest_of(layout, digest)
    config = strict_json(blob_of(layout, str(_member(manifest, "config").get("digest", ""))), "the configuration of the image")
    inner = _member(config, "config")
    labels = _texts(inner.get("Labels"))
    return _Image(
        digest=digest,
        name=name,
        created=_moment(config.get("created") if isinstance(config, dict) else None),
        program=json.dumps([inner.get("Entrypoint") or [], inner.get("Cmd") or []]),
        labels=tuple(labels.get(one, "") for one in _SAME_LABELS),
        annotations={**annotations, **labels, **_texts(manifest.get("annotations"))},
    )


def _member(value: object, name: str) -> dict[str, Any]:
    found = value.get(name) if isinstance(value, dict) else None
    return found if isinstance(found, dict) else {}


def _texts(value: object) -> dict[str, str]:
    return {str(name): one for name, one in value.items() if isinstance(one, str)} if isinstance(value, dict) else {}


def _moment(value: object) -> datetime | None:
    try:
        found = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return found if found.tzinfo is not None else None
