"""What operators and auditors read: the policy model, and the runbook."""

from __future__ import annotations

from importlib.resources import files

PAGES = ("policy-model", "runbook")


def page(name: str) -> str:
    """The text of a page, as Markdown; *name* is one of `PAGES`."""
    return (files(__name__) / f"{name}.md").read_text(encoding="utf-8")
