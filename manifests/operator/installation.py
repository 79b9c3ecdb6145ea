"""The operator on a cluster, as files to apply: namespaces, rights, its pods, the policies around them, and admission."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from manifests.bundle import ManifestText
from manifests.crds.definitions import Conversion
from manifests.crds.files import definition_files
from manifests.description import Site
from manifests.objects import Json
from manifests.operator.admission import policies
from manifests.operator.rights import KEYS_URL, own_rights, review_rights, rights, rules, secret_rights
from manifests.server.names import HEALTH_PORT, MANAGED_LABEL, MANAGER, OPERATOR_PORT
from manifests.shapes import NAMESPACE
from manifests.text import document, documents

OPERATOR = "arcops-operator"
ADMISSION = "arcops-admission"
"""The Service of the webhook, in deployments/kubernetes/admission.yaml: it answers `/convert`, too."""
USER = 65532
DISCOVERY_PORT = 8443
SERVERS_LABEL, SERVERS_HERE = "arcops.dev/mcp-servers", "allowed"
"""The label of namespaces in which the operator may ask servers; without it, it would ask in every later one, too."""
_API_PORTS = (443, 6443)
_DISCOVERS = (
    f"--discovery-port={DISCOVERY_PORT}",
    "--tls-cert=/etc/arcops/tls/tls.crt",
    "--tls-key=/etc/arcops/tls/tls.key",
)
_WHERE: tuple[Json, ...] = (
    {"name": "ARCOPS_TRUST", "value": "/etc/arcops/trust"},
    {"name": "ARCOPS_STORE", "value": "/var/lib/arcops-store/artifacts"},
    {"name": "ARCOPS_REMEMBERED", "value": "/var/lib/arcops-store/remembered"},
)
_MOUNTS: tuple[Json, ...] = (
    {"name": "trust", "mountPath": "/etc/arcops/trust/keys", "readOnly": True},
    {"name": "store", "mountPath": "/var/lib/arcops-store"},
)
_VOLUMES: tuple[Json, ...] = (
    {"name": "trust", "configMap": {"name": "arcops-trust"}},
    {"name": "store", "persistentVolumeClaim": {"claimName": "arcops-store"}},
)
"""The verdicts on images and the keys that count, as deployments/kubernetes/admission.yaml has them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """What is installed, and how.

    ``image`` is ours, by its digest. ``settings`` is the text of the operator's settings. ``rotating`` are the namespaces in
    which it may look at Secrets, ``egress`` the networks that it may ask on TCP 443. ``monitoring`` is the namespace whose
    pods read its metrics, ``discovery_tls`` the Secret with the certificate (tls.crt, tls.key) under which callers find
    servers. ``conversion`` makes ``v1`` served. ``signers`` are the ids of the keys that may judge images: with them the pods
    get the verdicts, which lie in the volume and the ConfigMap of the admission webhook; without, no image was judged, so no
    pod of a server is made.
    """

    image: str
    settings: str
    site: Site
    namespace: str
    cluster_namespace: str
    rotating: tuple[str, ...] = ()
    egress: tuple[str, ...] = ()
    monitoring: str = ""
    discovery_tls: str = ""
    conversion: Conversion | None = None
    signers: tuple[str, ...] = ()


def installation(of: Installation) -> tuple[ManifestText, ...]:
    """The files, in the order in which they are to be applied. Equal installations give equal bytes."""
    definitions = [
        ManifestText(name=f"00-{one.name}", text=one.text, custom=one.custom) for one in definition_files(of.conversion)
    ]
    return (
        *definitions,
        ManifestText(name="10-namespaces.yaml", text=_text(_namespaces(of))),
        ManifestText(name="20-rights.yaml", text=_text(_rights(of))),
        ManifestText(name="30-network.yaml", text=_text(_network(of)), custom=of.site.is_cilium),
        ManifestText(name="40-operator.yaml", text=_text(_operator(of))),
        ManifestText(name="50-admission.yaml", text=_text(_admission(of))),
    )


Explained = tuple[str, Mapping[str, Json]]


def _text(explained: Iterator[Explained]) -> str:
    return documents([document(comment, value) for comment, value in explained])


def _namespaces(of: Installation) -> Iterator[Explained]:
    labels: dict[str, Json] = {"pod-security.kubernetes.io/enforce": "restricted"}
    yield "The operator's own.", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": of.namespace, "labels": labels}}
    named: Json = {"name": of.cluster_namespace, "labels": {**labels, SERVERS_LABEL: SERVERS_HERE}}
    yield "For the pods of ClusterMCPServers.", {"apiVersion": "v1", "kind": "Namespace", "metadata": named}


