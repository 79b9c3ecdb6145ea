"""Names under which tools and prompts of several servers stand together: legal for every client, always the same, never alike.

A client's model takes names of 1 to 64 of the letters A to Z, a to z, digits, ``_`` and ``-``; servers name tools as they like.
"""

from __future__ import annotations

import hashlib
import re

LEGAL = re.compile(r"[A-Za-z0-9_-]{1,64}")
_PLAIN = re.compile(r"[A-Za-z0-9-][A-Za-z0-9_-]*")
_OTHER = re.compile(r"[^A-Za-z0-9-]+")
_MOST = 64
_PART = 22


def legal_name(server: str, own: str) -> str:
    """The name of what *server* calls *own*.

    It is ``SERVER_OWN`` if that is legal and *own* does not begin with ``_``: a server's name has no ``_``, so that the first
    one ends it. Every other name is ``SERVER__OWN_HASH``, shortened, with a hash of both: no name of the first form has ``__``
    after the server.
    """
    plain = f"{server}_{own}"
    if len(plain) <= _MOST and _PLAIN.fullmatch(own):
        return plain
    digest = hashlib.sha256(f"{server}\0{own}".encode("utf-8", "surrogatepass")).hexdigest()[:16]
    slug = _OTHER.sub("-", own).strip("-")[:_PART].strip("-")
    return f"{server[:_PART]}__{slug}_{digest}"
