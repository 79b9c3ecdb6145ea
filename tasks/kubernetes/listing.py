"""What a cluster holds about its network, saved as manifests: it only lists objects, page by page.

No kind that is made for secrets is read, and where people write secrets into other kinds, that text is not kept
(`tasks.kubernetes.free_text`). Of kinds whose existence is what counts only names and labels are kept, of pods only fields that
matter for traffic, and of one ConfigMap, the mesh's own, only what is judged. A list that the cluster does not allow becomes an
object ``NotSeen`` (``arcops.dev/v1``), so that a later reader of the manifests knows that something is missing.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from arcops.errors import Refused, Unavailable
from arcops.request import LiveCluster
from arcops.seen.network import SYSTEM
from arcops.tier import Tier
from foundation.egress.cluster import ApiServer, NotGiven, refuse_unreached
from tasks.kubernetes import mesh as cluster_mesh
from tasks.kubernetes.client import client_of
from tasks.kubernetes.config import access
from tasks.kubernetes.free_text import FREE
from tasks.kubernetes.manifests.custom import is_checked
from tasks.kubernetes.manifests.istio import DRY_RUN
from tasks.kubernetes.manifests.nodes import idle
from tasks.kubernetes.manifests.routes import is_read, is_snippet
from tasks.kubernetes.manifests.workloads import EXPOSES, is_kept

PAGE = 500
_TRIES = 3
_TIMEOUT = (5.0, 60.0)
"""Seconds to connect, and to wait for an answer."""

Object = dict[str, Any]
"""An object in the API server's JSON; it is pruned and written here, and no other package gets it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiResource:
    """One kind of object. ``query`` narrows the list; ``otherwise`` is the version that a cluster may serve instead; ``bare``:
    only that there is one is read, so that nothing else is kept.
    """

    version: str
    kind: str
    plural: str
    query: tuple[tuple[str, str], ...] = ()
    otherwise: str = ""
    bare: bool = False

    @property
    def group(self) -> str:
        return self.version.rpartition("/")[0]

    @property
    def path(self) -> str:
        return f"/{'apis' if '/' in self.version else 'api'}/{self.version}/{self.plural}"

    @property
    def title(self) -> str:
        return f"{self.plural}.{self.group}" if self.group else self.plural


