"""The model signature that we make, read by the OpenSSF project's own tool and library."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest

from arcops.errors import Refused
from artifacts.model_signature import sign_model
from artifacts.private_key import Algorithm, create

pytestmark = pytest.mark.requirement("ARC-A1/other-tools-read-our-signatures")


def model_at(folder: Path) -> list[tuple[str, str]]:
    contents = {"a/b.txt": b"deep", "a-b.txt": b"dash sorts before slash", "weights.bin": b"\0" * 1000, "ä.txt": b"umlaut"}
    for path, data in contents.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    return [(path, hashlib.sha256(data).hexdigest()) for path, data in contents.items()]


def verify_with_their_tool(folder: Path, key: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "model_signing", "verify", "key", str(folder)]
    command += ["--signature", str(folder / "model.sig"), "--public_key", str(key)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_their_tool_verifies_it_and_notices_one_flipped_byte(tmp_path: Path) -> None:
    pytest.importorskip("model_signing", reason="the model-signing package is not installed")
    folder, key_file = tmp_path / "model", tmp_path / "key.pub"
    files, key = model_at(folder), create(Algorithm.ECDSA_P256)
    (folder / "model.sig").write_bytes(sign_model("model", files, key))
    key_file.write_bytes(key.public.pem)

    good = verify_with_their_tool(folder, key_file)
    (folder / "weights.bin").write_bytes(b"\1" + b"\0" * 999)
    bad = verify_with_their_tool(folder, key_file)

    assert good.returncode == 0, good.stderr
    assert bad.returncode != 0


@pytest.mark.parametrize("path", ["../x", "/etc/passwd", "a//b", "./a", "a/../b", "", "a\\b"])
def test_a_path_that_leaves_the_model_is_refused(path: str) -> None:
    with pytest.raises(Refused, match="does not name a file inside"):
        sign_model("model", [(path, "0" * 64)], create())


def test_nothing_to_sign_a_path_twice_and_a_wrong_digest_are_refused() -> None:
    for files in ([], [("model.sig", "0" * 64)], [("a", "0" * 64), ("a", "1" * 64)], [("a", "0" * 63)], [("a", "G" * 64)]):
        with pytest.raises(Refused):
            sign_model("model", files, create())
