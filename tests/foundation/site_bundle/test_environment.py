"""The environment of a bundle: by hash, without a network, and without a look at the signing key."""

from __future__ import annotations

import base64
import hashlib
import socket
import zipfile
from pathlib import Path

import pytest

from arcops.errors import Refused
from artifacts.site_bundle import WheelCarried
from foundation.processes.walls import lacking
from foundation.site_bundle.environment import make_environment
from foundation.site_bundle.pieces import requirements

pytestmark = [pytest.mark.site, pytest.mark.requirement("BASE-8/bundle-for-an-air-gap")]
PROGRAM = """
import socket, sys
def main():
    reached = []
    try:
        open({key!r}).read()
        reached.append("the key")
    except OSError:
        pass
    try:
        socket.create_connection(("127.0.0.1", {port}), timeout=5)
        reached.append("the network")
    except OSError:
        pass
    sys.exit("reached " + " and ".join(reached) if reached else 0)
"""
INFO = "arcops-1.0.dist-info"


def wheel(folder: Path, program: str, needs: str = "") -> WheelCarried:
    """A wheel whose program is called arcops."""
    files = {
        "arcops_program.py": program,
        f"{INFO}/METADATA": f"Metadata-Version: 2.1\nName: arcops\nVersion: 1.0\n{needs}",
        f"{INFO}/WHEEL": "Wheel-Version: 1.0\nGenerator: a test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{INFO}/entry_points.txt": "[console_scripts]\narcops = arcops_program:main\n",
    }
    path = folder / "arcops-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        lines = []
        for name, text in files.items():
            archive.writestr(name, text)
            digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
            lines.append(f"{name},sha256={digest},{len(text.encode())}\n")
        archive.writestr(f"{INFO}/RECORD", "".join([*lines, f"{INFO}/RECORD,,\n"]))
    return WheelCarried(name="arcops", version="1.0", digest=f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}")


@pytest.mark.skipif(bool(lacking()), reason=f"walls cannot be tried: {lacking()}")
def test_the_program_is_tried_without_the_key_and_the_network(tmp_path: Path) -> None:
    wheels, key = tmp_path / "bundle" / "wheels", tmp_path / "keys" / "arcops.key"
    for folder in (wheels, key.parent):
        folder.mkdir(parents=True)
    key.write_text("secret")
    with socket.create_server(("127.0.0.1", 0)) as there:
        carried = wheel(wheels, PROGRAM.format(key=str(key), port=there.getsockname()[1]))
        (wheels / "requirements.txt").write_bytes(requirements((carried,)))
        make_environment(wheels, tmp_path / "bundle" / "environment", [key])
    assert (tmp_path / "bundle" / "environment" / "bin" / "arcops").exists()


@pytest.mark.parametrize(
    ("needs", "another", "said"),
    [
        ("Requires-Dist: not-carried\n", False, "not-carried"),
        ("Requires-Python: <3\n", False, "arcops"),
        ("", True, "HASHES"),
    ],
    ids=["what it needs is not carried", "another Python", "another wheel of the same name"],
)
def test_what_does_not_make_an_installation_is_refused(tmp_path: Path, needs: str, another: bool, said: str) -> None:
    carried = wheel(tmp_path, "def main(): pass\n", needs)
    if another:
        wheel(tmp_path, "def main(): print('another')\n")
    (tmp_path / "requirements.txt").write_bytes(requirements((carried,)))
    with pytest.raises(Refused, match=rf"the wheels do not make an installation for Python 3\.\d+ here: .*{said}"):
        make_environment(tmp_path, tmp_path / "environment", [])
