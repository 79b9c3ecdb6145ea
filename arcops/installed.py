"""Which version of ArcOps is installed, and which Python runs it."""

from __future__ import annotations

import sys
from pathlib import Path

_PYTHONS = {"cpython": "CPython", "pypy": "PyPy"}


def version() -> str:
    """The version in the metadata beside the installed packages, or ``from source``.

    It is read here, and not by `importlib.metadata`, which imports a mail parser to read one line.
    """
    for folder in sys.path:
        for found in sorted(Path(folder or ".").glob("arcops-*.dist-info/METADATA")):
            with found.open(encoding="utf-8", errors="replace") as lines:
                for line in lines:
                    name, _, value = line.partition(":")
                    if name == "Version":
                        return value.strip()
    return "from source"


def python() -> str:
    """The running Python, such as ``CPython 3.11.7``."""
    return f"{_PYTHONS.get(sys.implementation.name, sys.implementation.name)} {sys.version.split()[0]}"
