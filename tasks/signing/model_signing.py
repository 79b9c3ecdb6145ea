"""OpenSSF Model Signing: from a proven payload to the files that it covers (predicates of releases 0.2 to 1.1).

The signer's list of ignored paths has no effect here: it is reported, and a file that it would hide counts as outside the
manifest. Digests other than SHA-256 over whole files are checked here, with the bytes whose SHA-256 the tree holds.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from itertools import groupby

from arcops.errors import Refused
from arcops.request import Request
from arcops.seen.signatures import Covered
from arcops.seen.tree import FileSeen, Tree
from artifacts.beneath import open_below
from artifacts.envelope import strict_json
from tasks.files.reading import opened
from tasks.signing.legacy import PREDICATES

_BEFORE_1, _VERSION_1 = PREDICATES
_CHUNK = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What was signed: its files sorted by path, the digest of all, and what the signer left out."""

    version: str
    covers: tuple[Covered, ...]
    digest: str
    ignored: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Resource:
    name: str
    digest: bytes


def predicate_type(payload: bytes) -> str:
    """The predicate type of the in-toto statement *payload*, or ``""`` if it is not a statement."""
    try:
        statement = strict_json(payload, "the statement")
    except Refused:
        return ""
    return str(statement.get("predicateType", "")) if isinstance(statement, dict) else ""


def parse_manifest(payload: bytes, tree: Tree, request: Request) -> Manifest:
    """The manifest in *payload*, a statement whose signature holds. Raises `Refused` on a manifest that contradicts itself.

    The target of *request* is read only for digests that the tree does not hold; its progress is updated meanwhile.
    """
    statement = _object(strict_json(payload, "the manifest"))
    if statement.get("_type") != "https://in-toto.io/Statement/v1":
        raise Refused("its payload is not an in-toto statement of version 1")
    subjects = [_object(subject) for subject in _list(statement.get("subject"))]
    if statement.get("predicateType") == _BEFORE_1:
        resources = tuple(_Resource(name=_name(subject), digest=_stated(subject)) for subject in subjects)
        covers = _files(resources, tree, subject_name="")
        root = hashlib.sha256(b"".join(bytes.fromhex(covered.sha256) for covered in covers)).hexdigest()
        return Manifest(version="0.2", covers=covers, digest=root, ignored=())
    if len(subjects) != 1:
        raise Refused(f"its manifest names {len(subjects)} subjects, but must name one")
    return _version_1(subjects[0], _object(statement.get("predicate")), tree, request)


def _version_1(
    subject: dict[str, object],
    predicate: dict[str, object],
    tree: Tree,
    request: Request,
) -> Manifest:
    serialization = _object(predicate.get("serialization"))
    listed = [_object(value) for value in _list(predicate.get("resources"))]
    resources = tuple(_Resource(name=_name(value), digest=_hex(value.get("digest"))) for value in listed)
    root = hashlib.sha256(b"".join(resource.digest for resource in resources)).digest()
    if root != _stated(subject):
        raise Refused(
            f"the files of its manifest give the digest {root.hex()}, but the manifest names {_stated(subject).hex()}"
        )
    method, kind = serialization.get("method"), str(serialization.get("hash_type"))
    if method == "files" and kind == "sha256":
        covers = _files(resources, tree, subject_name=str(subject.get("name", "")))
    elif method in ("files", "shards"):
        covers = _rehashed(resources, tree, request, kind, sharded=method == "shards")
    else:
        raise Refused(f"its manifest uses the serialisation {method!r}, which is not supported")
    ignored = tuple(sorted({str(path) for path in _list(serialization.get("ignore_paths") or [])}))
    return Manifest(version="1.0", covers=covers, digest=root.hex(), ignored=ignored)


def _files(resources: tuple[_Resource, ...], tree: Tree, *, subject_name: str) -> tuple[Covered, ...]:
    covers: dict[str, Covered] = {}
    for resource in resources:
        if len(resource.digest) != 32:
            raise Refused(f"its manifest lists {resource.name!r} with a digest that is not SHA-256")
        path = _whole(resource.name, len(resources), tree, subject_name)
        if path in covers:
            raise Refused(f"its manifest lists {path!r} twice")
        covers[path] = Covered(path=path, sha256=resource.digest.hex())
    return tuple(covers[path] for path in sorted(covers))


def _whole(name: str, count: int, tree: Tree, subject_name: str) -> str:
    """The path that *name* means. A model that is a single file is listed as ``.``, and named by the subject alone."""
    if name != ".":
        return _safe(name)
    if count != 1 or not subject_name:
        raise Refused("its manifest lists '.' together with other files")
    return tree.files[0].path if len(tree.files) == 1 else _safe(subject_name)


