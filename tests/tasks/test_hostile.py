"""Three former tracebacks, and similar ones: hostile bytes refuse the file that holds them, and do not hide other files."""

from __future__ import annotations

import base64
import json
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from arcops.errors import Refused, Stopped, Unavailable
from arcops.evidence import Seen
from arcops.request import Request
from arcops.seen.tree import Tree
from arcops.tier import Tier
from artifacts.envelope import strict_json
from artifacts.foreign import refusing
from tasks.gpu.gpu_log import _entries
from tasks.model.attestations import look
from tasks.model.osv.advisory import Event, Range, RangeKind, Turn
from tasks.model.osv.ranges import Coverage, beyond_ranges
from tasks.signing.bundles import open_bundle
from tasks.signing.certificates import load, path_to
from tasks.signing.timestamps import stamps
from tasks.signing.trust import Trust, load_trust
from tasks.signing.trusted_root import parse_root
from tests.evidence import NOW, evidence
from tests.private_sigstore import SIGNED_AT, PrivateSigstore
from tests.signing import Key, collect, envelope, manifest, tree_of, trust_folder

REJECTED = b"\x30\x05\x30\x03\x02\x01\x02"
"""A timestamp response that says ``rejected`` and has no token: it decodes, and everything in it raises."""


def odd(certificate: bytes) -> bytes:
    """*certificate* with a version that no standard knows."""
    at = certificate.index(b"\xa0\x03\x02\x01\x02")
    return certificate[: at + 4] + b"\x07" + certificate[at + 5 :]


class TestTheThree:
    def test_half_a_character_in_a_statement(self) -> None:
        for data in (b'{"a": "\\ud800"}', b'{"\\udfff": 1}', b'["\\ud83d\\u0061"]', b'{"a": "\\udc00\\ud800"}'):
            with pytest.raises(Refused, match="half of a surrogate pair"):
                strict_json(data, "it")
        assert strict_json(b'["\\ud83d\\ude00", "\\\\ud800"]', "it") == ["\U0001f600", "\\ud800"]

    def test_half_a_character_in_an_envelope_s_type(self) -> None:
        key = Key()
        signed = envelope(b"{}", key) | {"payloadType": "\ud800"}
        with pytest.raises(Refused, match="half of a surrogate pair"):
            open_bundle(json.dumps(signed).encode(), Trust(digest="", keys=(key.public,)), where="it")

    @pytest.mark.parametrize("token", [b"", b"\x30\x00", REJECTED, b"\x30\x05\x30\x03\x02\x01\x00", b"\xff" * 100])
    def test_a_timestamp_that_is_none(self, token: bytes) -> None:
        with pytest.raises(Refused, match="timestamp"):
            stamps([token], b"signature", ())

    def test_a_certificate_of_an_odd_version(self) -> None:
        whole = PrivateSigstore().certificate().public_bytes(Encoding.DER)
        assert load(whole)
        with pytest.raises(Refused, match="certificate"):
            load(odd(whole))

    def test_an_authority_of_an_odd_version_in_a_trusted_root_and_in_a_folder_of_trust(self, tmp_path: Path) -> None:
        private = PrivateSigstore()
        root = json.loads(private.root)
        chain = root["certificateAuthorities"][0]["certChain"]["certificates"]
        chain[0]["rawBytes"] = base64.b64encode(odd(base64.b64decode(chain[0]["rawBytes"]))).decode()
        with pytest.raises(Refused, match=r"root\.json: a certificate cannot be read"):
            parse_root(json.dumps(root).encode(), where="root.json")
        (tmp_path / "authorities").mkdir()
        body = base64.encodebytes(odd(private.authority.public_bytes(Encoding.DER)))
        pem = b"-----BEGIN CERTIFICATE-----\n" + body + b"-----END CERTIFICATE-----\n"
        (tmp_path / "authorities" / "a.pem").write_bytes(pem)
        with pytest.raises(Refused, match=r"a\.pem holds no certificate in PEM"):
            load_trust(tmp_path)


