"""What a file's own bytes say it is, from its header and a scan of what it would run."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """``format`` is what the bytes show (``safetensors``, ``gguf``, ``pickle``, ``torch-zip``, ``elf``, ``text``, ``other``…).
    Text is ``text`` under a name that no tool runs, ``python``, ``build-file``, ``web-page``… under one that a tool does, and
    ``unknown-text`` under any other.

    ``imports`` are the ``module.name`` globals that loading the file would import. ``problems`` are sentences: a lying
    header, a parse error, an escape. ``code`` says that loading the format as usual runs what the file tells it to.

    ``refers`` are files, relative to the folder of this one, that a loader would open because this file names them.
    ``operators`` are the operator domains that only an extension of the runtime can execute. ``notes`` are worth a
    reader's eye but no fault: a chat template, a class that is named to be loaded. All tuples are sorted and without repeats.
    """

    format: str
    imports: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    code: bool = False
    refers: tuple[str, ...] = ()
    operators: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
