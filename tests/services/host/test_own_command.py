"""A command of ours in a child: what it gets, and that it goes with the one who began it."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from unittest import mock

import pytest

from arcops.errors import Unavailable
from foundation.processes.starting import Child
from foundation.processes.starting import start as really
from services.host.runbooks.child import runs

pytestmark = pytest.mark.requirement("HOST-008-012/runbooks-execute", "HOST-001-004/images-are-patched")
SURROUNDING = {"PATH": os.defpath, "UV_DEFAULT_INDEX": "https://index.example/simple", "SECRET_OF_OTHERS": "x"}


def test_it_ends_with_the_one_who_began_it_and_leaves_nothing(tmp_path: Path) -> None:
    began: list[Child] = []
    folders: list[str] = []

    def start(*line: object, **more: object) -> Child:
        environment = more["environment"]
        assert isinstance(environment, dict)
        assert environment["UV_DEFAULT_INDEX"] == SURROUNDING["UV_DEFAULT_INDEX"], "it may have to ask that index"
        assert "SECRET_OF_OTHERS" not in environment
        folders.append(environment["TMPDIR"])
        began.append(really(*line, **more))  # type: ignore[arg-type]
        return began[-1]

    stop = threading.Event()
    stop.set()
    run = runs(SURROUNDING, {"ARCOPS_HOME": str(tmp_path)}, stop)
    with mock.patch("services.host.runbooks.child.start", start), pytest.raises(Unavailable, match="ended with the process"):
        run(("host", "serve", "--port", "0"))
    assert began[0].returncode is not None
    assert not Path(folders[0]).exists()
