"""Explain resources of MCP servers, offline: what they become, who enforces what, and what is refused."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from arcops.asks import shaped
from arcops.errors import Refused
from capabilities.contract import Scope, tool
from flows.place import Place

if TYPE_CHECKING:
    from manifests.objects import Json, Thawed
    from services.operator.observed import Observed, SeenConfigMap
    from services.operator.reconcile import Outcome
    from services.operator.resource import Problems, ServerResource
    from services.operator.site import Site
    from services.operator.verdicts import Verdicts

_MOST_TEXT = 1024 * 1024
_MOST_VALUES = 50_000
_DIGEST = re.compile(r"@(sha256:[0-9a-f]{64})\Z")
_DEFAULT = "default"
"""The namespace of an object that names none, as kubectl applies it without any other setting."""
_POLICIES = ("NetworkPolicy", "CiliumNetworkPolicy")
_ASSUMED = f"""\
network: {{cni: calico}}
kubernetes: "1.36"
sidecarImage: registry.example/arcops-relay@sha256:{"0" * 64}
"""
_ASSUMED_SAID = (
    "no settings are given: a cluster of Kubernetes 1.36 is assumed, whose network plugin (Calico) enforces NetworkPolicy, "
    "and no namespace is given anything; name the operator's settings for yours"
)
_NOT_ASKED = "not asked here: on a cluster, the gate must have judged this image GREEN"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainServers:
    """The resources to explain."""

    resources: str = field(metadata=shaped(positional=True, text_of=_MOST_TEXT))
    """Resources in YAML (a file on the command line): MCPServers and ClusterMCPServers, the ConfigMaps that they name, and the
    network policies of others beside them."""

    settings: str = field(default="", metadata=shaped(text_of=_MOST_TEXT))
    """The operator's settings in YAML (a file on the command line): what the cluster can enforce, and what each namespace may
    be given. Without them an ordinary cluster is assumed, and the answer says which."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerExplained:
    """One resource.

    ``problem`` is why it is refused, empty if it is not; ``reason`` the same in one word. ``enforced`` says who enforces what,
    ``objects`` are the objects as YAML, ``connections`` how many connections the engine asked to prove the policies. ``image``
    is what is known of the image's verdict.
    """

    name: str
    problem: str
    reason: str
    enforced: tuple[str, ...]
    objects: str
    kinds: tuple[str, ...]
    connections: int
    image: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ServersExplained:
    """All of them, in the order of the text. ``assumed`` says which cluster was assumed, empty if the settings said it."""

    assumed: str
    servers: tuple[ServerExplained, ...]


@tool(title="Explain MCP servers on Kubernetes", scope=Scope.READ, reads_only=True, name="explain_mcp_servers")
def explain_servers(ask: ExplainServers, at: Place) -> ServersExplained:
    """Say what the operator would make of MCPServer resources: objects, who enforces what, what is refused and why.

    Nothing is asked of a cluster. Network policies are proven by the engine.
    """
    from foundation.strict_yaml import load_all
    from services.operator.resource import parse
    from services.operator.settings import read_settings

    site = read_settings((ask.settings or _ASSUMED).encode(), "the settings")
    documents = load_all(ask.resources.encode(), what="the resources", most_values=_MOST_VALUES)
    values: list[Mapping[str, Json]] = [one for one in documents if isinstance(one, dict)]
    if not values or len(values) != len(documents):
        raise Refused("the resources are not YAML objects")
    maps = dict(_config_maps(values))
    policies = [one for one in values if one.get("kind") in _POLICIES]
    found = [parse(one) for one in values if one.get("kind") not in ("ConfigMap", *_POLICIES)]
    if not found:
        raise Refused("there is no MCPServer and no ClusterMCPServer among the resources")
    assumed = "" if ask.settings else _ASSUMED_SAID
    return ServersExplained(assumed=assumed, servers=tuple(_explained(one, maps, policies, site, at) for one in found))