_RUNNING = (("fieldSelector", "status.phase!=Succeeded,status.phase!=Failed"),)
_ISTIO, _SECURITY, _GATEWAY = "networking.istio.io/v1", "security.istio.io/v1", "gateway.networking.k8s.io/v1"
RESOURCES = (
    ApiResource(version="v1", kind="Namespace", plural="namespaces"),
    ApiResource(version="apiextensions.k8s.io/v1", kind="CustomResourceDefinition", plural="customresourcedefinitions"),
    ApiResource(version="v1", kind="Pod", plural="pods", query=_RUNNING),
    ApiResource(version="v1", kind="Service", plural="services"),
    ApiResource(version="apps/v1", kind="Deployment", plural="deployments"),
    ApiResource(version="apps/v1", kind="StatefulSet", plural="statefulsets"),
    ApiResource(version="apps/v1", kind="DaemonSet", plural="daemonsets"),
    ApiResource(version="batch/v1", kind="CronJob", plural="cronjobs"),
    ApiResource(version="networking.k8s.io/v1", kind="NetworkPolicy", plural="networkpolicies"),
    ApiResource(version="networking.k8s.io/v1", kind="Ingress", plural="ingresses"),
    ApiResource(version="policy.networking.k8s.io/v1alpha1", kind="AdminNetworkPolicy", plural="adminnetworkpolicies"),
    ApiResource(
        version="policy.networking.k8s.io/v1alpha1", kind="BaselineAdminNetworkPolicy", plural="baselineadminnetworkpolicies"
    ),
    ApiResource(
        version="policy.networking.k8s.io/v1alpha2",
        kind="ClusterNetworkPolicy",
        plural="clusternetworkpolicies",
        otherwise="policy.networking.k8s.io/v1beta1",
    ),
    ApiResource(version=_GATEWAY, kind="Gateway", plural="gateways"),
    ApiResource(version=_GATEWAY, kind="HTTPRoute", plural="httproutes"),
    ApiResource(version=_GATEWAY, kind="GRPCRoute", plural="grpcroutes"),
    ApiResource(version="gateway.networking.k8s.io/v1alpha2", kind="TLSRoute", plural="tlsroutes", otherwise=_GATEWAY),
    ApiResource(version="gateway.networking.k8s.io/v1alpha2", kind="TCPRoute", plural="tcproutes"),
    ApiResource(version="gateway.networking.k8s.io/v1alpha2", kind="UDPRoute", plural="udproutes"),
    ApiResource(version="gateway.networking.x-k8s.io/v1alpha1", kind="XListenerSet", plural="xlistenersets"),
    ApiResource(version=_GATEWAY, kind="ListenerSet", plural="listenersets"),
    ApiResource(version="inference.networking.k8s.io/v1", kind="InferencePool", plural="inferencepools"),
    ApiResource(version="route.openshift.io/v1", kind="Route", plural="routes"),
    ApiResource(version=_GATEWAY, kind="BackendTLSPolicy", plural="backendtlspolicies"),
    ApiResource(version="gateway.networking.k8s.io/v1beta1", kind="ReferenceGrant", plural="referencegrants"),
    ApiResource(version=_SECURITY, kind="AuthorizationPolicy", plural="authorizationpolicies"),
    ApiResource(version=_SECURITY, kind="PeerAuthentication", plural="peerauthentications"),
    ApiResource(version=_SECURITY, kind="RequestAuthentication", plural="requestauthentications"),
    ApiResource(version=_ISTIO, kind="Sidecar", plural="sidecars"),
    ApiResource(version=_ISTIO, kind="ServiceEntry", plural="serviceentries"),
    ApiResource(version=_ISTIO, kind="DestinationRule", plural="destinationrules"),
    ApiResource(version=_ISTIO, kind="Gateway", plural="gateways"),
    ApiResource(version=_ISTIO, kind="VirtualService", plural="virtualservices"),
    ApiResource(version="networking.istio.io/v1alpha3", kind="EnvoyFilter", plural="envoyfilters"),
    ApiResource(version="cilium.io/v2", kind="CiliumNetworkPolicy", plural="ciliumnetworkpolicies"),
    ApiResource(version="cilium.io/v2", kind="CiliumClusterwideNetworkPolicy", plural="ciliumclusterwidenetworkpolicies"),
    ApiResource(version="crd.projectcalico.org/v1", kind="NetworkPolicy", plural="networkpolicies"),
    ApiResource(version="crd.projectcalico.org/v1", kind="GlobalNetworkPolicy", plural="globalnetworkpolicies"),
    ApiResource(version="crd.projectcalico.org/v1", kind="Tier", plural="tiers"),
    ApiResource(version="crd.projectcalico.org/v1", kind="NetworkSet", plural="networksets"),
    ApiResource(version="crd.projectcalico.org/v1", kind="GlobalNetworkSet", plural="globalnetworksets"),
    ApiResource(version="k8s.ovn.org/v1", kind="EgressFirewall", plural="egressfirewalls"),
    ApiResource(version="crd.antrea.io/v1beta1", kind="NetworkPolicy", plural="networkpolicies"),
    ApiResource(version="crd.antrea.io/v1beta1", kind="ClusterNetworkPolicy", plural="clusternetworkpolicies"),
    ApiResource(version="k8s.ovn.org/v1", kind="UserDefinedNetwork", plural="userdefinednetworks"),
    ApiResource(version="k8s.ovn.org/v1", kind="ClusterUserDefinedNetwork", plural="clusteruserdefinednetworks"),
    ApiResource(version="extensions.istio.io/v1alpha1", kind="WasmPlugin", plural="wasmplugins"),
    ApiResource(version="cilium.io/v2", kind="CiliumLocalRedirectPolicy", plural="ciliumlocalredirectpolicies"),
    ApiResource(version="cilium.io/v2", kind="CiliumEnvoyConfig", plural="ciliumenvoyconfigs"),
    ApiResource(version="cilium.io/v2", kind="CiliumClusterwideEnvoyConfig", plural="ciliumclusterwideenvoyconfigs"),
    ApiResource(version="traefik.io/v1alpha1", kind="IngressRoute", plural="ingressroutes", bare=True),
    ApiResource(version="traefik.io/v1alpha1", kind="IngressRouteTCP", plural="ingressroutetcps", bare=True),
    ApiResource(version="traefik.io/v1alpha1", kind="IngressRouteUDP", plural="ingressrouteudps", bare=True),
    ApiResource(version="projectcontour.io/v1", kind="HTTPProxy", plural="httpproxies", bare=True),
    ApiResource(version="k8s.nginx.org/v1", kind="VirtualServer", plural="virtualservers", bare=True),
    ApiResource(version="k8s.nginx.org/v1", kind="TransportServer", plural="transportservers", bare=True),
    ApiResource(version="configuration.konghq.com/v1beta1", kind="TCPIngress", plural="tcpingresses", bare=True),
    ApiResource(version="configuration.konghq.com/v1beta1", kind="UDPIngress", plural="udpingresses", bare=True),
    ApiResource(version="apisix.apache.org/v2", kind="ApisixRoute", plural="apisixroutes", bare=True),
    ApiResource(version="gateway.envoyproxy.io/v1alpha1", kind="EnvoyPatchPolicy", plural="envoypatchpolicies", bare=True),
    ApiResource(version="serving.knative.dev/v1", kind="Service", plural="services", bare=True),
)
"""What is listed. The engine does not understand those from Antrea's on, but it must know if they exist: most of them are ways
in, or may change what others mean.
"""
_BY_TITLE = {one.title: one for one in RESOURCES}
TITLES = (*_BY_TITLE, cluster_mesh.TITLE)
"""The lists, in this order."""
ALWAYS_SERVED = ("", "apps", "batch", "networking.k8s.io", "apiextensions.k8s.io")
"""Groups that every API server serves: if they are not found, another kind of server answers, and nothing was seen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """One file of a snapshot. ``missing`` says why it is not complete; empty if it is."""

    name: str
    text: str
    missing: str = ""


def refuse_air_gapped(tier: Tier) -> None:
    """Raises `Refused` if *tier* allows no connection."""
    refuse_unreached(tier)


def open_to(
    cluster: LiveCluster, tier: Tier, *, environment: Mapping[str, str] = os.environ, tick: Callable[[], None] = idle
) -> ApiServer:
    """A client for *cluster*, whose kubeconfig may name a program only if *cluster* comes from the command line.

    **tick* is called while that runs and may raise. Raises `Refused` if *tier* allows no connection, if there is no such
    context, or if its content is not allowed.
    """
    refuse_air_gapped(tier)
    return client_of(access(cluster, environment), tier, environment, tick)


def snapshot(client: ApiServer, tick: Callable[[], None]) -> Iterator[Saved]:
    """Everything in `TITLES` that the cluster has, each as one file; kinds of extensions that it does not have are left out.

    *tick* is called before every request and may raise. Raises `Unavailable` if the API server does not answer at all.
    """
    for title in TITLES:
        saved = look(client, title, tick)
        if saved is not None:
            yield saved


def look(client: ApiServer, title: str, tick: Callable[[], None]) -> Saved | None:
    """What the cluster has of *title*, one of `TITLES`; `None` if it has none."""
    name = f"{title}.json"
    resource = _BY_TITLE.get(title)
    try:
        if resource is None:
            told = cluster_mesh.settings(client, asked, tick)
            found = [told] if told is not None else []
        else:
            found = _listed_by_version(client, resource, tick)
            if resource.kind == "Namespace" and not found:
                raise Refused("its list of namespaces is empty, but every cluster has namespaces")
    except NotGiven as error:
        if error.status == 404 and resource is not None and resource.group not in ALWAYS_SERVED:
            return None
        why = f"the API server answers {error.status} {error.reason}"
    except Refused as error:
        why = str(error)
    else:
        return Saved(name=name, text=_text(found)) if found else None
    return Saved(name=name, text=_text([_not_seen(title, why)]), missing=f"{title}: {why}")


def _listed_by_version(client: ApiServer, resource: ApiResource, tick: Callable[[], None]) -> list[Object]:
    """All objects; by the other version of their kind if the cluster does not serve the first."""
    try:
        return listed(client, resource, tick)
    except NotGiven as error:
        if error.status != 404 or not resource.otherwise:
            raise
    return listed(client, replace(resource, version=resource.otherwise, otherwise=""), tick)


def listed(
    client: ApiServer,
    resource: ApiResource,
    tick: Callable[[], None],
    *,
    pruned: Callable[[Object, ApiResource], Object] | None = None,
    heard: Callable[[Mapping[str, str]], None] | None = None,
) -> list[Object]:
    """All objects as *pruned*, in the order of names; **heard* gets the headers of every first page.

    A list that expires meanwhile is begun again. Raises `NotGiven`, and `Unavailable`.
    """
    pruned = pruned or _pruned
    for attempt in range(_TRIES):
        found: list[Object] = []
        following = ""
        try:
            while True:
                tick()
                page, headers = _get(client, resource, following)
                if heard is not None and not following:
                    heard(headers)
                found += [pruned(item, resource) for item in page.get("items") or [] if _wanted(item, resource)]
                following = (page.get("metadata") or {}).get("continue") or ""
                if not following:
                    return sorted(found, key=_order)
        except NotGiven as error:
            if error.status != 410 or attempt == _TRIES - 1:
                raise
    return []


def _order(one: Object) -> tuple[str, str]:
    return one["metadata"].get("namespace", ""), one["metadata"].get("name", "")


def _get(client: ApiServer, resource: ApiResource, following: str) -> tuple[Object, Mapping[str, str]]:
    query = [("limit", str(PAGE)), *resource.query]
    if following:
        query.append(("continue", following))
    page, headers = asked(client, resource.path, query, "object")
    items = (page.get("items") or []) if isinstance(page, dict) else None
    if not isinstance(items, list) or not all(isinstance(one, dict) for one in items):
        raise Unavailable(
            f"the answer for {resource.path} is not a list: the server is not a Kubernetes API server, or the answer is cut off"
        )
    return page, headers


def asked(client: ApiServer, path: str, query: list[tuple[str, str]], form: str) -> tuple[Any, Mapping[str, str]]:
    """What the API server answers to one GET, as *form* (``object`` or ``str``), and its headers.

    Raises `NotGiven`, and `Unavailable` if the server does not answer.
    """
    return client.get(path, query, form, seconds=_TIMEOUT)


def _not_seen(title: str, why: str) -> Object:
    return {"apiVersion": "arcops.dev/v1", "kind": "NotSeen", "metadata": {"name": title}, "reason": why}


def _wanted(item: Object, resource: ApiResource) -> bool:
    """Is the object wanted? Of definitions only those that are used for checks: a cluster may have hundreds of others."""
    return resource.kind != "CustomResourceDefinition" or is_checked((item.get("spec") or {}).get("group") or "")


def cluster_of(metadata: Mapping[str, Any], resource: ApiResource) -> Object:
    """Of the metadata of the namespace by which clusters are told apart its ``uid``; of all others nothing."""
    if resource.kind == "Namespace" and metadata.get("name") == SYSTEM and metadata.get("uid"):
        return {"uid": metadata["uid"]}
    return {}


def _pruned(item: Object, resource: ApiResource) -> Object:
    metadata = item.get("metadata") or {}
    kept = {key: metadata[key] for key in ("name", "namespace", "labels", "ownerReferences") if metadata.get(key)}
    kept |= cluster_of(metadata, resource)
    spec = item.get("spec") or {}
    noted = _annotations(metadata, resource)
    if noted:
        kept["annotations"] = noted
    if resource.bare:
        return {"apiVersion": resource.version, "kind": resource.kind, "metadata": kept}
    if resource.kind == "Pod":
        spec = _pod(spec)
    elif resource.kind == "Route":
        spec = _route(spec)
    elif resource.group in ("apps", "batch"):
        spec = _workload(spec)
    elif resource.kind in FREE:
        spec = FREE[resource.kind](spec)
    return {"apiVersion": resource.version, "kind": resource.kind, "metadata": kept, "spec": spec}


def _route(spec: Mapping[str, Any]) -> Object:
    """Of a Route of OpenShift all but its path and its TLS key, which stands in it as text."""
    kept: Object = {
        name: spec[name] for name in ("host", "wildcardPolicy", "to", "alternateBackends", "port") if spec.get(name) is not None
    }
    tls = spec.get("tls") or {}
    said = {name: tls[name] for name in ("termination", "insecureEdgeTerminationPolicy") if tls.get(name)}
    return {**kept, "tls": said} if said else kept


def _workload(spec: Mapping[str, Any]) -> Object:
    kept: Object = {"selector": spec["selector"]} if spec.get("selector") else {}
    job = spec.get("jobTemplate")
    if job:
        return {"jobTemplate": {"spec": _workload(job.get("spec") or {})}}
    template = spec.get("template") or {}
    metadata: Object = {"labels": (template.get("metadata") or {}).get("labels") or {}}
    noted = _annotations_of_pod(template.get("metadata") or {})
    if noted:
        metadata["annotations"] = noted
    return {**kept, "template": {"metadata": metadata, "spec": _pod(template.get("spec") or {})}}


def _annotations(metadata: Mapping[str, Any], resource: ApiResource) -> Object:
    """Of the annotations of an object those that are read: of pods, of Ingresses, and if a policy is only tried."""
    if resource.kind == "Pod":
        return _annotations_of_pod(metadata)
    given = metadata.get("annotations") or {}
    if (resource.group, resource.kind) == ("", "Service"):
        return {name: value for name, value in given.items() if name in EXPOSES}
    if (resource.group, resource.kind) == ("security.istio.io", "AuthorizationPolicy"):
        return {DRY_RUN: given[DRY_RUN]} if DRY_RUN in given else {}
    if (resource.group, resource.kind) != ("networking.k8s.io", "Ingress"):
        return {}
    # The text of a snippet may hold a secret, and it is not read: that there is one is what counts.
    return {name: "" if is_snippet(name) else value for name, value in given.items() if is_read(name)}


def _annotations_of_pod(metadata: Mapping[str, Any]) -> Object:
    return {name: value for name, value in (metadata.get("annotations") or {}).items() if is_kept(name)}


def _pod(spec: Mapping[str, Any]) -> Object:
    kept: Object = {"hostNetwork": True} if spec.get("hostNetwork") else {}
    if spec.get("serviceAccountName"):
        kept["serviceAccountName"] = spec["serviceAccountName"]  # the identity of the pods in a mesh
    for name in ("containers", "initContainers"):
        if spec.get(name):
            keys = ("name", "ports", "restartPolicy")
            kept[name] = [{key: one[key] for key in keys if one.get(key)} for one in spec[name]]
    return kept


def _text(items: list[Object]) -> str:
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": items}, indent=1, ensure_ascii=False, sort_keys=True) + "\n"