def _rights(of: Installation) -> Iterator[Explained]:
    account: Json = {"kind": "ServiceAccount", "name": OPERATOR, "namespace": of.namespace}
    rbac = "rbac.authorization.k8s.io/v1"
    yield "Its identity.", {**_named("v1", "ServiceAccount", of), "automountServiceAccountToken": False}
    yield (
        "What it may do in the whole cluster: not to read Secrets, not to change a resource, not to enter a pod.",
        {
            "apiVersion": rbac,
            "kind": "ClusterRole",
            "metadata": {"name": OPERATOR},
            "rules": rules((*rights(of.site), *(review_rights() if of.discovery_tls else ())), addresses=(KEYS_URL,)),
        },
    )
    yield (
        "It may do that.",
        {
            "apiVersion": rbac,
            "kind": "ClusterRoleBinding",
            "metadata": {"name": OPERATOR},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": OPERATOR},
            "subjects": [account],
        },
    )
    yield "The lease by which one of several leads.", {**_named(rbac, "Role", of), "rules": rules(own_rights())}
    yield "It may hold it.", _bound(of, OPERATOR, of.namespace, account)
    if of.rotating:
        yield (
            "To look at Secrets, so that a changed one rolls the pods. It counts only in namespaces in which it is bound.",
            {
                "apiVersion": rbac,
                "kind": "ClusterRole",
                "metadata": {"name": f"{OPERATOR}-secrets"},
                "rules": rules(secret_rights()),
            },
        )
    for namespace in of.rotating:
        reference: Json = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": f"{OPERATOR}-secrets"}
        yield (
            f"The settings say rotateSecrets for {namespace}.",
            {
                "apiVersion": rbac,
                "kind": "RoleBinding",
                "metadata": {"name": f"{OPERATOR}-secrets", "namespace": namespace},
                "roleRef": reference,
                "subjects": [account],
            },
        )


def _bound(of: Installation, role: str, namespace: str, account: Json) -> Mapping[str, Json]:
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"name": OPERATOR, "namespace": namespace},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": role},
        "subjects": [account],
    }


def _network(of: Installation) -> Iterator[Explained]:
    policy = "networking.k8s.io/v1"
    for namespace in (of.namespace, of.cluster_namespace):
        yield (
            "No traffic in or out of any pod of the namespace, unless another policy allows it.",
            {
                "apiVersion": policy,
                "kind": "NetworkPolicy",
                "metadata": {"name": "deny-all", "namespace": namespace},
                "spec": {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]},
            },
        )
    blocks: list[Json] = [{"ipBlock": {"cidr": str(ipaddress.ip_network(one))}} for one in of.site.api_server]
    servers: Json = {
        "namespaceSelector": {"matchLabels": {SERVERS_LABEL: SERVERS_HERE}},
        "podSelector": {"matchLabels": {MANAGED_LABEL: MANAGER}},
    }
    egress: list[Json] = [{"to": [servers], "ports": [{"port": HEALTH_PORT, "protocol": "TCP"}]}]
    ports: list[Json] = [{"port": one, "protocol": "TCP"} for one in _API_PORTS]
    if blocks and not of.site.is_cilium:
        egress.append({"to": blocks, "ports": ports})
    if of.egress:
        dns: Json = {
            "namespaceSelector": {"matchLabels": {NAMESPACE: "kube-system"}},
            "podSelector": {"matchLabels": dict(of.site.dns_labels)},
        }
        both: list[Json] = [{"port": 53, "protocol": one} for one in ("TCP", "UDP")]
        outside: list[Json] = [{"ipBlock": {"cidr": one}} for one in of.egress]
        egress += [{"to": [dns], "ports": both}, {"to": outside, "ports": [{"port": 443, "protocol": "TCP"}]}]
    ingress: list[Json] = []
    if of.monitoring:
        scrapers: Json = {"namespaceSelector": {"matchLabels": {NAMESPACE: of.monitoring}}}
        ingress.append({"from": [scrapers], "ports": [{"port": OPERATOR_PORT, "protocol": "TCP"}]})
    if of.discovery_tls:
        callers: Json = {"namespaceSelector": {"matchLabels": {SERVERS_LABEL: SERVERS_HERE}}}
        ingress.append({"from": [callers], "ports": [{"port": DISCOVERY_PORT, "protocol": "TCP"}]})
    yield (
        "It asks the API server, the relay of each server what its handshake said, and the networks that its settings name.",
        {
            **_named(policy, "NetworkPolicy", of),
            "spec": {
                "podSelector": {"matchLabels": _labels()},
                "policyTypes": ["Egress", "Ingress"],
                "egress": egress,
                "ingress": ingress,
            },
        },
    )
    if of.site.is_cilium:
        entity: list[Json] = [{"port": str(one), "protocol": "TCP"} for one in _API_PORTS]
        yield (
            "Cilium knows the API server by what it is, and a block of addresses never means it.",
            {
                **_named("cilium.io/v2", "CiliumNetworkPolicy", of),
                "spec": {
                    "endpointSelector": {"matchLabels": _labels()},
                    "egress": [{"toEntities": ["kube-apiserver"], "toPorts": [{"ports": entity}]}],
                },
            },
        )


