"""What a server offers, as definitions: the digest of each, and every text in it that a model would read."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any, cast

from arcops.errors import Refused
from arcops.seen.server_tools import Pin, TextSaid
from artifacts.canonical import canonical
from artifacts.wire import JSON

LISTS = {
    "tool": ("tools/list", "tools", "name"),
    "prompt": ("prompts/list", "prompts", "name"),
    "resource": ("resources/list", "resources", "uri"),
    "template": ("resources/templates/list", "resourceTemplates", "uriTemplate"),
}
"""For each kind: the method that lists it, the member of the result, and the member that names one."""
INSTRUCTIONS = "instructions"
"""The member of the first answer that a client shows to its model, and the kind of its pin."""
_MOST_TEXT = 200_000


def pinned(kind: str, definition: Any) -> Pin:
    """The pin of a *definition*. Raises `Refused` if it is no object with a name, or cannot be written in canonical form."""
    if not isinstance(definition, dict) or not isinstance(name := definition.get(LISTS[kind][2]), str):
        raise Refused(f"a {kind} is defined without a name")
    try:
        data = canonical(cast(JSON, definition))
    except (ValueError, TypeError, OverflowError) as error:
        raise Refused(f"the {kind} {name[:100]!r} has a value without a canonical form") from error
    return Pin(kind=kind, name=name[:1000], digest=f"sha256:{hashlib.sha256(data).hexdigest()}")


def pinned_text(text: str) -> Pin:
    """The pin of what a server says to a model about itself."""
    return Pin(kind=INSTRUCTIONS, name=INSTRUCTIONS, digest=f"sha256:{hashlib.sha256(text.encode()).hexdigest()}")


def texts(kind: str, definition: Any) -> Iterator[TextSaid]:
    """Every text in a *definition*, and every name of a member in it."""
    name = definition.get(LISTS[kind][2], "") if isinstance(definition, dict) else ""
    yield from within(f"{kind} {str(name)[:100]}", definition)


def within(place: str, value: Any) -> Iterator[TextSaid]:
    """Every text in *value*, with its place, which begins with *place*. Raises `Refused` for one that no model is given."""
    if isinstance(value, str):
        if len(value) > _MOST_TEXT:
            raise Refused(f"a text of {place} has {len(value)} characters")
        if value:
            yield TextSaid(where=place, text=value)
    elif isinstance(value, dict):
        for key, one in value.items():
            yield TextSaid(where=f"{place}: name of a member", text=key)
            yield from within(f"{place}.{key[:50]}", one)
    elif isinstance(value, list):
        for one in value:
            yield from within(place, one)
