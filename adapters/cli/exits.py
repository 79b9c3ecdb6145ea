"""Exit codes, the same for every command, and how errors become them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from arcops.errors import ArcOpsError, Refused
from arcops.verdict import Verdict

GREEN, CANNOT, USAGE, RED, AMBER = 0, 1, 2, 3, 4

BY_VERDICT = {Verdict.GREEN: GREEN, Verdict.AMBER: AMBER, Verdict.RED: RED}


@contextmanager
def said_in_one_sentence() -> Iterator[None]:
    """Errors of ours become one line on standard error and a documented exit code; nothing becomes 0."""
    try:
        yield
    except Refused as error:
        print(f"arcops: {error}", file=sys.stderr)
        raise SystemExit(USAGE) from error
    except ArcOpsError as error:
        print(f"arcops: {error}", file=sys.stderr)
        raise SystemExit(CANNOT) from error
    except OSError as error:
        where = f": {error.filename}" if error.filename else ""
        print(f"arcops: {error.strerror or error}{where}; nothing was written that counts as an artifact", file=sys.stderr)
        raise SystemExit(CANNOT) from error
    except Exception as error:
        print(f"arcops: this is a bug in arcops, please report it: {type(error).__name__}: {error}", file=sys.stderr)
        raise SystemExit(CANNOT) from error
