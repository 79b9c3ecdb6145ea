"""An export of a registry, read in bounds: one document, a page of the API, or a list of either.

It is not a value in memory at once. What comes is as large as the file, and of it one document at a time is decoded, each
within a bound of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
from msgspec import Raw

from arcops.errors import Refused
from arcops.roots import ANYWHERE, Roots
from artifacts.envelope import strict_json
from artifacts.reading import read_file
from services.host.catalog.agent_card import is_card, read_card
from services.host.catalog.document import Document, read_document

MOST_BYTES = 64 * 1024 * 1024
"""Of an export. The public registry's is some tens of megabytes with all versions; import a larger one page by page."""
MOST_DOCUMENT = 256 * 1024
MOST_DOCUMENTS = 100_000
_objects = msgspec.json.Decoder(dict[str, Raw])
_lists = msgspec.json.Decoder(list[Raw])


@dataclass(frozen=True, slots=True, kw_only=True)
class NotTaken:
    """A document that cannot be an entry: its number in the export, from 1, and why."""

    number: int
    why: str


def read_export(path: Path, within: Roots = ANYWHERE) -> Iterator[Document | NotTaken]:
    """Every document of the file *path*. Raises `Refused` for a file that is too large or no export at all."""
    data = read_file(path, MOST_BYTES, within=within)
    yield from documents_in(data, path.name)


def documents_in(data: bytes, what: str) -> Iterator[Document | NotTaken]:
    """Every document in *data*; *what* is its name in sentences."""
    for number, raw in enumerate(_raws(data, what), 1):
        if number > MOST_DOCUMENTS:
            raise Refused(f"{what} has more than {MOST_DOCUMENTS:,} documents; import it in parts")
        try:
            yield _document(bytes(raw), f"document {number}")
        except Refused as error:
            yield NotTaken(number=number, why=str(error))


def _document(data: bytes, what: str) -> Document:
    if len(data) > MOST_DOCUMENT:
        raise Refused(f"{what} has {len(data):,} bytes; one has at most {MOST_DOCUMENT:,}")
    value = strict_json(data, what)
    return read_card(value, what) if is_card(value) else read_document(value, what)


def _raws(data: bytes, what: str) -> Iterator[bytes | Raw]:
    try:
        if data.lstrip()[:1] == b"[":
            for one in _lists.decode(data):
                inside = _objects.decode(one)
                yield from _lists.decode(inside["servers"]) if "servers" in inside else (one,)
            return
        page = _objects.decode(data)
        yield from _lists.decode(page["servers"]) if "servers" in page else (data,)
    except RecursionError:
        raise Refused(f"{what} has objects and lists too deep inside one another to be an export of a registry") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Refused(
            f"{what} is no export of a registry: {error}; it is JSON with 'servers', as GET /v0.1/servers answers it"
        ) from None
