"""Pieces of a bundle, small ones."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from contextlib import closing
from pathlib import Path

from arcops.installed import version
from artifacts.private_key import create
from tests.models import POLICY

RELEASED = Path(__file__).parents[1] / "database" / "released"
OLD_SCHEMA = "0015"


def image(folder: Path, *, layer: bytes = b"a layer") -> Path:
    """An OCI image layout with one layer."""
    blobs = folder / "blobs" / "sha256"
    blobs.mkdir(parents=True)

    def blob(data: bytes, kind: str) -> dict[str, object]:
        digest = hashlib.sha256(data).hexdigest()
        (blobs / digest).write_bytes(data)
        return {"mediaType": kind, "digest": f"sha256:{digest}", "size": len(data)}

    config = blob(b"{}", "application/vnd.oci.image.config.v1+json")
    layers = [blob(layer, "application/vnd.oci.image.layer.v1.tar")]
    manifest = json.dumps({"schemaVersion": 2, "config": config, "layers": layers}).encode()
    index = {"schemaVersion": 2, "manifests": [blob(manifest, "application/vnd.oci.image.manifest.v1+json")]}
    (folder / "index.json").write_text(json.dumps(index))
    (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    return folder


def pieces(folder: Path, *, number: int = 1) -> dict[str, Path]:
    """One of each, by its kind; those of another *number* differ."""
    found = {kind: folder / kind for kind in ("wheels", "trust", "data", "policies", "docs", "chart")}
    for one in found.values():
        one.mkdir(parents=True)
    (found["wheels"] / f"arcops-{version()}-py3-none-any.whl").write_bytes(f"wheel {number}".encode())
    (found["wheels"] / "rfc8785-0.1.4-py3-none-any.whl").write_bytes(b"another wheel")
    (found["trust"] / "keys").mkdir()
    (found["trust"] / "keys" / f"vendor{number}.pub").write_bytes(create().public.pem)
    (found["data"] / "osv.json").write_text(f"advisories {number}")
    (found["policies"] / "vendor.yaml").write_text(POLICY.replace("name: bench", "name: vendor") + f"# {number}\n")
    (found["docs"] / "index.md").write_text("# Read me\n")
    (found["chart"] / "Chart.yaml").write_text("name: arcops\n")
    return {**found, "images": image(folder / "server")}


def with_old_database(home: Path) -> None:
    """Put a database of an older release in the place of that in *home*."""
    path = home / "database" / "arcops.sqlite"
    path.parent.mkdir(mode=0o700, exist_ok=True)
    for one in path.parent.iterdir():
        one.unlink()
    path.touch(mode=0o600)
    with closing(sqlite3.connect(path)) as old:
        old.executescript((RELEASED / f"{OLD_SCHEMA}.sql").read_text())


def database(home: Path) -> tuple[str, list[object]]:
    """The revision, and the API keys with their leases' epochs."""
    with closing(sqlite3.connect(home / "database" / "arcops.sqlite")) as now:
        (revision,) = now.execute("SELECT version_num FROM arcops_version").fetchone()
        keys = now.execute("SELECT id, name, scopes FROM arcops_api_key ORDER BY id").fetchall()
        return revision, [list(one) for one in (*keys, *now.execute("SELECT name, epoch FROM arcops_lease"))]
