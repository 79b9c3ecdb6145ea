"""``python -m adapters.admission``: the admission webhook as a server of its own, over TLS."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

from adapters.admission.app import routes
from adapters.admission.servers import Judges
from adapters.cli import surroundings
from adapters.cli.exits import open_the_standard_streams, said_in_one_sentence
from adapters.http.app import DoorPart, front
from adapters.http.bound import bind
from adapters.http.health import Probe
from adapters.http.serve import listen, serve
from arcops.errors import ArcOpsError
from capabilities.place import Place
from flows.policies.registered import named_here
from foundation.processes.hiding import hide_secrets
from tasks.signing.grounds import trusted_keys


def part(at: Place, policy: str, judges: Judges | None = None) -> DoorPart:
    """The webhook as a part of a front: its route, and what must be ready before it answers."""
    return DoorPart(
        routes=routes(lambda: at, policy=policy, judges=judges),
        probes={"trust": _probe(lambda: trusted_keys(at.settings.trust)), "key": _probe(at.signer)},
    )


def _probe(look: Callable[[], object]) -> Probe:
    def probe() -> str:
        try:
            look()
        except (ArcOpsError, OSError) as error:
            return f"cannot be used ({type(error).__name__})"
        return ""

    return probe


def command_line() -> argparse.ArgumentParser:
    """The options of the command line."""
    parser = argparse.ArgumentParser(prog="python -m adapters.admission", description=main.__doc__, allow_abbrev=False)
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen at")
    parser.add_argument("--port", type=int, default=8443, help="the port to listen at; 0 takes a free one")
    parser.add_argument("--tls-cert", type=Path, required=True, help="the certificate chain, PEM")
    parser.add_argument("--tls-key", type=Path, required=True, help="its private key, PEM")
    parser.add_argument("--policy", default="admission", help="a shipped policy's name, or a file")
    parser.add_argument("--image-signer", action="append", default=[], help="the id of a key that may judge images of servers")
    parser.add_argument("--image-amber", action="store_true", help="let images through that were judged AMBER")
    parser.add_argument("--prefix", action="append", default=[], help="a prefix of labels that a podTemplateSpec may set")
    return parser


def main() -> None:
    """Serve the admission webhook over TLS until a signal ends it."""
    hide_secrets()
    open_the_standard_streams()
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="arcops: %(message)s")
    given = command_line().parse_args()
    with said_in_one_sentence():
        here = surroundings.place()
        at = replace(here, signer=cache(here.signer))  # deriving a key from its passphrase is slow, on purpose
        at.signer()
        named_here(given.policy, at.settings.policies)  # now, and not when the first workload waits
        listening = listen(given.host, given.port)
        try:
            port = listening.getsockname()[1]
            bound = bind(given.host, port, at.settings, certificate=given.tls_cert, key=given.tls_key, behind_proxy=False)
            judges = Judges(signers=tuple(given.image_signer), amber_passes=given.image_amber, prefixes=tuple(given.prefix))
            app = front([part(at, given.policy, judges)], bound)
            print(f"arcops: admission at {bound.url}", file=sys.stderr, flush=True)
            serve(app, bound, listening)
        finally:
            listening.close()


if __name__ == "__main__":
    main()
