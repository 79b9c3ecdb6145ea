"""Opens a signed file: a Sigstore bundle (v0.1 to v0.3) or a bare DSSE envelope, checked against the operator's trust.

The rules are those of the Sigstore client specification, with every ``validFor`` window enforced: a certificate counts only
if a transparency log or a timestamp authority of a trusted root says when it was used, and only if certificate, authority
and log were all valid then. A key counts if the operator enrolled it. Nothing is fetched.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from cryptography import x509

from arcops.errors import Refused
from arcops.signer import ProvenSigner
from artifacts.envelope import IN_TOTO, Envelope, strict_json
from artifacts.public_key import PublicKey, public_key
from tasks.signing import proto_json, second_opinion
from tasks.signing.blob import Blob
from tasks.signing.bundle_reading import V3, Bundle, parse_bundle
from tasks.signing.certificates import path_to, refuse_unfit, signer_of, verify_timestamped
from tasks.signing.legacy import legacy_signed
from tasks.signing.timestamps import stamps
from tasks.signing.transparency import Signed, verify_entry
from tasks.signing.trust import Trust
from tasks.signing.trusted_root import SigstoreRoot


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedBundle:
    """What was proven. ``signers`` is never empty; ``keys`` are the ids of the keys behind them.

    For a DSSE envelope ``payload_type`` and ``payload`` are its own; for a signed blob they are empty. ``sha256`` is the
    lower-case hex digest of that blob, or of the payload. ``trusted_time`` is the latest proven moment. ``untimed`` marks a
    certificate whose time of use is not proven; ``not_before`` and ``not_after`` are then its own window.
    """

    payload_type: str
    payload: bytes
    signers: tuple[ProvenSigner, ...]
    keys: tuple[str, ...]
    sha256: str
    trusted_time: datetime | None = None
    untimed: bool = False
    not_before: datetime | None = None
    not_after: datetime | None = None


def open_bundle(
    data: bytes,
    trust: Trust,
    *,
    artifact: bytes | None = None,
    artifact_sha256: str | None = None,
    where: str,
    untimed: bool = False,
) -> OpenedBundle:
    """Prove who signed *data*, a Sigstore bundle or a DSSE envelope. Raises `Refused`, with the name in ``where``, if not.

    A signed blob needs *artifact* or *artifact_sha256* (lower-case hex). For an in-toto statement they are optional; given,
    one of its subjects must have that SHA-256. With *untimed*, a certificate that leads to one of ``trust.authorities`` is
    not refused without a trusted time, but returned and marked.
    """
    blob = Blob.of(artifact) if artifact is not None else Blob.named(artifact_sha256) if artifact_sha256 else None
    try:
        document = strict_json(data, "it")
        if not isinstance(document, dict):
            raise Refused("it is not a JSON object")
        if proto_json.is_envelope(document):
            opened = _open_envelope(proto_json.envelope(document), trust)
        else:
            opened = _open(parse_bundle(document), trust, blob, untimed=untimed)
        if blob is not None and opened.payload_type == IN_TOTO:
            _refuse_other_subject(opened.payload, blob)
    except Refused as error:
        raise Refused(f"{where} proves nothing: {error}") from error
    return opened


def _open_envelope(envelope: Envelope, trust: Trust) -> OpenedBundle:
    blob = Blob.of(envelope.pae)
    proven = {key.id for key in trust.keys for signature in envelope.signatures if blob.signed_by(key, signature.signature)}
    if not proven:
        raise Refused("none of its signatures is by an enrolled key; add the signer's public key to keys/")
    return OpenedBundle(
        payload_type=envelope.payload_type,
        payload=envelope.payload,
        signers=tuple(ProvenSigner(key=key) for key in sorted(proven)),
        keys=tuple(sorted(proven)),
        sha256=Blob.of(envelope.payload).sha256.hex(),
    )


def _open(bundle: Bundle, trust: Trust, artifact: Blob | None, *, untimed: bool) -> OpenedBundle:
    if bundle.envelope is not None:
        blob = Blob.of(bundle.envelope.pae)
    elif artifact is not None:
        blob = artifact
    else:
        raise Refused("it signs a file, but no file was given to check it with")
    if bundle.stated_sha256 and bundle.envelope is None and bundle.stated_sha256 != blob.sha256:
        raise Refused(f"it signs a file with SHA-256 {bundle.stated_sha256.hex()}, not {blob.sha256.hex()}")
    if bundle.keyed:
        return _open_keyed(bundle, trust, blob)
    problems: list[str] = []
    for root in trust.roots:
        try:
            return _open_certified(bundle, root, blob)
        except Refused as error:
            problems.append(str(error))
    if untimed and trust.authorities:
        return _open_untimed(bundle, trust, blob)
    if trust.authorities and not bundle.entries and not bundle.tokens:
        raise Refused("its certificate needs a trusted time, but neither a log nor a timestamp proves one")
    raise Refused("; ".join(dict.fromkeys(problems)) or "it is signed with a certificate, but roots/ holds no trusted root")


def _open_keyed(bundle: Bundle, trust: Trust, blob: Blob) -> OpenedBundle:
    key = next((key for key in trust.keys if _signed(bundle, blob, key)), None)
    if key is None:
        raise Refused("it is signed with a key that is not enrolled; add the signer's public key to keys/")
    times: tuple[datetime, ...] = ()
    if trust.roots and (bundle.entries or bundle.tokens):
        times = _keyed_times(bundle, trust, blob, key)
    return _opened(bundle, blob, ProvenSigner(key=key.id), key.id, times)


def _keyed_times(bundle: Bundle, trust: Trust, blob: Blob, key: PublicKey) -> tuple[datetime, ...]:
    problems: list[str] = []
    for root in trust.roots:
        try:
            return _times(bundle, root, Signed(signature=bundle.signature, verifier=key, blob=blob, envelope=bundle.envelope))
        except Refused as error:
            problems.append(str(error))
    raise Refused("; ".join(dict.fromkeys(problems)))


def _open_certified(bundle: Bundle, root: SigstoreRoot, blob: Blob) -> OpenedBundle:
    leaf = bundle.certificates[0]
    if bundle.media_type in V3 and len(bundle.certificates) > 1:
        raise Refused(
            "it is a bundle of version 0.3 with a certificate chain, but this version allows only the signer's certificate"
        )
    if not bundle.entries:
        raise Refused("it has no log entry, but a certificate needs one")
    refuse_unfit(leaf, code_signing=True)
    key = public_key(leaf.public_key(), where="its certificate")
    if not _signed(bundle, blob, key):
        raise Refused("its signature does not match this content and the key in its certificate")
    times = _times(bundle, root, Signed(signature=bundle.signature, verifier=leaf, blob=blob, envelope=bundle.envelope))
    if not times:
        raise Refused("the time of signing is not proven: neither a log nor a timestamp authority of the root signed one")
    path = _path(root, leaf, times)
    verify_timestamped(leaf, path[0], root.certificate_logs)
    second_opinion.confirm(bundle, root, times, blob)
    return _opened(bundle, blob, signer_of(leaf, path, fulcio=True), key.id, times)


def _path(root: SigstoreRoot, leaf: x509.Certificate, times: tuple[datetime, ...]) -> tuple[x509.Certificate, ...]:
    """The leaf's issuers by an authority whose window holds all *times*, each certificate valid at each of them."""
    problems: list[str] = []
    for authority in root.authorities:
        if not all(moment in authority.window for moment in times):
            problems.append(f"authority {authority.url or 'without a name'} was valid from {authority.window}")
            continue
        try:
            return next(iter([path_to(authority.chain[-1:], leaf, authority.chain[:-1], at=moment) for moment in times]))
        except Refused as error:
            problems.append(str(error))
    raise Refused("; ".join(dict.fromkeys(problems)) or "the trusted root names no certificate authority")


