"""A trusted key under which anyone can sign trusts everyone: it is refused, whatever the library says."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers

from arcops.errors import Refused
from artifacts.private_key import Algorithm, create
from artifacts.public_key import load_public_key
from artifacts.weak_keys import factored
from capabilities.keys.keys import TrustKey, trust_key
from tests.foundation.test_issuer_keys import CLOSE, MERSENNE, ROCA, RSA, SMALL, N, P
from tests.models import bench

pytestmark = pytest.mark.requirement("ARC-A1/keys-are-kept-safe")


def pem(raw: object) -> bytes:
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return bytes(raw.public_bytes(serialization.Encoding.PEM, form))  # type: ignore[attr-defined]  # a key of the library


def rsa(modulus: int, exponent: int = 65537) -> bytes:
    return pem(RSAPublicNumbers(exponent, modulus).public_key())


@pytest.mark.parametrize("sign", [0, 1])
@pytest.mark.parametrize("y", SMALL)
def test_a_point_of_small_order_is_no_key(y: int, sign: int) -> None:
    """Mutation: under the key y = 1, one signature verifies for every artifact."""
    data = (y | sign << 255).to_bytes(32, "little")
    with pytest.raises(Refused, match=r"small order|no point of its curve"):
        load_public_key(pem(Ed25519PublicKey.from_public_bytes(data)), where="it")
    assert y < P + 2


@pytest.mark.parametrize("modulus", [ROCA, 3 * N, 1999 * N], ids=["roca", "three", "small"])
def test_a_modulus_that_gives_itself_away_is_no_key(modulus: int) -> None:
    with pytest.raises(Refused, match="factors anyone can find"):
        load_public_key(rsa(modulus), where="it")


@pytest.mark.parametrize("modulus", [MERSENNE, CLOSE, N * N], ids=["prime", "close", "square"])
def test_what_takes_time_to_find_out_is_found_when_it_is_first_trusted(tmp_path: Path, modulus: int) -> None:
    here = bench(tmp_path)
    with pytest.raises(Refused, match="factors anyone can find"):
        trust_key(TrustKey(public=rsa(modulus).decode()), here.place())
    assert len(list((here.settings.trust / "keys").iterdir())) == 1, "only its own key"


def test_sound_keys_are_keys(tmp_path: Path) -> None:
    here = bench(tmp_path)
    for each in (create(Algorithm.ED25519).public.pem, create(Algorithm.ECDSA_P256).public.pem, RSA.as_pem(private=False)):
        trust_key(TrustKey(public=each.decode()), here.place())
    assert not factored(N)
