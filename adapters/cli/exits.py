"""Exit codes, the same for every command, and how errors become exit codes."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from arcops.errors import ArcOpsError, Refused
from arcops.verdict import Verdict
from artifacts.projections.lines import printable

GREEN, CANNOT, USAGE, RED, AMBER = 0, 1, 2, 3, 4

_MOST = 10_000
"""Most characters of a sentence: what is very long must not fill the terminal. Two of the longest paths are whole."""

BY_VERDICT = {Verdict.GREEN: GREEN, Verdict.AMBER: AMBER, Verdict.RED: RED}


@contextmanager
def said_in_one_sentence() -> Iterator[None]:
    """Our errors become one line on standard error and a documented exit code; no error becomes 0."""
    try:
        yield
    except Refused as error:
        _say(str(error))
        raise SystemExit(USAGE) from error
    except ArcOpsError as error:
        _say(str(error))
        raise SystemExit(CANNOT) from error
    except OSError as error:
        if isinstance(error, BrokenPipeError) and reader_gone():
            drop_standard_output()  # 'arcops store list | head' has all that it wants, so there is nothing to say
            raise SystemExit(CANNOT) from error
        where = f": {os.fsdecode(error.filename)}" if isinstance(error.filename, (str, bytes)) else ""
        _say(f"{error.strerror or error}{where}; nothing was written that counts as an artifact")
        raise SystemExit(CANNOT) from error
    except KeyboardInterrupt as error:
        _say(f"stopped by {error.args[0] if error.args else 'the keyboard'}; nothing was written that counts as an artifact")
        raise SystemExit(CANNOT) from error
    except ModuleNotFoundError as error:
        from arcops.extras import lacking  # for commands that are no tool, such as those that serve

        refused = lacking(error)
        _say(str(refused or f"the Python package {error.name!r} is not installed; install ArcOps again"))
        raise SystemExit(USAGE if refused else CANNOT) from error
    except Exception as error:
        _say(f"this is a bug in arcops, please report it: {type(error).__name__}: {error}")
        raise SystemExit(CANNOT) from error


def _say(sentence: str) -> None:
    """One line, whatever characters it has: the names in it may come from an attacker's files."""
    shown = printable(sentence)
    print(f"arcops: {shown if len(shown) <= _MOST else f'{shown[: _MOST // 2]} … {shown[-_MOST // 2 :]}'}", file=sys.stderr)


def open_the_standard_streams() -> None:
    """If the caller closed a standard stream, open it to the null device.

    Otherwise the next file that is opened would get the stream's number, and output would be written into that file.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number, which is this one
    null = Path(os.devnull)
    sys.stdin = sys.stdin or null.open(encoding="utf-8")
    sys.stdout = sys.stdout or null.open("w", encoding="utf-8")
    sys.stderr = sys.stderr or null.open("w", encoding="utf-8")


def reader_gone() -> bool:
    """Did the reader of standard output go away, as ``head`` does when it has read enough?"""
    import select

    try:
        number = sys.stdout.fileno()
    except (OSError, ValueError):
        return False
    asked = select.poll()
    asked.register(number, 0)  # errors are reported without being asked for
    return any(event & select.POLLERR for _, event in asked.poll(0))


def drop_standard_output() -> None:
    """After a failed write: what is still in the buffer must not fail again when the process ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
