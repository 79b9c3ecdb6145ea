"""The two CustomResourceDefinitions, in the two versions ``v1beta1`` (as the OEP writes it) and ``v1``."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from manifests.crds.server import columns, specification, status
from manifests.crds.shapes import Shape, record, rule
from manifests.objects import Json, KubeObject, kube_object

GROUP = "ome.io"
STORED = "v1beta1"
"""The version that users write and the API server stores."""
NEWER = "v1"
BUNDLE_OF = {STORED: "thvCABundlePath", NEWER: "caBundlePath"}
"""The one field that differs: the file with an issuer's certificate authorities."""
LONGEST_NAME = 52
"""Of a resource: its objects' names and those of their pods are longer."""


class ServerKind(StrEnum):
    """The two kinds of resources; they have the same specification."""

    NAMESPACED = "MCPServer"
    CLUSTER = "ClusterMCPServer"


_PLURAL = {ServerKind.NAMESPACED: "mcpservers", ServerKind.CLUSTER: "clustermcpservers"}
_SHORT = {ServerKind.NAMESPACED: "mcp", ServerKind.CLUSTER: "cmcp"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversion:
    """Who converts between the versions: a Service and its authority (PEM in base64). With it, ``v1`` is served."""

    namespace: str
    service: str
    port: int = 443
    path: str = "/convert"
    ca_bundle: str = ""


def resource_schema(version: str) -> Shape:
    """The schema of a resource in *version*."""
    metadata: Shape = {"type": "object"}
    return record(
        {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": metadata,
            "spec": specification(bundle=BUNDLE_OF[version]),
            "status": status(),
        },
        needs=("spec",),
        rules=(rule(f"size(self.metadata.name) <= {LONGEST_NAME}", f"a name has at most {LONGEST_NAME} characters"),),
    )


def definition(kind: ServerKind, conversion: Conversion | None = None) -> KubeObject:
    """The definition of *kind*."""
    versions: list[Json] = [
        {
            "name": version,
            "served": version == STORED or conversion is not None,
            "storage": version == STORED,
            "schema": {"openAPIV3Schema": resource_schema(version)},
            "subresources": {"status": {}},
            "additionalPrinterColumns": columns(),
        }
        for version in (STORED, NEWER)
    ]
    spec: dict[str, Json] = {
        "group": GROUP,
        "names": {
            "kind": kind.value,
            "listKind": f"{kind.value}List",
            "plural": _PLURAL[kind],
            "singular": kind.value.lower(),
            "shortNames": [_SHORT[kind]],
            "categories": ["arcops"],
        },
        "scope": "Namespaced" if kind is ServerKind.NAMESPACED else "Cluster",
        "versions": versions,
    }
    if conversion is not None:
        service: Json = {
            "namespace": conversion.namespace,
            "name": conversion.service,
            "port": conversion.port,
            "path": conversion.path,
        }
        client: dict[str, Json] = {"service": service}
        if conversion.ca_bundle:
            client["caBundle"] = conversion.ca_bundle
        webhook: Json = {"conversionReviewVersions": ["v1"], "clientConfig": client}
        spec["conversion"] = {"strategy": "Webhook", "webhook": webhook}
    else:
        spec["conversion"] = {"strategy": "None"}
    return kube_object(
        {
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {"name": f"{_PLURAL[kind]}.{GROUP}"},
            "spec": spec,
        }
    )


def plural(kind: ServerKind) -> str:
    """The name of *kind* in addresses of the API server."""
    return _PLURAL[kind]
