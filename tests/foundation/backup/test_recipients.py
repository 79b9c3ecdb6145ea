"""Backups that the machine which makes them cannot read: what is encrypted opens with a recipient's private key alone."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from adapters.cli.main import run
from arcops.errors import Refused
from artifacts.bundle import open_statement, seal_statement
from artifacts.encryption import ContentKey, RecipientLock
from artifacts.private_key import create
from artifacts.recipients import Identity, Recipient, locked_to, opened_by, read_identity, read_recipient
from artifacts.signed_tar import TarWriter, opened_tar
from artifacts.site_backup import SITE_BACKUP
from foundation.backup.making import make
from foundation.backup.reading import Opening, open_secrets, verify
from tests.foundation.backup.sites import PASSPHRASE, rows, settings_of, site
from tests.models import CLOCK, Bench

pytestmark = pytest.mark.requirement("BASE-8/backups-are-verified-and-restored")
KEPT = """-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VuBCIEIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f
-----END PRIVATE KEY-----
"""


def no_passphrase() -> str:
    raise AssertionError("no passphrase is asked for")


def pem(key: X25519PrivateKey, passphrase: str = "") -> str:
    how = serialization.BestAvailableEncryption(passphrase.encode()) if passphrase else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, how).decode()


def pair() -> tuple[Recipient, Identity]:
    made = read_identity(pem(X25519PrivateKey.generate()), no_passphrase)
    return made.recipient, made


class TestALock:
    def test_the_private_key_of_each_recipient_opens_it_and_no_other(self) -> None:
        content, (first, mine), (second, theirs), (_, unknown) = ContentKey.new(), pair(), pair(), pair()
        locks = [locked_to(content, one) for one in (first, second)]
        piece = content.encrypt(b"secret", "piece")
        for one in (mine, theirs):
            found = opened_by(locks, one)
            assert found is not None
            assert found.decrypt(piece, "piece") == b"secret"
        assert opened_by(locks, unknown) is None

    def test_one_that_was_made_by_this_release_opens_for_ever(self) -> None:
        found = opened_by([LOCK], read_identity(KEPT, no_passphrase))
        assert found is not None
        assert found.decrypt(bytes.fromhex(PIECE), "piece") == b"kept"

    @pytest.mark.parametrize("change", ["a bit", "shorter", "empty", "no hex", "of another recipient", "no key"])
    def test_one_that_was_changed_is_refused(self, change: str) -> None:
        recipient, identity = pair()
        other, _ = pair()
        lock = locked_to(ContentKey.new(), recipient)
        changed = {
            "a bit": f"{lock.locked[:-1]}{'0' if lock.locked[-1] != '0' else '1'}",
            "shorter": lock.locked[:-2],
            "empty": "",
            "no hex": "not hex",
            "of another recipient": locked_to(ContentKey.new(), other).locked,
            "no key": locked_to(ContentKey(b"1" * 16), recipient).locked,
        }[change]
        with pytest.raises(Refused, match="the lock of the backup for sha256:"):
            opened_by([replace(lock, locked=changed)], identity)

    @pytest.mark.parametrize("raw", [bytes(32), b"\x01" + bytes(31)])
    def test_a_key_that_keeps_nothing_secret_is_refused(self, raw: bytes) -> None:
        """With a point of small order everyone knows the shared secret (RFC 7748, section 6.1)."""
        public = X25519PublicKey.from_public_bytes(raw).public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        with pytest.raises(Refused, match="keeps nothing secret"):
            locked_to(ContentKey.new(), read_recipient(public, where="it"))

    @pytest.mark.parametrize("data", [b"", b"nothing", create().public.pem, KEPT.encode()])
    def test_what_is_no_public_key_of_a_recipient(self, data: bytes) -> None:
        with pytest.raises(Refused, match=r"^it is (no public key|a \S+, and a recipient has|a private key; name its public)"):
            read_recipient(data, where="it")

    def test_an_encrypted_private_key_takes_the_passphrase(self) -> None:
        said = pem(X25519PrivateKey.generate(), PASSPHRASE)
        assert read_identity(said, lambda: PASSPHRASE)
        with pytest.raises(Refused, match="does not open it"):
            read_identity(said, lambda: "another one")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Bench, Path, Identity]:
    """A site, its backup to two recipients, and the private key of the second."""
    folder = tmp_path_factory.mktemp("recipients")
    here, (first, _), (second, identity) = site(folder), pair(), pair()
    path = folder / "b"
    make(path, here.settings, signer=here.signer, passphrase=no_passphrase, now=CLOCK, recipients=[first, second, second])
    return here, path, identity


class TestABackup:
    def test_opens_with_a_private_key_and_not_with_a_passphrase(self, made: tuple[Bench, Path, Identity]) -> None:
        here, path, identity = made
        with opened_tar(path, "it") as tar:
            backup = verify(tar, [here.signer.public]).backup
            assert (len(backup.recipients), backup.locks) == (2, ())
            assert open_secrets(tar, backup, Opening(passphrase=no_passphrase, identity=lambda: identity)).keys
            for who, said in ((None, "no private key is set here"), (pair()[1], "the key here is sha256:")):
                with pytest.raises(Refused, match=f"is encrypted to sha256:.*{said}.*ARCOPS_BACKUP_IDENTITY_FILE"):
                    open_secrets(tar, backup, Opening(passphrase=no_passphrase, identity=lambda who=who: who))

    def test_one_that_no_one_can_open_is_no_backup(self, made: tuple[Bench, Path, Identity], tmp_path: Path) -> None:
        here, path, _ = made
        forged = tmp_path / "forged"
        with opened_tar(path, "it") as tar, forged.open("wb") as file:
            said = SITE_BACKUP.read(open_statement(tar.sealed, [here.signer.public]).statement)
            new = TarWriter(file)
            for name in tar.names:
                new.add(name, tar.read(name, 10**9))
            new.finish(seal_statement(SITE_BACKUP.statement(replace(said, recipients=())), here.signer))
        with pytest.raises(Refused, match="no one can open what is encrypted"), opened_tar(forged, "it") as tar:
            verify(tar, [here.signer.public])


def test_the_command_line_backs_up_to_a_key_of_openssl_and_restores_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    here = site(tmp_path)
    for name, value in here.environment.items():
        monkeypatch.setenv(name, value)
    private, public, other = (tmp_path / one for one in ("identity.pem", "recipient.pub", "other.pem"))
    for words in (
        ("genpkey", "-algorithm", "X25519", "-out", str(private)),
        ("genpkey", "-algorithm", "X25519", "-out", str(other)),
        ("pkey", "-in", str(private), "-pubout", "-out", str(public)),
    ):
        subprocess.run(["openssl", *words], check=True, capture_output=True)  # noqa: S607  # the system's
    for one in (private, other):
        one.chmod(0o600)
    before, words = rows(here.settings), ("backup", "verify", str(tmp_path / "b"))
    assert run(["backup", "make", str(tmp_path / "b"), "--recipient", str(private)]) == 2
    assert "keep the private one away from this machine" in capsys.readouterr().err
    assert run(["backup", "make", str(tmp_path / "b"), "--recipient", str(public)]) == 0
    assert "opened by: sha256:" in capsys.readouterr().out
    assert run([*words]) == 0
    assert "was not opened, because ARCOPS_BACKUP_IDENTITY_FILE is not set" in capsys.readouterr().out
    monkeypatch.setenv("ARCOPS_BACKUP_PASSPHRASE", PASSPHRASE)
    assert run([*words]) == 0
    assert "was not opened" in capsys.readouterr().out, "that passphrase is of other backups"
    shutil.copy(here.public, tmp_path / "kept.pub")
    shutil.rmtree(here.home)
    restore = ["backup", "restore", str(tmp_path / "b"), "--key", str(tmp_path / "kept.pub")]
    assert run(restore) == 2
    assert "is encrypted to sha256:" in capsys.readouterr().err
    monkeypatch.setenv("ARCOPS_BACKUP_IDENTITY_FILE", str(other))
    assert run(restore) == 2
    assert "the key here is sha256:" in capsys.readouterr().err
    assert run([*words, "--key", str(tmp_path / "kept.pub")]) == 2, "a key that was named and does not open it is no success"
    capsys.readouterr()
    monkeypatch.setenv("ARCOPS_BACKUP_IDENTITY_FILE", str(private))
    assert run([*words, "--key", str(tmp_path / "kept.pub")]) == 0
    assert "sound, also what is encrypted" in capsys.readouterr().out
    assert run(restore) == 0
    assert rows(settings_of(here.home)) == before
    assert "PASSWORD" not in (here.home / "keys" / "arcops.key").read_text()


LOCK = RecipientLock(
    recipient="sha256:c30703c0c265fc4a73267bf1ca5e77fffb049e2401ab45ccf1e8e60e5b04359a",
    locked="bfd94bcee2becfdbbfa7d875aeb33f587ed2927f57a1cf60672390695dc49866e41bc627b7b9c2c9"
    "2ea2d9181dd549ca8a0295c0141e662df9ba4ffd7fb88b5a626153151b518cf2b9112872906d58d6",
)
PIECE = "980b6d46d58aba56dbe9a4243c694485e17f6444eacd299c7de06424de49a1b0"
