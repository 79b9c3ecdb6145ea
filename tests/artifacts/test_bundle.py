"""Sealing and opening: what was sealed comes back whole, and nothing else opens."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arcops.errors import Broken, Refused
from artifacts import bundle
from artifacts.bundle import open_sealed, open_statement, seal, seal_statement
from artifacts.envelope import IN_TOTO, pae
from artifacts.private_key import Algorithm, PrivateKey, create
from artifacts.statement import statement
from tests.artifacts.reports import full_report
from tests.examples import share

pytestmark = pytest.mark.requirement("ARC-1/signed-json")
KEY = create()
SEALED = seal(full_report(), KEY)


@pytest.mark.parametrize("algorithm", list(Algorithm))
def test_a_sealed_report_comes_back_as_it_was(algorithm: Algorithm) -> None:
    key, report = create(algorithm), full_report()

    sealed = open_sealed(seal(report, key), [create().public, key.public])

    assert sealed.report == report
    assert sealed.signers == (key.public.id,)
    assert not sealed.expired(report.valid_until)
    assert sealed.expired(report.valid_until + timedelta(microseconds=1))


def test_a_bare_envelope_opens_and_its_bytes_are_kept() -> None:
    envelope = json.loads(SEALED)["dsseEnvelope"]

    opened = open_sealed(json.dumps(envelope).encode(), [KEY.public])

    assert opened.statement == base64.b64decode(envelope["payload"])
    assert opened == open_sealed(SEALED, [KEY.public])


@pytest.mark.parametrize("hint", ["", "a key", '"payload": "', "\\", "schlüssel"])
def test_the_artifact_is_written_as_json_is(hint: str) -> None:
    sealed = seal_statement(b'{"a": "\xc3\xbc"}', KEY, hint=hint)
    assert sealed == json.dumps(json.loads(sealed), indent=1).encode()
    assert base64.b64decode(json.loads(sealed)["dsseEnvelope"]["payload"]) == b'{"a": "\xc3\xbc"}'


def test_another_predicate_is_sealed_and_opened_but_is_no_report() -> None:
    words = statement("https://example.org/p/v1", [full_report().subject], {"a": 1})
    data = seal_statement(words, KEY)

    assert open_statement(data, [KEY.public]).statement == words
    assert open_statement(data, [KEY.public]).predicate_type == "https://example.org/p/v1"
    with pytest.raises(Refused, match="does not match its schema"):
        open_sealed(data, [KEY.public])


def test_another_key_does_not_open_it() -> None:
    with pytest.raises(Refused, match="verifies this artifact"):
        open_sealed(SEALED, [create().public])
    with pytest.raises(Refused, match="no public key was given"):
        open_sealed(SEALED, [])


def test_a_signer_that_signs_wrongly_is_noticed_at_once() -> None:
    crossed = PrivateKey(public=create().public, raw=create().raw)

    with pytest.raises(Broken, match="does not verify"):
        seal(full_report(), crossed)


def changed(change: Callable[[dict[str, Any]], None]) -> bytes:
    document = json.loads(SEALED)
    change(document)
    return json.dumps(document).encode()


def signed_as(payload_type: str, payload: bytes) -> bytes:
    signature = base64.b64encode(KEY.sign(pae(payload_type, payload))).decode()
    envelope = {"payloadType": payload_type, "payload": base64.b64encode(payload).decode(), "signatures": [{"sig": signature}]}
    return json.dumps(envelope).encode()


BAD: dict[str, bytes] = {
    "empty": b"",
    "blank": b" \n",
    "not JSON": b"\x00\xff",
    "UTF-16": SEALED.decode().encode("utf-16"),
    "a list": b"[]",
    "another object": b"{}",
    "deep": b"[" * 100_000,
    "a key twice": SEALED.replace(b'"mediaType"', b'"mediaType": "x", "mediaType"', 1),
    "another bundle version": SEALED.replace(b"v0.3+json", b"v0.4+json"),
    "a field of the bundle": changed(lambda d: d.update(note=1)),
    "no envelope": changed(lambda d: d.pop("dsseEnvelope")),
    "a null envelope": changed(lambda d: d.update(dsseEnvelope=None)),
    "no key material": changed(lambda d: d["verificationMaterial"].pop("publicKey")),
    "a certificate beside": changed(lambda d: d["verificationMaterial"].update(certificate={"rawBytes": ""})),
    "log entries": changed(lambda d: d["verificationMaterial"].update(tlogEntries=[{}])),
    "a field of the envelope": changed(lambda d: d["dsseEnvelope"].update(note=1)),
    "a field of the signature": changed(lambda d: d["dsseEnvelope"]["signatures"][0].update(cert="")),
    "no signature": changed(lambda d: d["dsseEnvelope"].update(signatures=[])),
    "a signature that is not an object": changed(lambda d: d["dsseEnvelope"].update(signatures=[1])),
    "too many signatures": changed(lambda d: d["dsseEnvelope"].update(signatures=d["dsseEnvelope"]["signatures"] * 65)),
    "base64 with a line break": changed(lambda d: d["dsseEnvelope"].update(payload=d["dsseEnvelope"]["payload"] + "\n")),
    "another payload type": changed(lambda d: d["dsseEnvelope"].update(payloadType="application/json")),
    "another payload type, signed": signed_as("application/json", b"{}"),
    "no statement, signed": signed_as(IN_TOTO, b"[]"),
    "a key twice inside, signed": signed_as(IN_TOTO, b'{"_type":"a","_type":"https://in-toto.io/Statement/v1"}'),
    "no predicate type, signed": signed_as(IN_TOTO, b'{"_type":"https://in-toto.io/Statement/v1"}'),
}


@pytest.mark.parametrize("name", BAD)
def test_anything_else_is_refused_in_one_sentence(name: str) -> None:
    with pytest.raises(Refused) as refusal:
        open_sealed(BAD[name], [KEY.public])

    assert "\n" not in str(refusal.value)
    assert len(str(refusal.value)) < 600


def test_too_many_bytes_are_refused_before_they_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundle, "MOST_BYTES", len(SEALED) - 1)

    with pytest.raises(Refused, match="at most"):
        open_sealed(SEALED, [KEY.public])


@share(0.6)
@given(st.integers(0, len(SEALED) - 1))
def test_no_truncation_opens(length: int) -> None:
    with pytest.raises(Refused):
        open_sealed(SEALED[:length], [KEY.public])


@share(0.6)
@given(st.integers(0, len(SEALED) - 1), st.integers(1, 255))
def test_no_flipped_byte_changes_what_is_read(position: int, flip: int) -> None:
    data = SEALED[:position] + bytes([SEALED[position] ^ flip]) + SEALED[position + 1 :]

    with suppress(Refused):  # if it opens, only a hint or white space was changed
        assert open_sealed(data, [KEY.public]).statement == open_sealed(SEALED, [KEY.public]).statement


def test_securesystemslib_verifies_the_envelope() -> None:
    from securesystemslib.dsse import Envelope
    from securesystemslib.signer import SSlibKey

    for algorithm in Algorithm:
        key = create(algorithm)
        envelope = Envelope.from_dict(json.loads(seal(full_report(), key))["dsseEnvelope"])
        theirs = SSlibKey.from_crypto(key.public.raw, keyid=key.public.id)

        assert list(envelope.verify([theirs], 1)) == [key.public.id]


def test_sigstores_models_read_the_bundle_and_sigstore_python_wants_a_certificate() -> None:
    from sigstore.models import Bundle, InvalidBundle
    from sigstore_models.bundle.v1 import Bundle as Model

    assert Model.from_json(SEALED).verification_material.public_key is not None
    # sigstore-python verifies certificates only, by its own design; the key and the DSSE are for other verifiers.
    with pytest.raises(InvalidBundle, match="expected certificate in bundle"):
        Bundle.from_json(SEALED)


def test_verifying_imports_nothing_heavy() -> None:
    heavy = ("prefect", "mcp", "numpy", "sigstore", "sqlalchemy", "sqlite3", "rich", "pydantic", "securesystemslib", "typer")
    script = (
        "import sys; from artifacts.bundle import open_sealed; from artifacts.public_key import load_public_key\n"
        "data, pem = sys.stdin.buffer.read().split(b'\\0')\n"
        "assert open_sealed(data, [load_public_key(pem, where='x')]).report.verdict.value == 'RED'\n"
        f"print([name for name in {heavy!r} if name in sys.modules])"
    )
    ran = subprocess.run(
        [sys.executable, "-c", script], input=SEALED + b"\0" + KEY.public.pem, capture_output=True, timeout=60, check=False
    )

    assert ran.stdout.decode().strip() == "[]", ran.stderr.decode()
