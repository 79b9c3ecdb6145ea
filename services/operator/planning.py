"""From a resource to its plan: each check in turn, and the first refusal ends it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from arcops.errors import Refused
from arcops.seen.cluster import quantity
from manifests.crds.definitions import GROUP, STORED, ServerKind
from manifests.objects import Json, ObjectName, inner, text_of
from manifests.server.names import HEALTH_PORT, MCP_CONTAINER, RELAY_PORT, SAME_SECRETS_ANNOTATION, SECRETS_ANNOTATION, SOCKET
from manifests.server.plan import Owner, ServerPlan, Tightened
from manifests.server.spec import ServerSpec, ServerType, Transport
from services.operator.linting import Linted, linted
from services.operator.needs import needs
from services.operator.observed import Observed
from services.operator.profiles import Compiled, compile_profile, no_host
from services.operator.refusal import Reason, Refusal
from services.operator.remote import before_remote
from services.operator.resource import Identity, ServerResource
from services.operator.sidecar import Reach, SidecarConfig, Target
from services.operator.site import Site
from services.operator.template import tighten
from services.operator.trusting import also, cedar, for_keys, trusted_issuer
from services.operator.verdicts import Verdicts
from services.operator.volumes import place

MOST_REPLICAS = "arcops.dev/max-replicas"
"""An annotation of a resource: the most replicas of an autoscaler."""
STATELESS = "arcops.dev/stateless"
"""An annotation of a resource: any replica may answer any call."""
_MOST_TOLD = 10
_WHOLE = re.compile(r"[0-9]{1,3}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """The plan, and who enforces what of it. ``reads_limited``: is a profile's word on reading held?"""

    plan: ServerPlan
    enforcement: tuple[str, ...]
    reads_limited: bool | None = None


def plan(resource: ServerResource, observed: Observed, site: Site, verdicts: Verdicts, now: datetime) -> Planned | Refusal:
    """The plan of a server that has pods: a hosted one, or a remote one with a relay before it."""
    spec = resource.spec
    namespace = namespace_of(resource.identity, site)
    if spec.type is ServerType.REMOTE:
        try:
            return _planned(resource, namespace, before_remote(spec, namespace, site), (), Tightened(), observed, site)
        except Refused as error:
            return Refusal(reason=Reason.INVALID, text=str(error))
    if why := next((why for one in spec.images if (why := verdicts.refusal(one, now))), ""):
        return Refusal(reason=Reason.IMAGE, text=why, stops=True)
    template, unsafe = tighten(spec, site.allowed_prefixes)
    unsafe += tuple(_of_site(template, site))
    if unsafe:
        return Refusal(reason=Reason.UNSAFE, text="; ".join(unsafe[:_MOST_TOLD]))
    compiled = compile_profile(spec.profile, namespace, observed, site)
    if isinstance(compiled, Refusal):
        return compiled
    command = _command(spec, verdicts)
    if isinstance(command, Refusal):
        return command
    try:
        return _planned(resource, namespace, compiled, command, template, observed, site)
    except Refused as error:
        return Refusal(reason=Reason.INVALID, text=str(error))


def _of_site(template: Tightened, site: Site) -> Iterator[str]:
    """What the site's own profile of AppArmor limits, no other profile may take over."""
    ours = {"type": "Localhost", "localhostProfile": site.read_profile}
    for at, settings in (("spec", template.pod), ("spec.containers[mcp]", template.container)):
        given = inner(settings, "securityContext", "appArmorProfile")
        if site.read_profile and given is not None and given != ours:
            yield (
                f"podTemplateSpec.{at}.securityContext.appArmorProfile is refused: the site's own ({site.read_profile}) limits "
                "what is read"
            )


def namespace_of(identity: Identity, site: Site) -> str:
    """Where the objects of a resource are."""
    return site.cluster_namespace if identity.kind is ServerKind.CLUSTER else identity.namespace


