"""Workloads of operators that are usual beside models: each object makes pods by one template or several.

The labels that its operator adds are part of the answer, because policies select by them: those of known values are added here,
the others (indexes, hashes) are those of `reach.doubts.LATER_LABELS`. Sources: the API references of JobSet, LeaderWorkerSet,
KubeRay, Kubeflow's training operator, Volcano, Argo Rollouts, OpenKruise and OpenShift.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from arcops.seen.network import Label, PodSet
from tasks.kubernetes.manifests.fields import Field, text_at
from tasks.kubernetes.manifests.nodes import Mapping
from tasks.kubernetes.manifests.workloads import pods_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """Where a kind has pod templates. ``path`` may go through a list (``name[]``) or the values of a mapping (``name{}``).

    ``part`` is the field beside the template's list that names it, or (``=name``) its name. ``labels`` are those that the
    operator adds: ``{name}`` is the object's, ``{part}`` the template's, ``{low}`` that in lower case. ``otherwise`` is the
    path if there is nothing at the first.
    """

    path: tuple[str, ...]
    otherwise: tuple[str, ...] = ()
    part: str = ""
    labels: dict[str, str] = field(default_factory=dict)


def _ray(above: tuple[str, ...], labels: dict[str, str]) -> tuple[Template, ...]:
    """The templates of a Ray cluster that is described at *above*."""
    both = {
        "ray.io/is-ray-node": "yes",
        "app.kubernetes.io/name": "kuberay",
        "app.kubernetes.io/created-by": "kuberay-operator",
        **labels,
    }
    head = {**both, "ray.io/node-type": "head", "ray.io/group": "headgroup"}
    worker = {**both, "ray.io/node-type": "worker", "ray.io/group": "{part}"}
    return (
        Template(path=(*above, "headGroupSpec", "template"), part="=head", labels=head),
        Template(path=(*above, "workerGroupSpecs[]", "template"), part="groupName", labels=worker),
    )


def _training(replicas: str, operator: str) -> tuple[Template, ...]:
    labels = {
        "training.kubeflow.org/job-name": "{name}",
        "training.kubeflow.org/replica-type": "{low}",
        "training.kubeflow.org/operator-name": operator,
    }
    return (Template(path=("spec", f"{replicas}{{}}", "template"), labels=labels),)


_PLAIN = (Template(path=("spec", "template")),)
OPERATED: dict[tuple[str, str], tuple[Template, ...]] = {
    ("argoproj.io", "Rollout"): _PLAIN,
    ("apps.openshift.io", "DeploymentConfig"): (Template(path=("spec", "template"), labels={"deploymentconfig": "{name}"}),),
    ("apps.kruise.io", "CloneSet"): _PLAIN,
    ("apps.kruise.io", "StatefulSet"): _PLAIN,
    ("apps.kruise.io", "DaemonSet"): _PLAIN,
    ("jobset.x-k8s.io", "JobSet"): (
        Template(
            path=("spec", "replicatedJobs[]", "template", "spec", "template"),
            part="name",
            labels={"jobset.sigs.k8s.io/jobset-name": "{name}", "jobset.sigs.k8s.io/replicatedjob-name": "{part}"},
        ),
    ),
    ("leaderworkerset.x-k8s.io", "LeaderWorkerSet"): (
        Template(
            path=("spec", "leaderWorkerTemplate", "leaderTemplate"),
            otherwise=("spec", "leaderWorkerTemplate", "workerTemplate"),
            part="=leader",
            labels={"leaderworkerset.sigs.k8s.io/name": "{name}", "leaderworkerset.sigs.k8s.io/worker-index": "0"},
        ),
        Template(
            path=("spec", "leaderWorkerTemplate", "workerTemplate"),
            part="=worker",
            labels={"leaderworkerset.sigs.k8s.io/name": "{name}"},
        ),
    ),
    ("ray.io", "RayCluster"): _ray(("spec",), {"ray.io/cluster": "{name}"}),
    # Of these two, the name of the cluster is a matter of chance.
    ("ray.io", "RayJob"): _ray(("spec", "rayClusterSpec"), {"ray.io/originated-from-cr-name": "{name}"}),
    ("ray.io", "RayService"): _ray(("spec", "rayClusterConfig"), {"ray.io/originated-from-cr-name": "{name}"}),
    ("kubeflow.org", "PyTorchJob"): _training("pytorchReplicaSpecs", "pytorchjob-controller"),
    ("kubeflow.org", "TFJob"): _training("tfReplicaSpecs", "tfjob-controller"),
    ("kubeflow.org", "MPIJob"): _training("mpiReplicaSpecs", "mpijob-controller"),
    ("kubeflow.org", "XGBoostJob"): _training("xgbReplicaSpecs", "xgboostjob-controller"),
    ("kubeflow.org", "JAXJob"): _training("jaxReplicaSpecs", "jaxjob-controller"),
    ("batch.volcano.sh", "Job"): (
        Template(
            path=("spec", "tasks[]", "template"),
            part="name",
            labels={"volcano.sh/job-name": "{name}", "volcano.sh/task-spec": "{part}"},
        ),
    ),
}
"""``(group, kind)``: its templates."""


def operated(found: Field, group: str, kind: str, namespace: str, name: str) -> list[PodSet]:
    """The pods of the object at *found*; none if it has no template (a Rollout may refer to a Deployment)."""
    made: list[PodSet] = []
    for template in OPERATED[group, kind]:
        for part, pod in _places(found, template, template.path) or _places(found, template, template.otherwise):
            words = {"name": name, "part": part, "low": part.lower()}
            added = tuple(Label(key=key, value=value.format(**words)) for key, value in template.labels.items())
            several = f"{name}-{part.lower()}" if part else name
            made.append(pods_of(pod, kind, namespace, several, owner=f"{kind}/{name}" if part else "", added=added))
    return made


def _places(found: Field, template: Template, path: tuple[str, ...]) -> list[tuple[str, Field]]:
    """Each template at *path* in *found*, with its name."""
    places = [(template.part[1:] if template.part.startswith("=") else "", found)]
    for step in path:
        if step.endswith("[]"):
            places = [(text_at(item.get(template.part)), item) for _, place in places for item in place.items(step[:-2])]
        elif step.endswith("{}"):
            tables = [table for _, place in places if (table := place.get(step[:-2])) is not None]
            places = [
                (key, value)
                for table in tables
                if isinstance(table.node, Mapping)
                for key in table.node.items
                if (value := table.get(key)) is not None
            ]
        else:
            places = [(part, inner) for part, place in places if (inner := place.get(step)) is not None]
    return places if path else []
