"""``arcops-sidecar --config FOLDER``: the relay before the one server of its pod, until SIGTERM."""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path

from adapters.http.serve import listen
from adapters.relay.sidecar.made import made
from adapters.relay.sidecar.serving import Ending, server
from arcops.errors import ArcOpsError
from foundation.audit.lines import LinesAudit


def command_line() -> argparse.ArgumentParser:
    """The options."""
    parser = argparse.ArgumentParser(prog="arcops-sidecar", description=main.__doc__, allow_abbrev=False)
    parser.add_argument("word", nargs="?", choices=("sidecar",), help="nothing else; a pod may say what it runs")
    parser.add_argument("--config", type=Path, required=True, help="the folder with sidecar.json and keys.json")
    parser.add_argument("--host", default="0.0.0.0", help="the address to listen at")  # noqa: S104  # a pod's, behind its policy
    parser.add_argument("--port", type=int, default=15080, help="the port for clients; 0 takes a free one")
    parser.add_argument(
        "--health-port", type=int, default=15081, help="the port for probes and the operator; 0 takes a free one"
    )
    parser.add_argument("--linger", type=float, default=2.0, help="seconds to serve on after SIGTERM")
    parser.add_argument("--drain", type=float, default=25.0, help="seconds that calls under way may take after SIGTERM")
    return parser


def main() -> None:
    """Serve MCP of one server, which is in another container of this pod, to callers that its resource lets in."""
    given = command_line().parse_args()
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="arcops-sidecar: %(message)s")
    lines = LinesAudit(sys.stdout.buffer)
    try:
        sidecar = made(given.config, lines)
        with listen(given.host, given.port) as listening, listen(given.host, given.health_port) as probed:
            ports = (listening.getsockname()[1], probed.getsockname()[1])
            logging.getLogger(__name__).info("%s at port %d; how it is, at port %d", sidecar.config.server, *ports)
            ending = Ending(linger=given.linger, drain=given.drain)
            server(sidecar, lines.counts, probed, ending).run(sockets=[listening])
    except ArcOpsError as error:
        sys.exit(f"arcops-sidecar: {error}")
    finally:
        lines.close()


if __name__ == "__main__":
    main()