BAD: dict[str, Any] = {
    "half": lambda signed: signed.replace(b'"payloadType": "', b'"payloadType": "\\ud800'),
    "version": lambda signed: _with(signed, "certificate", {"rawBytes": _b64(odd(_der()))}),
    "numbers": lambda signed: b'{"verificationMaterial": ' + b"1" * 5000 + b', "payloadType": 1e999}',
    "deep": lambda signed: b'{"payloadType": ' + b"[" * 5000,
}


def _der() -> bytes:
    return PrivateSigstore().certificate().public_bytes(Encoding.DER)


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _with(signed: bytes, name: str, value: object) -> bytes:
    bundle = {
        "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "verificationMaterial": {"publicKey": {"hint": ""}, "tlogEntries": [], name: value},
        "dsseEnvelope": json.loads(signed),
    }
    if name == "certificate":
        del bundle["verificationMaterial"]["publicKey"]  # type: ignore[attr-defined]  # a mapping, as it stands above
    return json.dumps(bundle).encode()


@pytest.mark.parametrize("name", BAD)
def test_one_bad_file_hides_no_good_one(tmp_path: Path, name: str) -> None:
    """Mutation: an error of a parser that ends the collector, and with it what is said of the sound file beside."""
    key, model = Key(), tmp_path / "model"
    model.mkdir()
    (model / "weights.bin").write_bytes(b"weights")
    good = json.dumps(envelope(manifest({"weights.bin": b"weights"}), key)).encode()
    statement = {"_type": "https://in-toto.io/Statement/v1", "subject": [{"name": "a", "digest": {"sha256": "a" * 64}}]}
    payload = json.dumps({**statement, "predicateType": "https://a/b", "predicate": {}}).encode()
    attested = json.dumps(envelope(payload, key)).encode()
    for file, data in {"good": good, "bad": BAD[name](good)}.items():
        (model / f"{file}.sig").write_bytes(data)
    for file, data in {"a-bad": BAD[name](attested), "b-good": attested}.items():
        (model / f"{file}.intoto.jsonl").write_bytes(data)
    trust = trust_folder(tmp_path / "trust", keys=(key,))
    found = {one.path: one for one in collect(model, trust)[1].signatures}
    assert found["good.sig"].signers
    assert found["bad.sig"].problem
    assert not found["bad.sig"].signers
    asked = Request(target=model, kind="model", tier=Tier.AIR_GAPPED, now=NOW, trust=trust, data=trust, cache=trust)
    seen = Seen({Tree.KIND: evidence(tree_of(model))}, at=NOW, subject_name="model")
    opened = {one.path: one for one in look.look(asked, seen).body.attestations}
    assert opened["b-good.intoto.jsonl"].signers
    assert opened["a-bad.intoto.jsonl"].problem


class TestForeign:
    def test_what_a_parser_raises_is_a_refusal_of_what_was_read(self) -> None:
        class PanicException(BaseException):
            pass

        for error in (
            ValueError("x\ny"),
            TypeError(),
            KeyError("a"),
            OverflowError("big"),
            RecursionError(),
            PanicException("p"),
        ):
            with pytest.raises(Refused, match=r"^a\.sig cannot be read"), refusing("a.sig"):
                raise error

    @pytest.mark.parametrize(
        "error", [Stopped("s"), Unavailable("u"), Refused("r"), OSError("o"), KeyboardInterrupt(), SystemExit()]
    )
    def test_what_is_no_parser_s_passes(self, error: BaseException) -> None:
        with pytest.raises(type(error)), refusing("a.sig"):
            raise error

    def test_a_line_of_the_journal_that_is_no_object(self) -> None:
        for line in (b"x", b"[]", b"1" * 5000, b"[" * 9999):
            with pytest.raises(Refused, match="not a JSON object"):
                list(_entries([line]))
        odd = json.dumps({"MESSAGE": [78, 300, -1, "a", None], "_SOURCE_MONOTONIC_TIMESTAMP": "9" * 5000}).encode()
        assert list(_entries([odd])) == [(0, "N????")]


