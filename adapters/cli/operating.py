"""``arcops operator run``: reads the settings, connects, and runs until a signal."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from adapters.cli import surroundings
from arcops.errors import Refused
from arcops.request import LiveCluster
from artifacts.reading import read_file
from services.operator.observed import Handshake
from services.operator.resource import ServerResource
from services.operator.settings import read_settings
from services.operator.site import Site
from services.operator.verdicts import Verdicts

if TYPE_CHECKING:
    from adapters.cli.operator import Running

_MOST_BYTES = 1024 * 1024
_log = logging.getLogger(__name__)


def run(own: Running) -> None:
    """Run the operator until a signal."""
    from adapters.kube.api import Cluster
    from adapters.kube.connecting import connected
    from adapters.kube.operator import Operator, holder_name

    settings = surroundings.settings(own.tier)
    site = read_settings(read_file(own.settings, _MOST_BYTES), str(own.settings)).site()
    live = LiveCluster(context=own.context or _here(own.kubeconfig), clusters=None, kubeconfig=own.kubeconfig)
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="arcops operator: %(message)s")
    operator = Operator(Cluster(connected(live, settings.tier, os.environ)), _Told(given=site), holder=holder_name())
    stop = surroundings.stop_on_signals()
    operator.start()
    _log.info("it watches the cluster of the context %s, as %s", live.context, operator.lease.holder)
    try:
        stop.wait()
    finally:
        operator.end()


def _here(kubeconfig: Path | None) -> str:
    """The context for a process in a pod. A person names theirs, so that no cluster is changed by accident."""
    from tasks.kubernetes import in_cluster

    if kubeconfig is None and in_cluster.is_here(os.environ):
        return in_cluster.CONTEXT
    raise Refused("no context is given; name one with --context ('kubectl config get-contexts' lists them)")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Told:
    """What the operator is told besides what it watches."""

    given: Site
    shaken: Callable[[ServerResource, tuple[str, ...], int], Handshake] | None = None

    def site(self) -> Site:
        return self.given

    def verdicts(self) -> Verdicts:
        return Verdicts()

    def keys(self, resource: ServerResource) -> Mapping[str, str]:
        return {}

    def shake(self, resource: ServerResource, addresses: tuple[str, ...], of: int) -> Handshake:
        if self.shaken is None:
            return Handshake(of=of, problem="this version of the operator cannot ask servers")
        return self.shaken(resource, addresses, of)
