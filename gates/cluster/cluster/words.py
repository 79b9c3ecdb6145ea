"""What the rules of the gate ``cluster`` share: findings about a list that could not be read, and many findings of one rule."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from arcops.evidence import Evidence
from arcops.finding import Finding, Rule
from arcops.seen.cluster import Cluster
from gates.listing import listed
from gates.words import shown

Seen = Evidence[Cluster]

READER = "Give ArcOps's account the role in deployments/kubernetes/cluster-reader.yaml, and take a new snapshot."
"""The fix if a list could not be read."""
_NUMBERS = re.compile(r"v?([0-9]{1,6})\.([0-9]{1,6})(?:\.([0-9]{1,6}))?")

LEASES, METRICS, SLICES = "leases.coordination.k8s.io", "deprecated-apis", "endpointslices.discovery.k8s.io"
DEPLOYMENTS, DAEMON_SETS, OPERATORS = "deployments.apps", "daemonsets.apps", "clusterpolicies.nvidia.com"
DEVICE_SLICES, DEVICE_CLAIMS = "resourceslices.resource.k8s.io", "resourceclaims.resource.k8s.io"
DEVICE_TAINTS = "devicetaintrules.resource.k8s.io"
RUNTIMES, CLASSES = "runtimeclasses.node.k8s.io", "storageclasses.storage.k8s.io"
DRIVERS, CAPACITIES = "csidrivers.storage.k8s.io", "csistoragecapacities.storage.k8s.io"
GATEWAYS = "gatewayclasses.gateway.networking.k8s.io"
VALIDATING = "validatingwebhookconfigurations.admissionregistration.k8s.io"
MUTATING = "mutatingwebhookconfigurations.admissionregistration.k8s.io"
MIRRORS = ("imagedigestmirrorsets.config.openshift.io", "imagetagmirrorsets.config.openshift.io")


def unseen(rule: Rule, seen: Seen, *titles: str) -> list[Finding]:
    """One UNKNOWN for each of *titles* that could not be listed; empty if all could be listed."""
    return [
        rule.unknown(shown(f"{one.what} could not be listed: {one.why.rstrip('.')}."), seen, about=one.what, fix=READER)
        for one in seen.body.unlisted
        if one.what in titles
    ]


def answer(rule: Rule, seen: Seen, found: Iterable[Finding], well: str) -> Iterator[Finding]:
    """*found*, up to the most that are listed; *well* if there is no finding."""
    return listed(found, rule.passes(shown(well), seen))


def version(text: str) -> tuple[int, int, int] | None:
    """The numbers at the head of a version, such as ``v1.34.2-eks-1`` or ``6.8.0-45-generic``; `None` if there is no number."""
    found = _NUMBERS.match(text)
    return None if found is None else (int(found[1]), int(found[2]), int(found[3] or 0))