def _rehashed(
    resources: tuple[_Resource, ...],
    tree: Tree,
    request: Request,
    kind: str,
    *,
    sharded: bool,
) -> tuple[Covered, ...]:
    """Files whose manifest digests are not plain SHA-256: read, compared with them, and named by the tree's SHA-256.

    A file that does not match gets an impossible SHA-256 of zeros, so that the gate reports it as changed; a file that the tree
    does not have is reported as missing in the same way.
    """
    parts = sorted((_part(resource, sharded=sharded) for resource in resources), key=lambda part: part[:3])
    here = {file.path: file for file in tree.files}
    covers: list[Covered] = []
    for path, shards in groupby(parts, key=lambda part: part[0]):
        spans = [(start, end, digest) for _, start, end, digest in shards]
        file = here.get(path)
        fits = file is not None and _fits(file, request, spans, kind, sharded=sharded)
        covers.append(Covered(path=path, sha256=file.sha256 if file is not None and fits else "0" * 64))
    return tuple(sorted(covers, key=lambda covered: covered.path))


def _part(resource: _Resource, *, sharded: bool) -> tuple[str, int, int, bytes]:
    if not sharded:
        return (_safe(resource.name), 0, -1, resource.digest)
    path, _, span = resource.name.partition(":")
    start, _, end = span.partition(":")
    if not (start.isascii() and start.isdigit() and end.isascii() and end.isdigit() and len(start) < 20 and len(end) < 20):
        raise Refused(f"its manifest lists {resource.name!r}, which is not a file with a start and an end")
    return (_safe(path), int(start), int(end), resource.digest)


def _fits(
    file: FileSeen,
    request: Request,
    spans: list[tuple[int, int, bytes]],
    kind: str,
    *,
    sharded: bool,
) -> bool:
    """Do *spans* follow each other over the whole of *file*, each with its digest, in bytes that have the tree's SHA-256?"""
    if not sharded:
        if len(spans) != 1:
            raise Refused(f"its manifest lists {file.path!r} twice")
        spans = [(0, file.size, spans[0][2])]
    position, whole = 0, hashlib.sha256()
    with (
        opened(request.target, request.within) as (root, folder),
        os.fdopen(open_below(root, file.path, os.O_RDONLY) if folder else os.dup(root), "rb") as stream,
    ):
        for start, end, digest in spans:
            if start != position or end < start:
                return False
            hasher = _hasher(kind)
            while position < end:
                chunk = stream.read(min(_CHUNK, end - position))
                if not chunk:
                    return False
                hasher.update(chunk)
                whole.update(chunk)
                position += len(chunk)
                request.progress(position, file.size)
            if hasher.digest() != digest:
                return False
    return position == file.size and whole.hexdigest() == file.sha256


def _hasher(kind: str) -> hashlib._Hash | hashlib.blake2b:
    match kind:
        case "sha256":
            return hashlib.sha256()
        case "blake2" | "blake2b":
            return hashlib.blake2b()
        case _:
            raise Refused(f"its manifest uses the digest {kind!r}, which is not supported; sign with sha256 or blake2b")


def _safe(name: str) -> str:
    """*name* if it is a path inside the model as the tree writes it. Raises `Refused` for a path that could leave the model."""
    parts = name.split("/")
    if not name or "\\" in name or "\0" in name or any(part in ("", ".", "..") for part in parts):
        raise Refused(f"its manifest lists {name!r}, which is not a plain path inside the model")
    return name


def _name(value: dict[str, object]) -> str:
    name = value.get("name")
    if not isinstance(name, str):
        raise Refused("its manifest lists a file without a name")
    return name


def _stated(subject: dict[str, object]) -> bytes:
    return _hex(_object(subject.get("digest")).get("sha256"))


def _hex(value: object) -> bytes:
    if not isinstance(value, str) or not value or value.strip("0123456789abcdef"):
        raise Refused("its manifest holds a digest that is not lower-case hex")
    try:
        return bytes.fromhex(value)
    except ValueError as error:
        raise Refused("its manifest holds a digest that is not lower-case hex") from error


def _object(value: object) -> dict[str, object]:
    if not isinstance(value, dict):
        raise Refused("its manifest is malformed: a JSON object is missing")
    return value


def _list(value: object) -> list[object]:
    if not isinstance(value, list) or any(isinstance(item, list) for item in value):
        raise Refused("its manifest is malformed: a JSON list is missing")
    return value
