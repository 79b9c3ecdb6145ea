"""Validity windows: what a retired log, authority or key signed does not count, even if the signature is valid."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arcops.errors import Refused
from arcops.evidence import SourceKind
from artifacts.public_key import public_key
from tasks.signing.bundles import OpenedBundle, open_bundle
from tasks.signing.trust import Trust, load_trust
from tasks.signing.trusted_root import parse_root
from tests.private_sigstore import IDENTITY, ISSUER, SIGNED_AT, PrivateSigstore
from tests.signing import Key, b64, trust_folder
from tests.vectors import vectors

pytestmark = pytest.mark.requirement("ARC-A1/roots-and-windows-count")

PAYLOAD = json.dumps({"_type": "https://in-toto.io/Statement/v1", "subject": []}).encode()
LONG_AGO = SIGNED_AT - timedelta(days=900)


def trusting(sigstore: PrivateSigstore, *, keyed: bool = False) -> Trust:
    keys = (public_key(sigstore.signer.public_key(), where="test"),) if keyed else ()
    return Trust(digest="sha256:0", roots=(parse_root(sigstore.root, where="private"),), keys=keys)


def opened(sigstore: PrivateSigstore, bundle: bytes, *, keyed: bool = False) -> OpenedBundle:
    return open_bundle(bundle, trusting(sigstore, keyed=keyed), where="bundle")


@pytest.mark.parametrize("kind", ["dsse", "intoto"])
def test_a_private_sigstore_is_trusted_like_any_other(kind: str) -> None:
    sigstore = PrivateSigstore()
    found = opened(sigstore, sigstore.bundle(PAYLOAD, kind=kind))
    assert (found.signers[0].identity, found.signers[0].issuer) == (IDENTITY, ISSUER)
    assert found.trusted_time == SIGNED_AT
    assert found.payload == PAYLOAD


@pytest.mark.parametrize("kind", ["dsse", "intoto"])
@pytest.mark.parametrize("part", ["rekor", "ca", "ct"])
def test_a_log_or_authority_retired_100_days_before_does_not_count(part: str, kind: str) -> None:
    sigstore = PrivateSigstore(windows={part: (LONG_AGO, SIGNED_AT - timedelta(days=100))})
    with pytest.raises(Refused, match=r"was valid from|has no timestamp"):
        opened(sigstore, sigstore.bundle(PAYLOAD, kind=kind))


@pytest.mark.parametrize("part", ["rekor", "ca"])
def test_a_window_includes_its_last_moment_and_not_the_next(part: str) -> None:
    sigstore = PrivateSigstore(windows={part: (LONG_AGO, SIGNED_AT)})
    assert opened(sigstore, sigstore.bundle(PAYLOAD)).trusted_time == SIGNED_AT
    sigstore.windows[part] = (LONG_AGO, SIGNED_AT - timedelta(microseconds=1))
    with pytest.raises(Refused, match="was valid from"):
        opened(sigstore, sigstore.bundle(PAYLOAD))


def test_a_certificate_that_had_ended_when_it_was_used_does_not_count() -> None:
    sigstore = PrivateSigstore()
    bundle = json.loads(sigstore.bundle(PAYLOAD))
    late = json.loads(sigstore.bundle(PAYLOAD, at=SIGNED_AT + timedelta(days=1)))
    late["verificationMaterial"]["certificate"] = bundle["verificationMaterial"]["certificate"]
    with pytest.raises(Refused):
        opened(sigstore, json.dumps(late).encode())


def test_a_certificate_that_no_certificate_log_promised_does_not_count() -> None:
    sigstore = PrivateSigstore()
    with pytest.raises(Refused, match="has no timestamp of a certificate transparency log"):
        opened(sigstore, sigstore.bundle(PAYLOAD, promised=False))


@pytest.mark.parametrize("part", ["rekor", "ca", "ct"])
def test_an_unknown_key_in_the_place_of_an_authority_proves_nothing(part: str) -> None:
    sigstore = PrivateSigstore()
    bundle = sigstore.bundle(PAYLOAD)
    setattr(sigstore, part, PrivateSigstore().ca)
    with pytest.raises(Refused, match="proves nothing"):
        opened(sigstore, bundle)


def _entry(bundle: dict[str, object]) -> dict[str, object]:
    material = bundle["verificationMaterial"]
    assert isinstance(material, dict)
    entry: dict[str, object] = material["tlogEntries"][0]
    return entry


def _later(bundle: dict[str, object]) -> None:
    _entry(bundle)["integratedTime"] = str(int(SIGNED_AT.timestamp()) + 1)


def _unpromised(bundle: dict[str, object]) -> None:
    del _entry(bundle)["inclusionPromise"]


def _unlogged(bundle: dict[str, object]) -> None:
    material = bundle["verificationMaterial"]
    assert isinstance(material, dict)
    material["tlogEntries"] = []


def _other_payload(bundle: dict[str, object]) -> None:
    envelope = bundle["dsseEnvelope"]
    assert isinstance(envelope, dict)
    envelope["payload"] = b64(PAYLOAD + b" ")


def _other_kind(bundle: dict[str, object]) -> None:
    _entry(bundle)["kindVersion"] = {"kind": "intoto", "version": "0.0.2"}


@pytest.mark.parametrize("change", [_later, _unpromised, _unlogged, _other_payload, _other_kind])
def test_the_smallest_change_to_a_bundle_proves_nothing(change: Callable[[dict[str, object]], None]) -> None:
    sigstore = PrivateSigstore()
    bundle = json.loads(sigstore.bundle(PAYLOAD))
    change(bundle)
    with pytest.raises(Refused, match="proves nothing"):
        opened(sigstore, json.dumps(bundle).encode())


def test_the_log_entry_of_an_enrolled_key_gives_its_time_and_must_be_sound() -> None:
    sigstore = PrivateSigstore()
    bundle = sigstore.bundle(PAYLOAD, keyed=True)
    found = opened(sigstore, bundle, keyed=True)
    assert (found.signers[0].key, found.trusted_time) == (trusting(sigstore, keyed=True).keys[0].id, SIGNED_AT)
    with pytest.raises(Refused, match="a key that is not enrolled"):
        opened(sigstore, bundle)
    sigstore.windows["rekor"] = (LONG_AGO, SIGNED_AT - timedelta(days=1))
    with pytest.raises(Refused, match="was valid from"):
        opened(sigstore, bundle, keyed=True)


def _end(field: str, moment: datetime) -> Callable[[dict[str, list[dict[str, dict[str, object]]]]], None]:
    def change(root: dict[str, list[dict[str, dict[str, object]]]]) -> None:
        for entry in root[field]:
            holder = entry.get("publicKey", entry)
            holder["validFor"] = {"start": "2020-01-01T00:00:00Z", "end": moment.isoformat()}

    return change


@pytest.mark.parametrize("field", ["tlogs", "certificateAuthorities", "ctlogs", "timestampAuthorities"])
def test_the_windows_of_a_root_with_timestamps_are_enforced(field: str) -> None:
    case = vectors("sigstore-conformance") / "rekor2-checkpoint-cosigned"
    artifact = (vectors("sigstore-conformance") / "a.txt").read_bytes()
    bundle = (case / "bundle.sigstore.json").read_bytes()
    stamped = datetime.fromisoformat("2025-06-12T12:02:20Z")
    for end, proven in ((stamped + timedelta(0), True), (stamped - timedelta(minutes=20), False)):
        root = json.loads((case / "trusted_root.json").read_bytes())
        _end(field, end)(root)
        trust = Trust(digest="sha256:0", roots=(parse_root(json.dumps(root).encode(), where="root"),))
        if proven:
            assert open_bundle(bundle, trust, artifact=artifact, where="bundle").trusted_time == stamped
        else:
            with pytest.raises(Refused):
                open_bundle(bundle, trust, artifact=artifact, where="bundle")


SOUND = PrivateSigstore()
SOUND_TRUST, SOUND_BUNDLE = trusting(SOUND), SOUND.bundle(PAYLOAD)


@given(position=st.integers(0, len(SOUND_BUNDLE) - 1), value=st.integers(0, 255), cut=st.booleans())
def test_no_damage_to_a_bundle_changes_what_is_proven(position: int, value: int, cut: bool) -> None:
    end = b"" if cut else SOUND_BUNDLE[position + 1 :]
    damaged = SOUND_BUNDLE[:position] + bytes([value]) + end
    try:
        found = open_bundle(damaged, SOUND_TRUST, where="bundle")
    except Refused:
        return
    assert (found.payload, found.signers[0].identity, found.trusted_time) == (PAYLOAD, IDENTITY, SIGNED_AT)


JUNK = st.recursive(st.none() | st.integers() | st.text(max_size=5), st.lists, max_leaves=5)


@given(data=st.binary(max_size=200) | JUNK.map(lambda value: json.dumps(value).encode()))
def test_whatever_is_no_bundle_is_refused(data: bytes) -> None:
    with pytest.raises(Refused):
        open_bundle(data, SOUND_TRUST, where="bundle")


# The trust directory.


def test_the_digest_of_trust_changes_with_every_byte_and_name(tmp_path: Path) -> None:
    key = Key()
    trust = trust_folder(tmp_path / "trust", keys=(key,))
    first = load_trust(trust).source()
    assert first.kind is SourceKind.TRUST
    (trust / "keys/0.pub").rename(trust / "keys/1.pub")
    renamed = load_trust(trust).digest
    (trust / "keys/2.pub").write_bytes(Key().pem)
    assert len({first.digest, renamed, load_trust(trust).digest}) == 3


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("keys/a.pub", b"-----BEGIN PRIVATE KEY-----\n", "is a private key"),
        ("keys/a.pub", b"nonsense", "not a public key"),
        ("keys/a.txt", b"", "has a wrong name"),
        ("keys/a.pub", Key().pem + Key().pem, "more than one key"),
        ("roots/a.json", b"{}", "not a Sigstore trusted root"),
        ("roots/a.json", b"{", "not JSON"),
        ("authorities/a.pem", b"x", "no certificate"),
    ],
)
def test_what_is_not_trust_is_refused(tmp_path: Path, name: str, data: bytes, said: str) -> None:
    trust = trust_folder(tmp_path / "trust", keys=(Key(),), files={name: data})
    with pytest.raises(Refused, match=said):
        load_trust(trust)
