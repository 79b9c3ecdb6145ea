"""A certificate that was replaced counts for the next connection, without a restart.

Certificates of clusters and of ACME live for days. The new files are tried in a context of their own first: a certificate whose
key does not fit would else leave the server with neither.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from pathlib import Path

import uvicorn

LOOK_SECONDS = 5.0

_log = logging.getLogger(__name__)
_Seen = tuple[tuple[int, int, int], ...]


class Certificates:
    """The files *certificate* and *key* of a server whose connections use *context*."""

    def __init__(self, context: ssl.SSLContext, certificate: Path, key: Path) -> None:
        self._context, self._certificate, self._key = context, certificate, key
        self._seen = self._look()

    def renew(self) -> bool:
        """Use the files if they changed since the last look, and fit each other. Were they taken?"""
        found = self._look()
        if found == self._seen or not found:
            return False
        try:
            # An encrypted key is refused: `str` gives no passphrase, and without it the terminal would be asked.
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(self._certificate, self._key, str)
            self._context.load_cert_chain(self._certificate, self._key, str)
        except (OSError, ValueError) as error:  # an `ssl.SSLError` is an `OSError`; the two files may be written one by one
            _log.warning("the certificate %s changed, and cannot be used; the one before goes on: %s", self._certificate, error)
            return False
        self._seen = found
        _log.info("the certificate %s was replaced, and is used for new connections", self._certificate)
        return True

    async def renewing(self) -> None:
        """Look for ever."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            await asyncio.to_thread(self.renew)

    def _look(self) -> _Seen:
        """What tells the files from others; nothing if one is away for a moment."""
        try:
            found = [path.stat() for path in (self._certificate, self._key)]
        except OSError:
            return ()
        return tuple((one.st_ino, one.st_size, one.st_mtime_ns) for one in found)


class RenewingServer(uvicorn.Server):
    """Serves with the certificate that is in the files now."""

    _renewing: asyncio.Task[None] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        config = self.config
        if isinstance(config.ssl, ssl.SSLContext) and config.ssl_certfile and config.ssl_keyfile:
            files = Certificates(config.ssl, Path(config.ssl_certfile), Path(config.ssl_keyfile))
            self._renewing = asyncio.create_task(files.renewing())

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        if self._renewing is not None:
            self._renewing.cancel()
        await super().shutdown(sockets)
