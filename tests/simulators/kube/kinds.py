"""The kinds that are built in, each as a REST resource (Kubernetes API reference)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from tests.simulators.kube.fields import Shape


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column of ``kubectl get``: ``path`` is a JSONPath, as in ``additionalPrinterColumns``."""

    name: str
    path: str
    form: str = "string"
    priority: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """One kind at one path. ``versions`` are those that are served, the best first; objects are stored in ``stored``."""

    group: str
    versions: tuple[str, ...]
    plural: str
    kind: str
    singular: str = ""
    namespaced: bool = True
    short: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    status: bool = False
    scale: bool = False
    virtual: bool = False
    stored: str = ""
    columns: dict[str, tuple[Column, ...]] = field(default_factory=dict)
    schemas: dict[str, dict[str, Any]] = field(default_factory=dict)
    validators: dict[str, Any] = field(default_factory=dict)
    webhook: dict[str, Any] | None = None
    definition: str = ""
    kept_as: str = ""

    @property
    def name(self) -> str:
        """Plural and group, which name a resource; for one that is another view of it, that of the other one."""
        if self.kept_as:
            return self.kept_as
        return f"{self.plural}.{self.group}" if self.group else self.plural

    def version(self, name: str) -> str:
        return f"{self.group}/{name}" if self.group else name

    def shape(self, version: str) -> Shape:
        return Shape(self.schemas.get(version))


def _of(group: str, version: str, *rows: str) -> Iterable[Resource]:
    """``plural Kind [short,…] [flags]``; the flags are ``cluster status scale virtual``."""
    for row in rows:
        plural, kind, *rest = row.split()
        flags = {one for one in rest if one in ("cluster", "status", "scale", "virtual")}
        short = tuple(one for word in rest if word not in flags for one in word.split(","))
        yield Resource(
            group=group,
            versions=(version,),
            plural=plural,
            kind=kind,
            singular=kind.lower(),
            namespaced="cluster" not in flags,
            short=short,
            status="status" in flags,
            scale="scale" in flags,
            virtual="virtual" in flags,
            stored=version,
        )


CORE_EVENTS = Resource(
    group="",
    versions=("v1",),
    plural="events",
    kind="Event",
    singular="event",
    short=("ev",),
    kept_as="events.events.k8s.io",
)
"""The older view of events, which ``kubectl describe`` asks for."""
BUILT_IN = (
    CORE_EVENTS,
    *_of(
        "", "v1",
        "namespaces Namespace ns cluster status", "pods Pod po status", "services Service svc status",
        "serviceaccounts ServiceAccount sa", "configmaps ConfigMap cm", "secrets Secret", "endpoints Endpoints ep",
        "resourcequotas ResourceQuota quota status", "nodes Node no cluster status",
    ),
    *_of("events.k8s.io", "v1", "events Event ev"),
    *_of("apps", "v1", "deployments Deployment deploy status scale", "replicasets ReplicaSet rs status scale"),
    *_of("policy", "v1", "poddisruptionbudgets PodDisruptionBudget pdb status"),
    *_of("autoscaling", "v2", "horizontalpodautoscalers HorizontalPodAutoscaler hpa status"),
    *_of("networking.k8s.io", "v1", "networkpolicies NetworkPolicy netpol"),
    *_of("discovery.k8s.io", "v1", "endpointslices EndpointSlice"),
    *_of("coordination.k8s.io", "v1", "leases Lease"),
    *_of(
        "rbac.authorization.k8s.io", "v1",
        "roles Role", "rolebindings RoleBinding", "clusterroles ClusterRole cluster",
        "clusterrolebindings ClusterRoleBinding cluster",
    ),
    *_of(
        "admissionregistration.k8s.io", "v1",
        "validatingwebhookconfigurations ValidatingWebhookConfiguration cluster",
        "validatingadmissionpolicies ValidatingAdmissionPolicy cluster status",
        "validatingadmissionpolicybindings ValidatingAdmissionPolicyBinding cluster",
    ),
    *_of("apiextensions.k8s.io", "v1", "customresourcedefinitions CustomResourceDefinition crd,crds cluster status"),
    *_of("authentication.k8s.io", "v1", "tokenreviews TokenReview cluster virtual",
         "selfsubjectreviews SelfSubjectReview cluster virtual"),
    *_of(
        "authorization.k8s.io", "v1",
        "subjectaccessreviews SubjectAccessReview cluster virtual",
        "selfsubjectaccessreviews SelfSubjectAccessReview cluster virtual",
        "selfsubjectrulesreviews SelfSubjectRulesReview cluster virtual",
    ),
)  # fmt: skip

PRINTED: dict[str, tuple[Column, ...]] = {
    "deployments.apps": (
        Column(name="Ready", path=".status.readyReplicas", form="integer"),
        Column(name="Up-to-date", path=".status.updatedReplicas", form="integer"),
        Column(name="Available", path=".status.availableReplicas", form="integer"),
    ),
    "pods": (Column(name="Status", path=".status.phase"), Column(name="IP", path=".status.podIP", priority=1)),
    "services": (Column(name="Type", path=".spec.type"), Column(name="Cluster-IP", path=".spec.clusterIP")),
    "namespaces": (Column(name="Status", path=".status.phase"),),
    "leases.coordination.k8s.io": (Column(name="Holder", path=".spec.holderIdentity"),),
    "events.events.k8s.io": (
        Column(name="Type", path=".type"),
        Column(name="Reason", path=".reason"),
        Column(name="Object", path=".regarding.name"),
        Column(name="Message", path=".note"),
    ),
}
