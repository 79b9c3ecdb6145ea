"""``--reload``: a changed source is served without a restart by hand."""

from __future__ import annotations

import shutil
from pathlib import Path

import httpx2
import pytest

from tests.adapters.serving import REPOSITORY, Served, served
from tests.waiting import until

pytestmark = [pytest.mark.requirement("BASE-6/reload-in-development"), pytest.mark.site]


SERVED = "routes=routes(place, engine=engine)"


def test_a_changed_source_is_served(tmp_path: Path) -> None:
    for room in REPOSITORY.glob("*/__init__.py"):
        if room.parent.name not in ("tests", "benches"):
            shutil.copytree(room.parent, tmp_path / room.parent.name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(REPOSITORY / "pyproject.toml", tmp_path)
    source = tmp_path / "adapters" / "web" / "app.py"

    with served("web", "--reload", env={"ARCOPS_HOME": str(tmp_path / "home")}, cwd=tmp_path) as server:
        assert until(lambda: _asked(server), "it is served") == 200
        assert SERVED in source.read_text()
        source.write_text(source.read_text().replace(SERVED, "routes=[]"))
        assert until(lambda: _asked(server) == 404, "what was changed is served")
        source.write_text("half written (\n")
        until(lambda: "SyntaxError" in "".join(server.log), "the mistake is said")
        shutil.copy(REPOSITORY / "adapters" / "web" / "app.py", source)
        assert until(lambda: _asked(server) == 200, "what was fixed is served")


def _asked(server: Served) -> int:
    try:
        return server.get("/", timeout=60).status_code
    except httpx2.HTTPError:
        return 0
