"""``POST /convert``: a ConversionReview in, one out, when an API server has a resource in one version and is asked for another.

Nothing of this place is asked: the answer follows from the objects (`services.operator.conversion`).
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from arcops.errors import Refused
from artifacts.envelope import strict_json
from manifests.objects import frozen_mapping
from services.operator.conversion import converted

PATH = "/convert"
MOST_BYTES = 64 * 1024 * 1024
"""An API server sends a whole page of a list at once."""


def route() -> Route:
    """The route that an API server calls."""
    return Route(PATH, _convert, methods=["POST"])


async def _convert(request: Request) -> Response:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        return PlainTextResponse("arcops: a ConversionReview comes as application/json\n", status_code=415)
    data = bytearray()
    try:
        async for chunk in request.stream():
            data += chunk
            if len(data) > MOST_BYTES:
                return PlainTextResponse(f"arcops: a review has at most {MOST_BYTES} bytes\n", status_code=413)
    except ClientDisconnect:
        return PlainTextResponse("arcops: the review ended before it was complete\n", status_code=400)
    try:
        said = await asyncio.to_thread(_answer, bytes(data))
    except Refused as error:
        return PlainTextResponse(f"arcops: {error}\n", status_code=400)
    return Response(said, media_type="application/json")


def _answer(data: bytes) -> bytes:
    review: Any = strict_json(data, "the ConversionReview")
    request = review.get("request") if isinstance(review, dict) else None
    if not isinstance(request, dict) or not isinstance(request.get("uid"), str) or not request["uid"]:
        raise Refused("this is no ConversionReview with a request and its uid")
    return json.dumps(converted(frozen_mapping(review))).encode()
