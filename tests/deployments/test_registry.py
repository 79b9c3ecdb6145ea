"""Images of a bundle in a real registry (Debian's docker-registry), and out of it again by another program (skopeo)."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from foundation.registry import pushing
from tests.adapters.typed import typed
from tests.foundation.site_bundle.pieces import image
from tests.models import PASSPHRASE, bench
from tests.waiting import until

pytestmark = [pytest.mark.site, pytest.mark.requirement("BASE-8/bundle-for-an-air-gap"), pytest.mark.xdist_group("bundle")]


@contextmanager
def registry(folder: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """The registry's address and its process, with its files in *folder*."""
    program = shutil.which("docker-registry")
    if program is None:
        pytest.skip("docker-registry is not here (Debian's package of that name)")
    written = folder / "registry.yml"
    said = {
        "version": 0.1,
        "log": {"level": "info"},
        "storage": {"filesystem": {"rootdirectory": str(folder / "files")}},
        "http": {"addr": "127.0.0.1:0"},
    }
    written.write_text(json.dumps(said))
    log = folder / "registry.log"
    with log.open("wb") as file:
        process = subprocess.Popen([program, "serve", str(written)], stdout=file, stderr=file)
    try:

        def address() -> str:
            assert process.poll() is None, log.read_text()
            found = re.search(r"listening on (127\.0\.0\.1:[0-9]+)", log.read_text())
            return f"http://{found[1]}" if found else ""

        until(lambda: bool(address()), "the registry listens", seconds=60)
        yield address(), process
    finally:
        process.kill()
        process.wait(timeout=60)


def test_a_real_registry_takes_the_images_and_gives_them_back_by_their_digests(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pushing, "PIECE", 100_000)
    here = bench(tmp_path)
    environment = {
        **os.environ,
        **here.environment,
        "ARCOPS_PASSPHRASE": PASSPHRASE,
    }
    made = image(tmp_path / "server", layer=os.urandom(2_500_000))
    bundle = tmp_path / "b"
    assert typed("bundle", "make", bundle, "--image", made, environment=environment).returncode == 0
    with registry(tmp_path) as (address, process):
        environment["ARCOPS_REGISTRY"] = f"{address}/site/arcops"
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=60)
        assert typed("bundle", "push", bundle, environment=environment).returncode == 1, "it does not answer"
    with registry(tmp_path) as (address, process):
        environment["ARCOPS_REGISTRY"] = f"{address}/site/arcops"
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
