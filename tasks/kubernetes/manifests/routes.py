"""Ingress (``networking.k8s.io/v1``) and the Gateway API (``gateway.networking.k8s.io``): ways in from outside."""

from __future__ import annotations

from collections.abc import Iterator

from arcops.seen.network import (
    Backend,
    BackendTlsSeen,
    CertificateRef,
    GatewaySeen,
    GrantSeen,
    ListenerSeen,
    ParentRef,
    RouteSeen,
)
from tasks.kubernetes.manifests.fields import Field, text_at, whole_at
from tasks.kubernetes.manifests.names import selector
from tasks.kubernetes.manifests.nodes import Mapping

ROUTES = ("HTTPRoute", "GRPCRoute", "TCPRoute", "TLSRoute", "UDPRoute")


def ingress(found: Field, namespace: str, name: str) -> RouteSeen:
    """The Ingress at *found*."""
    spec, said = found.get("spec"), _annotations(found)
    passes = said.get(_PASSES) == "true"
    backends: list[Backend] = []
    hosts: list[str] = []
    if spec is not None:
        default = spec.get("defaultBackend")
        backends.extend(_ingress_backend(default, namespace))
        hosts += ["*"] if default is not None else []  # it takes what no rule takes, for any host
        for rule in spec.items("rules"):
            hosts.append(text_at(rule.get("host"), "*") or "*")
            http = rule.get("http")
            for path in http.items("paths") if http else ():
                kind, at = text_at(path.get("pathType"), "Prefix"), text_at(path.get("path")) or "/"
                asked = () if (kind, at) in _EVERY_PATH else (f"{kind} {at}",)
                backends.extend(_ingress_backend(path.get("backend"), namespace, asked))
    return RouteSeen(
        kind="Ingress",
        namespace=namespace,
        name=name,
        at=found.at,
        hosts=tuple(dict.fromkeys(hosts)) or ("*",),
        backends=tuple(backends),
        tls=("*",) if passes else tuple(dict.fromkeys(_ingress_tls(spec))) if spec is not None else (),
        encrypts=passes or said.get(_PROTOCOL, "").upper() in ("HTTPS", "GRPCS"),
        plain=_plain(said),
        altered=tuple(name for name in sorted(said) if is_snippet(name)),
    )


_PROTOCOL, _PASSES = (f"nginx.ingress.kubernetes.io/{one}" for one in ("backend-protocol", "ssl-passthrough"))
_SNIPPETS = ("/configuration-snippet", "/server-snippet", "/server-snippets", "/location-snippets", "/stream-snippet")
"""Ends of annotations that hold text of the controller's own configuration (ingress-nginx; F5 NGINX, ``nginx.org``)."""
_REDIRECT = "/ssl-redirect"
_ALLOWS = "kubernetes.io/ingress.allow-http"
_ENTRY_POINTS = "traefik.ingress.kubernetes.io/router.entrypoints"


def is_snippet(name: str) -> bool:
    """Does the annotation *name* of an Ingress hold text of its controller's configuration?"""
    return name.endswith(_SNIPPETS)


def is_read(name: str) -> bool:
    """Is the annotation *name* of an Ingress one that is read?"""
    known = (_PROTOCOL, _PASSES, _ALLOWS, _ENTRY_POINTS)
    return is_snippet(name) or name in known or name.endswith((_REDIRECT, "/force-ssl-redirect"))


def _annotations(found: Field) -> dict[str, str]:
    given = found.within("metadata", "annotations")
    return {name: value.text() for name, value in given.members() if is_read(name)} if given is not None else {}


def _plain(said: dict[str, str]) -> str:
    """Which annotation of an Ingress lets requests in by plain text, too."""
    for name, value in sorted(said.items()):
        forced = said.get(name.replace(_REDIRECT, "/force-ssl-redirect")) == "true"
        if (name.endswith(_REDIRECT) and value == "false" and not forced) or (name == _ALLOWS and value == "true"):
            return f"{name}: {value}"
    entry = said.get(_ENTRY_POINTS, "")
    return f"{_ENTRY_POINTS}: {entry}" if entry and "web" in (one.strip() for one in entry.split(",")) else ""


