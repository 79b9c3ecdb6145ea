"""Errors across MCP: what a tool raised at the server is raised here as the same class, with the same sentence."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from adapters.mcp.names import KIND
from arcops.errors import ArcOpsError, Broken, Refused, Stopped, Unavailable

BROKEN = "broken"
_MOST = 4000


@cache
def kinds() -> Mapping[str, type[ArcOpsError]]:
    """Our errors by the words that stand for them on the wire."""
    from capabilities.artifact.verify import NotVerified  # a client without an error needs neither
    from flows.evaluate import NotKept

    return {
        "not-verified": NotVerified,
        "not-kept": NotKept,
        "refused": Refused,
        "unavailable": Unavailable,
        "stopped": Stopped,
        BROKEN: Broken,
    }


def of_result(result: Mapping[str, Any]) -> ArcOpsError:
    """The error that the *result* of a call reports."""
    content = result.get("content")
    items = [one for one in content if isinstance(one, Mapping)] if isinstance(content, list) else []
    text = " ".join(str(one.get("text", "")) for one in items if one.get("type") == "text").strip()
    return _kind(result.get("_meta"), Broken)(text[:_MOST] or "the server said nothing")


def of_failure(failure: Mapping[str, Any]) -> ArcOpsError:
    """The error that a task failed with. Only our own server says which of our errors it was."""
    text = str(failure.get("message", ""))[:_MOST] or "the server did not say why"
    return _kind(failure.get("data"), Unavailable)(text)


def _kind(said: object, otherwise: type[ArcOpsError]) -> type[ArcOpsError]:
    word = said.get(KIND) if isinstance(said, Mapping) else None
    return kinds().get(word, otherwise) if isinstance(word, str) else otherwise
