"""Which BLAS multiplies for NumPy, and with how many threads. OpenBLAS itself tells the number."""

from __future__ import annotations

import ctypes
import re
from pathlib import Path
from typing import Any

import numpy

_MAPS = Path("/proc/self/maps")
_PREFIXES, _SUFFIXES = ("scipy_", ""), ("64_", "")


def blas() -> str:
    """The name, the version and the threads, as far as they can be known."""
    built: Any = numpy.show_config(mode="dicts")
    named = built.get("Build Dependencies", {}).get("blas", {})
    threads = _threads()
    said = f"{threads} threads" if threads else "an unknown number of threads"
    return f"{named.get('name', 'a BLAS without a name')} {named.get('version', '')}".strip() + f" with {said}"


def _threads() -> int | None:
    """The number that OpenBLAS tells. NumPy's wheels contain OpenBLAS, with a prefix and a suffix on its function names."""
    numpy.dot(numpy.ones((2, 2)), numpy.ones((2, 2)))  # a library that was never called may not be loaded yet
    try:
        mapped = set(re.findall(r"(/\S*openblas\S*)$", _MAPS.read_text(), re.MULTILINE))
        for path in sorted(mapped):
            library = ctypes.CDLL(path)
            for prefix in _PREFIXES:
                for suffix in _SUFFIXES:
                    asked = getattr(library, f"{prefix}openblas_get_num_threads{suffix}", None)
                    if asked is not None:
                        return int(asked())
    except OSError:
        return None
    return None
