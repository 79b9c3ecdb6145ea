"""Paths that could mean another: refused at the front, and what is handed on to Prefect is what was looked at."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
from starlette.routing import Mount

from adapters.front.app import Part, front
from adapters.front.bound import Bound
from adapters.front.paths import NotPlain, encoded, plain
from adapters.front.prefect import PATH, _behind
from adapters.front.protocol import protocol
from adapters.front.proxied import Proxied
from tests.adapters.loopback import exchanged, loopback, statuses
from tests.adapters.test_framing import Echo
