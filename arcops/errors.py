"""Errors, named by what the caller does next.

Each message says what was found, where, and what to do about it; it is shown to people as it stands.
"""


class ArcOpsError(Exception):
    """The root of every error that ArcOps raises on purpose."""


class Unavailable(ArcOpsError):
    """Something that should answer did not; the same call may succeed later. Retry."""


class Refused(ArcOpsError):
    """The input or the request itself is wrong; the same call fails again. Never retry."""


class Broken(ArcOpsError):
    """A promise inside ArcOps does not hold. Our bug: report it."""


class Stopped(ArcOpsError):
    """The work was told to end, by a deadline or by a person. Unwind now."""