def _planned(
    resource: ServerResource,
    namespace: str,
    compiled: Compiled,
    command: tuple[str, ...],
    template: Tightened,
    observed: Observed,
    site: Site,
) -> Planned | Refusal:
    """Raises `Refused` for what the resource names and cannot be used."""
    identity, spec = resource.identity, resource.spec
    whole = identity.kind is ServerKind.CLUSTER
    placed = place(spec, compiled.document, site.policy(namespace), site)
    _refuse_variables(spec)
    for asked in (spec.resources, template.container.get("resources")):
        _refuse_amounts(asked)
    if compiled.document is not None and site.strict_reads and not site.read_profile:
        text = (
            "this site wants reading to be limited (strictReads), and no AppArmor profile that does it is named (readProfile)"
        )
        return Refusal(reason=Reason.NOT_ENFORCEABLE, text=text)
    issuer = trusted_issuer(spec.oidc, namespace, observed, site, whole_cluster=whole) if spec.oidc is not None else None
    if spec.type is ServerType.REMOTE and issuer is not None and not issuer.keys:
        raise Refused("a remote server has no volumes, so oidcConfig cannot name files of a pod; leave out these paths")
    fetched = for_keys(issuer) if issuer is not None else ()
    if fetched and (why := no_host(fetched, namespace, site)):
        return Refusal(reason=Reason.NOT_ENFORCEABLE, text=f"the relay needs keys from {fetched[0].name}: {why}")
    if issuer is not None and issuer.keys and issuer.issuer not in observed.key_sets:
        why = f": {observed.key_problem}" if observed.key_problem else ""
        return Refusal(reason=Reason.WAITING, text=f"the keys of {issuer.issuer} were not fetched yet{why}")
    authz = cedar(spec.authz, observed) if spec.authz is not None else None
    lint = linted(authz, identity.name) if authz is not None else Linted()
    if lint.refused:
        return Refusal(reason=Reason.INVALID, text="; ".join(lint.refused[:_MOST_TOLD]))
    config = SidecarConfig(
        server=f"{identity.namespace}/{identity.name}" if identity.namespace else identity.name,
        transport=spec.transport.value,
        target=_target(spec),
        oidc=issuer,
        authz=authz,
        tools=spec.tools_filter,
        capabilities=dict(spec.capabilities),
        protocol_versions=spec.protocol_versions,
        stateless=identity.annotations.get(STATELESS) == "true",
        port=spec.port,
        hosts=(f"{identity.name}.{namespace}", f"{identity.name}.{namespace}.svc") if whole else (),
    )
    rolling = needs(resource).secrets if site.policy(namespace).rotate_secrets else frozenset()
    secrets, same_secrets = _versions(rolling, observed, identity.name, namespace)
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
        keys=text_of({issuer.issuer: observed.key_sets[issuer.issuer]}) if issuer is not None and issuer.keys else "{}",
        command=command,
        egress=also(compiled.egress, fetched),
        scratch=placed.scratch,
        mounts=placed.mounts,
        relay_mounts=placed.relay_mounts,
        template=template,
        callers=None if whole or issuer is not None else (namespace,),
        stateless=config.stateless,
        scale_to=_scale(identity, spec),
        app_armor=site.read_profile or ("RuntimeDefault" if site.app_armor else ""),
        settings=site.digest(namespace),
        secrets=secrets,
        same_secrets=same_secrets,
    )
    told = tuple(f"also egress to {one.name}, from which the relay gets keys" for one in fetched)
    told += tuple(f"authzConfig: {one}" for one in lint.told[:_MOST_TOLD])
    if rolling:
        blind = "; the operator cannot look at them now" if observed.secrets is None else ""
        told += (f"a change of {', '.join(sorted(rolling))} rolls the pods: by the operator{blind}",)
    return Planned(
        plan=made,
        enforcement=(*compiled.enforcement, *told, *placed.enforcement, *_who_may_call(made, spec)),
        reads_limited=bool(site.read_profile) if compiled.document is not None else None,
    )


def _refuse_variables(spec: ServerSpec) -> None:
    """Raises `Refused` for a variable that two fields give: one of them would be lost in silence."""
    names = [str(one["name"]) for one in spec.env]
    names += [one.variable or one.key for one in spec.secrets if one.variable or not one.path]
    if twice := next((one for one in names if names.count(one) > 1), ""):
        raise Refused(f"the variable {twice} is given twice, under env or secrets; give it once")


def _refuse_amounts(asked: Json) -> None:
    """Raises `Refused` for amounts that no API server takes: below nothing, or asked for above their own limit."""
    found: dict[tuple[str, str], Decimal] = {}
    for side in ("requests", "limits"):
        amounts = inner(asked, side)
        for name, one in amounts.items() if isinstance(amounts, Mapping) else ():
            amount = quantity(str(one))
            if amount is None or amount < 0:
                raise Refused(f"resources.{side}.{name} is {str(one)[:40]!r}; write an amount that is not below 0")
            found[side, name] = amount
    for (side, name), amount in found.items():
        if side == "requests" and amount > found.get(("limits", name), amount):
            raise Refused(f"resources.requests.{name} is above resources.limits.{name}; write no more than the limit")