def _operator(of: Installation) -> Iterator[Explained]:
    yield (
        "What this cluster can enforce, and what each namespace may be given. A change of it rolls the pods.",
        {**_named("v1", "ConfigMap", of), "data": {"operator.yaml": of.settings}},
    )
    closed: dict[str, Json] = {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    container: Json = {
        "name": "operator",
        "image": of.image,
        "args": [
            *("operator", "run", "--settings=/etc/arcops/operator/operator.yaml", "--tier=restricted"),
            *("--host=0.0.0.0", f"--port={OPERATOR_PORT}"),
            *(f"--image-signer={one}" for one in of.signers),
            *(_DISCOVERS if of.discovery_tls else ()),
        ],
        "env": [
            {"name": "ARCOPS_HOME", "value": "/var/lib/arcops"},
            *([{"name": "ARCOPS_PUBLIC_URL", "value": f"https://{OPERATOR}.{of.namespace}.svc"}] if of.discovery_tls else ()),
            *(_WHERE if of.signers else ()),
        ],
        "ports": [
            {"name": "health", "containerPort": OPERATOR_PORT, "protocol": "TCP"},
            *([{"name": "https", "containerPort": DISCOVERY_PORT, "protocol": "TCP"}] if of.discovery_tls else ()),
        ],
        "startupProbe": _probe("/startupz", 2, 30),
        "livenessProbe": _probe("/livez", 20, 3),
        "readinessProbe": _probe("/readyz", 10, 3),
        "securityContext": closed,
        "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"cpu": "2", "memory": "512Mi"}},
        "volumeMounts": [
            {"name": "settings", "mountPath": "/etc/arcops/operator", "readOnly": True},
            {"name": "home", "mountPath": "/var/lib/arcops"},
            {"name": "token", "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount", "readOnly": True},
            *(_MOUNTS if of.signers else ()),
            *([{"name": "tls", "mountPath": "/etc/arcops/tls", "readOnly": True}] if of.discovery_tls else ()),
        ],
    }
    root: Json = {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}
    space: Json = {"path": "namespace", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}}
    token: Json = [
        {"serviceAccountToken": {"path": "token", "expirationSeconds": 3600}},
        {"configMap": root},
        {"downwardAPI": {"items": [space]}},
    ]
    pod: Json = {
        "serviceAccountName": OPERATOR,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": 30,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER,
            "runAsGroup": USER,
            "fsGroup": USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [container],
        "volumes": [
            {"name": "settings", "configMap": {"name": OPERATOR}},
            {"name": "home", "emptyDir": {"sizeLimit": "256Mi"}},
            {"name": "token", "projected": {"sources": token, "defaultMode": 0o440}},
            *(_VOLUMES if of.signers else ()),
            *([{"name": "tls", "secret": {"secretName": of.discovery_tls, "defaultMode": 0o440}}] if of.discovery_tls else ()),
        ],
    }
    yield (
        "Two of them: one leads, and the other one takes over.",
        {
            **_named("apps/v1", "Deployment", of),
            "spec": {
                "replicas": 2,
                "selector": {"matchLabels": _labels()},
                "template": {"metadata": {"labels": _labels()}, "spec": pod},
            },
        },
    )
    if of.discovery_tls:
        port: Json = {"name": "https", "port": 443, "targetPort": DISCOVERY_PORT, "protocol": "TCP"}
        yield (
            "Callers find there the servers that they may list.",
            {**_named("v1", "Service", of), "spec": {"type": "ClusterIP", "selector": _labels(), "ports": [port]}},
        )
    yield (
        "A node that is drained leaves one.",
        {
            **_named("policy/v1", "PodDisruptionBudget", of),
            "spec": {"maxUnavailable": 1, "selector": {"matchLabels": _labels()}},
        },
    )


def _probe(path: str, every: int, failures: int) -> Json:
    return {
        "httpGet": {"path": path, "port": "health"},
        "periodSeconds": every,
        "timeoutSeconds": 4,
        "failureThreshold": failures,
    }


def _admission(of: Installation) -> Iterator[Explained]:
    about = {
        "ValidatingAdmissionPolicy": "What the API server refuses by itself; deleting is never refused.",
        "ValidatingAdmissionPolicyBinding": "It counts in every namespace.",
    }
    for value in policies(f"system:serviceaccount:{of.namespace}:{OPERATOR}"):
        yield about[str(value["kind"])], value


def _labels() -> dict[str, Json]:
    return {"app.kubernetes.io/name": OPERATOR, "app.kubernetes.io/part-of": "arcops"}


def _named(api_version: str, kind: str, of: Installation) -> dict[str, Json]:
    metadata: Json = {"name": OPERATOR, "namespace": of.namespace, "labels": _labels()}
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata}
