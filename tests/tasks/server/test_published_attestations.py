"""What real indexes attested about real packages, judged offline by the real trusted root and npm's real key.

`tests/published/README.md` says where the files are from, and that the archives of the indexes have the digests they name.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from arcops.seen.server import Launching
from gates.server.server_attestations import Publisher, ServerAttestationsPolicy
from tasks.server.case import Case, Locked
from tests.signing import b64
from tests.tasks.server import made as parts
from tests.tasks.server.made import Made
from tests.tasks.test_published import NPM_KEY, PUBLISHED
from tests.tasks.test_signatures_conformance import public_good_data

pytestmark = pytest.mark.requirement("HOST-020/real-attestations-verify")

ISSUER = "https://token.actions.githubusercontent.com"
SDIST = "9bb1add04b1b4e182be6b0b80931593f7a291eb49d69b4fd728a5d4cbcdc4bd3"
WIDE = (
    "f06fbf5c353cc0db093904b9cac0d53b412d83dff6b80e6047d9786708a38e5c"
    "3105cad4e913dfc22dbe8c999b3fe029d47969fe75406843b8163db6fd22f681"
)
BY_PYPI = Publisher(
    packages="pkg:pypi/pypi-attestations",
    identity="https://github.com/trailofbits/pypi-attestations/.github/workflows/release.yml@refs/tags/*",
    issuer=ISSUER,
)
BY_NPM = Publisher(
    packages="pkg:npm/sigstore",
    identity="https://github.com/sigstore/sigstore-js/.github/workflows/release.yml@refs/heads/main",
    issuer=ISSUER,
)


@pytest.fixture(autouse=True)
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(parts.NEEDS, "server-attestations", ("server-packages", "server-attestations"))


def _made(folder: Path, package: str, runtime: str, lock: str, policy: ServerAttestationsPolicy) -> Made:
    made = Made(
        folder / runtime,
        Case(lock=Locked(package=package, runtime=runtime, text=lock), launching=Launching(package=package)),
        folder,
    )
    made.tree.mkdir(parents=True)
    for name, data in (("roots/root.json", public_good_data()), ("keys/npm.pub", NPM_KEY)):
        path = made.folder / "publishers" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    made.policies["server-attestations"] = policy
    made.seal()
    return made


@pytest.fixture
def python(tmp_path: Path) -> Made:
    lock = f"pypi-attestations==0.0.19 --hash=sha256:{SDIST}\n"
    return _made(tmp_path, "pypi:pypi-attestations==0.0.19", "cpython", lock, ServerAttestationsPolicy(publishers=(BY_PYPI,)))


def _npm_lock(version: str = "2.3.1", digest: str = WIDE) -> str:
    entry = {"version": version, "integrity": f"sha512-{base64.b64encode(bytes.fromhex(digest)).decode()}"}
    return json.dumps({"lockfileVersion": 3, "packages": {"node_modules/sigstore": entry}})


@pytest.fixture
def node(tmp_path: Path) -> Made:
    from artifacts.public_key import load_public_key

    policy = ServerAttestationsPolicy(publishers=(BY_NPM,), index_keys=(load_public_key(NPM_KEY, where="npm").id,))
    return _made(tmp_path, "npm:sigstore@2.3.1", "node", _npm_lock(), policy)


def _pypi() -> Any:
    return json.loads((PUBLISHED / "pypi-attestations-0.0.19.provenance.json").read_bytes())


def _npm() -> Any:
    return json.loads((PUBLISHED / "npm-sigstore-2.3.1.attestations.json").read_bytes())


def bad(made: Made, document: object) -> set[str]:
    folder = made.folder / "attestations"
    folder.mkdir(exist_ok=True)
    (folder / "given.json").write_text(json.dumps(document))
    return {one.removeprefix("server-attestations/") for one in made.bad("server-attestations")}


def test_what_pypi_attested_counts(python: Made) -> None:
    assert bad(python, _pypi()) == set()


def test_what_npm_attested_counts(node: Made) -> None:
    assert bad(node, _npm()) == set()


def _at(document: Any, *path: str | int) -> tuple[Any, str | int]:
    for one in path[:-1]:
        document = document[one]
    return document, path[-1]


def _flipped(document: Any, *path: str | int) -> Any:
    """*document* with one bit of the Base64 at *path* changed."""
    inner, last = _at(document, *path)
    data = bytearray(base64.b64decode(inner[last]))
    data[len(data) // 2] ^= 1
    inner[last] = b64(bytes(data))
    return document


def _without(document: Any, *path: str | int) -> Any:
    inner, last = _at(document, *path)
    del inner[last]
    return document


def _other(document: Any, value: object, *path: str | int) -> Any:
    inner, last = _at(document, *path)
    inner[last] = value
    return document


_FIRST: tuple[str | int, ...] = ("attestation_bundles", 0, "attestations", 0)
_MATERIAL = (*_FIRST, "verification_material")
_ENTRY = (*_MATERIAL, "transparency_entries", 0)
CHANGED: dict[str, Callable[[], Any]] = {
    "a bit of the statement": lambda: _flipped(_pypi(), *_FIRST, "envelope", "statement"),
    "a bit of the signature": lambda: _flipped(_pypi(), *_FIRST, "envelope", "signature"),
    "a bit of the certificate": lambda: _flipped(_pypi(), *_MATERIAL, "certificate"),
    "a bit of the entry": lambda: _flipped(_pypi(), *_ENTRY, "canonicalizedBody"),
    "a bit of the path to the log's root": lambda: _flipped(_pypi(), *_ENTRY, "inclusionProof", "hashes", 3),
    "a bit of the log's root": lambda: _flipped(_pypi(), *_ENTRY, "inclusionProof", "rootHash"),
    "no proof that the log has it": lambda: _without(_pypi(), *_ENTRY, "inclusionProof"),
    "another time of the log": lambda: _other(_pypi(), "1733354042", *_ENTRY, "integratedTime"),
    "no log": lambda: _other(_pypi(), [], *_MATERIAL, "transparency_entries"),
    "another version of the format": lambda: _other(_pypi(), 2, *_FIRST, "version"),
    "another package's signature": lambda: _other(
        _pypi(),
        _npm()["attestations"][1]["bundle"]["dsseEnvelope"]["signatures"][0]["sig"],
        *_FIRST, "envelope", "signature",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", CHANGED)
def test_a_change_of_what_pypi_attested_proves_nothing(python: Made, what: str) -> None:
    assert {"sound", "whole"} <= bad(python, CHANGED[what]())


def _bundle(number: int, *path: str | int) -> tuple[str | int, ...]:
    return ("attestations", number, "bundle", *path)


PAIRS: dict[str, Callable[[], Any]] = {
    "a bit of the publication": lambda: _flipped(_npm(), *_bundle(0, "dsseEnvelope", "payload")),
    "a bit of the publication's signature": lambda: _flipped(_npm(), *_bundle(0, "dsseEnvelope", "signatures", 0, "sig")),
    "a bit of the provenance": lambda: _flipped(_npm(), *_bundle(1, "dsseEnvelope", "payload")),
    "a bit of the provenance's signature": lambda: _flipped(_npm(), *_bundle(1, "dsseEnvelope", "signatures", 0, "sig")),
    "a bit of the workflow's certificate": lambda: _flipped(
        _npm(), *_bundle(1, "verificationMaterial", "x509CertificateChain", "certificates", 0, "rawBytes")
    ),
    "no publication": lambda: _without(_npm(), "attestations", 0),
    "no provenance": lambda: _without(_npm(), "attestations", 1),
    "the provenance twice": lambda: _other(_npm(), _npm()["attestations"][1], "attestations", 0),
    "the two exchanged in their envelopes": lambda: _other(
        _npm(), _npm()["attestations"][0]["bundle"]["dsseEnvelope"], *_bundle(1, "dsseEnvelope")
    ),
}


@pytest.mark.parametrize("what", PAIRS)
def test_a_change_of_what_npm_attested_is_red(node: Made, what: str) -> None:
    assert "whole" in bad(node, PAIRS[what]())


def test_other_bytes_another_version_and_another_package_are_red(python: Made, node: Made) -> None:
    python.locked(f"pypi-attestations==0.0.19 --hash=sha256:{'0' * 64}\n")
    python.seal()
    assert bad(python, _pypi()) == {"whole"}
    for lock in (_npm_lock(digest="00" * 64), _npm_lock(version="2.3.2")):
        node.locked(lock)
        node.seal()
        assert "whole" in bad(node, _npm())


def test_another_publisher_branch_key_and_root_are_red(python: Made, node: Made) -> None:
    for identity in (
        "https://github.com/trailofbits/pypi-attestations/.github/workflows/other.yml@refs/tags/*",
        "https://github.com/trailofbits/pypi-attestation/.github/workflows/release.yml@refs/tags/*",
        "https://github.com/trailofbits/pypi-attestations/.github/workflows/release.yml@refs/heads/*",
    ):
        python.policies["server-attestations"] = ServerAttestationsPolicy(publishers=(replace(BY_PYPI, identity=identity),))
        assert bad(python, _pypi()) == {"publisher"}
    policy = node.policies["server-attestations"]
    node.policies["server-attestations"] = replace(policy, index_keys=(f"sha256:{'0' * 64}",))
    assert bad(node, _npm()) == {"publisher"}
    node.policies["server-attestations"] = policy
    (node.folder / "publishers" / "keys" / "npm.pub").unlink()
    assert {"sound", "whole"} <= bad(node, _npm())
    (python.folder / "publishers" / "roots" / "root.json").unlink()
    assert bad(python, _pypi()) != set()


def test_less_than_the_version_before_is_red(node: Made) -> None:
    node.case = replace(node.case, published=("npm-provenance", "npm-publish"))
    node.seal()
    assert bad(node, _npm()) == set()
    assert {"no-less", "whole"} <= bad(node, _without(_npm(), "attestations", 1))
