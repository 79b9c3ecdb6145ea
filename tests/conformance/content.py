"""Tools of the fixture that only answer: text, pictures, sounds, embedded resources, an error, unusual schemas."""

from __future__ import annotations

import base64
import io
import struct
import wave
import zlib

import mcp_types as types

from tests.conformance.offered import Answer, Context, registry, said, texts

CONTENT, offered = registry()


def _png() -> str:
    """One red pixel."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    pixel = zlib.compress(b"\0\xff\0\0")
    head = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
    return base64.b64encode(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", pixel) + chunk(b"IEND", b"")).decode()


def _wav() -> str:
    """A hundredth of a second of silence."""
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(bytes(160))
    return base64.b64encode(file.getvalue()).decode()


PNG, WAV = _png(), _wav()
_IMAGE = types.ImageContent(type="image", data=PNG, mime_type="image/png")


def embedded(uri: str, kind: str, text: str) -> types.EmbeddedResource:
    return types.EmbeddedResource(type="resource", resource=types.TextResourceContents(uri=uri, mime_type=kind, text=text))


@offered()
async def test_simple_text(ctx: Context, params: types.CallToolRequestParams) -> Answer:
    """Answers one sentence."""
    return said("This is a simple text response for testing.")


@offered()
async def test_image_content(ctx: Context, params: types.CallToolRequestParams) -> Answer:
    """Answers a picture."""
    return types.CallToolResult(content=[_IMAGE])


@offered()
async def test_audio_content(ctx: Context, params: types.CallToolRequestParams) -> Answer:
    """Answers a sound."""
    return types.CallToolResult(content=[types.AudioContent(type="audio", data=WAV, mime_type="audio/wav")])


@offered()
async def test_embedded_resource(ctx: Context, params: types.CallToolRequestParams) -> Answer:
    """Answers a resource within the result."""
    return types.CallToolResult(
        content=[embedded("test://embedded-resource", "text/plain", "This is an embedded resource content.")]
    )


@offered()
async def test_multiple_content_types(ctx: Context, params: types.CallToolRequestParams) -> Answer:
    """Answers text, a picture and a resource at once."""
    return types.CallToolResult(
        content=[
            types.TextContent(type="text", text="Multiple content types test:"),
            _IMAGE,
            embedded("test://mixed-content-resource", "application/json", '{"test":"data","value":123}'),
        ]
    )


@offered()
async def test_error_handling(ctx: Context, params: types.CallToolRequestParams) -> Answer:
    """Always answers an error."""
    result = said("This tool intentionally returns an error for testing")
    result.is_error = True
    return result


@offered(texts(name="the name to greet"))
async def greet(ctx: Context, params: types.CallToolRequestParams) -> Answer:
    """Answers at once, and is never a task."""
    return said(f"Hello, {(params.arguments or {}).get('name', '')}!")


@offered(
    {
        "type": "object",
        "properties": {"region": {"type": "string", "x-mcp-header": "Region"}},
        "required": ["region"],
    }
)
async def test_custom_header(ctx: Context, params: types.CallToolRequestParams) -> Answer:
    """Has an argument that the client also sends as a header, for those who route by it."""
    return said(f"region: {(params.arguments or {}).get('region', '')}")


@offered(
    {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "$defs": {
            "address": {
                "$anchor": "addressDef",
                "type": "object",
                "properties": {"street": {"type": "string"}, "city": {"type": "string"}},
            }
        },
        "properties": {
            "name": {"type": "string"},
            "address": {"$ref": "#/$defs/address"},
            "contactMethod": {"type": "string", "enum": ["phone", "email"]},
            "phone": {"type": "string"},
            "email": {"type": "string"},
        },
        "allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}],
        "if": {"properties": {"contactMethod": {"const": "phone"}}, "required": ["contactMethod"]},
        "then": {"required": ["phone"]},
        "else": {"required": ["email"]},
        "additionalProperties": False,
    }
)
async def json_schema_2020_12_tool(ctx: Context, params: types.CallToolRequestParams) -> Answer:
    """Has a schema that uses more of JSON Schema 2020-12 than ours do."""
    return said("received")
