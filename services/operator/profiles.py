"""What a permission profile becomes at a site, and who enforces it. What cannot be enforced is refused with a sentence."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache

from arcops.errors import Refused
from arcops.seen.network import METADATA_SERVICES
from gates.network.network.sound import ENFORCERS
from manifests.description import Addresses, Description, Host, Names, Pods, Port
from manifests.description import Site as NetworkSite
from manifests.server.plan import Egress
from manifests.server.spec import Builtin, KeyOf, Profile
from services.operator.observed import Observed
from services.operator.profile_document import ProfileDocument, is_block, read_profile
from services.operator.refusal import Reason, Refusal
from services.operator.site import NamespacePolicy, Site

_API_SERVER = ("kubernetes", "kubernetes.default", "kubernetes.default.svc")
_PRIVATE = tuple(map(ipaddress.ip_network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")))
_CARRYING = tuple(
    map(ipaddress.IPv6Network, ("::/96", "::ffff:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32"))
)
"""IPv6 addresses that lead to IPv4 addresses: mapped, translated and tunnelled ones (RFC 4291, 6052, 3056, 4380)."""
_BY = {
    Names.CILIUM: "CiliumNetworkPolicy (toFQDNs)",
    Names.CLUSTER_POLICY: "ClusterNetworkPolicy (domainNames)",
    Names.EGRESS_GATEWAY: "Istio's egress gateway, by TLS server name",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Compiled:
    """A profile as it is enforced. ``enforcement`` says who does that, a sentence each.

    ``document`` is what it allows of files; `None` for a builtin profile, which allows none to be written.
    """

    egress: Egress = field(default_factory=Egress)
    document: ProfileDocument | None = None
    enforcement: tuple[str, ...] = ()


def compile_profile(profile: Profile, namespace: str, observed: Observed, site: Site) -> Compiled | Refusal:
    """*profile* for pods in *namespace*."""
    plugin = site.network.cni
    if not site.enforces_policies:
        names = ", ".join(sorted(ENFORCERS))
        what = f"{plugin} is not known to enforce" if plugin else "the operator was not told which network plugin enforces"
        return Refusal(
            reason=Reason.NOT_ENFORCEABLE,
            text=f"{what} NetworkPolicy, so egress could not be limited; plugins that do: {names}",
        )
    match profile:
        case Builtin.NONE:
            return Compiled(enforcement=(_nothing(site),))
        case Builtin.NETWORK:
            return _open((), namespace, site, None)
        case KeyOf():
            return _of_map(profile, namespace, observed, site)


def _nothing(site: Site) -> str:
    return f"no egress, not even DNS: NetworkPolicy, by {site.network.cni}"


def _of_map(profile: KeyOf, namespace: str, observed: Observed, site: Site) -> Compiled | Refusal:
    found = observed.config_maps.get(profile.name)
    text = found.data.get(profile.key) if found is not None else None
    if text is None:
        what = f"the ConfigMap {namespace}/{profile.name}" if found is None else f"the key {profile.key} of {profile.name}"
        return Refusal(reason=Reason.MISSING, text=f"{what} with the permission profile is not there")
    try:
        document = read_profile(text)
    except Refused as error:
        return Refusal(reason=Reason.INVALID, text=f"{profile.name}/{profile.key}: {error}")
    if document.everything:
        return _open(document.ports, namespace, site, document)
    try:
        egress = _egress(document, namespace, site)
    except Refused as error:
        return Refusal(reason=Reason.NOT_ENFORCEABLE, text=f"{profile.name}/{profile.key}: {error}")
    if why := loosened(egress, site.policy(namespace), namespace):
        return Refusal(reason=Reason.NOT_ALLOWED, text=f"{profile.name}/{profile.key}: {why}", stops=True)
    return Compiled(egress=egress, document=document, enforcement=tuple(enforced(egress, site)))


def _open(ports: tuple[int, ...], namespace: str, site: Site, document: ProfileDocument | None) -> Compiled | Refusal:
    if not site.policy(namespace).open_network:
        return Refusal(
            reason=Reason.NOT_ALLOWED,
            text=f"the namespace {namespace} does not allow egress to every host; the operator's settings can (openNetwork)",
            stops=True,
        )
    if not site.network.api_server:
        return Refusal(
            reason=Reason.NOT_ENFORCEABLE,
            text="the operator was not told the addresses of the API server (apiServer), so they could not be left out",
        )
    on = f" on {', '.join(map(str, ports))}" if ports else ""
    said = f"egress{on} to all but metadata services and the API server: NetworkPolicy, by {site.network.cni}"
    return Compiled(egress=Egress(everything=True, ports=ports), document=document, enforcement=(said,))


def _egress(document: ProfileDocument, namespace: str, site: Site) -> Egress:
    """What *document* lets its pods reach. Raises `Refused` for what *site* cannot enforce."""
    ports = tuple(Port(port=one) for one in sorted(set(document.ports)))
    hosts: list[Host] = []
    blocks: list[Addresses] = []
    api_server = False
    for written in document.hosts:
        name = written.lower().rstrip(".")
        inside = name.removesuffix(f".{site.network.cluster_domain}")
        if is_block(name):
            blocks.append(Addresses(cidr=str(ipaddress.ip_network(name, strict=False)), ports=ports))
        elif inside in _API_SERVER:
            api_server = True
        elif inside != name or inside.endswith(".svc"):
            raise Refused(f"{name} is a Service of the cluster, and policies know pods; give its pods as allowPods")
        else:
            hosts.append(Host(name=name, ports=ports, wildcard=name.startswith("*.")))
    for one in blocks:
        refuse_closed(one, site)
    if api_server:
        _refuse_api_server(namespace, site)
    if hosts:
        _refuse_hosts(tuple(hosts), namespace, site)
    pods = tuple(Pods(namespace=one.namespace, labels=one.labels, ports=ports, service_account="any") for one in document.pods)
    granted = tuple(one.port for one in ports) if api_server else ()
    return Egress(hosts=tuple(hosts), addresses=tuple(blocks), pods=pods, api_server=granted)


def no_host(hosts: tuple[Host, ...], namespace: str, site: Site) -> str:
    """Why pods in *namespace* cannot be let reach exactly *hosts*; empty if they can."""
    try:
        _refuse_hosts(hosts, namespace, site)
    except Refused as error:
        return str(error)
    return loosened(Egress(hosts=hosts), site.policy(namespace), namespace)


def _refuse_hosts(hosts: tuple[Host, ...], namespace: str, site: Site) -> None:
    """Raises `Refused` for names that *site* cannot enforce: a description of them says so itself."""
    Description(name="server", namespace=namespace, labels={"a": "b"}, site=site.network, hosts=hosts, service_account="server")
    if site.network.names is Names.CLUSTER_POLICY and not site.enforces("domains"):
        known = ", ".join(sorted(name for name, more in ENFORCERS.items() if "domains" in more))
        raise Refused(
            f"{site.network.cni} is not known to enforce host names in ClusterNetworkPolicy; plugins that do: {known}"
        )
    if site.network.names is not Names.EGRESS_GATEWAY and not site.network.api_server:
        raise Refused(
            "the operator was not told the addresses of the API server (apiServer), which a host name could resolve to"
        )


def closed_addresses(site: NetworkSite) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]:
    """Those of metadata services and of the API server."""
    return _networks((*METADATA_SERVICES, *site.metadata, *site.api_server))


@lru_cache(maxsize=64)  # each pass over a resource asks again
def _networks(texts: tuple[str, ...]) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]:
    return tuple(ipaddress.ip_network(one, strict=False) for one in texts)


def refuse_closed(block: Addresses, site: Site) -> None:
    """Raises `Refused` for addresses that no server reaches by their number, or if it cannot be said which these are."""
    network = ipaddress.ip_network(block.cidr)
    if not site.network.api_server:
        raise Refused(f"the operator was not told the addresses of the API server (apiServer), which {block.cidr} could hold")
    if network.version == 6 and any(network.overlaps(one) for one in _CARRYING):
        raise Refused(f"{block.cidr} carries IPv4 addresses, and what they lead to is not seen; write the IPv4 addresses")
    for other in closed_addresses(site.network):
        if network.version == other.version and network.overlaps(other):
            text = str(other).removesuffix("/32").removesuffix("/128")
            raise Refused(f"{block.cidr} holds {text}, an address of a metadata service or of the API server; leave it out")


def _refuse_api_server(namespace: str, site: Site) -> None:
    if not site.policy(namespace).api_server:
        raise Refused(f"the API server is closed to servers in {namespace}; the operator's settings can open it")
    if not site.network.is_cilium and not site.network.api_server:
        raise Refused("the operator was not told the addresses of the API server (apiServer), so no rule could name them")


def loosened(egress: Egress, policy: NamespacePolicy, namespace: str) -> str:
    """What of *egress* the stricter *policy* of the namespace does not allow."""
    if not policy.open_network and (why := _as_good_as_open(egress)):
        return f"{why} is as good as every host, which the namespace {namespace} does not allow (openNetwork)"
    if policy.pods is not None:
        for pods in egress.pods:
            if pods.namespace not in policy.pods:
                return f"the operator's settings for the namespace {namespace} do not allow pods of {pods.namespace}"
    if policy.hosts is not None:
        for host in egress.hosts:
            if not any(_covers(one.lower().rstrip("."), host.name) for one in policy.hosts):
                return f"the operator's settings for the namespace {namespace} do not allow the host {host.name}"
    if policy.addresses is not None:
        allowed = [ipaddress.ip_network(one, strict=False) for one in policy.addresses]
        for block in egress.addresses:
            network = ipaddress.ip_network(block.cidr)
            if not any(one.version == network.version and within(network, one) for one in allowed):
                return f"the operator's settings for the namespace {namespace} do not allow the addresses {block.cidr}"
    return ""


def _as_good_as_open(egress: Egress) -> str:
    """What of *egress* leads to so much of the internet that it names no one any more; empty if nothing does."""
    networks = [ipaddress.ip_network(one.cidr) for one in egress.addresses]
    four = [one for one in networks if isinstance(one, ipaddress.IPv4Network)]
    six = [one for one in networks if isinstance(one, ipaddress.IPv6Network)]
    public: list[ipaddress.IPv4Network | ipaddress.IPv6Network] = [
        *ipaddress.collapse_addresses(four), *ipaddress.collapse_addresses(six)
    ]  # fmt: skip
    public = [one for one in public if not any(one.version == own.version and within(one, own) for own in _PRIVATE)]
    for version, bits in ((4, 24), (6, 104)):
        if sum(one.num_addresses for one in public if one.version == version) > 1 << bits:
            return f"so many addresses together (more than 2^{bits} of the internet)"
    return ""


def within(inner: ipaddress.IPv4Network | ipaddress.IPv6Network, outer: ipaddress.IPv4Network | ipaddress.IPv6Network) -> bool:
    return int(inner.network_address) >= int(outer.network_address) and int(inner.broadcast_address) <= int(
        outer.broadcast_address
    )


def _covers(allowed: str, name: str) -> bool:
    if allowed == name:
        return True
    return allowed.startswith("*.") and name.removeprefix("*.").endswith(allowed[1:]) and name != allowed[2:]


def enforced(egress: Egress, site: Site) -> Iterator[str]:
    """Who enforces what of *egress*, a sentence each."""
    plugin = site.network.cni
    if not egress:
        yield _nothing(site)
        return
    for host in egress.hosts:
        on, held = ", ".join(str(one.port) for one in host.ports), site.network.names
        more = _depth(site) if host.wildcard else ""
        yield f"egress to {host.name} on TCP {on}{more}: {_BY[held] if held is not None else ''}, by {plugin}"
    for block in egress.addresses:
        yield f"egress to {block.cidr} on TCP {', '.join(str(one.port) for one in block.ports)}: NetworkPolicy, by {plugin}"
    for one in egress.pods:
        labels = ", ".join(f"{key}={value}" for key, value in sorted(one.labels.items()))
        yield f"egress to pods {labels} of {one.namespace}: NetworkPolicy, by {plugin}"
    if egress.api_server:
        yield f"egress to the API server on TCP {', '.join(map(str, egress.api_server))}, as the operator's settings allow"
    yield f"no other egress: NetworkPolicy, by {plugin}"


def _depth(site: Site) -> str:
    """What a wildcard covers at this site; engines differ."""
    if site.network.names is Names.CILIUM:
        return " (names with exactly one more label; not the name after '*.' itself)"
    return " (names below it at any depth; not the name after '*.' itself)"
