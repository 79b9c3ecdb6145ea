"""The images, built by Buildah on a base of Debian's packages, without a network: they start as no one, on a read-only root.

It takes root, Buildah, mmdebstrap and their mirror of Debian, and some minutes. The wheels are what the lock names, by hash.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.adapters.typed import Done, typed
from tests.deployments.building import HOUSE
from tests.deployments.tools import tool
from tests.models import PASSPHRASE, Bench, bench
from tests.waiting import until

pytestmark = pytest.mark.requirement("BASE-8/images-without-root-or-shell")

DOCKER = HOUSE / "deployments" / "docker"
ALONE = HOUSE / "tests" / "deployments" / "alone.sh"
VARIANTS = ("server", "worker", "operator", "relay")
SITE = Path("opt/arcops/lib/python3.11/site-packages")


@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """A storage of images of this run alone."""

    folder: Path

    @property
    def engine(self) -> list[str]:
        return ["buildah", "--root", f"{self.folder}/root", "--runroot", f"{self.folder}/run", "--storage-driver", "vfs"]

    def __call__(self, *words: str | Path) -> str:
        done = subprocess.run([*self.engine, *map(str, words)], capture_output=True, text=True, check=False, env=ISOLATED)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def imported(self, name: str, archive: Path) -> str:
        """An image of one layer; its name with the digest."""
        container = self("from", "scratch")
        self("add", "-q", container, archive, "/")
        self("commit", "-q", "--rm", container, name)
        return f"localhost/{name}@{self('images', '--format', '{{.Digest}}', name)}"

    def config(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self("inspect", "--type", "image", name))
        said: dict[str, Any] = found["OCIv1"]["config"]
        return said


ISOLATED = {**os.environ, "BUILDAH_ISOLATION": "chroot"}


def run(*words: str | Path, **more: str) -> None:
    done = subprocess.run(list(map(str, words)), capture_output=True, text=True, check=False, env={**ISOLATED, **more})
    assert done.returncode == 0, f"{words}: {done.stdout[-3000:]}{done.stderr[-3000:]}"


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    for program in ("buildah", "mmdebstrap"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not here; images are not built")
    if os.geteuid() != 0:
        pytest.skip("images are built as root here")
    folder = tmp_path_factory.mktemp("images")
    store = Store(folder=folder)
    run(DOCKER / "base.sh", folder / "bases")
    run(DOCKER / "wheels.sh", folder / "wheels", PYTHON=sys.executable)
    base = store.imported("ours/base", folder / "bases" / "base.tar")
    builder = store.imported("ours/build-base", folder / "bases" / "build-base.tar")
    run(DOCKER / "build.sh", builder, base, folder / "wheels", *VARIANTS, ENGINE=" ".join(store.engine))
    yield store
    store("umount", "--all")
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def roots(images: Store) -> dict[str, Path]:
    """Each image, unpacked."""
    names = [*(f"arcops/{one}" for one in VARIANTS), "ours/base"]
    return {
        name.rpartition("/")[2]: Path(images("mount", images("from", "--pull-never", f"localhost/{name}"))) for name in names
    }


@contextmanager
def running(line: Sequence[str], environment: Mapping[str, str], *, heard: int) -> Iterator[subprocess.Popen[str]]:
    """The program of an image, begun by *line*, until the block ends. *heard* is what becomes of what it writes."""
    process = subprocess.Popen(line, env=environment, text=True, stdout=heard, stderr=subprocess.STDOUT, start_new_session=True)
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
        process.wait(timeout=120)
        if process.stdout is not None:
            process.stdout.close()


@contextmanager
def started(
    root: Path, said: dict[str, Any], home: Path, *arguments: str, program: Sequence[str] = ()
) -> Iterator[subprocess.Popen[str]]:
    """The image's program with its environment, and *arguments* in place of its own."""
    home.mkdir(mode=0o700, exist_ok=True)
    os.chown(home, 65532, 65532)
    command = [str(ALONE), str(root), str(home), *(program or said["Entrypoint"]), *(arguments or said["Cmd"])]
    environment = dict(one.split("=", 1) for one in said["Env"])
    environment["PATH"] += ":/usr/sbin:/bin:/sbin"  # of what comes before the program
    with running(command, environment, heard=subprocess.PIPE) as process:
        yield process


