"""A server of yours, served by ArcOps: what a project that ``arcops host new`` wrote starts by its own name.

    uvx --from . echo --port 8430

`serve_alone` is a public name (docs/versions.md): projects of others call it.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence


def serve_alone(name: str, program: Sequence[str], arguments: Sequence[str], *, stateless: bool = False) -> None:
    """Serve the MCP server *name* at ``/NAME/mcp``, until a signal ends this process. *program* starts it: it speaks MCP on its
    standard streams. *arguments* are the options of the command line, as ``--help`` lists them.

    Callers show tokens or keys, and roles and shares say what they may do; there are limits, an audit log, telemetry, metrics
    and probes (``/livez``, ``/readyz``, ``/startupz``), all set by the variables of ``arcops host serve``.
    """
    from adapters.cli.host_alone import served_alone

    sys.exit(served_alone(name, program, arguments, stateless=stateless))
