"""Bringing images into a registry: every blob first, then the manifests that name them, each by its digest.

What is there already is not sent again, so a push that was cut off goes on with the next blob. A blob goes in pieces; if the
connection breaks, the registry is asked how far it is (specification, "Pushing a blob in chunks"). In the end the manifest is
read back.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from arcops.errors import Refused, Unavailable
from arcops.silence import unheard
from foundation.egress.question import Answer
from foundation.registry.asking import Asking, said

PIECE = 8 * 1024 * 1024
_TRIES = 5
"""How often in a row a piece may fail."""
_RANGE = re.compile(r"(?:bytes=)?0-([0-9]{1,15})\Z")
_OCTETS = "application/octet-stream"


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """Something with a digest (``sha256:…``), and what type it is (specification of images, "Descriptors")."""

    media_type: str
    digest: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """An image: its name, its root, every blob of it, and its manifests, each after those that it names; the root is the last.

    ``read`` gives so many bytes of one of them from a place on.
    """

    name: str
    root: Content
    blobs: tuple[Content, ...]
    manifests: tuple[Content, ...]
    read: Callable[[Content, int, int], bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pushed:
    """An image that is in the registry: the ``reference`` by which a pod takes it, and how many bytes of it were ``sent``,
    because they were not there.
    """

    name: str
    reference: str
    sent: int


def push(images: tuple[Image, ...], tag: str, asking: Asking, step: Callable[[str], None] = unheard) -> Iterator[Pushed]:
    """Let every one of *images* be in the registry, under its digest and the *tag*, and say so of each.

    Raises `Refused` before anything is sent if an image cannot have its name there, and if the registry does not take
    something; `Unavailable` if it does not answer: then the same again goes on.
    """
    repositories = {image.name: asking.registry.repository(image.name) for image in images}
    for image in images:
        repository, sent = repositories[image.name], 0
        for blob in image.blobs:
            sent += _blob(blob, image, repository, asking)
            step(f"blob {blob.digest}")
        for manifest in image.manifests:
            _manifest(manifest, manifest.digest, image, repository, asking)
        _manifest(image.root, tag, image, repository, asking)
        _refuse_other(image, tag, repository, asking)
        step(f"image {image.name}")
        yield Pushed(name=image.name, reference=asking.registry.named(image.name, image.root.digest), sent=sent)


def _blob(blob: Content, image: Image, repository: str, asking: Asking) -> int:
    """Let *blob* be in the *repository*; returns how many bytes were sent."""
    there = asking.ask("HEAD", f"/v2/{repository}/blobs/{blob.digest}", repository)
    if there.status == 200 and there.headers.get("content-length") == str(blob.size):
        return 0
    if there.status not in (200, 404):
        raise _not_taken(there, f"the question for {blob.digest}", asking)
    location, at, failed = _begun(repository, asking), 0, 0
    while at < blob.size:
        piece = image.read(blob, at, min(PIECE, blob.size - at))
        told = {"Content-Type": _OCTETS, "Content-Range": f"{at}-{at + len(piece) - 1}"}
        try:
            answer = asking.ask("PATCH", location, repository, told, piece)
            if answer.status == 416:
                raise Unavailable(
                    f"the registry {asking.registry.host} is at another byte of {blob.digest}; run the same again"
                )
            location = _location(answer, 202, f"a piece of {blob.digest}", asking)
            at += len(piece)
            failed = 0
        except Unavailable:
            failed += 1
            if failed >= _TRIES:
                raise
            location, at = _reached(location, repository, blob, asking)
    closing = f"{location}{'&' if '?' in location else '?'}digest={blob.digest}"
    ended = asking.ask("PUT", closing, repository, {"Content-Type": _OCTETS})
    if ended.status != 201:
        raise _not_taken(ended, f"the blob {blob.digest}", asking)
    return blob.size


def _reached(location: str, repository: str, blob: Content, asking: Asking) -> tuple[str, int]:
    """How far the registry is with *blob*: which address goes on, and from which byte."""
    answer = asking.ask("GET", location, repository)
    found = _RANGE.match(answer.headers.get("range", ""))
    reached = int(found[1]) + 1 if found is not None else 0
    if answer.status == 204 and 1 < reached <= blob.size:  # "0-0" is one byte, or none: registries say it for both
        return answer.headers.get("location") or location, reached
    return _begun(repository, asking), 0


def _begun(repository: str, asking: Asking) -> str:
    return _location(asking.ask("POST", f"/v2/{repository}/blobs/uploads/", repository), 202, "a new blob", asking)


def _manifest(manifest: Content, reference: str, image: Image, repository: str, asking: Asking) -> None:
    data = image.read(manifest, 0, manifest.size)
    answer = asking.ask(
        "PUT", f"/v2/{repository}/manifests/{reference}", repository, {"Content-Type": manifest.media_type}, data
    )
    if answer.status != 201:
        raise _not_taken(answer, f"the manifest {manifest.digest}", asking)
    if (given := answer.headers.get("docker-content-digest", manifest.digest)) != manifest.digest:
        raise Refused(
            f"the registry {asking.registry.host} keeps {manifest.digest} as {given[:100]!r}, so it is not what was sent"
        )


def _refuse_other(image: Image, tag: str, repository: str, asking: Asking) -> None:
    """Raise `Refused` unless the registry gives back the *image* by its digest and by its *tag*."""
    for reference in (image.root.digest, tag):
        accepted = {"Accept": image.root.media_type}
        answer = asking.ask("GET", f"/v2/{repository}/manifests/{reference}", repository, accepted)
        if answer.status != 200 or f"sha256:{hashlib.sha256(answer.body).hexdigest()}" != image.root.digest:
            raise Refused(
                f"the registry {asking.registry.host} does not give back what was brought to it: {repository} by {reference} "
                f"is not {image.root.digest} (status {answer.status}); look there for what changes images"
            )


def _location(answer: Answer, status: int, what: str, asking: Asking) -> str:
    location = answer.headers.get("location", "")
    if answer.status != status or not location:
        raise _not_taken(answer, what, asking)
    return location


def _not_taken(answer: Answer, what: str, asking: Asking) -> Refused:
    return Refused(f"the registry {asking.registry.host} does not take {what}: it answers {answer.status}{said(answer)}")