def _config_maps(values: list[Mapping[str, Json]]) -> Iterator[tuple[tuple[str, str], SeenConfigMap]]:
    from manifests.objects import inner
    from services.operator.observed import SeenConfigMap

    for one in values:
        data = one.get("data")
        if one.get("kind") == "ConfigMap" and isinstance(data, Mapping):
            place = _space(one), str(inner(one, "metadata", "name"))
            yield place, SeenConfigMap(resource_version="", data={str(key): str(text) for key, text in data.items()})


def _space(value: Mapping[str, Json]) -> str:
    """The namespace of an object of a file."""
    from manifests.objects import inner

    return str(inner(value, "metadata", "namespace") or _DEFAULT)


def _explained(
    resource: ServerResource | Problems,
    maps: Mapping[tuple[str, str], SeenConfigMap],
    policies: list[Mapping[str, Json]],
    site: Site,
    at: Place,
) -> ServerExplained:
    from manifests.crds.definitions import ServerKind
    from services.operator.observed import Observed
    from services.operator.planning import namespace_of
    from services.operator.reconcile import reconcile
    from services.operator.resource import Problems

    now = at.now()
    if isinstance(resource, Problems):
        name = str(resource.identity) if resource.identity is not None else "(not named)"
        return _refused(name, "InvalidSpec", str(resource))
    # A file has no uid. One is put in, so that owner references show where the API server's will be.
    identity = replace(resource.identity, uid=resource.identity.uid or "UID")
    if identity.kind is ServerKind.NAMESPACED and not identity.namespace:
        identity = replace(identity, namespace=_DEFAULT)
    resource = replace(resource, identity=identity)
    namespace = namespace_of(resource.identity, site)
    observed = Observed(
        config_maps={name: one for (space, name), one in maps.items() if space == namespace},
        policies=tuple(one for one in policies if _space(one) == namespace),
    )
    observed = replace(observed, key_sets=_assumed_keys(resource, observed, site))
    verdicts = _assumed(resource.spec.images, now + timedelta(days=1))
    outcome = reconcile(resource, observed, site, verdicts, now)
    reason, text = _accepted(outcome)
    if text:
        return _refused(str(resource.identity), reason, text)
    enforced = outcome.status.get("enforcement")
    return ServerExplained(
        name=str(resource.identity),
        problem="",
        reason="",
        enforced=tuple(str(one) for one in enforced) if isinstance(enforced, tuple) else (),
        objects=_yaml(outcome),
        kinds=tuple(str(one.name) for one in outcome.objects),
        connections=outcome.proven,
        image=_NOT_ASKED if resource.spec.image else "",
    )


def _refused(name: str, reason: str, text: str) -> ServerExplained:
    return ServerExplained(name=name, problem=text, reason=reason, enforced=(), objects="", kinds=(), connections=0, image="")


def _accepted(outcome: Outcome) -> tuple[str, str]:
    """The reason and the sentence for which the resource is refused; both empty if it is not."""
    return (outcome.ready.reason, outcome.ready.message) if outcome.refused else ("", "")


def _assumed_keys(resource: ServerResource, observed: Observed, site: Site) -> Mapping[str, str]:
    """Keys are fetched on a cluster; here an empty set stands for those of the issuer."""
    from services.operator.needs import issuer_to_fetch

    issuer = issuer_to_fetch(resource, observed, site)
    return {issuer.issuer: '{"keys":[]}'} if issuer is not None else {}


def _assumed(images: tuple[str, ...], until: datetime) -> Verdicts:
    """Verdicts that let *images* pass that are named by their digests. Nothing was judged, and the answer says so."""
    from arcops.verdict import Verdict
    from services.operator.verdicts import ImageVerdict, Verdicts

    digests = [found[1] for one in images if (found := _DIGEST.search(one))]
    made = (
        ImageVerdict(digest=one, verdict=Verdict.GREEN, signer="", trusted=True, valid_until=until, artifact="")
        for one in digests
    )
    return Verdicts(images={one.digest: one for one in made})


def _yaml(outcome: Outcome) -> str:
    from manifests.text import document, documents

    made: list[str] = []
    for one in outcome.objects:
        value: Mapping[str, Thawed] = one.value
        made.append(document(str(one.name), value))
    return documents(made)
