"""The identity of the other side: TLS contexts for outgoing connections."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ssl import SSLContext as SSLContext  # for code that holds one and may not import ssl


class NotUsable(ValueError):
    """TLS cannot use the certificates or the key."""


def context(authorities: str, *, verify: bool = True, certificate: str = "", key: str = "") -> SSLContext:
    """TLS to a side whose certificate comes from *authorities* (PEM; the system's if empty), unless *verify* is off.

    *certificate* and *key* (PEM) are our own. Raises `NotUsable`. OpenSSL takes a client's key only from a file, so it is put
    in a private folder while it is read.
    """
    import ssl

    try:
        made = ssl.create_default_context(cadata=authorities or None)
        if not verify:
            made.check_hostname = False
            made.verify_mode = ssl.CERT_NONE
        if certificate:
            with TemporaryDirectory(prefix="arcops-client-") as folder:  # for this user alone, by its mode
                file = Path(folder) / "pair.pem"
                file.touch(mode=0o600)
                file.write_text(f"{key.strip()}\n{certificate.strip()}\n", encoding="ascii")
                made.load_cert_chain(file, password=_no_password)
    except (ssl.SSLError, ValueError, OSError):
        raise NotUsable from None
    return made


def none() -> SSLContext:
    """For a client that connects without TLS, whose library wants a context all the same: it trusts no one, and is made without
    reading the system's authorities, which takes some ten milliseconds.
    """
    import ssl

    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def authorities_file() -> str:
    """The file of the system's authorities, for a library that takes a file; empty if the system has none."""
    import ssl

    return ssl.get_default_verify_paths().cafile or ""


def _no_password() -> bytes:
    """An encrypted key is refused: OpenSSL would ask for its password at the terminal, in the middle of a run."""
    raise ValueError("encrypted")
