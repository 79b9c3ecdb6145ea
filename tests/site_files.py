"""``pytest -m site`` reads only the files with such tests: importing all the others takes each worker half a minute."""

from __future__ import annotations

from pathlib import Path

import pytest

_MARK = "mark.site"


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    if config.option.markexpr != "site" or collection_path.suffix != ".py" or not collection_path.name.startswith("test_"):
        return None
    return True if _MARK not in collection_path.read_text(encoding="utf-8") else None
