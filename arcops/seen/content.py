"""What a file's own bytes say it is, from its header and a scan of what it would run."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """``format`` is what the bytes show (``safetensors``, ``gguf``, ``pickle``, ``torch-zip``, ``elf``, ``text``, ``other``…).

    ``imports`` are the ``module.name`` globals that loading the file would import. ``problems`` are sentences: a lying
    header, a parse error, an escape. ``code`` says that loading the format as usual runs what the file tells it to.
    """

    format: str
    imports: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    code: bool = False
