"""Answers of one server, with the addresses of its resources as they are for a client of all servers together.

What a tool or a prompt links to has to be readable at the same place (MCP 2025-11-25, tools: ``resource_link``, ``resource``).
"""

from __future__ import annotations

import msgspec
from msgspec import UNSET, Raw

from services.host import envelope
from services.host.resource_names import together_uri

RENAMED = frozenset(("tools/call", "prompts/get", "resources/read", "tasks/result"))
"""Methods whose answers name resources."""
UPDATED = "notifications/resources/updated"
_Object = dict[str, Raw]


def renamed(body: bytes, server: str) -> bytes:
    """The answer *body* of *server*. One that cannot be read as MCP says is left as it is."""
    if b'"uri"' not in body:
        return body
    try:
        message = envelope.heard(body)
        if message.result is UNSET:
            return body
        result = envelope.members(message.result) or {}
        if "contents" in result:
            result["contents"] = _encoded([with_uri(one, server) for one in envelope.objects(result["contents"])])
        if "content" in result:
            result["content"] = _encoded([_block(one, server) for one in envelope.objects(result["content"])])
        if "messages" in result:
            result["messages"] = _encoded([_said(one, server) for one in envelope.objects(result["messages"])])
        return envelope.result(envelope.encoded(message.id), envelope.encoded(result))
    except (envelope.Malformed, msgspec.MsgspecError):
        return body


def updated(message: bytes, server: str) -> bytes:
    """The notification *message* of *server* that a resource has changed."""
    try:
        params = envelope.members(envelope.heard(message).params) or {}
        return envelope.notification(UPDATED, _encoded(with_uri(params, server)))
    except (envelope.Malformed, msgspec.MsgspecError):
        return message


def _said(message: _Object, server: str) -> _Object:
    block = envelope.members(message.get("content", UNSET))
    return message if block is None else {**message, "content": _encoded(_block(block, server))}


def _block(block: _Object, server: str) -> _Object:
    kind = envelope.text(block.get("type"))
    if kind == "resource_link":
        return with_uri(block, server)
    if kind == "resource" and (held := envelope.members(block.get("resource", UNSET))) is not None:
        return {**block, "resource": _encoded(with_uri(held, server))}
    return block


def with_uri(one: _Object, server: str) -> _Object:
    """The resource *one* of *server*, under its address of all together; as it is if it has no address."""
    own = envelope.text(one.get("uri"))
    return {**one, "uri": _encoded(together_uri(server, own))} if own else one


def _encoded(value: object) -> Raw:
    return Raw(envelope.encoded(value))
