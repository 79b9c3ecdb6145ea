"""Asks a model to call tools, as agents do: one and two at once, streamed and not; and asks what else it takes.

The tools, the prompts and the temperature (0) are fixed, so every request is asked twice and must give the same calls.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any

from arcops.endpoint import Load
from arcops.errors import Refused
from arcops.seen.inference_tools import ToolProblem, ToolTrial
from artifacts.wire import canonical
from tasks.inference.asking import EndpointDoor, post
from tasks.inference.bad_answer import BadAnswer
from tasks.inference.server_events import ServerEvents

_MOST_TOKENS = 256
_MOST_CALLS = 16
_MOST_ARGUMENTS = 64 * 1024
_CITY = {"type": "string", "minLength": 1}
_SCHEMAS: Mapping[str, dict[str, Any]] = {
    "weather": {
        "type": "object",
        "properties": {
            "city": _CITY,
            "days": {"type": "integer", "minimum": 1, "maximum": 7},
            "unit": {"type": "string", "enum": ["celsius", "fahrenheit"]},
        },
        "required": ["city", "days", "unit"],
        "additionalProperties": False,
    },
    "distance": {
        "type": "object",
        "properties": {"start": _CITY, "end": _CITY},
        "required": ["start", "end"],
        "additionalProperties": False,
    },
}
_MEANS = {"weather": "The weather of a city, for some days.", "distance": "How far it is from one city to another."}
_ONE = "How will the weather be in Paris in the next 3 days, in celsius? Call the tool for it."
_TWO = "How will the weather be in Paris, and in Rome, in the next 2 days, in celsius? Call the tool for both at once."
_PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGNgYGBgAAAABQABh6FO1AAAAABJRU5ErkJggg=="


async def tried(at: EndpointDoor, load: Load, model: str, name: str, found: list[ToolTrial]) -> None:
    """Every trial of *model*, which requests call *name*, into *found*, one after the other."""
    for streamed, parallel, _ in product((True, False), (False, True), range(2)):
        problem, calls, said = await _trial(at, load, name, streamed=streamed, parallel=parallel)
        found.append(ToolTrial(model=model, streamed=streamed, parallel=parallel, problem=problem, calls=calls, said=said))


async def offers(at: EndpointDoor, load: Load, name: str) -> tuple[str, ...]:
    """What *name* takes or gives beside text: ``images``, ``embeddings``."""
    image = [
        {"type": "text", "text": "What is this?"},
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{_PIXEL}"}},
    ]
    shown = {"model": name, "max_tokens": 4, "messages": [{"role": "user", "content": image}]}
    found = []
    if isinstance(await _message(at, load, shown), dict):
        found.append("images")
    if await embeds(at, load, name):
        found.append("embeddings")
    return tuple(found)


async def embeds(at: EndpointDoor, load: Load, name: str) -> bool:
    """Does *name* give embeddings?"""
    try:
        answer = json.loads(await post(at, "/v1/embeddings", {"model": name, "input": "a"}, load.patience / 1e6))
        return bool(answer["data"][0]["embedding"])
    except (BadAnswer, ValueError, RecursionError, KeyError, IndexError, TypeError):
        return False


async def _message(at: EndpointDoor, load: Load, body: dict[str, Any]) -> object:
    """The message of the first choice, or ``None``."""
    try:
        answer = json.loads(await post(at, "/v1/chat/completions", body, load.patience / 1e6))
        return answer["choices"][0]["message"]
    except (BadAnswer, ValueError, RecursionError, KeyError, IndexError, TypeError):
        return None


async def _trial(at: EndpointDoor, load: Load, name: str, *, streamed: bool, parallel: bool) -> tuple[ToolProblem, str, str]:
    body: dict[str, Any] = {
        "model": name,
        "max_tokens": _MOST_TOKENS,
        "temperature": 0,
        "messages": [{"role": "user", "content": _TWO if parallel else _ONE}],
        "tools": [
            {"type": "function", "function": {"name": one, "description": _MEANS[one], "parameters": schema}}
            for one, schema in _SCHEMAS.items()
        ],
    }
    if streamed:
        body["stream"] = True
    try:
        kind = "text/event-stream" if streamed else "application/json"
        answer = await post(at, "/v1/chat/completions", body, load.patience / 1e6, kind)
        calls = _streamed(answer) if streamed else _at_once(answer)
    except BadAnswer as error:
        return ToolProblem.NO_ANSWER, "", error.said
    except (ValueError, RecursionError, KeyError, IndexError, TypeError, AttributeError):
        return ToolProblem.NO_ANSWER, "", "the answer has not the form of a chat completion"
    return *judged(calls, fewest=2 if parallel else 1), ""


Call = tuple[str, str, str]
"""The id, the name and the arguments of a call."""


def _at_once(answer: bytes) -> list[Call]:
    message = json.loads(answer)["choices"][0]["message"]
    return [
        (str(one.get("id") or ""), str(one["function"]["name"]), _text(one["function"]["arguments"]))
        for one in (message.get("tool_calls") or [])[:_MOST_CALLS]
    ]


def _streamed(answer: bytes) -> list[Call]:
    parts: dict[int, list[str]] = {}
    for delta in _deltas(answer):
        for one in delta.get("tool_calls") or []:
            made = parts.setdefault(int(one.get("index") or 0), ["", "", ""])
            function = one.get("function") or {}
            made[0] = made[0] or str(one.get("id") or "")
            made[1] += str(function.get("name") or "")
            made[2] += _text(function.get("arguments") or "")
            if len(parts) > _MOST_CALLS or len(made[2]) > _MOST_ARGUMENTS:
                raise ValueError
    return [(made[0], made[1], made[2]) for _, made in sorted(parts.items())]


def _deltas(answer: bytes) -> Iterator[dict[str, Any]]:
    for _, event in ServerEvents().feed(answer):
        if event.strip() == b"[DONE]":
            return
        for choice in json.loads(event).get("choices") or []:
            if isinstance(choice.get("delta"), dict):
                yield choice["delta"]


def _text(arguments: object) -> str:
    if not isinstance(arguments, str):
        raise TypeError
    return arguments


def judged(calls: list[Call], *, fewest: int) -> tuple[ToolProblem, str]:
    """The first problem of *calls*, of which there must be *fewest*; and what they are, as a digest."""
    if not calls:
        return ToolProblem.NO_CALL, ""
    told: list[Any] = []
    for _, name, text in calls:
        if name not in _SCHEMAS:
            return ToolProblem.OTHER_TOOL, ""
        try:
            arguments = json.loads(text)
        except (ValueError, RecursionError):
            return ToolProblem.NOT_JSON, ""
        if not isinstance(arguments, dict):
            return ToolProblem.NOT_JSON, ""
        if not _follows(arguments, _SCHEMAS[name]):
            return ToolProblem.OFF_SCHEMA, ""
        told.append([name, arguments])
    ids = [one for one, _, _ in calls]
    if not all(ids) or len(set(ids)) < len(ids):
        return ToolProblem.NO_ID, ""
    try:
        digest = hashlib.sha256(canonical(told)).hexdigest()
    except Refused:  # a number that has no canonical form
        return ToolProblem.OFF_SCHEMA, ""
    return ToolProblem.TOO_FEW if len(calls) < fewest else ToolProblem.NONE, digest


def _follows(arguments: dict[str, Any], schema: dict[str, Any]) -> bool:
    import jsonschema_rs  # only a check of tools needs it

    return bool(jsonschema_rs.validator_for(schema).is_valid(arguments))
