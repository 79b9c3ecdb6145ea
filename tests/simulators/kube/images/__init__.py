"""The programs that images of simulated pods are."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.simulators.kube.images.relay_alone import without
from tests.simulators.kube.kubelet import Image

_HOUSE = Path(__file__).parents[4]
_BEGIN = f"import sys; sys.path.insert(0, {str(_HOUSE)!r}); "


def sidecar() -> Image:
    """ArcOps' own image of the relay, without what the real one does not hold."""
    start = without() + _BEGIN + "from adapters.relay.sidecar.main import main; main()"
    return Image(argv=(sys.executable, "-I", "-c", start))


def http_server(port: int = 8080, name: str = "time") -> Image:
    """A server of MCP by its makers' SDK, over streamable HTTP."""
    return Image(argv=(sys.executable, "-I", str(Path(__file__).with_name("mcp_over_http.py")), str(port), name))


def web_server(port: int = 8080) -> Image:
    """Something that listens, and is no server of MCP."""
    return Image(argv=(sys.executable, "-I", "-m", "http.server", str(port)))