def _ingress_tls(spec: Field) -> Iterator[str]:
    """The host names with a certificate; an entry without hosts is for every host of the controller's own certificate."""
    for item in spec.items("tls"):
        hosts = [one.text() for one in item.items("hosts")]
        yield from hosts or ["*"]


_EVERY_PATH = (("Prefix", "/"), ("ImplementationSpecific", "/"))


def _ingress_backend(found: Field | None, namespace: str, asked: tuple[str, ...] = ()) -> Iterator[Backend]:
    if found is None:
        return
    service = found.get("service")
    if service is None:
        resource = found.get("resource")
        if resource is None:
            found.wrong("a backend needs exactly one of service and resource")
            return
        yield Backend(
            at=found.at,
            field=found.path,
            namespace=namespace,
            name=text_at(resource.get("name")),
            kind=text_at(resource.get("kind")),
            asked=asked,
        )
        return
    yield Backend(
        at=service.at,
        field=service.path,
        namespace=namespace,
        name=text_at(service.get("name")),
        port=whole_at(service.within("port", "number")),
        port_name=text_at(service.within("port", "name")),
        asked=asked,
    )


def route(found: Field, kind: str, namespace: str, name: str) -> RouteSeen:
    """The route of the Gateway API at *found*."""
    spec = found.get("spec")
    if spec is None:
        return RouteSeen(kind=kind, namespace=namespace, name=name, at=found.at)
    return RouteSeen(
        kind=kind,
        namespace=namespace,
        name=name,
        at=found.at,
        hosts=tuple(item.text() for item in spec.items("hostnames")) or ("*",),
        parents=tuple(_parent(item, namespace) for item in spec.items("parentRefs")),
        backends=tuple(_backends(spec, namespace)),
        altered=tuple(dict.fromkeys(_extensions(spec))),
    )


def _extensions(spec: Field) -> Iterator[str]:
    """Filters of other kinds, which the implementation of the Gateway knows."""
    for rule in spec.items("rules"):
        for part in (rule, *rule.items("backendRefs")):
            for one in part.items("filters"):
                other = one.get("extensionRef")
                if other is not None:
                    yield f"{text_at(other.get('kind'))}.{text_at(other.get('group'))}"


def _parent(item: Field, namespace: str) -> ParentRef:
    return ParentRef(
        at=item.at,
        kind=_kind(item, "Gateway").removeprefix("X"),
        namespace=text_at(item.get("namespace"), namespace),
        name=text_at(item.get("name")),
        section=text_at(item.get("sectionName")),
        port=whole_at(item.get("port")),
    )


def _backends(spec: Field, namespace: str) -> Iterator[Backend]:
    for rule in spec.items("rules"):
        asked = tuple(dict.fromkeys(map(_asked, rule.items("matches"))))
        for item in rule.items("backendRefs"):
            yield _backend(item, namespace, () if "" in asked else asked)
            yield from _mirrors(item, namespace)
        yield from _mirrors(rule, namespace)


def _asked(match: Field) -> str:
    """What one match of a route asks of requests, in words; empty if it takes every request (what the API server fills in)."""
    path, method, parts = match.get("path"), match.get("method"), []
    if path is not None:
        kind, value = text_at(path.get("type"), "PathPrefix"), text_at(path.get("value"), "/")
        parts += [f"{kind} {value}"] if (kind, value) != ("PathPrefix", "/") else []
    if method is not None:
        whole = isinstance(method.node, Mapping)  # of a GRPCRoute: a service and a method
        names = [text_at(method.get(name)) for name in ("service", "method")] if whole else [text_at(method)]
        parts.append(f"method {'/'.join(names)}{_compared(method) if whole else ''}")
    for name in ("headers", "queryParams"):
        parts += [f"{name} {text_at(one.get('name'))}={text_at(one.get('value'))}{_compared(one)}" for one in match.items(name)]
    return " and ".join(parts)


def _compared(found: Field) -> str:
    """How a value is compared, in words; empty if it must be equal, as usual."""
    return f" ({kind})" if (kind := text_at(found.get("type"), "Exact")) != "Exact" else ""


def _mirrors(found: Field, namespace: str) -> Iterator[Backend]:
    """What filters send requests to besides: a copy of each, or each to ask whether it may pass."""
    for one in found.items("filters"):
        for name in ("requestMirror", "externalAuth"):
            also = one.within(name, "backendRef")
            if also is not None:
                yield _backend(also, namespace)


