"""Timestamps as OpenSSL makes them: what they carry does not matter if it is sound, and everything else proves no time."""

from __future__ import annotations

import base64
import contextlib
import itertools
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from subprocess import CalledProcessError
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import given
from hypothesis import strategies as st

from arcops.errors import Refused
from tasks.signing.bundles import open_bundle
from tasks.signing.timestamp_der import certificates, names_signer, ordered
from tasks.signing.timestamps import stamps
from tasks.signing.trust import Trust
from tasks.signing.trusted_root import Authority, Validity, parse_root
from tests.private_sigstore import PrivateSigstore
from tests.signing import b64
from tests.timestamping import Issued, StampAuthority, issued

pytestmark = pytest.mark.requirement("ARC-A1/roots-and-windows-count")

SIGNATURE = b"a signature"


@pytest.fixture(name="tsa")
def _tsa(tmp_path: Path) -> StampAuthority:
    return StampAuthority(tmp_path)


def counted(token: bytes, chain: Sequence[x509.Certificate], signature: bytes = SIGNATURE) -> int:
    authority = Authority(url="", chain=tuple(chain), window=Validity())
    return len(stamps([token], signature, [authority]))


SETTINGS = {
    "plain": "",
    "all that a token may say": "accuracy = secs:1, millisecs:500, microsecs:100\nordering = yes\ntsa_name = yes\n"
    "clock_precision_digits = 6",
    "ESSCertID of the first version": "ess_cert_id_alg = sha1",
    "ESSCertID of the second version with another digest": "ess_cert_id_alg = sha512",
    "ESSCertID of the whole chain": "ess_cert_id_chain = yes",
}


@pytest.mark.parametrize("settings", SETTINGS)
def test_every_kind_of_token_counts_against_every_form_of_the_chain(tsa: StampAuthority, settings: str) -> None:
    signer, between, root = tsa.chain
    full = tsa.token(SIGNATURE, carried=(between, root), settings=SETTINGS[settings])
    for chain in ((signer, between, root), (between, root), (root,), (signer, root)):
        assert counted(full, chain) == 1, len(chain)
        assert counted(full, chain, b"another signature") == 0
    alone = tsa.token(SIGNATURE, settings=SETTINGS[settings])  # carries only the signer's certificate
    assert [counted(alone, chain) for chain in (tsa.chain, (between, root), (root,))] == [1, 1, 0]


@pytest.mark.parametrize(
    "asked",
    [("-sha256",), ("-sha384", "-cert"), ("-sha512", "-cert"), ("-sha256", "-no_nonce"), ("-sha256", "-tspolicy", "1.2.3.4.5")],
)
def test_what_the_client_asked_for_does_not_matter(tsa: StampAuthority, asked: tuple[str, ...]) -> None:
    for digest in ("sha256", "sha512"):
        assert counted(tsa.token(SIGNATURE, asked=asked, signer_digest=digest), tsa.chain) == 1


def test_a_token_without_its_certificate_needs_it_in_the_root(tsa: StampAuthority) -> None:
    bare = tsa.token(SIGNATURE, asked=("-sha256",))
    assert [counted(bare, chain) for chain in (tsa.chain, tsa.chain[1:])] == [1, 0]


def test_certificates_in_every_order_are_the_same_token(tsa: StampAuthority) -> None:
    tokens = {tsa.token(SIGNATURE, carried=order) for order in itertools.permutations(tsa.chain[1:])}
    assert all(counted(token, (tsa.root.certificate,)) for token in tokens)
    token = tokens.pop()
    assert ordered(ordered(token)) == ordered(token)
    with pytest.raises(Refused, match="the same timestamp twice"):
        stamps([token, ordered(token)], SIGNATURE, [])


def test_a_certificate_that_the_token_carries_is_not_trusted(tsa: StampAuthority) -> None:
    other = issued("stamp root", None, ca=True)
    token = tsa.token(SIGNATURE, carried=tsa.chain[1:])
    assert counted(token, (other.certificate,)) == 0
    twin = issued("stamp signer", tsa.between)
    assert counted(token, (twin.certificate, *tsa.chain[1:])) == 0, "the root names another signer"


