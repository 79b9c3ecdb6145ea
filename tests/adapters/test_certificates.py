"""A certificate that was replaced counts for the next connection; one that cannot be used changes nothing."""

from __future__ import annotations

import asyncio
import shutil
import ssl
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from adapters.http.certificates import Certificates
from tests.certificates import Authority

pytestmark = pytest.mark.requirement("HOST-013/many-servers-under-one-endpoint")

AUTHORITY = Authority.new()


def issued(folder: Path, name: str) -> Path:
    """A folder with a certificate for this machine and its key."""
    made = folder / name
    made.mkdir()
    AUTHORITY.issue("127.0.0.1", made)
    return made


def shown(context: ssl.SSLContext) -> bytes:
    """The certificate that a server with this *context* shows to a new connection."""

    async def ask() -> bytes:
        server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=context)
        async with server:
            client = ssl.create_default_context(cadata=AUTHORITY.pem.decode())
            port = server.sockets[0].getsockname()[1]
            _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=client)
            found: bytes = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
            writer.close()
            return found

    return asyncio.run(ask())


def put(source: Path, target: Path) -> None:
    for name in ("tls.crt", "tls.key"):
        shutil.copy(source / name, target / f"{name}.new")
        (target / f"{name}.new").rename(target / name)


Damage = Callable[[Path, Path], object]
DAMAGES: dict[str, Damage] = {
    "another key": lambda live, new: shutil.copy(new / "tls.key", live / "tls.key"),
    "another certificate": lambda live, new: shutil.copy(new / "tls.crt", live / "tls.crt"),
    "no certificate": lambda live, new: (live / "tls.crt").write_text("nothing"),
    "an empty key": lambda live, new: (live / "tls.key").write_text(""),
    "no file": lambda live, new: (live / "tls.key").unlink(),
}


def begun(folder: Path) -> tuple[ssl.SSLContext, Certificates]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "tls.crt", folder / "tls.key")
    return context, Certificates(context, folder / "tls.crt", folder / "tls.key")


def test_the_next_connection_sees_the_new_certificate(tmp_path: Path) -> None:
    live, new = issued(tmp_path, "live"), issued(tmp_path, "new")
    context, files = begun(live)
    first = shown(context)
    assert not files.renew()
    put(new, live)
    assert files.renew()
    assert not files.renew()
    second = shown(context)
    assert second != first
    assert second == ssl.PEM_cert_to_DER_cert((new / "tls.crt").read_text())


@pytest.mark.parametrize("what", DAMAGES)
def test_what_cannot_be_used_changes_nothing_and_is_looked_at_again(tmp_path: Path, what: str) -> None:
    live, new = issued(tmp_path, "live"), issued(tmp_path, "new")
    context, files = begun(live)
    first = shown(context)
    DAMAGES[what](live, new)
    assert not files.renew()
    assert shown(context) == first
    put(new, live)  # the second file came later
    assert files.renew()
    assert shown(context) != first


def test_an_encrypted_key_asks_no_one(tmp_path: Path) -> None:
    from cryptography.hazmat.primitives import serialization

    live = issued(tmp_path, "live")
    context, files = begun(live)
    first = shown(context)
    key = serialization.load_pem_private_key((live / "tls.key").read_bytes(), None)
    (live / "tls.key").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"word")
        )
    )
    asking = threading.Thread(target=files.renew, daemon=True)
    asking.start()
    asking.join(timeout=60)
    assert not asking.is_alive()
    assert shown(context) == first
