"""Pointers: small texts that a tool leaves in place of a large file that it has not fetched.

Source: ``docs/spec.md`` of Git LFS and its two earlier names; the pointer files of git-annex, DVC and git-xet.
"""

from __future__ import annotations

from arcops.late_pattern import late
from tasks.model.content.draft import Draft
from tasks.model.content.window import Window

FORMAT = "pointer"
LONGEST = 1024
"""Bytes. Git LFS reads no longer file as a pointer."""

_LFS = late(
    rb"version (?:https://git-lfs\.github\.com/spec/v\d+|https?://(?:hawser\.github\.com|git-media\.io)/[\w/.]{1,20})\r?\n"
)
_ANNEX = late(rb"/annex/objects/[\w.=+%-]{1,200}[\r\n]*(?s:.*)")
_XET = late(rb"# xet version \S{1,20}\r?\n(?s:.*)")
_DVC = late(rb"(?s:.{0,200})outs:\s*\n\s*- +(?:md5|etag|hash|sha256|size|path|nfiles):(?s:.*)")


def read(head: bytes, window: Window, draft: Draft) -> bool:
    """Is it a pointer? Then its problem says what to run."""
    if window.size > LONGEST:
        return False
    begins = head.lstrip(b"\xef\xbb\xbf")
    if begins[:1] not in (b"v", b"/", b"#") and b"outs:" not in begins:
        return False
    if _LFS.match(begins):
        size = next((line[5:].strip().decode() for line in begins.splitlines() if _is_size(line)), "an unknown number of")
        draft.problem(
            f"it is a pointer of Git LFS to a file of {size} bytes that was not fetched; run 'git lfs pull' in the folder of "
            "the model, then check again"
        )
    elif _ANNEX.match(begins):
        draft.problem("it is a pointer of git-annex to a file that was not fetched; run 'git annex get .', then check again")
    elif _XET.match(begins):
        draft.problem("it is a pointer of git-xet to a file that was not fetched; run 'git xet checkout', then check again")
    elif _DVC.match(begins):
        draft.problem("it is a pointer of DVC to a file that was not fetched; run 'dvc pull', then remove it and check again")
    else:
        return False
    draft.format = FORMAT
    return True


def _is_size(line: bytes) -> bool:
    return line.startswith(b"size ") and line[5:].strip().isdigit() and len(line) < 30
