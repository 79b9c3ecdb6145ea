"""Errors across MCP: what a tool raised at the server is raised here as the same class, with the same sentence.

A tool's error is a result with ``isError``, for the model to read; its kind is in ``_meta``, for programs. Over HTTP the
sentences show no folder of the server. If the server itself breaks during a task, that is no result: the task has failed.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import mcp_types as types

from arcops.errors import ArcOpsError, Broken, Refused, Stopped, Unavailable
from capabilities.artifact.verify import NotVerified
from flows.evaluate import NotKept
from foundation.settings import Settings, without_folders

_log = logging.getLogger(__name__)

KIND = "dev.arcops/error"

_KINDS: dict[str, type[ArcOpsError]] = {
    "not-verified": NotVerified,
    "not-kept": NotKept,
    "refused": Refused,
    "unavailable": Unavailable,
    "stopped": Stopped,
    "broken": Broken,
}
_MOST = 4000


def as_result(error: Exception, hidden: Settings | None) -> types.CallToolResult:
    """The result that reports *error*; *hidden* are the settings whose folders it must not show."""
    kind, text = _said(error)
    if kind == "broken":
        _log.error("a tool broke", exc_info=error)  # the caller learns only the kind of error, and the operator the rest
    if hidden is not None:
        text = without_folders(text, hidden)
    return types.CallToolResult(content=[types.TextContent(type="text", text=text[:_MOST])], is_error=True, _meta={KIND: kind})


def as_error(result: types.CallToolResult) -> ArcOpsError:
    """The error that *result* reports."""
    text = " ".join(item.text for item in result.content if isinstance(item, types.TextContent)) or "the server said nothing"
    meta: Mapping[str, object] = result.meta or {}
    kind = meta.get(KIND)
    return _KINDS.get(kind if isinstance(kind, str) else "", Broken)(text)


def as_failure(error: Exception, hidden: Settings | None) -> dict[str, Any] | None:
    """The JSON-RPC error that reports *error* if it is the server's own and not a tool's answer, else ``None``."""
    kind, text = _said(error)
    if _KINDS[kind] is not Broken:
        return None
    if hidden is not None:
        text = without_folders(text, hidden)
    return {"code": types.INTERNAL_ERROR, "message": text[:_MOST], "data": {KIND: kind}}


def as_raised(failure: Mapping[str, Any]) -> ArcOpsError:
    """The error that a task failed with. Only our own server says which of our errors it was."""
    data = failure.get("data")
    kind = data.get(KIND) if isinstance(data, Mapping) else None
    text = str(failure.get("message", ""))[:_MOST] or "the server did not say why"
    return _KINDS.get(kind if isinstance(kind, str) else "", Unavailable)(text)


def _said(error: Exception) -> tuple[str, str]:
    named = {known: kind for kind, known in _KINDS.items()}
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
    return "broken", f"this is a bug in arcops, please report it: {type(error).__name__}"
