"""HDF5: recognised, not parsed. The question is whether Keras builds a model from it, which runs the code that it names.

Source: HDF5 File Format Specification 3.0, section II.A; ``keras/src/legacy/saving/legacy_h5_format.py``.
"""

from __future__ import annotations

from tasks.model.content.draft import Draft
from tasks.model.content.window import Window

SIGNATURE = b"\x89HDF\r\n\x1a\n"
_PIECE = 4 * 1024 * 1024
_MARK = b"model_config"


def read(window: Window, draft: Draft) -> None:
    """Names of attributes are never compressed, so the mark is found at any place."""
    if window.read(0, 8) != SIGNATURE:
        draft.problem("other data comes before the HDF5 signature")
    at = 0
    while at < window.size:
        if _MARK in window.upto(at, _PIECE + len(_MARK)):
            draft.format = "keras-h5"
            draft.code = True
            draft.notes.add(
                "holds a model_config: Keras builds the classes that it names, and runs the bytecode of Lambda layers"
            )
            return
        at += _PIECE
