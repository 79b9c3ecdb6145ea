"""Resources, prompts and completions of the fixture."""

from __future__ import annotations

import json
import re

import mcp_types as types

from tests.conformance.asking import PROMPT, asking_prompt
from tests.conformance.content import PNG, embedded
from tests.conformance.talking import WATCHED, unknown

_TEMPLATE = re.compile(r"test://template/([^/]+)/data")
_ARGUMENTS = "test_prompt_with_arguments"
_TOWNS = ("padua", "paris", "parma")

RESOURCES = [
    types.Resource(uri="test://static-text", name="static text", description="One sentence.", mime_type="text/plain"),
    types.Resource(uri="test://static-binary", name="static binary", description="One pixel.", mime_type="image/png"),
    types.Resource(uri=WATCHED, name="watched", description="What can be watched.", mime_type="text/plain"),
]
TEMPLATES = [
    types.ResourceTemplate(
        uri_template="test://template/{id}/data",
        name="template",
        description="Data by its id.",
        mime_type="application/json",
    )
]


def read(uri: str) -> types.ReadResourceResult | None:
    """The resource *uri* if it is one of the fixture's."""
    found: types.TextResourceContents | types.BlobResourceContents
    if uri == "test://static-text":
        text = "This is the content of the static text resource."
        found = types.TextResourceContents(uri=uri, mime_type="text/plain", text=text)
    elif uri == "test://static-binary":
        found = types.BlobResourceContents(uri=uri, mime_type="image/png", blob=PNG)
    elif uri == WATCHED:
        found = types.TextResourceContents(uri=uri, mime_type="text/plain", text="watch me")
    elif match := _TEMPLATE.fullmatch(uri):
        data = {"id": match[1], "templateTest": True, "data": f"Data for ID: {match[1]}"}
        found = types.TextResourceContents(uri=uri, mime_type="application/json", text=json.dumps(data))
    else:
        return None
    return types.ReadResourceResult(contents=[found], ttl_ms=0, cache_scope="private")


def _argument(name: str, about: str) -> types.PromptArgument:
    return types.PromptArgument(name=name, description=about, required=True)


PROMPTS = [
    types.Prompt(name="test_simple_prompt", description="One sentence."),
    types.Prompt(
        name=_ARGUMENTS,
        description="A sentence with two arguments in it.",
        arguments=[_argument("arg1", "the first"), _argument("arg2", "the second")],
    ),
    types.Prompt(
        name="test_prompt_with_embedded_resource",
        description="A resource, and what to do with it.",
        arguments=[_argument("resourceUri", "the resource to embed")],
    ),
    types.Prompt(name="test_prompt_with_image", description="A picture, and what to do with it."),
    types.Prompt(name=PROMPT, description="Asks for its context first."),
]


async def prompt(params: types.GetPromptRequestParams) -> types.GetPromptResult | types.InputRequiredResult:
    """The prompt that *params* name."""
    given = params.arguments or {}
    if params.name == PROMPT:
        return await asking_prompt(params)
    if params.name == "test_simple_prompt":
        return _messages(_text("This is a simple prompt for testing."))
    if params.name == _ARGUMENTS:
        return _messages(_text(f"Prompt with arguments: arg1='{given.get('arg1')}', arg2='{given.get('arg2')}'"))
    if params.name == "test_prompt_with_embedded_resource":
        found = embedded(given.get("resourceUri", ""), "text/plain", "Embedded resource content for testing.")
        return _messages(found, _text("Please process the embedded resource above."))
    if params.name == "test_prompt_with_image":
        image = types.ImageContent(type="image", data=PNG, mime_type="image/png")
        return _messages(image, _text("Please analyze the image above."))
    raise unknown(params.name)


def completed(params: types.CompleteRequestParams) -> types.CompleteResult | None:
    """Towns, for the arguments of the fixture's own prompt."""
    if not isinstance(params.ref, types.PromptReference) or params.ref.name != _ARGUMENTS:
        return None
    towns = [town for town in _TOWNS if town.startswith(params.argument.value)]
    return types.CompleteResult(completion=types.Completion(values=towns, total=len(towns), has_more=False))


def _text(text: str) -> types.TextContent:
    return types.TextContent(type="text", text=text)


def _messages(*contents: types.ContentBlock) -> types.GetPromptResult:
    return types.GetPromptResult(messages=[types.PromptMessage(role="user", content=one) for one in contents])
