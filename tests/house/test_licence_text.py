"""The licence that we name is the licence that lies here, to the letter."""

from __future__ import annotations

import hashlib
import tomllib
from pathlib import Path

HOUSE = Path(__file__).resolve().parents[2]

APACHE_2 = "cfc7749b96f63bd31c3c42b5c471bf756814053e847c10f3eb003417bc523d30"
"""SHA-256 of https://www.apache.org/licenses/LICENSE-2.0.txt."""


def test_the_licence_file_is_the_one_that_the_project_names() -> None:
    project = tomllib.loads((HOUSE / "pyproject.toml").read_text())["project"]
    assert project["license"] == "Apache-2.0"
    [name] = project["license-files"]
    assert hashlib.sha256((HOUSE / name).read_bytes()).hexdigest() == APACHE_2
