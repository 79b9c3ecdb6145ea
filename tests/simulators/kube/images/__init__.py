"""The programs that images of simulated pods are."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.simulators.kube.images.relay_alone import without
from tests.simulators.kube.kubelet import Image

_HOUSE = Path(__file__).parents[4]
_BEGIN = f"import sys; sys.path.insert(0, {str(_HOUSE)!r}); "


_MCP = str(Path(__file__).with_name("mcp_server.py"))


def sidecar(shim: Path | None = None) -> Image:
    """ArcOps' own image of the relay, without what the real one does not hold; with the *shim*, if it is built."""
    start = without() + _BEGIN + "from adapters.relay.sidecar.main import main; main()"
    return Image(argv=(sys.executable, "-I", "-c", start), files={"/usr/local/bin/arcops-shim": shim} if shim else {})


def stdio_command(name: str = "time") -> tuple[str, ...]:
    """What starts a server of MCP over standard streams."""
    return (sys.executable, "-I", _MCP, "stdio", name)


def plain() -> Image:
    """An image whose programs are named by their pod."""
    return Image(argv=("/bin/false",))


def sse_server(port: int = 8080, name: str = "time") -> Image:
    """A server of MCP by its makers' SDK, over HTTP+SSE."""
    return Image(argv=(sys.executable, "-I", _MCP, "sse", name, str(port)))


def http_server(port: int = 8080, name: str = "time") -> Image:
    """A server of MCP by its makers' SDK, over streamable HTTP."""
    return Image(argv=(sys.executable, "-I", _MCP, "http", name, str(port)))


def web_server(port: int = 8080) -> Image:
    """Something that listens, and is no server of MCP."""
    return Image(argv=(sys.executable, "-I", "-m", "http.server", str(port)))