def _changed(tsa: StampAuthority, how: str) -> Issued:
    match how:
        case "another purpose, too":
            return issued("s", tsa.between, purposes=(ExtendedKeyUsageOID.TIME_STAMPING, ExtendedKeyUsageOID.CODE_SIGNING))
        case "ended":
            return issued("s", tsa.between, ends=-timedelta(days=1))
        case _:
            return issued("s", issued("stamp issuer", tsa.root, ca=True))


@pytest.mark.parametrize("how", ["another purpose, too", "ended", "by a key that the chain does not have"])
def test_a_carried_signer_must_be_fit_and_valid(tsa: StampAuthority, how: str) -> None:

    tsa.signer = _changed(tsa, how)
    try:
        token = tsa.token(SIGNATURE, carried=tsa.chain[1:])
    except CalledProcessError:
        return  # OpenSSL itself signs nothing with such a certificate
    assert counted(token, (tsa.root.certificate,)) == 0


def test_a_token_names_its_signer_in_what_it_signs(tsa: StampAuthority) -> None:
    for settings in SETTINGS.values():
        token = tsa.token(SIGNATURE, carried=tsa.chain[1:], settings=settings)
        assert names_signer(token, tsa.signer.certificate.public_bytes(Encoding.DER))
        assert not names_signer(token, tsa.between.certificate.public_bytes(Encoding.DER))
        assert set(certificates(token)) == {link.public_bytes(Encoding.DER) for link in tsa.chain}


def test_a_window_of_the_authority_that_ended_counts_nothing(tsa: StampAuthority) -> None:
    token = tsa.token(SIGNATURE, carried=tsa.chain[1:])
    past = Authority(url="", chain=tsa.chain, window=Validity(end=datetime.now(UTC) - timedelta(hours=1)))
    assert stamps([token], SIGNATURE, [past]) == ()


@pytest.mark.parametrize("links", [1, 2, 3])
def test_a_bundle_takes_its_time_from_such_a_token(tsa: StampAuthority, links: int) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    sigstore = PrivateSigstore(era=now)
    document = json.loads(sigstore.bundle(b"{}", at=now))
    material = document["verificationMaterial"]
    del material["tlogEntries"][0]["inclusionPromise"]
    signature = document["dsseEnvelope"]["signatures"][0]["sig"]

    token = tsa.token(base64.b64decode(signature), carried=tsa.chain[1:])
    material["timestampVerificationData"] = {"rfc3161Timestamps": [{"signedTimestamp": b64(token)}]}
    root: dict[str, Any] = json.loads(sigstore.root)
    chain = {"certificates": [{"rawBytes": b64(link.public_bytes(Encoding.DER))} for link in tsa.chain[-links:]]}
    root["timestampAuthorities"] = [{"certChain": chain, "validFor": {"start": (now - timedelta(days=1)).isoformat()}}]
    trust = Trust(digest="sha256:0", roots=(parse_root(json.dumps(root).encode(), where="root"),))
    found = open_bundle(json.dumps(document).encode(), trust, where="bundle")
    assert found.trusted_time is not None
    assert timedelta(0) <= found.trusted_time - now < timedelta(minutes=1)
    material["timestampVerificationData"]["rfc3161Timestamps"][0]["signedTimestamp"] = b64(tsa.token(b"another"))
    with pytest.raises(Refused, match="the time of signing is not proven"):
        open_bundle(json.dumps(document).encode(), trust, where="bundle")


@given(data=st.binary(max_size=60))
def test_whatever_is_no_timestamp_is_refused_or_left_alone(data: bytes) -> None:
    with contextlib.suppress(Refused):
        assert len(ordered(data)) == len(data)
    with pytest.raises(Refused):
        stamps([data], SIGNATURE, [])
