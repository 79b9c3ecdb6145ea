"""What the content of a sealed artifact decides together with a set of keys, remembered in this process.

To read an artifact and to verify its signatures takes milliseconds, and a list shows many. Nothing is remembered here that can
become outdated: the answer follows from the bytes, which are hashed each time, and from the keys, by their ids (`PublicKey.id`
is a digest of the key). Which keys are trusted, what is revoked, and the clock are no part of it; `artifacts.vouch.state_of`
adds these for each answer.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

from arcops.errors import Refused
from artifacts.bundle import read_envelope
from artifacts.public_key import PublicKey
from artifacts.said import said_in
from artifacts.vouch import Signed, signed_by
from artifacts.words import Said

MOST = 20_000
"""Some 1 KiB each."""
_MOST_SENTENCE = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """An artifact's content, seen with some keys.

    ``signed`` is ``None`` if it is not a sealed statement, and ``problem`` says why. ``words`` is `fingerprint` of what it
    says of itself, empty if that cannot be read, and then ``unread`` says why.
    """

    signed: Signed | None = None
    problem: str = ""
    words: bytes = b""
    unread: str = ""


def fingerprint(words: Said) -> bytes:
    """A digest over the values of *words* that a listing shows."""
    shown = (
        words.predicate_type,
        words.subject,
        words.kind,
        words.verdict,
        words.policy,
        words.judged_at,
        words.valid_until,
        words.site,
        tuple(sorted(dict(words.gates).items())),
    )
    return hashlib.sha256(repr(shown).encode(errors="surrogatepass")).digest()


class Remembered:
    """The content of the artifacts that were looked at last, at most *most*."""

    def __init__(self, most: int = MOST) -> None:
        self._known: OrderedDict[tuple[str, tuple[str, ...]], Content] = OrderedDict()
        self._lock = threading.Lock()
        self._most = most

    def __len__(self) -> int:
        return len(self._known)

    def content(self, digest: str, data: bytes, keys: Sequence[PublicKey]) -> Content:
        """The content of *data*, seen with *keys*. *data* has the *digest* (``sha256:…``): `Store.get` hashes it each time, so
        changed bytes are never taken for these.
        """
        key = digest, tuple(one.id for one in keys)
        with self._lock:
            known = self._known.get(key)
            if known is not None:
                self._known.move_to_end(key)
                return known
        found = _content(data, keys)
        with self._lock:
            self._known[key] = found
            while len(self._known) > self._most:
                self._known.popitem(last=False)
        return found


def _content(data: bytes, keys: Sequence[PublicKey]) -> Content:
    try:
        envelope = read_envelope(data)
    except Refused as error:
        return Content(problem=str(error)[:_MOST_SENTENCE])
    signed = signed_by(data, envelope, keys)
    try:
        return Content(signed=signed, words=fingerprint(said_in(envelope)))
    except Refused as error:
        return Content(signed=signed, unread=str(error)[:_MOST_SENTENCE])


REMEMBERED = Remembered()
"""That of this process: a server's requests share it."""