_REFERRED = {
    "Service": ("",),
    "Gateway": ("gateway.networking.k8s.io",),
    "ListenerSet": ("gateway.networking.k8s.io",),
    "XListenerSet": ("gateway.networking.x-k8s.io",),
    "InferencePool": ("inference.networking.k8s.io", "inference.networking.x-k8s.io"),
}
"""The groups of the kinds that references name here."""


def _kind(item: Field, kind: str) -> str:
    """The kind that a reference names, by default *kind*; if it is one of another group that has the same name, with it."""
    named, group = text_at(item.get("kind"), kind), item.get("group")
    if group is None or group.text() in _REFERRED.get(named, (group.text(),)):
        return named
    return f"{named}.{group.text()}"


def _backend(item: Field, namespace: str, asked: tuple[str, ...] = ()) -> Backend:
    return Backend(
        at=item.at,
        field=item.path,
        namespace=text_at(item.get("namespace"), namespace),
        name=text_at(item.get("name")),
        port=whole_at(item.get("port")),
        kind=_kind(item, "Service"),
        asked=asked,
    )


def gateway(found: Field, namespace: str, name: str) -> GatewaySeen:
    """The Gateway at *found*."""
    spec = found.get("spec")
    listeners = tuple(_listener(item, namespace) for item in spec.items("listeners")) if spec else ()
    sets = spec.within("allowedListeners", "namespaces") if spec else None
    return GatewaySeen(
        namespace=namespace,
        name=name,
        at=found.at,
        listeners=listeners,
        sets_from=text_at(sets.get("from"), "None") if sets else "None",
        sets=selector(sets.get("selector")) if sets else None,
        class_name=text_at(spec.get("gatewayClassName")) if spec else "",
        carries=text_at(found.within("metadata", "labels", "istio.io/waypoint-for"), "service") or "service",
    )


def listener_set(found: Field, namespace: str, name: str) -> GatewaySeen:
    """The ListenerSet at *found*, with the Gateway to which it adds its listeners."""
    spec = found.get("spec")
    parent = spec.get("parentRef") if spec else None
    return GatewaySeen(
        kind="ListenerSet",
        namespace=namespace,
        name=name,
        at=found.at,
        listeners=tuple(_listener(item, namespace) for item in spec.items("listeners")) if spec else (),
        parent=_parent(parent or found, namespace),
    )


def openshift_route(found: Field, namespace: str, name: str) -> RouteSeen:
    """OpenShift's Route (``route.openshift.io/v1``) at *found*. The router makes a host name if it has none."""
    spec = found.get("spec")
    if spec is None:
        return RouteSeen(kind="Route", namespace=namespace, name=name, at=found.at)
    host = text_at(spec.get("host")) or f"{name}-{namespace}"
    if text_at(spec.get("wildcardPolicy")) == "Subdomain":
        host = f"*.{host.partition('.')[2]}"
    tls = spec.get("tls")
    ends_at = tls.get("termination") if tls else None
    ends = text_at(ends_at)
    if ends_at is not None and ends not in ("edge", "passthrough", "reencrypt"):
        ends_at.wrong(f"{ends[:40]!r} is not one of edge, passthrough, reencrypt")
    plain = not ends or (tls is not None and text_at(tls.get("insecureEdgeTerminationPolicy")) == "Allow")
    port = spec.within("port", "targetPort")
    asked = port.whole_or_text() if port is not None else ""
    targets = [one for one in (spec.get("to"), *spec.items("alternateBackends")) if one is not None]
    return RouteSeen(
        kind="Route",
        namespace=namespace,
        name=name,
        at=found.at,
        hosts=(host,),
        backends=tuple(
            Backend(
                at=one.at,
                field=one.path,
                namespace=namespace,
                name=text_at(one.get("name")),
                kind=text_at(one.get("kind"), "Service"),
                port_name=asked if isinstance(asked, str) else "",
                target=asked if isinstance(asked, int) else 0,
                first=True,
            )
            for one in targets
        ),
        tls=() if plain else (host,),
        encrypts=ends in ("reencrypt", "passthrough"),
    )


