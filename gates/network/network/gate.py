"""Can these pods open only the connections that they were granted?

Why: a pod that may connect to any address can send data out, and an attack can spread to a pod that accepts any caller. What
manifests allow follows from all policies together, from the defaults of the API server and from missing policies, so it must be
computed.

Judged: the manifests as a cluster would store them. ArcOps must be able to read and judge every object, and an API server must
accept it. Each pod must be closed by default in both directions; each rule must name peers and ports narrowly; the cloud's
metadata service and the API server must be unreachable (computed, not guessed from the text); the policy must list every entry
from outside, and it must lead to an existing Service. An ipBlock means addresses outside of the cluster, as Kubernetes advises.

Fix: start each namespace with a policy that denies both directions, then allow single peers and ports by name. 'arcops network
reach' says which rules decide about one connection.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

from arcops.control import nist, soc
from arcops.errors import Refused
from arcops.evidence import Seen
from arcops.finding import Finding
from arcops.gate import gate
from arcops.seen.network import METADATA_SERVICES, Label, Network
from arcops.subjects.network import Manifests
from gates.network.network import entered, hosts, isolated, reached, sound, used, written
from gates.network.network.patches import PatchSite, makers
from gates.network.patching import patched
from reach.addresses import span

POD_NETWORKS = ("10.42.0.0/16", "10.244.0.0/16", "10.128.0.0/14", "192.168.0.0/16")
"""What clusters use for pods by themselves: k3s and RKE2; kubeadm with Flannel, Talos and AKS; OpenShift; Calico."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkSafetyPolicy:
    """Facts about the site, and what the policy grants.

    ``enforcer`` is the network plugin. ``api_server`` are the API server's addresses or CIDRs, ``metadata`` those of metadata
    services. ``entries`` are the objects that may let clients in, as ``Service shop/web``. ``dns_labels`` (``key=value``) mark
    the DNS pods. ``api_clients`` are the workloads that need the API server, as ``Deployment shop/web``. ``harmless`` are
    kinds (``Kind.group``) that do not affect the network. An ipBlock with a shorter prefix than ``widest_ipv4`` or
    ``widest_ipv6`` counts as open to every address; one that holds most of one of ``pod_networks`` (CIDRs from which pods get
    their addresses) counts as open to every pod. With ``schemas``, custom objects are checked against their definitions; if
    a definition is missing, the result is UNKNOWN. Raises `Refused` if an address or label is not valid.
    """

    enforcer: str = ""
    api_server: tuple[str, ...] = ()
    metadata: tuple[str, ...] = METADATA_SERVICES
    entries: tuple[str, ...] = ()
    dns_labels: tuple[str, ...] = ("k8s-app=kube-dns",)
    api_clients: tuple[str, ...] = ()
    harmless: tuple[str, ...] = ()
    widest_ipv4: int = 16
    widest_ipv6: int = 48
    pod_networks: tuple[str, ...] = POD_NETWORKS
    schemas: bool = True

    def __post_init__(self) -> None:
        for text in (*self.metadata, *self.api_server, *self.pod_networks):
            if span(text) is None:
                raise Refused(f"gate 'network': {text[:80]!r} is neither an address nor a CIDR")
        for text in self.dns_labels:
            if not all(text.partition("=")):
                raise Refused(f"gate 'network': dnsLabels holds {text[:80]!r}; write a label as key=value")


@gate(
    "network",
    judges=(Manifests,),
    needs=(Network,),
    policy=NetworkSafetyPolicy,
    rules=(
        sound.READ,
        sound.UNDERSTOOD,
        sound.ACCEPTED,
        sound.SCHEMA,
        sound.ENFORCED,
        isolated.ISOLATED,
        written.INGRESS,
        written.EGRESS,
        hosts.HOSTS,
        written.PORTS,
        written.DNS,
        written.EFFECTIVE,
        used.USED,
        reached.METADATA,
        reached.API_SERVER,
        entered.HOST,
        entered.ENTRIES,
        entered.BACKENDS,
    ),
    takes=("network",),
    speaks_to=nist("AC-4", "SC-7", "SC-7(5)") + soc("CC6.6"),
)
def network(seen: Seen, policy: NetworkSafetyPolicy) -> Iterator[Finding]:
    """The findings on the manifests."""
    evidence = seen[Network]
    widest = {4: policy.widest_ipv4, 6: policy.widest_ipv6}
    labels = tuple(Label(key=key, value=value) for key, _, value in (text.partition("=") for text in policy.dns_labels))
    site = PatchSite(dns=labels, metadata=policy.metadata, api_server=policy.api_server, widest=widest)
    found = (
        sound.findings(evidence, enforcer=policy.enforcer, harmless=policy.harmless, schemas=policy.schemas),
        written.findings(evidence, dns_labels=labels, widest=widest, pod_networks=policy.pod_networks),
        hosts.findings(evidence),
        reached.findings(evidence, metadata=policy.metadata, api_server=policy.api_server, api_clients=policy.api_clients),
        entered.findings(evidence, policy.entries, policy.harmless),
    )
    yield from patched(chain.from_iterable(found), makers(evidence.body, site))
