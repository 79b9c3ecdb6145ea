"""Images of a bundle in a real registry (Debian's docker-registry), and out of it again by another program (skopeo)."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

from foundation.registry import pushing
from tests.adapters.typed import typed
from tests.foundation.site_bundle.pieces import image
from tests.models import PASSPHRASE, bench
from tests.waiting import until

pytestmark = [pytest.mark.site, pytest.mark.requirement("BASE-8/bundle-for-an-air-gap"), pytest.mark.xdist_group("bundle")]


@contextmanager
def registry(folder: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """The registry at *port*, with its files in *folder*."""
    program = shutil.which("docker-registry")
    if program is None:
        pytest.skip("docker-registry is not here (Debian's package of that name)")
    written = folder / "registry.yml"
    said = {
        "version": 0.1,
        "log": {"level": "error"},
        "storage": {"filesystem": {"rootdirectory": str(folder / "files")}},
        "http": {"addr": f"127.0.0.1:{port}"},
    }
    written.write_text(json.dumps(said))
    process = subprocess.Popen([program, "serve", str(written)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:

        def ready() -> bool:
            assert process.poll() is None
            try:
                return httpx2.get(f"http://127.0.0.1:{port}/v2/").status_code == 200
            except httpx2.HTTPError:
                return False

        until(ready, "the registry answers", seconds=60)
        yield process
    finally:
        process.kill()
        process.wait(timeout=60)


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def test_a_real_registry_takes_the_images_and_gives_them_back_by_their_digests(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pushing, "PIECE", 100_000)
    here, port = bench(tmp_path), free_port()
    environment = {
        **os.environ,
        **here.environment,
        "ARCOPS_PASSPHRASE": PASSPHRASE,
        "ARCOPS_REGISTRY": f"http://127.0.0.1:{port}/site/arcops",
    }
    made = image(tmp_path / "server", layer=os.urandom(2_500_000))
    bundle = tmp_path / "b"
    assert typed("bundle", "make", bundle, "--image", made, environment=environment).returncode == 0
    with registry(tmp_path, port) as process:
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=60)
        assert typed("bundle", "push", bundle, environment=environment).returncode == 1, "it does not answer"
    with registry(tmp_path, port):
        done = typed("bundle", "push", bundle, environment=environment)
        assert done.returncode == 0, done.stderr
        (line,) = (one for one in done.stdout.splitlines() if one.startswith("  server:"))
        reference = line.split('"')[1]
        assert typed("bundle", "push", bundle, environment=environment).stderr.count("was there") == 1
        if shutil.which("skopeo") is None:
            pytest.skip("skopeo is not here; the image was pushed and not read by another program")
        copied = tmp_path / "copied"
        words = (
            "--quiet",
            "--preserve-digests",
            "--insecure-policy",
            "--src-tls-verify=false",
            f"docker://{reference}",
            f"oci:{copied}",
        )
        subprocess.run(["skopeo", "copy", *words], check=True, timeout=300)  # noqa: S607  # Debian's
        blobs = {one.name: one.read_bytes() for one in (made / "blobs" / "sha256").iterdir()}
        assert {one.name: one.read_bytes() for one in (copied / "blobs" / "sha256").iterdir()} == blobs
