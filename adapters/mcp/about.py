"""What the server says of itself. It imports nothing, so that it can be said at once."""

from __future__ import annotations

NAME, TITLE = "arcops", "ArcOps"
DESCRIPTION = "Readiness, trust and safety gates for AI on sovereign and edge Kubernetes."
INSTRUCTIONS = """ArcOps says whether a model, a cluster or a client configuration is ready, trusted and safe: GREEN, AMBER,
RED. What could not be seen is never GREEN. `check_model` judges and leaves a signed artifact; `verify_artifact` checks one
offline; `explain_rule` says why a rule exists and how to fix what it found. An answer about a report is short: its
`resource` has the rest, and `show_artifact` writes it. `find_tools` finds tools that are not listed; `use_tool` calls them."""


def version() -> str:
    """The version of the installed package."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("arcops")
    except PackageNotFoundError:  # run from a checkout without an installation
        return "0.0.0"
