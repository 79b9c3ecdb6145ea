"""Text of others, for a terminal, a log or an agent."""

from __future__ import annotations


def printable(text: str) -> str:
    """*text* with control characters written out: in file names they could move the cursor or change colours."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
