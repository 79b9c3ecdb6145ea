"""OCI image layouts for tests, with or without a server in them that is compiled here."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import subprocess
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from platform import machine

SOURCE = Path(__file__).parent / "server.c"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"


def program(folder: Path) -> bytes:
    """The server, as one file that needs no other."""
    made = folder / "server"
    subprocess.run(["cc", "-Wall", "-Wextra", "-Werror", "-Os", "-static", "-o", str(made), str(SOURCE)], check=True)  # noqa: S607  # the site's own
    return made.read_bytes()


def entry(name: str, data: bytes = b"", *, kind: bytes = tarfile.REGTYPE, link: str = "", mode: int = 0o644) -> tarfile.TarInfo:
    """A member of a layer; its data is `tarfile.TarInfo.pax_headers` of none, so `layer` gets it beside."""
    made = tarfile.TarInfo(name)
    made.type, made.linkname, made.mode, made.size = kind, link, mode, len(data)
    return made


def layer(*members: tuple[tarfile.TarInfo, bytes], packed: bool = True) -> bytes:
    """A layer of *members*."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for one, data in members:
            archive.addfile(one, io.BytesIO(data))
    return gzip.compress(out.getvalue(), mtime=0) if packed else out.getvalue()


def files(given: Mapping[str, bytes]) -> bytes:
    """A layer of regular files, which may be executed."""
    return layer(*((entry(name, data, mode=0o755), data) for name, data in given.items()))


@dataclass
class Layout:
    """A layout in *folder*."""

    folder: Path
    index: list[str] = field(default_factory=list)

    def blob(self, data: bytes) -> str:
        """Keep *data*; its digest."""
        digest = hashlib.sha256(data).hexdigest()
        (self.folder / "blobs" / "sha256").mkdir(parents=True, exist_ok=True)
        (self.folder / "blobs" / "sha256" / digest).write_bytes(data)
        (self.folder / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
        return f"sha256:{digest}"

    def image(
        self,
        layers: Sequence[bytes],
        *,
        kind: str = LAYER,
        created: str = "",
        annotations: Mapping[str, str] | None = None,
        **config: object,
    ) -> str:
        """An image of *layers*; the digest of its manifest."""
        made = {"created": created} if created else {}
        said = self.blob(json.dumps({"architecture": "amd64", "os": "linux", "config": config, **made}).encode())
        named = [{"mediaType": kind, "digest": self.blob(one), "size": len(one)} for one in layers]
        config_kind = "application/vnd.oci.image.config.v1+json"
        manifest = {"schemaVersion": 2, "config": {"mediaType": config_kind, "digest": said, "size": 1}, "layers": named}
        return self.blob(json.dumps(manifest | ({"annotations": annotations} if annotations else {})).encode())

    def lists(self, *images: str, **named: str) -> None:
        """From now on the index of the layout has these *images*, and those with a name."""
        told = [{"digest": one} for one in images]
        told += [{"digest": one, "annotations": {"org.opencontainers.image.ref.name": name}} for name, one in named.items()]
        (self.folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": told}))

    def of_machines(self, images: Mapping[str, str]) -> str:
        """An index of *images* by architecture; its digest."""
        kind = "application/vnd.oci.image.manifest.v1+json"
        listed = [
            {"mediaType": kind, "digest": digest, "size": 1, "platform": {"os": "linux", "architecture": one}}
            for one, digest in images.items()
        ]
        return self.blob(json.dumps({"schemaVersion": 2, "manifests": listed}).encode())


HERE = {"x86_64": "amd64", "aarch64": "arm64"}.get(machine(), machine())
