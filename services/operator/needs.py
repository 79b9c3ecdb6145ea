"""What must be looked at before a resource can be reconciled: ConfigMaps, Secrets, and the keys of issuers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from arcops.errors import Refused
from manifests.objects import Json, inner
from manifests.server.spec import KeyOf, ServerSpec
from services.operator.observed import Observed
from services.operator.resource import ServerResource
from services.operator.sidecar import TrustedIssuer
from services.operator.site import Site
from services.operator.trusting import trusted_issuer


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """Names in the namespace of its pods. ``config_maps`` are read; of ``secrets`` only the version may be looked at."""

    config_maps: frozenset[str]
    secrets: frozenset[str]


def needs(resource: ServerResource) -> Needs:
    """What *resource* names."""
    spec = resource.spec
    maps = {one.name for one in (spec.oidc, spec.authz, spec.profile) if isinstance(one, KeyOf)}
    return Needs(config_maps=frozenset(maps), secrets=frozenset(_secrets(spec)))


def _secrets(spec: ServerSpec) -> Iterator[str]:
    yield from (one.name for one in spec.secrets)
    for variable in spec.env:
        yield from _texts(inner(variable, "valueFrom", "secretKeyRef", "name"))
    for volume in spec.volumes:
        yield from _texts(inner(volume, "secret", "secretName"))
        sources = inner(volume, "projected", "sources")
        for source in sources if isinstance(sources, tuple) else ():
            yield from _texts(inner(source, "secret", "name"))


def _texts(value: Json) -> Iterator[str]:
    if isinstance(value, str):
        yield value


def issuer_to_fetch(resource: ServerResource, observed: Observed, site: Site) -> TrustedIssuer | None:
    """The issuer whose keys the operator fetches for *resource*; `None` without one, or if it cannot be read yet."""
    oidc = resource.spec.oidc
    if oidc is None:
        return None
    try:
        found = trusted_issuer(oidc, resource.identity.namespace, observed, site, whole_cluster=False)
    except Refused:
        return None
    return found if found.keys else None
