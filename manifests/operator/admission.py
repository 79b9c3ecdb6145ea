"""What an API server can refuse by itself, by a ValidatingAdmissionPolicy: settings of pods that no server may have, and tags.

The operator checks all of it again: a policy may be missing, and it can say less.
"""

from __future__ import annotations

from manifests.crds.definitions import GROUP, NEWER, STORED, ServerKind, plural
from manifests.objects import Json
from manifests.server.names import MANAGED_LABEL, MANAGER, SERVER_LABEL

NAME = "arcops-mcp-servers"
GUARD = "arcops-mcp-objects"
_POD = "object.spec.podTemplateSpec.spec"
_CONTAINERS = f"{_POD}.containers"


def _template(expression: str) -> str:
    """*expression* about the pod template, if there is one."""
    return f"!has(object.spec.podTemplateSpec) || !has({_POD}) || ({expression})"


def _containers(expression: str) -> str:
    """*expression* about each container ``c`` of the pod template."""
    return _template(f"!has({_CONTAINERS}) || {_CONTAINERS}.all(c, {expression})")


def validations() -> list[tuple[str, str]]:
    """Each rule in CEL, and the sentence for when it does not hold."""
    found = [
        (
            "!has(object.spec.image) || object.spec.image.matches('^[^@]+@sha256:[0-9a-f]{64}$')",
            "image must name its digest (NAME@sha256:…): a tag is another image tomorrow",
        ),
    ]
    for name in ("hostNetwork", "hostPID", "hostIPC", "hostUsers", "shareProcessNamespace", "automountServiceAccountToken"):
        text = f"podTemplateSpec may not set {name}"
        found.append((_template(f"!has({_POD}.{name}) || {_POD}.{name} == false"), text))
    for name in (
        "volumes",
        "initContainers",
        "ephemeralContainers",
        "nodeName",
        "hostAliases",
        "dnsConfig",
        "serviceAccountName",
    ):
        found.append((_template(f"!has({_POD}.{name})"), f"podTemplateSpec may not set {name}"))
    found += [
        (_containers("c.name == 'mcp'"), "podTemplateSpec may only have the container mcp"),
        (
            _containers(
                "!has(c.securityContext) || ((!has(c.securityContext.privileged) || c.securityContext.privileged == false) && "
                "(!has(c.securityContext.allowPrivilegeEscalation) || c.securityContext.allowPrivilegeEscalation == false))"
            ),
            "podTemplateSpec may not make the container privileged",
        ),
        (
            _containers(
                "!has(c.securityContext) || !has(c.securityContext.capabilities) || "
                "!has(c.securityContext.capabilities.add) || size(c.securityContext.capabilities.add) == 0"
            ),
            "podTemplateSpec may not add capabilities",
        ),
    ]
    return found


def policies(operator: str) -> list[dict[str, Json]]:
    """The policies and their bindings. *operator* is its user (``system:serviceaccount:…``).

    The second policy keeps the objects of servers as they are: others may delete them, and the operator makes them again.
    """
    servers: Json = [
        {
            "apiGroups": [GROUP],
            "apiVersions": [STORED, NEWER],
            "operations": ["CREATE", "UPDATE"],
            "resources": [plural(kind) for kind in ServerKind],
        }
    ]
    marked = f"{_marked('object')} || (request.operation == 'UPDATE' && {_marked('oldObject')})"
    guarded: Json = [
        {
            "apiGroups": ["networking.k8s.io", "cilium.io"],
            "apiVersions": ["*"],
            "operations": ["CREATE", "UPDATE"],
            "resources": ["networkpolicies", "ciliumnetworkpolicies"],
        }
    ]
    garbage = "system:serviceaccount:kube-system:generic-garbage-collector"
    return [
        *_policy(NAME, servers, [{"expression": rule, "message": text} for rule, text in validations()]),
        *_policy(
            GUARD,
            guarded,
            [
                {
                    "expression": f"request.userInfo.username in ['{operator}', '{garbage}']",
                    "message": "only the operator writes the policies of MCP servers; change the resource instead",
                }
            ],
            only=marked,
        ),
    ]


def _marked(which: str) -> str:
    """Is it an object of a server? The labels are looked at before and after, so that none is taken off first."""
    labels = f"{which}.metadata.labels"
    held = f"'{MANAGED_LABEL}' in {labels} && {labels}['{MANAGED_LABEL}'] == '{MANAGER}' && '{SERVER_LABEL}' in {labels}"
    return f"(has({labels}) && {held})"


def _policy(name: str, resources: Json, checks: list[Json], *, only: str = "") -> list[dict[str, Json]]:
    api = "admissionregistration.k8s.io/v1"
    spec: dict[str, Json] = {
        "failurePolicy": "Fail",
        "matchConstraints": {"resourceRules": resources},
        "validations": checks,
    }
    if only:
        spec["matchConditions"] = [{"name": "of-a-server", "expression": only}]
    binding: Json = {"policyName": name, "validationActions": ["Deny"]}
    return [
        {"apiVersion": api, "kind": "ValidatingAdmissionPolicy", "metadata": {"name": name}, "spec": spec},
        {"apiVersion": api, "kind": "ValidatingAdmissionPolicyBinding", "metadata": {"name": name}, "spec": binding},
    ]
