"""Errors, named by what the caller must do next.

Each message says what was found, where, and what to do next. It is shown to people unchanged.
"""

SAID_AS = "dev.arcops/error"
"""The member of an error or a result on the wire of MCP that says which of these errors it was, in small letters."""


class ArcOpsError(Exception):
    """The root of every error that ArcOps raises on purpose."""


class Unavailable(ArcOpsError):
    """Something that should answer did not answer; the same call may succeed later. Retry."""


class Refused(ArcOpsError):
    """The input or the request itself is wrong; the same call fails again. Never retry."""


class Broken(ArcOpsError):
    """An internal rule of ArcOps is broken. This is a bug in ArcOps: report it."""


class Stopped(ArcOpsError):
    """A deadline or a person stopped the work. Clean up and end now."""


def told_again(error: ArcOpsError) -> ArcOpsError:
    """A new error of the same kind with the same message, for another caller: a traceback belongs to one of them."""
    kind = next((one for one in (Unavailable, Refused, Stopped, Broken) if isinstance(error, one)), ArcOpsError)
    return kind(str(error))
