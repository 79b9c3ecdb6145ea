"""``arcops sign``, ``sbom``, ``keys`` and ``data``: commands that make something."""

from __future__ import annotations

from pathlib import Path

from adapters.cli import surroundings
from adapters.cli.answering import answer
from artifacts.private_key import Algorithm
from capabilities.keys import keys


def new_key(path: Path | None, algorithm: str) -> None:
    made = answer(keys.new_key, keys.NewKey(path=path, algorithm=Algorithm(algorithm)), surroundings.place())
    print(f"{made.key_id}\nprivate {made.private}\npublic  {made.public}")


def trust_key(public: Path) -> None:
    trusted = answer(keys.trust_key, keys.TrustKey(public=surroundings.key_text(public)), surroundings.place())
    print(f"{trusted.key_id} is trusted: {trusted.path}")


def revoke_key(key_id: str, reason: str, key: str) -> None:
    revoked = answer(keys.revoke_key, keys.RevokeKey(key=key_id, reason=reason), surroundings.place(key=key))
    print(f"{revoked.count} revoked as of now: {revoked.path}")


def sign(target: Path, key: str, builder: str, source: str) -> None:
    from capabilities.model.sign import Sign, sign_model_files

    signed = answer(sign_model_files, Sign(target=target, builder=builder, source=source), surroundings.place(key=key))
    for path in signed.files:
        print(f"wrote {path}")
    print(f"signed by {signed.key_id}")


def sbom(target: Path, version: str, supplier: str, licence: str, author: str, python: Path | None) -> None:
    from capabilities.model.sbom import MakeSbom, make_model_sbom

    ask = MakeSbom(target=target, version=version, supplier=supplier, licence=licence, author=author, python=python)
    print(f"wrote {answer(make_model_sbom, ask, surroundings.place()).path}")


def import_data(export: Path) -> None:
    from capabilities.model.data import ImportAdvisories, import_advisories

    imported = answer(import_advisories, ImportAdvisories(export=export), surroundings.place())
    dated = f"{imported.dated:%Y-%m-%d}" if imported.dated else "unknown"
    print(
        f"{imported.ecosystem}: {imported.advisories} advisories on {imported.packages} packages, newest of {dated}, "
        f"{imported.withdrawn} withdrawn, {imported.unreadable} unreadable, in {imported.database}"
    )
