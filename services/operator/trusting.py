"""Whose tokens count and what callers may do, taken from where the resource says it is."""

from __future__ import annotations

from urllib.parse import urlsplit

from arcops.errors import Refused
from foundation.messages import one_reading
from manifests.description import Host
from manifests.objects import text_of
from manifests.server.plan import Egress
from manifests.server.spec import Authz, ClusterTokens, IssuerTokens, KeyOf, Oidc, Policies
from services.operator.observed import Observed
from services.operator.sidecar import CedarPolicies, TrustedIssuer
from services.operator.site import Site

ENTITIES = "entities.json"
ACTIONS = "actions.json"
"""Keys beside the policies in a ConfigMap."""
_INLINE = {
    "issuer": "issuer",
    "audience": "audience",
    "jwksURL": "jwks_url",
    "thvCABundlePath": "ca_bundle_path",
    "caBundlePath": "ca_bundle_path",
    "jwksAuthTokenPath": "jwks_auth_token_path",
    "clientCertificatePath": "client_certificate_path",
    "clientKeyPath": "client_key_path",
}


def trusted_issuer(oidc: Oidc, namespace: str, observed: Observed, site: Site, *, whole_cluster: bool) -> TrustedIssuer:
    """Whose tokens count. Raises `Refused` for what is missing or cannot be meant."""
    if isinstance(oidc, KeyOf):
        oidc = _of_map(oidc, observed)
    if not oidc.audience:
        raise Refused("oidcConfig has no audience; without one, tokens for every other service would count here, too")
    if isinstance(oidc, ClusterTokens):
        issuer = oidc.issuer or site.issuer
        if oidc.use_cluster_auth and issuer != site.issuer:
            raise Refused(f"useClusterAuth would show the operator's own token to {issuer}, which is not this cluster's issuer")
        _refuse_plain(issuer, site)
        own = "" if whole_cluster else namespace
        return TrustedIssuer(
            issuer=issuer,
            audience=oidc.audience,
            keys=True,
            namespace=oidc.namespace or own,
            service_account=oidc.service_account,
        )
    for url in (oidc.issuer, oidc.jwks_url):
        _refuse_plain(url, site)
    return TrustedIssuer(
        issuer=oidc.issuer,
        audience=oidc.audience,
        jwks_url=oidc.jwks_url,
        keys=not _fetched_by_pod(oidc),
        ca_bundle_path=oidc.ca_bundle_path,
        token_path=oidc.jwks_auth_token_path,
        client_certificate_path=oidc.client_certificate_path,
        client_key_path=oidc.client_key_path,
    )


def _refuse_plain(url: str, site: Site) -> None:
    parts = urlsplit(url)
    if parts.username or parts.password:
        raise Refused("the issuer's address holds a user or a password; leave it out")
    if url and urlsplit(url).scheme != "https" and not site.plain_urls:
        raise Refused(f"{url} is not https, so anyone on the way could say whose tokens count")


def _fetched_by_pod(oidc: IssuerTokens) -> bool:
    """Does the relay fetch keys itself? Only if that takes files of the pod, which the operator has not."""
    return bool(oidc.ca_bundle_path or oidc.jwks_auth_token_path or oidc.client_certificate_path)


def for_keys(issuer: TrustedIssuer) -> tuple[Host, ...]:
    """The hosts from which the relay fetches keys."""
    return () if issuer.keys else (Host.at(issuer.jwks_url or issuer.issuer),)


def also(egress: Egress, hosts: tuple[Host, ...]) -> Egress:
    """*egress* and *hosts*, each host once."""
    if egress.everything:
        return egress
    known = {(one.name, one.ports) for one in egress.hosts}
    more = tuple(one for one in hosts if (one.name, one.ports) not in known)
    return Egress(hosts=(*egress.hosts, *more), addresses=egress.addresses, pods=egress.pods, api_server=egress.api_server)


def _of_map(key: KeyOf, observed: Observed) -> IssuerTokens:
    value = one_reading(_text(key, observed).encode(), f"{key.name}/{key.key}")
    if not isinstance(value, dict):
        raise Refused(f"{key.name}/{key.key} is not an object")
    found: dict[str, str] = {}
    for name, one in value.items():
        if name not in _INLINE:
            raise Refused(f"{key.name}/{key.key} has the unknown key {str(name)[:100]!r}; known: {', '.join(_INLINE)}")
        if not isinstance(one, str):
            raise Refused(f"{key.name}/{key.key}: {name} is not a text")
        found[_INLINE[name]] = one
    if not found.get("issuer"):
        raise Refused(f"{key.name}/{key.key} names no issuer")
    return IssuerTokens(**found)


def cedar(authz: Authz, observed: Observed) -> CedarPolicies:
    """What callers may do. Raises `Refused` for a ConfigMap that is not there."""
    if isinstance(authz, Policies):
        return CedarPolicies(policies=authz.policies, entities=_entities(authz.entities), actions=dict(authz.actions))
    data = observed.config_maps[authz.name].data if authz.name in observed.config_maps else {}
    actions = one_reading(data.get(ACTIONS, "{}").encode(), f"{authz.name}/{ACTIONS}")
    if not isinstance(actions, dict) or not all(isinstance(one, str) for one in actions.values()):
        raise Refused(f"{authz.name}/{ACTIONS} does not give an action as a text for each tool")
    return CedarPolicies(
        policies=(_text(authz, observed),), entities=_entities(data.get(ENTITIES, "[]")), actions=dict(actions)
    )


def _entities(text: str) -> str:
    found = one_reading(text.encode(), "the entities of authzConfig")
    if not isinstance(found, list):
        raise Refused("the entities of authzConfig are not a list")
    return text_of(found)


def _text(key: KeyOf, observed: Observed) -> str:
    found = observed.config_maps.get(key.name)
    text = found.data.get(key.key) if found is not None else None
    if text is None:
        what = f"the ConfigMap {key.name}" if found is None else f"the key {key.key} of the ConfigMap {key.name}"
        raise Refused(f"{what} is not there")
    return text
