"""The result of a tool, as the protocol carries it."""

from __future__ import annotations

import json
from typing import Any

import mcp_types as types

from artifacts.wire import to_json
from capabilities.contract import Tool


def answered(tool: Tool[Any, Any], answer: object) -> types.CallToolResult:
    """The result with *answer*: as values for programs, and the same as text for models that read."""
    values: Any = to_json(answer, tool.answer)
    text = json.dumps(values, ensure_ascii=False)
    headline = _headline(values)
    return types.CallToolResult(
        content=[types.TextContent(type="text", text=part) for part in (headline, text) if part], structured_content=values
    )


def as_text(result: types.CallToolResult) -> str:
    return " ".join(item.text for item in result.content if isinstance(item, types.TextContent))


def _headline(values: Any) -> str:
    """One line for clients that read only the first: the verdict, on what, and the artifact."""
    report = values.get("report")
    if not isinstance(report, dict):
        return ""
    subject = report["subject"]
    artifact = values.get("artifact", "")
    return f"{report['verdict']}: {subject['kind']} {subject['name']}" + (f", artifact {artifact}" if artifact else "")
