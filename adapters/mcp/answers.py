"""The result of a tool, as the protocol carries it."""

from __future__ import annotations

import json
from functools import cache
from typing import Any, get_type_hints

import mcp_types as types

from adapters.mcp.brief import MOST_BYTES, brief
from adapters.mcp.names import ANSWER
from arcops.late_pattern import late
from arcops.result import Report
from artifacts.wire import to_json
from capabilities.contract import Tool

_SHOWN_BYTES = 8 * MOST_BYTES
"""For a tool that does nothing else than to show a report."""
_DIGEST = late(r"sha256:[0-9a-f]{64}\Z")


def judges(tool: Tool[Any, Any]) -> bool:
    """Does *tool* answer with a report? Then its answer has the small form that all of these share."""
    return _has_report(tool.answer)  # type: ignore[arg-type]  # every class is hashable, but mypy rejects a dataclass's


@cache
def _has_report(answer: type[object]) -> bool:
    return get_type_hints(answer).get("report") in (Report, Report | None)


def answered(tool: Tool[Any, Any], ask: Any, answer: Any, *, whole: bool = False) -> types.CallToolResult:
    """The result with *answer* to *ask*: as values for programs, and as text for models that read.

    A report is answered in short (`adapters.mcp.brief`); with *whole*, the whole answer stands in ``_meta``.
    """
    values: Any = to_json(answer, tool.answer)
    if not judges(tool):
        text = json.dumps(values, ensure_ascii=False)
        return types.CallToolResult(content=[types.TextContent(type="text", text=text)], structured_content=values)
    artifact = _artifact(ask, answer)
    also = {name: one for name, one in values.items() if name not in ("report", "artifact") and one not in ("", None, [])}
    found = brief(answer.report, artifact, also, most=_SHOWN_BYTES if tool.name == "show_artifact" else MOST_BYTES)
    content: list[types.ContentBlock] = [types.TextContent(type="text", text=found.text)]
    return types.CallToolResult(content=content, structured_content=found.values, _meta={ANSWER: values} if whole else None)


def as_text(result: types.CallToolResult) -> str:
    return " ".join(item.text for item in result.content if isinstance(item, types.TextContent))


def _artifact(ask: Any, answer: Any) -> str:
    """The digest of the artifact with the report: the one that was made, or the one that was asked about."""
    named = str(getattr(answer, "artifact", "") or getattr(ask, "artifact", ""))
    return named if _DIGEST.match(named) else ""
