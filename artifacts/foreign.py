"""Third-party parsers on hostile bytes: whatever they raise, only this input is refused, and the run goes on.

A reader refuses known errors with its own text. This is for unexpected errors, so that a bug in a parser affects only the file
that it was found in, and never hides the file beside it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from arcops.errors import ArcOpsError, Refused


@contextmanager
def refusing(what: str) -> Iterator[None]:
    """Raise `Refused`, saying *what* could not be read, instead of anything that a parser raises.

    ArcOps's own errors pass, and so do `OSError` and `MemoryError`, which come from the machine and not from the input.
    """
    try:
        yield
    except (ArcOpsError, OSError, MemoryError):
        raise
    except Exception as error:
        raise Refused(f"{what} cannot be read: {_said(error)}") from error
    except BaseException as error:
        if type(error).__name__ != "PanicException":  # a panic of Rust code (pyo3), which is not an Exception
            raise
        raise Refused(f"{what} cannot be read: its parser crashed") from error


def _said(error: Exception) -> str:
    words = " ".join(str(error).split()).encode("ascii", "backslashreplace").decode()
    return f"{words[:200]} ({type(error).__name__})" if words else type(error).__name__
