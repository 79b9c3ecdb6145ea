"""What a file is, by its own bytes: from its header and a scan of the code that it would run."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """``format`` is what the bytes show (``safetensors``, ``gguf``, ``pickle``, ``torch-zip``, ``elf``, ``text``, ``other``…).
    A text file is ``text`` if no tool runs a file of that name, ``python``, ``build-file``, ``web-page``… if a tool does, and
    ``unknown-text`` under any other name.

    ``imports`` are the ``module.name`` globals that loading the file would import. ``problems`` are sentences: a false header,
    a parse error, an escape. ``code`` says that usual loading of this format runs code that the file brings.

    ``refers`` are files, relative to the folder of this one, that a loader would open because this file names them.
    ``operators`` are the operator domains that only an extension of the runtime can execute. ``notes`` are worth reading, but
    are not faults: a chat template, a class that is named to be loaded. All tuples are sorted and without repeats.
    """

    format: str
    imports: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    code: bool = False
    refers: tuple[str, ...] = ()
    operators: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


UNDESCRIBED = Content(
    format="undescribed",
    problems=("it was not looked into, because no gate of that check asked for it; check again with this policy",),
    code=True,
)
"""A file of a check whose gates judge names and digests only. Any other gate that meets it later must find a fault."""
