"""Attestations of publishers, by a Sigstore of the test's own: the smallest change to a good one is red at its rule."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from arcops.seen.signatures import Revoked
from artifacts.revocation import RevocationList, revocation_statement
from gates.server.server_attestations import Absent, Publisher, ServerAttestationsPolicy
from tests.evidence import NOW
from tests.private_sigstore import IDENTITY, ISSUER, SIGNED_AT, PrivateSigstore
from tests.signing import Key, b64, envelope
from tests.tasks.server import made as parts
from tests.tasks.server.made import Made, node_server, python_server

pytestmark = pytest.mark.requirement("HOST-020/only-green-servers-start")

PYPI, NPM, SLSA = (
    "https://docs.pypi.org/attestations/publish/v1",
    "https://github.com/npm/attestation/tree/main/specs/publish/v0.1",
    "https://slsa.dev/provenance/v1",
)
WHEEL, WIDE = "2" * 64, base64.b64decode(f"{'A' * 86}==").hex()


@pytest.fixture(autouse=True)
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(parts.NEEDS, "server-attestations", ("server-packages", "server-attestations"))


class Index:
    """An index with a Sigstore and a key of its own, whose answers a test changes."""

    def __init__(self, folder: Path) -> None:
        self.sigstore, self.key, self.folder = PrivateSigstore(), Key(), folder
        self.write("roots/root.json", self.sigstore.root)
        self.write("keys/npm.pub", self.key.pem)

    def write(self, name: str, data: bytes) -> None:
        path = self.folder / "publishers" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)

    def policy(self, package: str) -> ServerAttestationsPolicy:
        by = Publisher(packages=package, identity=IDENTITY, issuer=ISSUER)
        return ServerAttestationsPolicy(publishers=(by,), index_keys=(self.key.public.id,))

    def statement(self, kind: str, subject: str, **digest: str) -> bytes:
        said = {
            "_type": "https://in-toto.io/Statement/v1",
            "subject": [{"name": subject, "digest": digest}],
            "predicateType": kind,
            "predicate": {},
        }
        return json.dumps(said).encode()

    def bundle(self, statement: bytes) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.sigstore.bundle(statement, at=SIGNED_AT))
        return found

    def keyed(self, statement: bytes, key: Key | None = None) -> dict[str, Any]:
        return {
            "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
            "verificationMaterial": {"publicKey": {"hint": "x"}, "tlogEntries": []},
            "dsseEnvelope": envelope(statement, key or self.key),
        }

    def pep740(self, statement: bytes) -> dict[str, Any]:
        bundle = self.bundle(statement)
        material, signed = bundle["verificationMaterial"], bundle["dsseEnvelope"]
        one = {
            "version": 1,
            "verification_material": {
                "certificate": material["certificate"]["rawBytes"],
                "transparency_entries": material["tlogEntries"],
            },
            "envelope": {"statement": signed["payload"], "signature": signed["signatures"][0]["sig"]},
        }
        return {"version": 1, "attestation_bundles": [{"publisher": {"kind": "x"}, "attestations": [one]}]}

    def npm(self, publish: dict[str, Any] | None, provenance: dict[str, Any] | None) -> dict[str, Any]:
        both = ((NPM, publish), (SLSA, provenance))
        return {"attestations": [{"predicateType": kind, "bundle": one} for kind, one in both if one is not None]}


@pytest.fixture
def index(tmp_path: Path) -> Index:
    return Index(tmp_path / "server")


@pytest.fixture
def python(tmp_path: Path, index: Index) -> Made:
    made = python_server(tmp_path / "server", tmp_path)
    made.policies["server-attestations"] = index.policy("pkg:pypi/made-server")
    return made


@pytest.fixture
def node(tmp_path: Path, index: Index) -> Made:
    made = node_server(tmp_path / "server", tmp_path)
    made.policies["server-attestations"] = index.policy("pkg:npm/%40made/server")
    return made


def give(made: Made, *documents: object) -> None:
    folder = made.folder / "attestations"
    folder.mkdir(exist_ok=True)
    for number, one in enumerate(documents):
        (folder / f"{number}.json").write_text(json.dumps(one))


def bad(made: Made) -> set[str]:
    return {one.removeprefix("server-attestations/") for one in made.bad("server-attestations")}


def good_wheel(index: Index) -> dict[str, Any]:
    return index.pep740(index.statement(PYPI, "made_server-1.0-py3-none-any.whl", sha256=WHEEL))


def good_pair(index: Index, **change: Any) -> dict[str, Any]:
    about = index.statement(NPM, "pkg:npm/%40made/server@1.0.0", sha512=WIDE)
    made_of = index.statement(SLSA, "pkg:npm/%40made/server@1.0.0", sha512=WIDE)
    return index.npm(**{"publish": index.keyed(about), "provenance": index.bundle(made_of), **change})


def test_what_its_publisher_attested_passes(index: Index, python: Made) -> None:
    give(python, good_wheel(index))
    assert bad(python) == set()


def test_both_of_npms_pass(index: Index, node: Made) -> None:
    give(node, good_pair(index))
    assert bad(node) == set()


def test_nothing_is_what_the_policy_says(python: Made) -> None:
    assert bad(python) == {"there"}
    policy = python.policies["server-attestations"]
    python.policies["server-attestations"] = replace(policy, absent=Absent.ACCEPT)
    assert bad(python) == set()
    python.case = replace(python.case, published=("pypi-publish",))
    python.seal()
    assert bad(python) == {"no-less"}
    python.case = replace(python.case, published=(), published_lost=True)
    python.seal()
    assert bad(python) == {"no-less"}


def flipped(document: dict[str, Any], *path: str | int) -> dict[str, Any]:
    """*document* with one byte of the Base64 at *path* changed."""
    *above, last = path
    inner: Any = document
    for one in above:
        inner = inner[one]
    data = bytearray(base64.b64decode(inner[last]))
    data[len(data) // 2] ^= 1
    inner[last] = b64(bytes(data))
    return document


_FIRST: tuple[str | int, ...] = ("attestation_bundles", 0, "attestations", 0)
WHEELS: dict[str, tuple[Callable[[Index], object], set[str]]] = {
    "a byte of the statement": (lambda index: flipped(good_wheel(index), *_FIRST, "envelope", "statement"), {"sound"}),
    "a byte of the signature": (lambda index: flipped(good_wheel(index), *_FIRST, "envelope", "signature"), {"sound"}),
    "a byte of the certificate": (
        lambda index: flipped(good_wheel(index), *_FIRST, "verification_material", "certificate"),
        {"sound"},
    ),
    "another file": (lambda index: index.pep740(index.statement(PYPI, "x.whl", sha256="3" * 64)), {"whole"}),
    "another index": (
        lambda index: Index(index.folder / "other").pep740(index.statement(PYPI, "x.whl", sha256=WHEEL)),
        {"sound"},
    ),
    "another statement": (lambda index: index.pep740(index.statement("https://x.example", "x", sha256=WHEEL)), {"sound"}),
    "no attestation in it": (lambda index: {"version": 1, "attestation_bundles": []}, {"sound"}),
    "no JSON": (lambda index: [], {"sound"}),
}


@pytest.mark.parametrize("what", WHEELS)
def test_a_change_of_an_attestation_is_red_at_its_rule(index: Index, python: Made, what: str) -> None:
    change, rules = WHEELS[what]
    give(python, change(index))
    assert rules <= bad(python)


def test_one_more_file_in_the_lock_has_to_be_attested_too(index: Index, python: Made) -> None:
    give(python, good_wheel(index))
    more = f"--hash=sha256:{WHEEL} --hash=sha256:{'9' * 64}"
    python.locked(python.case.lock.text.replace(f"--hash=sha256:{WHEEL}", more))
    python.seal()
    assert bad(python) == {"whole"}


def pair(**change: Callable[[Index], dict[str, Any] | None]) -> Callable[[Index], object]:
    return lambda index: good_pair(index, **{name: make(index) for name, make in change.items()})


PAIRS: dict[str, tuple[Callable[[Index], object], set[str]]] = {
    "no publication": (pair(publish=lambda index: None), {"whole"}),
    "no provenance": (pair(provenance=lambda index: None), {"whole"}),
    "a publication by another key": (
        pair(publish=lambda index: index.keyed(index.statement(NPM, "pkg:npm/%40made/server@1.0.0", sha512=WIDE), Key())),
        {"sound", "whole"},
    ),
    "a provenance of another version": (
        pair(provenance=lambda index: index.bundle(index.statement(SLSA, "pkg:npm/%40made/server@1.0.1", sha512=WIDE))),
        {"whole"},
    ),
    "a provenance of other bytes": (
        pair(provenance=lambda index: index.bundle(index.statement(SLSA, "pkg:npm/%40made/server@1.0.0", sha512="1" * 128))),
        {"whole"},
    ),
    "a provenance by the index's key": (
        pair(provenance=lambda index: index.keyed(index.statement(SLSA, "pkg:npm/%40made/server@1.0.0", sha512=WIDE))),
        {"publisher"},
    ),
}


@pytest.mark.parametrize("what", PAIRS)
def test_a_change_of_npms_two_is_red_at_its_rule(index: Index, node: Made, what: str) -> None:
    change, rules = PAIRS[what]
    give(node, change(index))
    assert rules <= bad(node)


def _list(index: Index, gone: Revoked) -> None:
    listed = RevocationList(issued_at=NOW, revoked=(gone,))
    index.write("revocations/list.json", json.dumps(envelope(revocation_statement(listed), index.key)).encode())


def test_a_revoked_publisher_is_red_and_a_list_that_proves_nothing_too(index: Index, python: Made) -> None:
    give(python, good_wheel(index))
    _list(index, Revoked(at=NOW, reason="taken over", identity=IDENTITY, issuer=ISSUER))
    assert bad(python) == {"publisher"}
    index.write("revocations/list.json", b"{}")
    assert "publisher" in bad(python)


def test_a_revoked_key_of_the_index_is_red(index: Index, node: Made) -> None:
    give(node, good_pair(index))
    _list(index, Revoked(at=NOW, reason="stolen", key=index.key.public.id))
    assert "publisher" in bad(node)


def test_another_publisher_and_no_trust_are_red(index: Index, python: Made, tmp_path: Path) -> None:
    give(python, good_wheel(index))
    for by in (
        Publisher(packages="pkg:pypi/made-server", identity="other@example.org", issuer=ISSUER),
        Publisher(packages="pkg:pypi/made-server", identity=IDENTITY, issuer="https://other.example"),
        Publisher(packages="pkg:pypi/other", identity=IDENTITY, issuer=ISSUER),
    ):
        python.policies["server-attestations"] = ServerAttestationsPolicy(publishers=(by,))
        assert bad(python) == {"publisher"}
    (tmp_path / "server" / "publishers").rename(tmp_path / "away")
    assert bad(python) == {"judged"}
