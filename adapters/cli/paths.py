"""Paths as people type them."""

from __future__ import annotations

from pathlib import Path

import typer


def path(text: str) -> Path:
    """A path that was really given: the empty string, as an unset variable leaves it, would name the present directory."""
    if not text:
        raise typer.BadParameter("the path is empty; was a variable not set?")
    return Path(text)
