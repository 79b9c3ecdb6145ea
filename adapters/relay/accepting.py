"""What a client sends and takes: its ``Content-Type`` and ``Accept``, each read once."""

from __future__ import annotations

import functools


@functools.lru_cache(maxsize=256)
def streams_first(field: bytes) -> bool:
    """Does an ``Accept`` name a stream of events before JSON? Then an answer is one also if it comes at once."""
    stream, json = field.find(b"text/event-stream"), field.find(b"application/json")
    return 0 <= stream < json


@functools.lru_cache(maxsize=256)
def accepts(field: bytes) -> tuple[bool, bool]:
    """Does an ``Accept`` take JSON, and a stream of events?"""
    types = {one.partition(b";")[0].strip().lower() for one in field.split(b",")}
    every = b"*/*" in types
    return (
        every or b"application/json" in types or b"application/*" in types,
        every or b"text/event-stream" in types or b"text/*" in types,
    )


@functools.lru_cache(maxsize=256)
def is_json(field: bytes) -> bool:
    """Is a ``Content-Type`` JSON?"""
    return field.partition(b";")[0].strip().lower() == b"application/json"