def _times(bundle: Bundle, root: SigstoreRoot, signed: Signed) -> tuple[datetime, ...]:
    """Every proven time, sorted, each inside the windows of the logs that signed it. Raises `Refused` if an entry is bad.

    An entry of a log that *root* does not name proves nothing, as a timestamp of an unknown authority; one entry must count.
    """
    times = {stamp.at for stamp in stamps(bundle.tokens, bundle.signature, root.timestampers)}
    names = [(entry.log_id, entry.index) for entry in bundle.entries]
    if len(set(names)) != len(names):
        raise Refused("it has the same log entry twice")
    trusted = {log.id for log in root.logs}
    counted = [entry for entry in bundle.entries if entry.log_id in trusted] or bundle.entries
    logged = [verify_entry(entry, signed, root.logs) for entry in counted]
    times.update(entry.at for entry in logged if entry.at is not None)
    for entry in logged:
        for moment in sorted(times):
            if moment not in entry.log.window:
                raise Refused(
                    f"it was signed at {moment:%Y-%m-%dT%H:%M:%SZ}, and log {entry.log.url} was valid from {entry.log.window}"
                )
    return tuple(sorted(times))


def _open_untimed(bundle: Bundle, trust: Trust, blob: Blob) -> OpenedBundle:
    leaf, between = bundle.certificates[0], bundle.certificates[1:]
    refuse_unfit(leaf, code_signing=False)
    key = public_key(leaf.public_key(), where="its certificate")
    if not _signed(bundle, blob, key):
        raise Refused("its signature does not match this content and the key in its certificate")
    path = path_to(trust.authorities, leaf, between, at=leaf.not_valid_before_utc)
    chain = (leaf, *path)
    return replace(
        _opened(bundle, blob, signer_of(leaf, path, fulcio=False), key.id, ()),
        untimed=True,
        not_before=max(link.not_valid_before_utc for link in chain),
        not_after=min(link.not_valid_after_utc for link in chain),
    )


def _signed(bundle: Bundle, blob: Blob, key: PublicKey) -> bool:
    if blob.signed_by(key, bundle.signature):
        return True
    return bundle.envelope is not None and legacy_signed(bundle.envelope, key)


def _opened(bundle: Bundle, blob: Blob, signer: ProvenSigner, key: str, times: tuple[datetime, ...]) -> OpenedBundle:
    envelope = bundle.envelope
    return OpenedBundle(
        payload_type=envelope.payload_type if envelope else "",
        payload=envelope.payload if envelope else b"",
        signers=(signer,),
        keys=(key,),
        sha256=Blob.of(envelope.payload).sha256.hex() if envelope else blob.sha256.hex(),
        trusted_time=max(times, default=None),
    )


def _refuse_other_subject(payload: bytes, blob: Blob) -> None:
    statement = proto_json.message(strict_json(payload, "its statement"), "its statement")
    subjects = statement.get("subject")
    for subject in subjects if isinstance(subjects, list) else ():
        digests = subject.get("digest") if isinstance(subject, dict) else None
        if isinstance(digests, dict) and digests.get("sha256") == blob.sha256.hex():
            return
    raise Refused(f"its statement is not about the file with SHA-256 {blob.sha256.hex()}")
