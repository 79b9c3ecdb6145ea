"""The shop of `tests.manifests` as a cluster lists it, for code that reads one through the real client."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from tasks.kubernetes.listing import RESOURCES
from tests.manifests import shop
from tests.simulators.kubernetes_api import Cluster

PATHS = {(one.version, one.kind): one.path for one in RESOURCES}
OTHERWISE = {replace(one, version=one.otherwise).path for one in RESOURCES if one.otherwise}
"""Where a kind is looked for that the cluster does not serve in the usual version."""
"""The path at which each kind is listed, by its version and kind."""
SERVED = ("", "apps", "batch", "networking.k8s.io", "apiextensions.k8s.io")
"""Groups that every API server serves, whatever was installed."""


def cluster_of_the_shop(declared: Path) -> Cluster:
    """The shop's manifests, written to *declared*, as a cluster would list them: with pods that its controllers made, fields
    that its API server filled in, namespaces that it made by itself, and words that are secret.
    """
    objects: dict[str, list[dict[str, Any]]] = {one.path: [] for one in RESOURCES if one.group in SERVED}
    for file in sorted(shop(declared).iterdir()):
        for one in yaml.safe_load_all(file.read_text()):
            version, kind = one.pop("apiVersion"), one.pop("kind")
            one["metadata"]["managedFields"] = [{"manager": "kubectl"}]
            if kind == "NetworkPolicy":
                _filled_in(one["spec"])
            objects[PATHS[version, kind]].append(one)
    for name in ("kube-system", "kube-public", "kube-node-lease"):
        labels = {"kubernetes.io/metadata.name": name}
        objects["/api/v1/namespaces"].append({"metadata": {"name": name, "labels": labels}, "spec": {}})
    for kind, owner, name, app in (("ReplicaSet", "web-6b746f74dc", "x", "web"), ("StatefulSet", "db", "0", "db")):
        labels = {"app": app, **({"pod-template-hash": "6b746f74dc"} if kind == "ReplicaSet" else {})}
        port = {"containerPort": 8080, "name": "http"} if app == "web" else {"containerPort": 5432, "name": "postgres"}
        made_by = [{"kind": kind, "name": owner, "controller": True}]
        metadata = {"name": f"{owner}-{name}", "namespace": "shop", "labels": labels, "ownerReferences": made_by}
        container = {"name": app, "ports": [port], "env": [{"name": "PASSWORD", "value": "hunter2"}]}
        objects["/api/v1/pods"].append(
            {"metadata": metadata, "spec": {"containers": [container]}, "status": {"phase": "Running"}}
        )
    return Cluster(objects=objects)


def operators_file(folder: Path, kubeconfig: Path, *, name: str = "good", hosts: list[str] | None = None) -> Path:
    """The file in which an operator names the context ``good`` of *kubeconfig*, at its own address if no *hosts* are given."""
    own = yaml.safe_load(kubeconfig.read_text())["clusters"][0]["cluster"]["server"].partition("://")[2]
    said = {"kubeconfig": str(kubeconfig), "context": "good", "hosts": [own] if hosts is None else hosts}
    path = folder / "clusters.yaml"
    path.write_text(yaml.safe_dump({"clusters": {name: said}}))
    path.chmod(0o600)
    return path


def _filled_in(spec: dict[str, Any]) -> None:
    """What an API server writes into a NetworkPolicy that says nothing else."""
    for direction in ("ingress", "egress"):
        for rule in spec.get(direction) or ():
            for port in rule.get("ports") or ():
                port.setdefault("protocol", "TCP")
