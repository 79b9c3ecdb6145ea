"""Doors of a front under what ships with ArcOps, without a record of calls."""

from __future__ import annotations

import time
from typing import Any

from adapters.http.access import Door
from capabilities.access.known import known_objects
from foundation.authorization.authorizing import Authorization
from foundation.identity.accepting import Accepting


def door_for(*tokens: Any, **more: Any) -> Door:
    """A door for callers with *tokens* of these issuers."""
    accepting = Accepting(tokens=tokens, now=time.time)
    return Door(accepting=accepting, authorization=Authorization(None, known_objects()), **more)
