"""Signers whose key never leaves a token or a cloud service, by means of securesystemslib.

For a service, the caller must give the public key, so that each signature is checked here. A PKCS #11 token can be asked for
its public key.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote, unquote_to_bytes, urlencode

from cryptography.hazmat.primitives.asymmetric import rsa
from securesystemslib.exceptions import UnsupportedLibraryError
from securesystemslib.signer._hsm_signer import HSMSigner
from securesystemslib.signer._key import SSlibKey
from securesystemslib.signer._signer import Signer as Backend

from arcops.errors import Refused, Unavailable
from arcops.extras import of
from artifacts.public_key import PublicKey, load_public_key

MODULE = "PYKCS11LIB"
"""The environment variable in which securesystemslib expects the path of the PKCS #11 library."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteKey:
    """A key in a token or service, which signs there."""

    public: PublicKey
    uri: str
    backend: Backend = field(repr=False)

    def sign(self, data: bytes) -> bytes:
        try:
            signature = bytes.fromhex(self.backend.sign(data).signature)
        except Exception as error:  # the backends raise whatever their libraries raise
            raise Unavailable(f"the key {self.uri} did not sign: {_said(error)}") from error
        if not self.public.verifies(data, signature):
            raise Refused(f"the signature by {self.uri} is not by the key {self.public.id}; pass the right public key")
        return signature


def load_remote(uri: str, secret: Callable[[str], str], public: PublicKey | None) -> RemoteKey:
    """The signer at *uri*. Raises `Refused` on a wrong URI or a missing public key, `Unavailable` if nothing answers."""
    place = _from_pkcs11(uri) if uri.startswith("pkcs11:") else uri

    def ask(what: str) -> str:
        return secret(f"{what} of {uri}")

    try:
        if public is None:
            public = _ask_public(place, uri, ask)
        known = SSlibKey.from_crypto(
            public.raw, scheme="rsa-pkcs1v15-sha256" if isinstance(public.raw, rsa.RSAPublicKey) else None
        )
        backend = Backend.from_priv_key_uri(place, known, ask)
    except (Refused, Unavailable):
        raise
    except UnsupportedLibraryError as error:
        extra = "pkcs11" if place.startswith("hsm:") else "cloud"
        raise Refused(f"the key {uri} cannot be used without a library that is not installed here: {of(extra)}") from error
    except Exception as error:  # the backends raise whatever their libraries raise
        raise Unavailable(f"the key {uri} cannot be used: {_said(error)}") from error
    return RemoteKey(public=public, uri=uri, backend=backend)


def _ask_public(place: str, uri: str, ask: Callable[[str], str]) -> PublicKey:
    scheme, _, rest = place.partition(":")
    if scheme != "hsm":
        raise Refused(f"the key {uri} needs its public key, so that its signatures can be checked; pass --public-key")
    number, _, query = rest.partition("?")
    _, known = HSMSigner.import_(_number(number, uri) if number else None, dict(parse_qsl(query)).get("label"), ask)
    return load_public_key(known.keyval["public"].encode(), where=uri)


def _number(text: str, uri: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise Refused(f"the id {text!r} in the key {uri} is not a whole number")
    return int(text)


def _from_pkcs11(uri: str) -> str:
    """An RFC 7512 URI as securesystemslib writes it: ``hsm:ID?label=TOKEN``."""
    path, _, query = uri.removeprefix("pkcs11:").partition("?")
    parts = [part.partition("=") for part in path.split(";") if part]
    known = {name: value for name, _, value in parts}
    strange = known.keys() - {"token", "id", "type"}
    if strange or len(known) != len(parts):
        raise Refused(
            f"the attribute {min(strange or set(known))!r} in the key {uri} is not supported; write 'pkcs11:token=NAME;id=%02'"
        )
    if known.get("type", "private") != "private" or not known.get("id"):
        raise Refused(f"the key {uri} does not name a private key by its id; write 'pkcs11:token=NAME;id=%02'")
    options = dict(parse_qsl(query))
    if options.keys() - {"module-path"}:
        raise Refused(
            f"the key {uri} has the option {min(options.keys() - {'module-path'})!r}; only 'module-path' is supported, and "
            "a PIN must not be in a URI"
        )
    module = options.get("module-path", "")
    if module and os.environ.setdefault(MODULE, module) != module:
        raise Refused(
            f"the key {uri} names the library {module}, but {MODULE} names {os.environ[MODULE]}; name the same library in both"
        )
    number = int.from_bytes(unquote_to_bytes(known["id"]), "big")
    return f"hsm:{number}" + (f"?{urlencode({'label': unquote(known['token'])})}" if known.get("token") else "")


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:300] if str(error) else type(error).__name__
