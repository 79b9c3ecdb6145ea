"""The servers that ArcOps ships as a beginning: real packages at one exact version, with the digests that their index gave.

A digest is what was seen on its day; a row's lock is resolved here again, with every file. To be listed is no verdict: each is
proposed, and gated like any other.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from services.host.catalog.document import Document
from services.host.catalog.export import NotTaken, documents_in

_FILE = Path(__file__).with_name("curated.json")


def curated() -> Iterator[Document | NotTaken]:
    """Each of them."""
    yield from documents_in(_FILE.read_bytes(), _FILE.name)
