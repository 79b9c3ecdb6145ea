"""Bundles and roots as their writers leave them: fields that repeat, and everything that ProtoJSON lets a writer choose."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from arcops.errors import Refused
from tasks.model.attestations import _attestations, _File
from tasks.signing import proto_json
from tasks.signing.bundles import OpenedBundle, open_bundle
from tasks.signing.trust import Trust
from tasks.signing.trusted_root import parse_root
from tests.private_sigstore import IDENTITY, SIGNED_AT, PrivateSigstore

pytestmark = pytest.mark.requirement("ARC-A1/sigstore-bundles-verify")

PAYLOAD = json.dumps(
    {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "m", "digest": {"sha256": "a" * 64}}],
        "predicateType": "https://example.org/p",
        "predicate": {"text": "??>>~~ÿÿ"},
    },
    ensure_ascii=False,
).encode()
SIGSTORE = PrivateSigstore()
BUNDLE = SIGSTORE.bundle(PAYLOAD)
LATER = SIGNED_AT + timedelta(minutes=2)


def trusting(root: bytes) -> Trust:
    return Trust(digest="sha256:0", roots=(parse_root(root, where="root"),))


def opened(bundle: bytes, root: bytes | None = None) -> OpenedBundle:
    return open_bundle(bundle, trusting(SIGSTORE.root if root is None else root), where="bundle")


# Fields that repeat.


@pytest.mark.parametrize("kind", ["dsse", "intoto"])
@pytest.mark.parametrize("first", [SIGNED_AT, LATER])
def test_two_sound_log_entries_are_both_verified_and_the_last_time_counts(kind: str, first: Any) -> None:
    other = LATER if first == SIGNED_AT else SIGNED_AT
    bundle = SIGSTORE.logged_again(SIGSTORE.bundle(PAYLOAD, kind=kind, at=first), at=other, log=SIGSTORE.second)
    assert opened(bundle).trusted_time == LATER


def test_every_log_entry_must_be_sound_inside_the_windows_and_there_once() -> None:
    two = SIGSTORE.logged_again(BUNDLE, at=LATER, log=SIGSTORE.second)

    def changed(at: int, **fields: object) -> bytes:
        document = json.loads(two)
        document["verificationMaterial"]["tlogEntries"][at].update(fields)
        return json.dumps(document).encode()

    for at in (0, 1):
        with pytest.raises(Refused, match="promise of inclusion is not signed"):
            opened(changed(at, integratedTime=str(int(LATER.timestamp()) + 1)))
        with pytest.raises(Refused, match="does not lead to the tree's root"):
            opened(changed(at, canonicalizedBody=base64.b64encode(b"{}").decode()))
    late = SIGSTORE.logged_again(BUNDLE, at=SIGNED_AT + timedelta(minutes=6), log=SIGSTORE.second)
    with pytest.raises(Refused, match="proves nothing"):  # the certificate had ended
        opened(late)
    with pytest.raises(Refused, match="the same log entry twice"):
        opened(SIGSTORE.logged_again(BUNDLE, log=SIGSTORE.rekor))
    retired = PrivateSigstore(windows={"second": (SIGNED_AT - timedelta(days=900), SIGNED_AT - timedelta(days=1))})
    with pytest.raises(Refused, match="was valid from"):
        opened(retired.logged_again(retired.bundle(PAYLOAD), log=retired.second), retired.root)


def test_an_entry_of_an_unknown_log_proves_nothing_and_harms_nothing() -> None:
    unknown = ec.generate_private_key(ec.SECP256R1())
    bundle = SIGSTORE.logged_again(BUNDLE, at=LATER, log=unknown)
    assert opened(bundle).trusted_time == SIGNED_AT
    alone = json.loads(bundle)
    del alone["verificationMaterial"]["tlogEntries"][0]
    with pytest.raises(Refused, match="not in a trusted root"):
        opened(json.dumps(alone).encode())


# ProtoJSON.

Change = Callable[[str, Any], tuple[str, Any]]


def _walked(value: Any, change: Change) -> Any:
    if isinstance(value, dict):
        return dict(change(name, _walked(inner, change)) for name, inner in value.items())
    return [change("", _walked(inner, change))[1] for inner in value] if isinstance(value, list) else value


def _without_defaults(value: Any) -> Any:
    if isinstance(value, dict):
        kept = {name: _without_defaults(inner) for name, inner in value.items()}
        return {name: inner for name, inner in kept.items() if inner not in ("0", "", [], 0)}
    return [_without_defaults(inner) for inner in value] if isinstance(value, list) else value


def _snake(name: str, value: Any) -> tuple[str, Any]:
    return (name if name in ("payloadType",) else re.sub("[A-Z]", lambda found: "_" + found[0].lower(), name)), value


def _numbers(name: str, value: Any) -> tuple[str, Any]:
    return name, int(value) if name in ("logIndex", "treeSize", "integratedTime") else value


_BYTES = ("rawBytes", "keyId", "signedEntryTimestamp", "rootHash", "canonicalizedBody", "payload", "sig", "signedTimestamp")


def _url_safe(name: str, value: Any) -> tuple[str, Any]:
    return name, value.replace("+", "-").replace("/", "_").rstrip("=") if name in _BYTES else value


def _nulls(name: str, value: Any) -> tuple[str, Any]:
    extra = {"x509CertificateChain": None, "publicKey": None, "timestampVerificationData": None}
    return name, value | extra if name == "verificationMaterial" else value


_ENUMS = {"SHA2_256": 1, "PKIX_ECDSA_P256_SHA_256": 5}


def _enums(name: str, value: Any) -> tuple[str, Any]:
    return name, _ENUMS.get(value, value) if isinstance(value, str) else value


def _unknown(name: str, value: Any) -> tuple[str, Any]:
    return name, {**value, "addedLater": {"x": 1}} if isinstance(value, dict) else value


CHANGES = {
    "snake_case": _snake,
    "integers as numbers": _numbers,
    "base64url without padding": _url_safe,
    "null for nothing": _nulls,
    "enums by number": _enums,
    "fields of a later version": _unknown,
}


@pytest.mark.parametrize("of", ["bundle", "root"])
@pytest.mark.parametrize("name", [*CHANGES, "defaults left out"])
def test_what_protojson_lets_a_writer_choose_changes_nothing(name: str, of: str) -> None:
    def rewritten(data: bytes) -> bytes:
        document = json.loads(data)
        return json.dumps(
            _without_defaults(document) if name == "defaults left out" else _walked(document, CHANGES[name])
        ).encode()

    bundle = rewritten(BUNDLE) if of == "bundle" else BUNDLE
    root = rewritten(SIGSTORE.root) if of == "root" else SIGSTORE.root
    found = opened(bundle, root)
    assert (found.payload, found.signers[0].identity, found.trusted_time) == (PAYLOAD, IDENTITY, SIGNED_AT)
    seen = list(_attestations(_File(path="m.sigstore.json", sha256="", attached=True, data=bundle), trusting(root)))
    assert [one.problem for one in seen] == [""]


@pytest.mark.parametrize("change", [*CHANGES.values()])
def test_another_payload_is_refused_however_it_is_written(change: Change) -> None:
    document = json.loads(BUNDLE)
    document["dsseEnvelope"]["payload"] = base64.b64encode(PAYLOAD + b" ").decode()
    with pytest.raises(Refused, match="proves nothing"):
        opened(json.dumps(_walked(document, change)).encode())


@pytest.mark.parametrize("name", ["logIndex", "tlogEntries", "dsseEnvelope", "canonicalizedBody"])
def test_a_field_under_both_of_its_names_is_refused(name: str) -> None:
    def both(key: str, value: Any) -> tuple[str, Any]:
        return key, {**value, _snake(name, None)[0]: value[name]} if isinstance(value, dict) and name in value else value

    document = _walked({"it": json.loads(BUNDLE)}, both)["it"]
    with pytest.raises(Refused, match="which are one field"):
        opened(json.dumps(document).encode())


@pytest.mark.parametrize("value", ["1.5", "x", "", True, [], {}, "1e99999999", "-1", -1, 2**63, "\uff19", 1e300, 1.5, "0x1"])
def test_what_is_no_integer_is_refused(value: object) -> None:
    with pytest.raises(Refused, match=r"not an integer|out of range"):
        proto_json.whole({"n": value}, "n", "n")


@given(number=st.integers(0, 2**63 - 1))
def test_an_integer_is_the_same_as_text_and_number(number: int) -> None:
    assert proto_json.whole({"n": number}, "n", "n") == proto_json.whole({"n": str(number)}, "n", "n") == number


@given(data=st.binary(max_size=80))
def test_bytes_are_the_same_in_both_alphabets_with_and_without_padding(data: bytes) -> None:
    plain, other = base64.b64encode(data).decode(), base64.urlsafe_b64encode(data).decode()
    for text in (plain, other, plain.rstrip("="), other.rstrip("=")):
        assert proto_json.from_base64(text, "it") == data


@pytest.mark.parametrize("text", ["+-==", "A", "AA=", "A A=", "AA\n==", "é", 7, None])
def test_what_is_no_base64_is_refused(text: object) -> None:
    with pytest.raises(Refused, match="base64"):
        proto_json.from_base64(text, "it")
