"""PyTorch's format before 1.6: a magic number, a protocol, the system's facts, the object and its storages' keys, each pickled,
and the storages' raw bytes behind them (``torch/serialization.py``, ``_legacy_save``).
"""

from __future__ import annotations

from arcops.seen.content import Content
from tasks.content.pickles import walk
from tasks.content.window import Malformed, Window

FORMAT = "torch-legacy"
# A pickle of the integer 0x1950A86A20F9469CFC6C, in protocol 2 as every PyTorch wrote it.
MAGIC = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
_PICKLES = 5


def read(window: Window) -> Content:
    imports: set[str] = set()
    problems: list[str] = []
    offset = 0
    for _ in range(_PICKLES):
        if offset >= window.size:
            raise Malformed(f"it ends after {offset} bytes, before all of its {_PICKLES} pickles")
        walked = walk(window, offset)
        imports |= walked.imports
        problems += walked.problems
        offset = walked.end
    return Content(format=FORMAT, imports=tuple(sorted(imports)), problems=tuple(problems), code=True)
