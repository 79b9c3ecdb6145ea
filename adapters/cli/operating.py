"""``arcops operator run``: reads the settings, connects, and runs until a signal."""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from adapters.cli import surroundings
from arcops.errors import Refused
from arcops.request import LiveCluster
from artifacts.reading import read_file
from services.operator.observed import Handshake
from services.operator.resource import ServerResource
from services.operator.settings import read_settings
from services.operator.sidecar import TrustedIssuer
from services.operator.site import Site
from services.operator.verdicts import Verdicts

if TYPE_CHECKING:
    from adapters.cli.operator import Running
    from adapters.kube.api import Cluster
    from adapters.kube.operator import Operator
    from capabilities.place import Place
    from foundation.settings import Settings

_MOST_BYTES = 1024 * 1024
_LOOK_SECONDS = 2.0
"""How often the store is looked at."""
_log = logging.getLogger(__name__)


def run(own: Running) -> None:
    """Run the operator until a signal. What it does is recorded on standard output, a line of JSON each."""
    from adapters.kube.accounting import Accounts
    from adapters.kube.api import Cluster
    from adapters.kube.connecting import connected
    from adapters.kube.operator import Operator, holder_name
    from foundation.audit.lines import LinesAudit

    place = surroundings.place(own.tier)
    site = read_settings(read_file(own.settings, _MOST_BYTES), str(own.settings))
    live = LiveCluster(context=own.context or context_here(own.kubeconfig), clusters=None, kubeconfig=own.kubeconfig)
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="arcops operator: %(message)s")
    told = Told(site, lambda: place, own.image_signers, own.image_amber)
    cluster, holder = Cluster(connected(live, place.settings.tier, os.environ)), holder_name()
    with ExitStack() as opened:
        lines = LinesAudit(sys.stdout.buffer)
        opened.callback(lines.close)
        accounts = Accounts(holder=holder, now=lambda: datetime.now(UTC), tells=lines)
        operator = Operator(cluster, told, holder=holder, accounts=accounts)
        for served in _served(own, operator, cluster, place.settings):
            opened.enter_context(served)
        stop = surroundings.stop_on_signals()
        opened.callback(operator.end)
        operator.start()
        _log.info("it watches the cluster of the context %s, as %s", live.context, operator.lease.holder)
        stop.wait()


def _served(own: Running, operator: Operator, cluster: Cluster, settings: Settings) -> Iterator[AbstractContextManager[object]]:
    """What is served beside the work: probes and metrics, and the discovery."""
    if own.port is None and own.discovery_port is None:
        return
    from adapters.http.app import DoorPart, front
    from adapters.http.beside import beside
    from adapters.http.bound import bind
    from adapters.http.serve import listen

    if own.port is not None:
        from adapters.kube.probes import probes

        yield (listening := listen(own.host, own.port))
        _log.info("it says how it is at port %d", listening.getsockname()[1])
        yield beside(probes(operator), listening)
    if own.discovery_port is not None:
        from adapters.kube.discovery import routes

        if own.tls_cert is None or own.tls_key is None:
            raise Refused("callers of the discovery show tokens, which need TLS; give --tls-cert and --tls-key")
        yield (listening := listen(own.host, own.discovery_port))
        port = listening.getsockname()[1]
        bound = bind(own.host, port, settings, certificate=own.tls_cert, key=own.tls_key, behind_proxy=False)
        app = front([DoorPart(routes=routes(operator, cluster))], bound)
        _log.info("callers find servers at %s/servers", bound.url)
        yield beside(app, listening, certificate=str(own.tls_cert), key=str(own.tls_key))


def context_here(kubeconfig: Path | None) -> str:
    """The context for a process in a pod. A person names theirs, so that no cluster is changed by accident."""
    from tasks.kubernetes import in_cluster

    if kubeconfig is None and in_cluster.is_here(os.environ):
        return in_cluster.CONTEXT
    raise Refused("no context is given; name one with --context ('kubectl config get-contexts' lists them)")


class Told:
    """What the operator is told besides what it watches: *site*, verdicts from the store at *place*, and what servers say.

    *signers* are the ids of the keys that may judge images; without any, the key of this place.
    """

    def __init__(self, site: Site, place: Callable[[], Place], signers: tuple[str, ...], amber_passes: bool) -> None:
        from capabilities.operator.images import JudgedImages

        self._site, self._place = site, place
        self._images = JudgedImages(signers=signers, amber_passes=amber_passes)
        self._lock = threading.Lock()
        self._verdicts, self._until = Verdicts(), 0.0
        self._problem = ""

    def site(self) -> Site:
        return self._site

    def verdicts(self) -> Verdicts:
        """What the store says, looked at again from time to time. If there is no store or no key, no image was judged.

        Raises `Unavailable` if it cannot be read now: then nothing is known, and what runs goes on.
        """
        with self._lock:
            if time.monotonic() >= self._until:
                problem = ""
                try:
                    self._verdicts = self._images.at(self._place())
                except Refused as error:
                    self._verdicts, problem = Verdicts(), str(error)
                if problem and problem != self._problem:
                    _log.warning("no verdict on an image counts: %s", problem)
                self._problem, self._until = problem, time.monotonic() + _LOOK_SECONDS
            return self._verdicts

    def keys(self, issuer: TrustedIssuer) -> bytes:
        from services.operator.issuers import fetched_keys

        return fetched_keys(issuer, self._place().settings.tier, self._site.outside)

    def shake(self, resource: ServerResource, addresses: tuple[str, ...], of: int) -> Handshake:
        from services.operator.handshake import Asking, shaken

        return shaken(resource, addresses, of, Asking(tier=self._place().settings.tier, outside=self._site.outside))
