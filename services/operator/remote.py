"""A remote server: its address, what may reach it, and when a relay stands before it."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from arcops.errors import Refused
from manifests.description import Addresses, Host, Port
from manifests.server.plan import Egress
from manifests.server.spec import ServerSpec
from services.operator.profile_document import is_block
from services.operator.profiles import Compiled, enforced, loosened, no_host, refuse_closed
from services.operator.refusal import Reason, Refusal
from services.operator.site import Site


def needs_relay(spec: ServerSpec) -> bool:
    """Does the resource say who may call, or what? Only a relay holds callers of a remote server to that."""
    return spec.oidc is not None or spec.authz is not None or spec.tools_filter is not None


def refusal(spec: ServerSpec, namespace: str, site: Site) -> Refusal | None:
    """Why the address of a remote server may not be asked from here; `None` if it may."""
    parts = urlsplit(spec.url)
    if parts.scheme != "https" and not site.plain_urls:
        return Refusal(reason=Reason.INVALID, text=f"{spec.url} is not https, so anyone on the way could read and answer calls")
    if parts.username or parts.password:
        return Refusal(reason=Reason.INVALID, text="the url holds a user or a password; leave it out")
    try:
        egress = _egress(spec)
    except (Refused, ValueError) as error:
        return Refusal(reason=Reason.INVALID, text=f"the url cannot be asked: {error}")
    if egress.addresses:
        address = ipaddress.ip_network(egress.addresses[0].cidr)
        if address.is_loopback or address.is_link_local:
            return Refusal(
                reason=Reason.INVALID, text=f"{parts.hostname} is an address of this machine, or of a metadata service"
            )
        try:
            refuse_closed(egress.addresses[0], site)
        except Refused as error:
            return Refusal(reason=Reason.INVALID, text=f"the url cannot be asked: {error}")
    if why := loosened(egress, site.policy(namespace), namespace):
        return Refusal(reason=Reason.NOT_ALLOWED, text=why, stops=True)
    return None


def before_remote(spec: ServerSpec, namespace: str, site: Site) -> Compiled:
    """What the relay before a remote server may reach. Raises `Refused` if that cannot be limited at all."""
    if not site.enforces_policies:
        raise Refused("the network plugin is not known to enforce NetworkPolicy, so the relay's egress could not be limited")
    egress = _egress(spec)
    why = no_host(egress.hosts, namespace, site) if egress.hosts else ""
    if not why:
        return Compiled(egress=egress, enforcement=tuple(enforced(egress, site)))
    if not site.network.api_server:
        raise Refused("the operator was not told the addresses of the API server (apiServer), so they could not be left out")
    # Only our own relay runs in this pod, so its egress may be wider than a server's; that is said.
    ports = tuple(one.port for host in egress.hosts for one in host.ports)
    said = f"the relay may reach every address on TCP {ports[0]} but metadata services and the API server: {why}"
    return Compiled(egress=Egress(everything=True, ports=ports), enforcement=(said,))


def _egress(spec: ServerSpec) -> Egress:
    parts = urlsplit(spec.url)
    name = (parts.hostname or "").rstrip(".")
    ports = (Port(port=parts.port or (443 if parts.scheme == "https" else 80)),)
    if is_block(name):
        return Egress(addresses=(Addresses(cidr=str(ipaddress.ip_network(name)), ports=ports),))
    return Egress(hosts=(Host.at(spec.url),))
