"""The relay starts with what its image holds, and with nothing else of this machine."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.simulators.kube.images.relay_alone import missing, removed, without

pytestmark = pytest.mark.requirement("BASE-8/images-without-root-or-shell")
HOUSE = Path(__file__).parents[3]


def run(start: str) -> subprocess.CompletedProcess[str]:
    program = f"{without()}sys.path.insert(0, {str(HOUSE)!r}); {start}"
    return subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, text=True, check=False)


def test_it_imports_nothing_that_its_image_does_not_hold() -> None:
    assert {"sqlalchemy", "mcp", "prefect", "kubernetes"} <= missing()
    assert {"gates", "policies", "adapters.web"} <= removed() <= missing()
    assert not {"starlette", "uvicorn", "cedarpy", "h11", "services", "yaml"} & missing()
    done = run("import adapters.relay.sidecar.main")
    assert done.returncode == 0, done.stderr


def test_one_that_imports_more_shows() -> None:
    done = run("import services.host.rows")
    assert done.returncode == 1
    assert "import of sqlalchemy halted" in done.stderr
