"""From a resource to its plan: each check in turn, and the first refusal ends it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from manifests.crds.definitions import GROUP, STORED, ServerKind
from manifests.objects import Json
from manifests.server.names import MCP_CONTAINER, RELAY_PORT, SOCKET
from manifests.server.plan import Owner, ServerPlan
from manifests.server.spec import ServerSpec, Transport
from services.operator.observed import Observed
from services.operator.profiles import Compiled, compile_profile
from services.operator.refusal import Reason, Refusal
from services.operator.resource import Identity, ServerResource
from services.operator.sidecar import Reach, SidecarConfig, Target
from services.operator.site import Site
from services.operator.verdicts import Verdicts

MOST_REPLICAS = "arcops.dev/max-replicas"
"""An annotation of a resource: the most replicas of an autoscaler."""
STATELESS = "arcops.dev/stateless"
"""An annotation of a resource: any replica may answer any call."""
_WHOLE = re.compile(r"[0-9]{1,3}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """The plan, and who enforces what of it."""

    plan: ServerPlan
    enforcement: tuple[str, ...]


def plan(resource: ServerResource, observed: Observed, site: Site, verdicts: Verdicts, now: datetime) -> Planned | Refusal:
    """The plan of a hosted server."""
    identity, spec = resource.identity, resource.spec
    namespace = namespace_of(identity, site)
    if why := verdicts.refusal(spec.image, now):
        return Refusal(reason=Reason.IMAGE, text=why, stops=True)
    compiled = compile_profile(spec.profile, namespace, observed, site)
    if isinstance(compiled, Refusal):
        return compiled
    command = _command(spec, verdicts)
    if isinstance(command, Refusal):
        return command
    return _planned(identity, spec, namespace, compiled, command, site)


def namespace_of(identity: Identity, site: Site) -> str:
    """Where the objects of a resource are."""
    return site.cluster_namespace if identity.kind is ServerKind.CLUSTER else identity.namespace


def _planned(
    identity: Identity, spec: ServerSpec, namespace: str, compiled: Compiled, command: tuple[str, ...], site: Site
) -> Planned:
    config = SidecarConfig(
        server=f"{identity.namespace}/{identity.name}" if identity.namespace else identity.name,
        transport=spec.transport.value,
        target=_target(spec),
        tools=spec.tools_filter,
        capabilities=dict(spec.capabilities),
        protocol_versions=spec.protocol_versions,
        stateless=identity.annotations.get(STATELESS) == "true",
    )
    scale = identity.annotations.get(MOST_REPLICAS, "")
    own = None if identity.kind is ServerKind.CLUSTER or spec.oidc is not None else (namespace,)
    made = ServerPlan(
        owner=Owner(api_version=f"{GROUP}/{STORED}", kind=identity.kind.value, name=identity.name, uid=identity.uid),
        name=identity.name,
        namespace=namespace,
        spec=spec,
        site=site.network,
        kubernetes=site.kubernetes,
        operator_namespace=site.operator_namespace,
        relay_image=site.sidecar_image,
        config=config.text,
        command=command,
        egress=compiled.egress,
        scratch=compiled.scratch,
        callers=own,
        scale_to=int(scale) if _WHOLE.fullmatch(scale) and spec.transport is not Transport.STDIO else 0,
    )
    return Planned(plan=made, enforcement=compiled.enforcement)


def _target(spec: ServerSpec) -> Target:
    match spec.transport:
        case Transport.STDIO:
            return Target(reach=Reach.SOCKET, socket=SOCKET)
        case Transport.HTTP:
            return Target(reach=Reach.HTTP, url=f"http://127.0.0.1:{spec.target_port}/mcp")
        case Transport.SSE:
            return Target(reach=Reach.SSE, url=f"http://127.0.0.1:{spec.target_port}/sse")


def _command(spec: ServerSpec, verdicts: Verdicts) -> tuple[str, ...] | Refusal:
    """What the shim starts: the command of the pod template, or what the image's artifact recorded."""
    if spec.target_port == RELAY_PORT:
        return Refusal(reason=Reason.INVALID, text=f"targetPort {RELAY_PORT} is the relay's; give the server another port")
    if spec.transport is not Transport.STDIO:
        return ()
    if given := _given_command(spec.pod_template):
        return given
    judged = verdicts.of(spec.image)
    if judged is not None and judged.entry_point:
        return judged.entry_point
    return Refusal(
        reason=Reason.ENTRY_POINT,
        text=f"the command of {spec.image} is not known, and the shim must start it: give it as 'command' of the container "
        f"{MCP_CONTAINER} in podTemplateSpec, or judge the image again so that its artifact records it",
    )


def _given_command(template: Mapping[str, Json]) -> tuple[str, ...]:
    spec = template.get("spec")
    containers = spec.get("containers") if isinstance(spec, Mapping) else None
    for one in containers if isinstance(containers, tuple) else ():
        if isinstance(one, Mapping) and one.get("name") == MCP_CONTAINER:
            command = one.get("command")
            return tuple(str(word) for word in command) if isinstance(command, tuple) else ()
    return ()
