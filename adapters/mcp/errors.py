"""Errors across MCP, as the server says them; `adapters.mcp.raised` makes the same errors of them at the other end.

A tool's error is a result with ``isError``, for the model to read; its kind is in ``_meta``, for programs. Over HTTP the
sentences show no folder of the server. If the server itself breaks during a task, that is no result: the task has failed.
"""

from __future__ import annotations

import logging
from typing import Any

import mcp_types as types

from adapters.mcp.names import KIND
from adapters.mcp.raised import BROKEN, kinds
from arcops.errors import ArcOpsError
from foundation.settings import Settings, without_folders

_log = logging.getLogger(__name__)

_MOST = 4000


def as_result(error: Exception, hidden: Settings | None) -> types.CallToolResult:
    """The result that reports *error*; *hidden* are the settings whose folders it must not show."""
    kind, text = _said(error)
    if kind == BROKEN:
        _log.error("a tool broke", exc_info=error)  # the caller learns only the kind of error, and the operator the rest
    if hidden is not None:
        text = without_folders(text, hidden)
    return types.CallToolResult(content=[types.TextContent(type="text", text=text[:_MOST])], is_error=True, _meta={KIND: kind})


def as_failure(error: Exception, hidden: Settings | None) -> dict[str, Any] | None:
    """The JSON-RPC error that reports *error* if it is the server's own and not a tool's answer, else ``None``."""
    kind, text = _said(error)
    if kind != BROKEN:
        return None
    if hidden is not None:
        text = without_folders(text, hidden)
    return {"code": types.INTERNAL_ERROR, "message": text[:_MOST], "data": {KIND: kind}}


def _said(error: Exception) -> tuple[str, str]:
    named = {known: kind for kind, known in kinds().items()}
    for kin in type(error).__mro__:  # an error of another class is reported as the nearest known class
        if kin in named:
            return named[kin], str(error)
    if isinstance(error, ArcOpsError):
        return "unavailable", str(error)
    if isinstance(error, OSError):
        return (
            "unavailable",
            f"{error.strerror or 'the system refused something'}; nothing was written that counts as an artifact",
        )
    return BROKEN, f"this is a bug in arcops, please report it: {type(error).__name__}"
