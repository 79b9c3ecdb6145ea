"""Wrong words as an error may repeat them: someone may have put a secret in the place of a name."""

from __future__ import annotations

from arcops.late_pattern import late

_ROW = late(r"[A-Za-z0-9_+/~]{16,}")
_FIGURES = late(r"[0-9]")
_AFTER = late(r"[=:\s].*")


def quoted(text: str, most: int = 60) -> str:
    """*text* in quotes, at most so many characters of it. Of a long row of letters and figures only the beginning is shown."""

    def shorter(row: str) -> str:
        return f"{row[:4]}… ({len(row)} characters)" if _FIGURES.search(row) else row

    return repr(_ROW.sub(lambda found: shorter(found[0]), text)[:most])


def quoted_name(text: str, most: int = 60) -> str:
    """As `quoted`, for what should be a bare name: not what stands after ``=``, ``:`` or a space, which may be its value."""
    name = _AFTER.sub("…", text.strip(), count=1)
    return quoted(name, most)
