"""Makes the client for the API server in a kubeconfig. If the kubeconfig names a program, it is run first."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from arcops.errors import Refused
from arcops.extras import refuse_without
from arcops.tier import Tier
from foundation.egress import cluster, tls
from tasks.kubernetes.config import Access, bearer
from tasks.kubernetes.program import run


def client_of(access: Access, tier: Tier, environment: Mapping[str, str], tick: Callable[[], None]) -> cluster.ApiServer:
    """The server, asked as *access* says. Raises `Refused` if it cannot be, or *tier* lets no connection leave."""
    cluster.refuse_unreached(tier)
    refuse_without(("kubernetes",))
    if access.program is not None:
        gave = run(access.program, environment, tick)
        header = bearer(gave.token, access.program.user)
        access = replace(access, program=None, authorization=header, certificate=gave.certificate, key=gave.key)
    try:
        context = tls.context(access.authority, verify=access.verify, certificate=access.certificate, key=access.key)
    except tls.NotUsable:
        raise Refused("TLS cannot use the certificates or the key of the kubeconfig; write them again") from None
    way = cluster.ClusterWay(
        server=access.server,
        tls=context,
        verify=access.verify,
        tls_name=access.tls_name,
        proxy=access.proxy,
        direct=access.direct,
    )
    return cluster.ApiServer(tier, way, authorization=access.authorization)
