"""Other people's parsers on hostile bytes: whatever they raise, the input is refused and nothing else stops.

A reader refuses what it knows to be wrong in words of its own. This stands behind it for what nobody thought of, so that a bug
in a parser costs the one file that it was found in, and never hides the file beside it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from arcops.errors import ArcOpsError, Refused


@contextmanager
def refusing(what: str) -> Iterator[None]:
    """Raise `Refused`, saying *what* could not be read, in place of anything that a parser raises.

    What ArcOps raises on purpose passes, and so do `OSError` and `MemoryError`, which are the machine's and not the input's.
    """
    try:
        yield
    except (ArcOpsError, OSError, MemoryError):
        raise
    except Exception as error:
        raise Refused(f"{what} cannot be read: {_said(error)}") from error
    except BaseException as error:
        if type(error).__name__ != "PanicException":  # Rust's, by pyo3, which is no Exception
            raise
        raise Refused(f"{what} cannot be read: its parser broke on it") from error


def _said(error: Exception) -> str:
    words = " ".join(str(error).split()).encode("ascii", "backslashreplace").decode()
    return f"{words[:200]} ({type(error).__name__})" if words else type(error).__name__