def test_authorities_of_one_name_and_one_key_are_climbed_once_each() -> None:
    """Each certificate seems to be the issuer of each other. Mutation: every path is tried, which is a factorial number."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a")])

    def made(serial: int, subject: x509.Name = name, ca: bool = True) -> x509.Certificate:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(serial)
            .not_valid_before(SIGNED_AT - timedelta(days=1))
            .not_valid_after(SIGNED_AT + timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .sign(key, hashes.SHA256())
        )

    other = made(99, x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "b")]))
    leaf, between = made(1, ca=False), [made(serial) for serial in range(2, 10)]
    began = time.process_time()
    with pytest.raises(Refused, match="does not lead to"):
        path_to([other], leaf, between, at=SIGNED_AT)
    assert time.process_time() - began < 2
    assert len(path_to(between[:1], leaf, between[1:], at=SIGNED_AT)) == 1


def _range(*events: tuple[Turn, str]) -> Range:
    return Range(kind=RangeKind.ECOSYSTEM, events=tuple(Event(turn=turn, version=version) for turn, version in events))


def test_an_advisory_with_many_events_and_versions_is_not_read_in_a_square() -> None:
    """CPU time, many against few in one process: quadratic time would be sixteen times as long for four times as much."""

    def took(count: int) -> float:
        events = [event for at in range(count) for event in ((Turn.INTRODUCED, f"{at}.0"), (Turn.FIXED, f"{at}.5"))]
        many = tuple(_range(*pair) for pair in zip(events[::2], events[1::2], strict=True))
        versions = [f"{at}.7" for at in range(count)]
        began = time.process_time()
        for ranges in ((_range(*events),), many):
            assert len(beyond_ranges("npm", ranges, versions)) == count
        return time.process_time() - began

    assert min(took(2_000) / took(500) for _ in range(3)) < 9


def test_ranges_hold_as_their_events_say() -> None:
    def of(version: str, *ranges: Range) -> str:
        answer = Coverage(ecosystem="PyPI", ranges=ranges, versions=(), enumerated=False).of(version).standing
        return answer.name if answer else "NO"

    one = _range((Turn.INTRODUCED, "1.0"), (Turn.FIXED, "2.0"))
    assert [of(version, one) for version in ("0.9", "1.0", "1.9", "2.0", "3")] == ["NO", "YES", "YES", "NO", "NO"]
    last = _range((Turn.INTRODUCED, "0"), (Turn.LAST_AFFECTED, "2.0"))
    assert [of(version, last) for version in ("0.9", "2.0", "2.0.1")] == ["YES", "YES", "NO"]
    tied = _range((Turn.INTRODUCED, "1.0"), (Turn.FIXED, "1.0"))
    assert [of(version, tied) for version in ("0.9", "1.0", "1.5")] == ["NO", "UNKNOWN", "UNKNOWN"]
    assert of("1.5", tied, one) == "YES"
    limited = _range((Turn.INTRODUCED, "0"), (Turn.LIMIT, "1.0"), (Turn.LIMIT, "2.0"))
    assert [of(version, limited) for version in ("1.5", "2.0", "3")] == ["YES", "NO", "NO"]
    assert of("9", _range((Turn.INTRODUCED, "0"), (Turn.LIMIT, "*"), (Turn.LIMIT, "1"))) == "YES"


def test_no_more_than_the_lowest_fixes_are_told() -> None:
    events = [event for at in range(1, 500) for event in ((Turn.INTRODUCED, f"{at}.0"), (Turn.FIXED, f"{at}.5"))]
    found = Coverage(ecosystem="PyPI", ranges=(_range(*events),), versions=(), enumerated=False).fixes("2.1")
    assert found[0] == "2.5"
    assert len(found) == 64