def _scale(identity: Identity, spec: ServerSpec) -> int:
    """The most replicas of an autoscaler. Raises `Refused` if the annotation cannot be meant."""
    text = identity.annotations.get(MOST_REPLICAS, "")
    if not text:
        return 0
    if not _WHOLE.fullmatch(text) or not 1 <= int(text) <= 100 or int(text) < (spec.replicas or 1):
        raise Refused(f"the annotation {MOST_REPLICAS} is {text[:20]!r}; write a number from replicas to 100")
    if spec.transport is Transport.STDIO:
        raise Refused(f"stdio has one replica, so the annotation {MOST_REPLICAS} cannot be")
    return int(text)


def _versions(names: frozenset[str], observed: Observed, name: str, namespace: str) -> tuple[str, str]:
    """The versions of the Secrets *names*, another text of which rolls the pods; and later versions with the same data.

    What cannot be seen, or is not there, keeps the version that the pods have: there is nothing new to roll them to.
    """
    rolled, same = (_standing(observed, name, namespace, names, at) for at in (_OF_PODS, _OF_DEPLOYMENT))
    for one, seen in (observed.secrets or {}).items():
        if one not in names:
            continue
        # "DATA.CHANGE" is DATA as one who saw its changes told it apart; one who began later sees DATA alone.
        had = {rolled.get(one, ""), same.get(one, "")}
        if not (had | {text.partition(".")[0] for text in had}) & {seen.version, seen.since}:
            rolled[one] = seen.version
        same[one] = seen.version
    later = {one: version for one, version in same.items() if one in rolled and version != rolled[one]}
    return _noted(rolled), _noted(later)


_OF_PODS = ("spec", "template", "metadata", "annotations", SECRETS_ANNOTATION)
_OF_DEPLOYMENT = ("metadata", "annotations", SAME_SECRETS_ANNOTATION)


def _noted(versions: Mapping[str, str]) -> str:
    return text_of(dict(sorted(versions.items()))) if versions else ""


def _standing(observed: Observed, name: str, namespace: str, names: frozenset[str], at: tuple[str, ...]) -> dict[str, str]:
    """The versions of the Secrets *names* that the Deployment has now in the annotation *at*."""
    child = observed.children.get(ObjectName(api_version="apps/v1", kind="Deployment", namespace=namespace, name=name))
    text = inner(child.live, *at) if child is not None else None
    try:
        found = json.loads(text) if isinstance(text, str) else {}
    except ValueError:  # someone else wrote it; it is replaced
        return {}
    return {one: str(version) for one, version in found.items() if one in names} if isinstance(found, dict) else {}


def _who_may_call(made: ServerPlan, spec: ServerSpec) -> Iterator[str]:
    if made.callers is not None:
        yield f"only pods of {', '.join(made.callers)} may call: NetworkPolicy; oidcConfig would open it to callers with tokens"
    elif spec.oidc is None:
        yield "every pod of the cluster may call, without a token (there is no oidcConfig)"
    else:
        yield "every call needs a token: by the relay"
    if spec.authz is not None:
        yield "each call of a tool is decided by Cedar: by the relay"
    if spec.tools_filter is not None:
        yield f"{len(spec.tools_filter)} tool(s) can be seen and called: by the relay"


def _target(spec: ServerSpec) -> Target:
    if spec.type is ServerType.REMOTE:
        return Target(reach=Reach.SSE if spec.transport is Transport.SSE else Reach.HTTP, url=spec.url)
    match spec.transport:
        case Transport.STDIO:
            return Target(reach=Reach.SOCKET, socket=SOCKET)
        case Transport.HTTP:
            return Target(reach=Reach.HTTP, url=f"http://127.0.0.1:{spec.target_port}/mcp")
        case Transport.SSE:
            return Target(reach=Reach.SSE, url=f"http://127.0.0.1:{spec.target_port}/sse")


def _command(spec: ServerSpec, verdicts: Verdicts) -> tuple[str, ...] | Refusal:
    """What the shim starts: the command of the pod template, or what the image's artifact recorded."""
    if spec.transport is not Transport.STDIO and spec.target_port in (RELAY_PORT, HEALTH_PORT):
        return Refusal(
            reason=Reason.INVALID, text=f"targetPort {spec.target_port} is the relay's; give the server another port"
        )
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
