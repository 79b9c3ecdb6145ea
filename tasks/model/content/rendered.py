"""Text at any place in a file that may be rendered as a template."""

from __future__ import annotations

from tasks.model.content.draft import Draft

TEMPLATE_TOTAL = 512 * 1024
"""The most characters of templates that are read in one file."""

LEAST = 256
"""The least characters that a template counts for, because even a short one takes some time."""


def looks_like(text: str) -> bool:
    """Does *text* hold a mark of Jinja's?"""
    return "{{" in text or "{%" in text


def check(text: str, called: str, draft: Draft, *, surely: bool) -> None:
    """Check *text*, *called* so in the file, for what templates may do. **surely*: a renderer reads it as a template."""
    if not looks_like(text):
        return
    draft.rendered += max(len(text), LEAST)
    if draft.rendered > TEMPLATE_TOTAL:
        draft.problem(f"its templates have more than {TEMPLATE_TOTAL} characters, the limit for reading")
        return
    from tasks.model.content import templates  # importing Jinja takes longer than reading most models

    fault = templates.fault_of(text, surely=surely)
    if fault:
        draft.problem(f"the {'chat template' if surely else 'template'} {called!r}, {fault}")
