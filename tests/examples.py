"""How many examples a property test gets: in ``make test`` the same each time, in ``make test-deep`` many more and others."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

DEFAULT, DEEP = 100, 2500
"""Examples of a property in each profile. A test says `share` if one example costs much more or less than most do."""
_SLOW = [HealthCheck.too_slow]  # others use the machine too
_LARGE = [*_SLOW, HealthCheck.data_too_large]


def register_profiles() -> None:
    """``default``, which holds from now on, and ``deep``. Neither has a deadline or a database of what failed before."""
    settings.register_profile(
        "default", max_examples=DEFAULT, deadline=None, database=None, derandomize=True, suppress_health_check=_SLOW
    )
    settings.register_profile(
        "deep", max_examples=DEEP, deadline=None, database=None, derandomize=False, suppress_health_check=_SLOW
    )
    settings.load_profile("default")


def share(of: float, *, large: bool = False) -> settings:
    """The part *of* the examples that the profile gives. *large* ones may be too large now and then to be drawn."""
    examples = max(1, round(settings().max_examples * of))
    return settings(max_examples=examples, suppress_health_check=_LARGE if large else _SLOW)