def _listener(item: Field, namespace: str) -> ListenerSeen:
    tls = item.get("tls")
    allowed = item.get("allowedRoutes")
    from_at = allowed.within("namespaces", "from") if allowed else None
    return ListenerSeen(
        at=item.at,
        name=text_at(item.get("name")),
        hostname=text_at(item.get("hostname"), "*"),
        port=whole_at(item.get("port")),
        protocol=text_at(item.get("protocol")),
        routes_from=text_at(from_at, "Same"),
        namespaces=selector(allowed.within("namespaces", "selector")) if allowed else None,
        kinds=tuple(text_at(kind.get("kind")) for kind in allowed.items("kinds")) if allowed else (),
        certificates=tuple(_certificate(one, namespace) for one in tls.items("certificateRefs")) if tls else (),
        passes=text_at(tls.get("mode")) == "Passthrough" if tls else False,
        bare=_is_bare(text_at(item.get("protocol")), tls),
    )


def _is_bare(protocol: str, tls: Field | None) -> bool:
    """Does a listener end TLS without any certificate? ``options`` may name one in words of the implementation."""
    if protocol not in ("HTTPS", "TLS") or (tls is not None and text_at(tls.get("mode")) == "Passthrough"):
        return False
    return tls is None or (tls.get("options") is None and not any(True for _ in tls.items("certificateRefs")))


def _certificate(item: Field, namespace: str) -> CertificateRef:
    return CertificateRef(
        at=item.at,
        kind=text_at(item.get("kind"), "Secret"),
        namespace=text_at(item.get("namespace"), namespace),
        name=text_at(item.get("name")),
    )


def backend_tls(found: Field, namespace: str, name: str) -> Iterator[BackendTlsSeen]:
    """Each target of the BackendTLSPolicy at *found*."""
    spec = found.get("spec")
    checks = spec.get("validation") if spec is not None else None
    verified = checks is not None and (
        checks.get("wellKnownCACertificates") is not None or any(True for _ in checks.items("caCertificateRefs"))
    )
    for item in spec.items("targetRefs") if spec is not None else ():
        if text_at(item.get("kind")) == "Service":
            yield BackendTlsSeen(
                namespace=namespace,
                name=name,
                at=item.at,
                service=text_at(item.get("name")),
                section=text_at(item.get("sectionName")),
                unverified=not verified,
                checks=_checks(checks) if checks is not None else "",
            )


def _checks(found: Field) -> str:
    """The name and the authorities that a BackendTLSPolicy asks of a server, in words."""
    refs = sorted(f"{text_at(one.get('kind'))} {text_at(one.get('name'))}" for one in found.items("caCertificateRefs"))
    refs += [text_at(found.get("wellKnownCACertificates"))] if found.get("wellKnownCACertificates") is not None else []
    names = [text_at(found.get("hostname"))]
    names += sorted(text_at(one.get("hostname")) or text_at(one.get("uri")) for one in found.items("subjectAltNames"))
    return f"of the name {', '.join(names)} by {', '.join(refs) or 'no authority'}"


_GROUPS = {
    **dict.fromkeys((*ROUTES, "Gateway", "ListenerSet", "BackendTLSPolicy"), "gateway.networking.k8s.io"),
    **dict.fromkeys(("Service", "Secret", "ConfigMap"), ""),
}
"""The group of each kind that a grant is about; a grant with another group is about something else."""


def _is_of_group(found: Field) -> bool:
    """Has the kind that *found* names the group that it names?"""
    group = text_at(found.get("group"))
    return _GROUPS.get(text_at(found.get("kind")), group) == group


def grants(found: Field, namespace: str, name: str) -> Iterator[GrantSeen]:
    """Each pair of *from* and *to* in the ReferenceGrant at *found*."""
    spec = found.get("spec")
    if spec is None:
        return
    for giver in spec.items("from"):
        for to in spec.items("to"):
            if not (_is_of_group(giver) and _is_of_group(to)):
                continue
            yield GrantSeen(
                namespace=namespace,
                name=name,
                at=giver.at,
                from_kind=text_at(giver.get("kind")),
                from_namespace=text_at(giver.get("namespace")),
                to_kind=text_at(to.get("kind")),
                to_name=text_at(to.get("name")),
            )
