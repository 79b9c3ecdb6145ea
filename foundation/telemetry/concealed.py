"""Secrets that came from a place of secrets while this process ran: no log line shows one, whatever wrote it.

It is a second wall: no error of ours quotes a secret. The environment's own secrets are known to `logs` from the beginning.
"""

from __future__ import annotations

import threading

_SHORTEST = 6
_MOST = 1024
_lock = threading.Lock()
_words: tuple[str, ...] = ()


def conceal(secret: str) -> None:
    """From now on, log lines of this process show neither *secret* nor a line of it. A very short one is shown."""
    global _words
    lines = (one for one in secret.splitlines() if not one.startswith("-----"))  # of PEM
    new = {one for one in (secret, *lines) if len(one.strip()) >= _SHORTEST} - set(_words)
    if new:
        with _lock:
            kept = (*_words, *new)[-_MOST:]
            _words = tuple(sorted(dict.fromkeys(kept), key=len, reverse=True))


def concealed() -> tuple[str, ...]:
    """What is not shown, the longest first."""
    return _words
