"""What a package was resolved to: every file that is installed, by its digest."""

from __future__ import annotations

from dataclasses import dataclass

from artifacts.wire import digest


@dataclass(frozen=True, slots=True, kw_only=True)
class Lock:
    """``package`` is what was resolved, ``runtime`` for which interpreter and machine, ``text`` the lock as the installer reads
    it: requirements with digests, ``package-lock.json``, or the digest of a folder's tree.
    """

    package: str
    runtime: str
    text: str

    @property
    def digest(self) -> str:
        """What the operator allows: ``sha256:`` and the digest of everything above."""
        return digest(self)
