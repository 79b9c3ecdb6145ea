"""Text that may be rendered as a template, wherever it stands in a file."""

from __future__ import annotations

from tasks.model.content.draft import Draft

TEMPLATE_TOTAL = 512 * 1024
"""Characters of templates that are read in one file."""

LEAST = 256
"""Characters that a template counts for at least, for each takes a while to begin with."""


def looks_like(text: str) -> bool:
    """Does *text* hold a mark of Jinja's?"""
    return "{{" in text or "{%" in text


def check(text: str, called: str, draft: Draft, *, surely: bool) -> None:
    """Hold *text*, *called* so in the file, against what templates may do. *surely*: a renderer takes it for a template."""
    if not looks_like(text):
        return
    draft.rendered += max(len(text), LEAST)
    if draft.rendered > TEMPLATE_TOTAL:
        draft.problem(f"its templates have more than {TEMPLATE_TOTAL} characters, the most that are read")
        return
    from tasks.model.content import templates  # Jinja takes longer to import than most models to read

    fault = templates.fault_of(text, surely=surely)
    if fault:
        draft.problem(f"the {'chat template' if surely else 'template'} {called!r}, {fault}")
