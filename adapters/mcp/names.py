"""The names of ArcOps on the wire of MCP, which both ends use. Nothing of the protocol is imported here."""

from __future__ import annotations

from arcops.errors import SAID_AS

WHOLE = "dev.arcops/whole"
"""In ``_meta`` of a call: the caller also wants the whole answer, as the command line does."""
ANSWER = "dev.arcops/answer"
"""In ``_meta`` of a result: the whole answer, if the caller wanted it."""
KIND = SAID_AS
"""In ``_meta`` of a result, or in the data of an error: which of our errors it is."""
TASKS = "io.modelcontextprotocol/tasks"
"""The extension of tasks (2026-07-28)."""
PROGRESS = "dev.arcops/progress"
"""In ``_meta`` of a task's state: bytes done, and bytes in all."""
POLL_MS = 300
