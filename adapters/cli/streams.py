"""``arcops mcp`` over standard streams. It is apart from `serving`, whose imports for HTTP take long and are not used here."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import replace

from adapters.cli import surroundings
from arcops.tier import Tier
from foundation.telemetry import traces


def stdio(key: str, tier: Tier | None, *, tools: Sequence[str] = (), allow: Sequence[str] = ()) -> None:
    """Serve the client that started this. Raises `Refused` if a setting, a toolset or a scope means nothing."""
    at = surroundings.serving_place(tier, key)
    first = None
    if not tools and not allow and not sys.stdin.isatty():  # what is named is looked at first, because it may be refused
        from adapters.mcp.first_answer import FirstAnswer
        from adapters.mcp.kept_list import KeptList

        first = FirstAnswer(KeptList(at.settings.cache))
        first.begin()
    from adapters.mcp.stdio import serve

    traces.begin(os.environ, at.settings.tier)
    serve(replace(at, own=False, roots=at.settings.roots or None), listed=tools, allow=allow, first=first)
