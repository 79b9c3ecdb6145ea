"""The Sigstore conformance corpus: every bundle that must verify does, and every one that must not is refused."""

from __future__ import annotations

import importlib.resources
from pathlib import Path

import pytest

from arcops.errors import Refused
from artifacts.public_key import load_public_key
from tasks.signing.bundles import open_bundle
from tasks.signing.trust import Trust
from tasks.signing.trusted_root import SigstoreRoot, parse_root
from tests.vectors import VECTORS, vectors

_HOST = "https%3A%2F%2Ftuf-repo-cdn.sigstore.dev"
IDENTITY = (
    "https://github.com/sigstore-conformance/extremely-dangerous-public-oidc-beacon/.github/workflows/"
    "extremely-dangerous-oidc-beacon.yml@refs/heads/main"
)
ISSUER = "https://token.actions.githubusercontent.com"


def public_good() -> SigstoreRoot:
    """The public-good trusted root as sigstore-python ships it, read as a file."""
    return parse_root(public_good_data(), where="public good")


def public_good_data() -> bytes:
    return importlib.resources.files("sigstore").joinpath("_store", _HOST, "trusted_root.json").read_bytes()


def cases() -> list[str]:
    corpus = VECTORS / "sigstore-conformance"
    return sorted(case.name for case in corpus.iterdir() if case.is_dir()) if corpus.is_dir() else ["absent"]


def _trust(case: Path) -> Trust:
    root, key = case / "trusted_root.json", case / "key.pub"
    return Trust(
        digest="sha256:0",
        roots=(parse_root(root.read_bytes(), where="root") if root.exists() else public_good(),),
        keys=(load_public_key(key.read_bytes(), where="key"),) if key.exists() else (),
    )


@pytest.mark.requirement("ARC-A1/sigstore-bundles-verify")
@pytest.mark.parametrize("name", cases())
def test_the_corpus_comes_out_right(name: str) -> None:
    corpus = vectors("sigstore-conformance")
    case = corpus / name
    artifact = case / "artifact" if (case / "artifact").exists() else corpus / "a.txt"
    bundle = (case / "bundle.sigstore.json").read_bytes()
    if name.endswith("_fail"):
        with pytest.raises(Refused, match="proves nothing: "):
            open_bundle(bundle, _trust(case), artifact=artifact.read_bytes(), where=name)
        return
    opened = open_bundle(bundle, _trust(case), artifact=artifact.read_bytes(), where=name)
    signer = opened.signers[0]
    if signer.identity:
        identity, issuer = case / "identity", case / "issuer"
        assert signer.identity == (identity.read_text().strip() if identity.exists() else IDENTITY)
        assert signer.issuer == (issuer.read_text().strip() if issuer.exists() else ISSUER)
        assert opened.trusted_time is not None
