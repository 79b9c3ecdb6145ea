"""What `tools/list` shows of the tools that are offered: at first the usual ones, because each costs an agent room.

A client, or the operator, may name others by toolset or by name. What is not listed is found by `find_tools` and called by
`use_tool`: most clients call only tools that were listed. The scopes decide what may be called, never this list.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import mcp_types as types

from adapters.mcp.answers import judges
from adapters.mcp.brief import SCHEMA
from adapters.mcp.schemas import schema, shortened
from arcops.errors import Refused
from capabilities.contract import Tool

FIND, USE = "find_tools", "use_tool"
ALL, USUAL, CHECKS = "all", "usual", "check"
_MOST_FOUND = 5
_MOST_NAMED = 2000


def toolset(tool: Tool[Any, Any]) -> str:
    """What *tool* is about: the folder of its capability, or the word of a subject that has none."""
    parts = tool.work.__module__.split(".")
    return parts[1] if len(parts) > 2 and parts[0] == "capabilities" else tool.name.partition("_")[2] or tool.name


def toolsets(tools: Iterable[Tool[Any, Any]]) -> Mapping[str, tuple[Tool[Any, Any], ...]]:
    """Every toolset of *tools*, by its name."""
    tools = tuple(tools)
    found = {ALL: tools, USUAL: _usual(tools), CHECKS: tuple(one for one in tools if one.name.startswith("check_"))}
    for one in tools:
        found[toolset(one)] = (*found.get(toolset(one), ()), one)
    return found


def chosen(
    tools: Sequence[Tool[Any, Any]], named: Sequence[str], known: Sequence[Tool[Any, Any]] = ()
) -> tuple[Tool[Any, Any], ...]:
    """Those of *tools* that *named*, toolsets or tools, mean; without names the usual ones.

    Raises `Refused` for a name that means nothing among *known* (by default *tools*): every capability, offered or not.
    """
    if not named:
        return _usual(tools)
    sets = toolsets(known or tools)
    by_name = {one.name: (one,) for one in known or tools}
    wanted: set[str] = set()
    for name in named:
        found = sets.get(name) or by_name.get(name)
        if found is None:
            near = difflib.get_close_matches(name, [*sets, *by_name], 1)
            meant = f"; do you mean {near[0]!r}?" if near else ""
            raise Refused(f"there is no toolset or tool {name[:80]!r}{meant} The toolsets are {', '.join(sorted(sets))}")
        wanted |= {one.name for one in found}
    return tuple(one for one in tools if one.name in wanted)


def as_tool(tool: Tool[Any, Any]) -> types.Tool:
    """*tool* as `tools/list` shows it."""
    return types.Tool(
        name=tool.name,
        title=tool.title,
        description=tool.doc,
        input_schema=shortened(schema(tool.ask, "validation")),
        output_schema=SCHEMA if judges(tool) else None,
        annotations=types.ToolAnnotations(
            read_only_hint=tool.reads_only,
            destructive_hint=tool.destructive,
            idempotent_hint=tool.idempotent,
            open_world_hint=tool.may_connect,
        ),
    )


def finding(tools: Sequence[Tool[Any, Any]]) -> tuple[types.Tool, types.Tool]:
    """`find_tools` and `use_tool` over *tools*. The second is as harmless as the least harmless tool that it can call."""
    sets = ", ".join(sorted(set(toolsets(tools)) - {ALL, USUAL}))
    find = types.Tool(
        name=FIND,
        title="Find more tools",
        description=f"Find tools that are not listed, with the schemas of their input. They are about: {sets}.",
        input_schema={
            "type": "object",
            "properties": {"query": {"type": "string", "description": "Words, a toolset or a name; empty: every name."}},
            "additionalProperties": False,
        },
        annotations=types.ToolAnnotations(
            read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=False
        ),
    )
    use = types.Tool(
        name=USE,
        title="Use a tool that was found",
        description=f"Call a tool that {FIND} found, with its own arguments; it answers as if it was called itself.",
        input_schema={
            "type": "object",
            "properties": {"name": {"type": "string"}, "arguments": {"type": "object"}},
            "required": ["name"],
            "additionalProperties": False,
        },
        annotations=types.ToolAnnotations(
            read_only_hint=all(one.reads_only for one in tools),
            destructive_hint=any(one.destructive for one in tools),
            idempotent_hint=all(one.idempotent for one in tools),
            open_world_hint=any(one.may_connect for one in tools),
        ),
    )
    return find, use


def found(tools: Sequence[Tool[Any, Any]], arguments: Mapping[str, Any] | None) -> dict[str, Any]:
    """The answer of `find_tools`: the best matches with their schemas, and the names of what else matches.

    Raises `Refused` if *arguments* are not its own.
    """
    arguments = arguments or {}
    query = arguments.get("query", "")
    if set(arguments) - {"query"} or not isinstance(query, str):
        raise Refused(f"{FIND} takes one argument, query, which is a text")
    words = re.findall(r"\w+", query[:_MOST_NAMED].lower())
    if not words:
        return {"tools": [{"name": one.name, "about": _sentence(one)} for one in tools]}
    ranked = sorted(((_rank(one, words), one) for one in tools), key=lambda pair: -pair[0])
    matching = [one for rank, one in ranked if rank]
    shown = [
        {
            "name": one.name,
            "about": _sentence(one),
            "scope": one.scope.value,
            "readOnly": one.reads_only,
            "inputSchema": shortened(schema(one.ask, "validation")),
        }
        for one in matching[:_MOST_FOUND]
    ]
    rest = [one.name for one in matching[_MOST_FOUND:]]
    said = f"call one that is not listed with {USE}" if shown else "nothing matches; an empty query lists every name"
    return {"tools": shown, **({"alsoMatching": rest} if rest else {}), "next": said}


def unwrapped(arguments: Mapping[str, Any] | None) -> tuple[str, dict[str, Any]]:
    """The tool that `use_tool` was asked to call, and its arguments. Raises `Refused` if *arguments* do not say that."""
    arguments = arguments or {}
    name, inner = arguments.get("name"), arguments.get("arguments", {})
    if not isinstance(name, str) or not isinstance(inner, dict) or set(arguments) - {"name", "arguments"}:
        raise Refused(f"{USE} takes name, the name of a tool, and arguments, an object with that tool's own arguments")
    if name in (USE, FIND):
        raise Refused(f"{USE} calls other tools; call {name} itself")
    return name, inner


def _usual(tools: Iterable[Tool[Any, Any]]) -> tuple[Tool[Any, Any], ...]:
    return tuple(one for one in tools if one.usual)


def _sentence(tool: Tool[Any, Any]) -> str:
    first = " ".join(tool.doc.partition("\n\n")[0].split())
    return first.partition(". ")[0].rstrip(".") + "."


def _rank(tool: Tool[Any, Any], words: Sequence[str]) -> int:
    """How well *tool* matches: a word in its name counts more than one in its title, and that more than one in its text."""
    about = ((tool.name, 8), (f"{toolset(tool)} {tool.scope.value}", 4), (tool.title, 4), (tool.doc, 1))
    return sum(weight for word in words for text, weight in about if word in text.lower())
