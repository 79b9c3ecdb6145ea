"""``arcops sign``, ``sbom``, ``keys`` and ``data``: commands that make something."""

from __future__ import annotations

from pathlib import Path

from adapters.cli import surroundings
from adapters.tools import keys
from artifacts.private_key import Algorithm


def new_key(path: Path | None, algorithm: str) -> None:
    target = path or Path(surroundings.settings().key)
    secret = surroundings.new_passphrase(str(target))
    made = keys.new_key(keys.NewKey(path=target, passphrase=secret, algorithm=Algorithm(algorithm)))
    print(f"{made.key_id}\nprivate {made.private}\npublic  {made.public}")


def trust_key(public: Path) -> None:
    trusted = keys.trust_key(keys.TrustKey(public=public, trust=surroundings.settings().trust))
    print(f"{trusted.key_id} is trusted: {trusted.path}")


def revoke_key(key_id: str, reason: str, key: str) -> None:
    settings = surroundings.settings()
    ask = keys.RevokeKey(trust=settings.trust, key=key_id, reason=reason)
    revoked = keys.revoke_key(ask, signer=surroundings.signer(key or settings.key), now=surroundings.now())
    print(f"{revoked.count} revoked as of now: {revoked.path}")


def sign(target: Path, key: str, builder: str, source: str) -> None:
    from adapters.tools import sign as tool

    settings = surroundings.settings()
    signer = surroundings.signer(key or settings.key)
    ask = tool.Sign(target=target, builder=builder, source=source)
    signed = tool.sign(ask, settings=settings, signer=signer, now=surroundings.now())
    for path in signed.files:
        print(f"wrote {path}")
    print(f"signed by {signed.key_id}")


def sbom(target: Path, version: str, supplier: str, licence: str, author: str, python: Path | None) -> None:
    from adapters.tools import sbom as tool

    ask = tool.MakeSbom(
        target=target, version=version, supplier=supplier, licence=licence, author=author or supplier, python=python
    )
    print(f"wrote {tool.make(ask, settings=surroundings.settings(), now=surroundings.now())}")


def import_data(export: Path) -> None:
    from adapters.tools import data as tool

    imported = tool.import_advisories(export, settings=surroundings.settings(), now=surroundings.now())
    dated = f"{imported.dated:%Y-%m-%d}" if imported.dated else "unknown"
    print(
        f"{imported.ecosystem}: {imported.advisories} advisories on {imported.packages} packages, newest of {dated}, "
        f"{imported.withdrawn} withdrawn, {imported.unreadable} unreadable, in {imported.database}"
    )