def size(folder: Path) -> int:
    return sum(one.lstat().st_size for one in folder.rglob("*") if one.is_file() and not one.is_symlink())


def test_the_file_is_lint_clean_and_the_scripts_too() -> None:
    run(tool("hadolint"), DOCKER / "Dockerfile")
    run(tool("shellcheck"), *sorted(DOCKER.glob("*.sh")), ALONE)


@pytest.mark.parametrize("reference", ["debian", "debian:12", "debian@sha256:1"])
def test_a_base_without_a_digest_is_refused(reference: str, tmp_path: Path) -> None:
    done = subprocess.run([DOCKER / "build.sh", reference, reference, tmp_path], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "names no digest" in done.stderr


@pytest.mark.parametrize("variant", VARIANTS)
def test_each_runs_as_no_one_without_a_shell(variant: str, images: Store, roots: dict[str, Path]) -> None:
    said = images.config(f"localhost/arcops/{variant}")
    assert said["User"] == "65532:65532"
    found = {one.name for folder in ("bin", "usr/bin", "opt/arcops/bin") for one in (roots[variant] / folder).glob("*")}
    assert not found & {"sh", "bash", "dash", "busybox", "perl", "apt", "dpkg", "pip", "pip3", "curl", "wget"}
    set_uid = [
        one for one in roots[variant].rglob("*") if not one.is_symlink() and one.is_file() and one.stat().st_mode & 0o6000
    ]
    assert not set_uid
    writable = [one for one in (roots[variant] / "opt").rglob("*") if not one.is_symlink() and one.stat().st_mode & 0o022]
    assert not writable
    assert said["Entrypoint"][0].startswith("/opt/arcops/bin/")


def test_the_server_becomes_ready_and_ends_when_told(images: Store, roots: dict[str, Path], tmp_path: Path) -> None:
    said = images.config("localhost/arcops/server")
    begun = time.monotonic()
    with started(roots["server"], said, tmp_path / "home", "server", "--port", "8597") as process:

        def ready() -> bool:
            assert process.poll() is None, process.stdout and process.stdout.read()
            try:
                return httpx2.get("http://127.0.0.1:8597/readyz", timeout=5).status_code == 200
            except httpx2.HTTPError:
                return False

        until(ready, "the server of the image is ready", seconds=180)
        print(f"the server's image is ready after {time.monotonic() - begun:.1f} s")
        [inside] = (tmp_path / "home" / "cache").glob("server.lock")
        assert inside.stat().st_uid == 65532
    assert process.returncode == 0


def test_a_worker_and_an_operator_know_their_commands(images: Store, roots: dict[str, Path], tmp_path: Path) -> None:
    for variant, arguments, word in (("worker", ("--help",), "--pool"), ("operator", ("--version",), "arcops")):
        said = images.config(f"localhost/arcops/{variant}")
        with started(roots[variant], said, tmp_path / variant, *arguments) as process:
            out, _ = process.communicate(timeout=120)
        assert process.returncode == 0, out
        assert word in out


def test_the_relay_is_small_and_starts_as_fast_as_outside(images: Store, roots: dict[str, Path], tmp_path: Path) -> None:
    added = size(roots["relay"]) - size(roots["base"])
    print(f"the relay's image holds {added / 1e6:.1f} MB more than its base")
    assert added <= 80e6
    said = images.config("localhost/arcops/relay")
    code = ("-I", "-c", "import adapters.relay.sidecar.main")
    python = said["Entrypoint"][0]

    def inside() -> float:
        begun = time.monotonic()
        with started(roots["relay"], said, tmp_path / "relay", *code, program=(python,)) as process:
            assert process.wait(timeout=120) == 0, process.stdout and process.stdout.read()
        return time.monotonic() - begun

    def outside() -> float:
        """The same files by the same program, unpacked on this machine."""
        begun = time.monotonic()
        loader = "import sys; sys.path.insert(0, sys.argv[1]); import adapters.relay.sidecar.main"
        root = roots["relay"]
        libraries = ":".join(str(root / one) for one in ("usr/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu"))
        interpreter = [str(root / "lib64/ld-linux-x86-64.so.2"), "--library-path", libraries, str(root / "usr/bin/python3.11")]
        environment = {"PYTHONHOME": str(root / "usr"), "PYTHONDONTWRITEBYTECODE": "1"}
        subprocess.run([*interpreter, "-s", "-c", loader, str(root / SITE)], env=environment, cwd=tmp_path, check=True)
        return time.monotonic() - begun

    # Nothing is compiled at a start, neither ours nor Python's own.
    path = "getattr(getattr(one, '__spec__', None), 'cached', None)"
    left = f"[one for one in sys.modules.values() if {path} and not os.path.exists({path})]"
    asked = ("-I", "-c", f"import os, sys, adapters.relay.sidecar.main; print({left})")
    with started(roots["relay"], said, tmp_path / "asked", *asked, program=(python,)) as process:
        assert process.communicate(timeout=120)[0].strip() == "[]"

    # The best of each, because whatever else this machine does makes only some of them slower.
    pairs = [(inside(), outside()) for _ in range(7)]
    ratio = min(one for one, _ in pairs) / min(one for _, one in pairs)
    print(f"a start of the relay takes {min(one for one, _ in pairs):.2f} s, {ratio:.2f} times the same code outside")
    assert ratio <= 1.2


@pytest.fixture(scope="module")
def layout(images: Store, roots: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Bench]:
    """The relay's image with what ArcOps says of it."""
    made = tmp_path_factory.mktemp("layout") / "relay"
    images("push", "-q", "localhost/arcops/relay", f"oci:{made}:relay")
    here = bench(tmp_path_factory.mktemp("signing"))
    done = subprocess.run(
        [DOCKER / "attest.sh", made, roots["relay"] / SITE, "0.1.0", "https://arcops.dev/builders/local", "https://arcops.dev/source"],
        env={**os.environ, **here.environment, "ARCOPS_PASSPHRASE": PASSPHRASE, "ARCOPS": f"{sys.executable} -m adapters.cli"},
        cwd=HOUSE, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode in (0, 4), done.stdout + done.stderr
    return made, here


def checked(layout: Path, here: Bench) -> Done:
    environment = {**os.environ, **here.environment, "ARCOPS_PASSPHRASE": PASSPHRASE}
    return typed("check", layout, "--policy", DOCKER / "image-policy.yaml", environment=environment)


@pytest.mark.requirement("BASE-8/bundle-for-an-air-gap")
def test_the_image_with_what_is_said_of_it_crosses_an_air_gap(layout: tuple[Path, Bench], tmp_path: Path) -> None:
    """In a bundle: what is installed is, byte for byte, what was attested, and our gates judge it there."""
    made, here = layout
    environment = {
        **os.environ,
        **here.environment,
        "ARCOPS_PASSPHRASE": PASSPHRASE,
        "ARCOPS_BACKUP_PASSPHRASE": "four words of a backup",
    }
    bundle = tmp_path / "site.bundle"
    for words in (("make", bundle, "--image", made), ("verify", bundle), ("install", bundle)):
        done = typed("bundle", *words, environment=environment)
        assert done.returncode == 0, done.stderr
    carried = here.home / "bundles" / "current" / "content" / "images" / "relay"
    assert {one.relative_to(carried): one.read_bytes() for one in carried.rglob("*") if one.is_file()} == {
        one.relative_to(made): one.read_bytes() for one in made.rglob("*") if one.is_file()
    }
    assert checked(carried, here).returncode in (0, 4)


def a_changed_layer(layout: Path) -> None:
    largest = max((layout / "blobs" / "sha256").iterdir(), key=lambda one: one.stat().st_size)
    data = bytearray(largest.read_bytes())
    data[-100] ^= 1
    largest.write_bytes(bytes(data))


@pytest.mark.parametrize(
    "change",
    [
        a_changed_layer,
        lambda layout: (layout / "model.cdx.json").unlink(),
        lambda layout: (layout / "provenance.sigstore.json").unlink(),
        lambda layout: (layout / "model.sig").unlink(),
        lambda layout: (layout / "blobs" / "sha256" / ("0" * 64)).write_bytes(b"one more"),
    ],
    ids=["a byte", "no SBOM", "no provenance", "no signature", "one more blob"],
)
def test_what_arcops_says_of_its_image_is_checked_by_its_own_gates(
    change: Any, layout: tuple[Path, Bench], tmp_path: Path
) -> None:
    made, here = layout
    copy = tmp_path / "copy"
    shutil.copytree(made, copy)
    assert checked(copy, here).returncode in (0, 4)
    change(copy)
    assert checked(copy, here).returncode == 3
