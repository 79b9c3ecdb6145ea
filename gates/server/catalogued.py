"""The server's own files beside what the catalog of this site says of them."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator

from arcops.seen.server import Catalogued, Pinned


def unlike(packages: Iterable[Pinned], catalogued: Iterable[Catalogued]) -> Iterator[Catalogued]:
    """Those of *catalogued* whose digest is not one that the lock has for the server's own package, one of *packages*."""
    digests = {digest for one in packages if one.root for digest in one.digests}
    return (one for one in catalogued if digests.isdisjoint((one.digest, _as_npm_writes(one.digest))))


def _as_npm_writes(digest: str) -> str:
    """*digest* (``sha512:`` and hex) as ``package-lock.json`` has it: ``sha512-`` and base64. Source: W3C SRI, 3.1."""
    kind, _, value = digest.partition(":")
    try:
        return f"{kind}-{base64.b64encode(bytes.fromhex(value)).decode()}"
    except ValueError:
        return ""
