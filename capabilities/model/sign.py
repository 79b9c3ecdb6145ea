"""Sign a model on disk: an OpenSSF model signature over every file, and provenance if a builder vouches for it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from arcops.asks import Use, shaped, used
from arcops.beside import is_beside
from arcops.errors import Refused
from arcops.seen.tree import Tree
from arcops.subject import Digest, Subject
from artifacts.bundle import seal_statement
from artifacts.model_signature import SIGNATURE_FILE, sign_model
from artifacts.provenance import Build, provenance
from artifacts.writing import replace_whole
from capabilities.contract import Scope, tool
from capabilities.model.target import require_folder, see_tree
from flows.place import Place

PROVENANCE_FILE = "provenance.sigstore.json"
BUILD_TYPE = "https://arcops.dev/build-types/signed-as-found/v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sign:
    """What to sign, and who vouches for it."""

    target: Path = field(metadata=used(Use.WRITE) | shaped(positional=True))
    """The model's directory."""
    builder: str = ""
    """Also attest provenance with the id of this builder, who vouches for how the model was made: name who really made or
    fetched it."""
    source: str = ""
    """With a builder: the URI that the model was made or fetched from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedModel:
    """What was written, and the key that signed."""

    files: tuple[Path, ...]
    key_id: str


@tool(title="Sign a model", scope=Scope.PUBLISH, destructive=True)
def sign_model_files(ask: Sign, at: Place) -> SignedModel:
    """Sign every file of a model, and write the signature into its directory.

    Files that an earlier signing wrote there are replaced, because they would no longer hold.
    """
    target = ask.target.absolute()
    require_folder(target, at)  # before the key, because a person may be asked for its passphrase
    signer, now = at.signer(), at.now()
    written: list[Path] = []
    if ask.builder:
        path = target / PROVENANCE_FILE
        replace_whole(path, seal_statement(_provenance(see_tree(target, at), ask, now), signer), within=at.writable)
        written.append(path)
    tree = see_tree(target, at)
    if tree.links:
        raise Refused(f"{target}: {tree.links[0].path} is a symbolic link, which no signature covers; replace it by the file")
    path = target / SIGNATURE_FILE
    replace_whole(path, sign_model(target.name, [(file.path, file.sha256) for file in tree.files], signer), within=at.writable)
    return SignedModel(files=(*written, path), key_id=signer.public.id)


def _provenance(tree: Tree, ask: Sign, now: datetime) -> bytes:
    subjects = [
        Subject(name=file.path, kind="file", digests=(Digest(algorithm="sha256", value=file.sha256),))
        for file in tree.files
        if not is_beside(file)
    ]
    parameters = (("source", ask.source),) if ask.source else ()
    return provenance(
        subjects, Build(builder=ask.builder, build_type=BUILD_TYPE, started=now, finished=now, parameters=parameters)
    )
