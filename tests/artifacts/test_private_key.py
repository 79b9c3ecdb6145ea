"""Keys: made, kept encrypted, loaded from files, the environment and a PKCS #11 token; never overwritten."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from arcops.errors import Refused, Unavailable
from artifacts.bundle import open_sealed, seal
from artifacts.private_key import Algorithm, create, load_signer, save
from tests.artifacts.reports import full_report

pytestmark = pytest.mark.requirement("ARC-A1/keys-are-kept-safe")


def ask(what: str) -> str:
    return "correct horse"


def never(what: str) -> str:
    raise AssertionError(f"asked for {what}")


@pytest.mark.parametrize("algorithm", list(Algorithm))
def test_a_saved_key_signs_again(tmp_path: Path, algorithm: Algorithm) -> None:
    key, path = create(algorithm), tmp_path / "arcops.key"
    save(key, path, "correct horse")

    for uri in (str(path), f"file:{path}", f"file://{path}"):
        loaded = load_signer(uri, ask)
        assert loaded.public == key.public
        assert key.public.verifies(b"data", loaded.sign(b"data"))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert b"ENCRYPTED" in path.read_bytes()
    assert list(tmp_path.iterdir()) == [path]


def test_a_key_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "arcops.key"
    save(create(), path, "a")
    before = path.read_bytes()

    with pytest.raises(Refused, match="exists already"):
        save(create(), path, "b")

    assert path.read_bytes() == before


def test_a_dangling_link_is_not_written_through(tmp_path: Path) -> None:
    (tmp_path / "arcops.key").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(Refused, match="exists already"):
        save(create(), tmp_path / "arcops.key", "a")

    assert not (tmp_path / "elsewhere").exists()


def test_a_disk_that_takes_nothing_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="cannot be written"):
        save(create(), tmp_path / "absent" / "arcops.key", "a")


def test_no_passphrase_no_file(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="always encrypted"):
        save(create(), tmp_path / "k", "")


def plain_pem(raw: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> bytes:
    return raw.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def test_what_is_wrong_with_a_key_file_is_said(tmp_path: Path) -> None:
    good, other = tmp_path / "good", tmp_path / "other"
    save(create(), good, "correct horse")
    cases: list[tuple[bytes, str]] = [
        (b"hello", "not a private key"),
        (create().public.pem, "not a private key"),
        (plain_pem(ec.generate_private_key(ec.SECP384R1())), "cannot sign here"),
        (plain_pem(rsa.generate_private_key(65537, 2048)), "cannot sign here"),
        (b"x" * 70_000, "larger than"),
        (good.read_bytes()[:60], "cannot be decrypted"),
    ]
    for data, words in cases:
        other.write_bytes(data)
        other.chmod(0o600)
        with pytest.raises(Refused, match=words):
            load_signer(str(other), ask)
    with pytest.raises(Refused, match="passphrase is wrong"):
        load_signer(str(good), lambda what: "wrong")
    with pytest.raises(Refused, match="does not exist"):
        load_signer(str(tmp_path / "absent"), ask)
    with pytest.raises(Refused, match="not a regular file"):
        load_signer(str(tmp_path), ask)
    with pytest.raises(Refused, match="not the expected sha256:"):
        load_signer(str(good), ask, public=create().public)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o610, 0o444, 0o440, 0o777])
@pytest.mark.parametrize("encrypted", [True, False])
def test_a_key_that_others_can_use_is_refused(tmp_path: Path, mode: int, encrypted: bool) -> None:
    path = tmp_path / "k"
    if encrypted:
        save(create(), path, "correct horse")
    else:
        path.write_bytes(plain_pem(ec.generate_private_key(ec.SECP256R1())))
    path.chmod(mode)
    for uri in (str(path), f"file:{path}"):
        with pytest.raises(Refused, match=f"run 'chmod 600 {path}'"):
            load_signer(uri, never)
    for kept in (0o600, 0o400):
        path.chmod(kept)
        assert load_signer(str(path), ask).sign(b"x")


@pytest.mark.parametrize(("mode", "open_to_all"), [(0o440, False), (0o640, False), (0o444, True), (0o460, True)])
def test_a_secret_that_is_mounted_read_only_for_a_group_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: int, open_to_all: bool
) -> None:
    """Kubernetes mounts it like this for a pod whose user is not root."""
    path = tmp_path / "k"
    save(create(), path, "correct horse")
    path.chmod(mode)
    words = list(os.statvfs(tmp_path))
    words[8] |= os.ST_RDONLY
    monkeypatch.setattr(os, "fstatvfs", lambda descriptor: os.statvfs_result(words))
    if open_to_all:
        with pytest.raises(Refused, match="chmod 600"):
            load_signer(str(path), ask)
    else:
        assert load_signer(str(path), ask).sign(b"x")


def test_a_key_from_the_environment(tmp_path: Path) -> None:
    save(create(), tmp_path / "k", "correct horse")
    environment = {"ARCOPS_KEY": (tmp_path / "k").read_text()}

    assert load_signer("env:ARCOPS_KEY", ask, environment=environment).sign(b"x")
    with pytest.raises(Refused, match="the environment variable 'OTHER'"):
        load_signer("env:OTHER", ask, environment=environment)


@pytest.mark.parametrize(
    ("uri", "words"),
    [
        ("vault9:x", "is not understood"),
        ("awskms:alias/x", "needs its public key"),
        ("gcpkms:projects/x", "needs its public key"),
        ("azurekms://x.vault.azure.net/keys/y", "needs its public key"),
        ("hsm:x", "not a whole number"),
        ("pkcs11:token=t", "by its id"),
        ("pkcs11:token=t;id=%02;slot-id=1", "'slot-id' .* is not supported"),
        ("pkcs11:token=t;id=%02?pin-value=1234", "a PIN must not be in a URI"),
    ],
)
def test_a_wrong_uri_is_refused(uri: str, words: str) -> None:
    with pytest.raises(Refused, match=words):
        load_signer(uri, never)


LIBRARIES = ("/usr/lib/softhsm/libsofthsm2.so", "/usr/lib64/softhsm/libsofthsm2.so", "/opt/homebrew/lib/softhsm/libsofthsm2.so")


def test_a_key_in_a_pkcs11_token_signs_the_artifact(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pkcs11 = pytest.importorskip("pkcs11", reason="python-pkcs11 is not installed, so no token can be asked")
    library = next((path for path in LIBRARIES if Path(path).exists()), "")
    tool = shutil.which("softhsm2-util")
    if not library or not tool:
        pytest.skip("SoftHSM is not installed (Debian: softhsm2), so there is no token to sign with")
    (tmp_path / "tokens").mkdir()
    (tmp_path / "softhsm2.conf").write_text(f"directories.tokendir = {tmp_path}/tokens\nlog.level = ERROR\n")
    monkeypatch.setenv("SOFTHSM2_CONF", str(tmp_path / "softhsm2.conf"))
    monkeypatch.delenv("PYKCS11LIB", raising=False)
    subprocess.run(
        [tool, "--init-token", "--free", "--label", "arc ops", "--pin", "1234", "--so-pin", "5678"],
        check=True,
        capture_output=True,
    )
    from pkcs11.util.ec import encode_named_curve_parameters

    token = pkcs11.lib(library).get_token(token_label="arc ops")
    with token.open(user_pin="1234", rw=True) as session:
        curve = session.create_domain_parameters(
            pkcs11.KeyType.EC, {pkcs11.Attribute.EC_PARAMS: encode_named_curve_parameters("secp256r1")}, local=True
        )
        curve.generate_keypair(store=True, id=b"\x02", label="arcops")

    asked: list[str] = []

    def pin(what: str) -> str:
        asked.append(what)
        return "1234"

    uri = f"pkcs11:token=arc%20ops;id=%02?module-path={library}"
    signer = load_signer(uri, pin)

    assert open_sealed(seal(full_report(), signer), [signer.public]).report == full_report()
    assert asked[-1] == f"pin of {uri}"
    with pytest.raises(Unavailable, match="did not sign"):
        load_signer(uri, lambda what: "0000", public=signer.public).sign(b"x")
    with pytest.raises(Refused, match="right public key"):
        load_signer(uri, pin, public=create(Algorithm.ECDSA_P256).public).sign(b"x")
    monkeypatch.delitem(os.environ, "PYKCS11LIB")
