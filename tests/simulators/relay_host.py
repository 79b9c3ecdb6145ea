"""The relay before trivial servers in a process of its own, as it is served: ``python -m tests.simulators.relay_host``."""

from __future__ import annotations

import socket
import sys

from adapters.http.bound import Bound
from adapters.relay.app import relay
from adapters.relay.serve import serve
from tests.simulators.hosting import Hosting, trivial


def main() -> None:
    """Serve ``t`` and say at which port."""
    hosting = Hosting(commands={"t": trivial()})
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = int(listening.getsockname()[1])
        bound = Bound(host="127.0.0.1", port=port, url=f"http://127.0.0.1:{port}", hosts=frozenset((f"127.0.0.1:{port}",)))

        async def ended() -> None:
            hosting.close()
            print("ended", flush=True)

        print(port, flush=True)
        serve(relay(hosting), bound, listening, ended=ended)
    sys.exit("this is not reached: the signal ends the process")


if __name__ == "__main__":
    main()
