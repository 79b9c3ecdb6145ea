"""The description of the REST door for programs: OpenAPI 3.1, made from the operations and from the types that they take."""

from __future__ import annotations

from functools import cache
from typing import Any

from adapters.http.configuring import OPERATIONS, Operation
from services.config.documents import BASE


@cache
def openapi(origin: str) -> dict[str, Any]:
    """The description, for a service at *origin*."""
    paths: dict[str, dict[str, Any]] = {}
    for one in OPERATIONS:
        path = BASE + one.path
        for part in one.parts:
            path = path.replace("{}", f"{{{part}}}", 1)
        paths.setdefault(path, {})[one.method.lower()] = _operation(one)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Configuration of MCP clients", "version": "1.0.0"},
        "servers": [{"url": origin}],
        "paths": paths,
        "components": {"securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}}},
        "security": [{"bearer": []}],
    }


def _operation(one: Operation) -> dict[str, Any]:
    from pydantic import TypeAdapter
    from pydantic.alias_generators import to_camel

    schema = _plain(TypeAdapter(one.tool.ask).json_schema(), to_camel)
    properties = schema.get("properties", {})
    parameters = [
        {"name": name, "in": where, "required": where == "path", "schema": _parameter(properties.get(name, {"type": "string"}))}
        for where, names in (("path", one.parts), ("query", one.query))
        for name in names
    ]
    found: dict[str, Any] = {
        "operationId": one.name,
        "summary": one.tool.title,
        "description": one.tool.doc,
        "parameters": parameters,
        "responses": {
            "200" if one.method == "GET" else "201": {"description": "The answer."},
            "401": {"description": "A token is needed."},
            "403": {"description": "The caller may not do this."},
            "422": {"description": "The request was refused, with the reason."},
            "503": {"description": "Try again later."},
        },
    }
    if one.method == "POST":
        found["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    return found


def _parameter(schema: dict[str, Any]) -> dict[str, Any]:
    return {"type": "string"} if schema.get("type") == "array" else {k: v for k, v in schema.items() if k != "default"}


def _plain(schema: dict[str, Any], rename: Any) -> dict[str, Any]:
    """*schema* with the names that go over the wire."""
    found = dict(schema)
    if "properties" in found:
        found["properties"] = {rename(name): value for name, value in found["properties"].items()}
        found["additionalProperties"] = False
    if "required" in found:
        found["required"] = [rename(name) for name in found["required"]]
    return found
