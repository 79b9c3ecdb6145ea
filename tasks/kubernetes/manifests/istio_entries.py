"""Istio's own Gateways as ways in, and the VirtualServices that lead from them, in the words of the Gateway API."""

from __future__ import annotations

from collections.abc import Iterator

from arcops.seen.network import Backend, GatewaySeen, ListenerSeen, ParentRef, RouteSeen
from tasks.kubernetes.manifests.fields import Field, text_at, true_at, whole_at

KIND = "Gateway.networking.istio.io"
_PROTECTED = frozenset(("SIMPLE", "MUTUAL", "OPTIONAL_MUTUAL", "PASSTHROUGH", "AUTO_PASSTHROUGH", "ISTIO_MUTUAL"))


def entry_gateway(found: Field, namespace: str, name: str) -> GatewaySeen:
    """The Gateway at *found*: a listener for each host of each server. ``NAMESPACE/HOST`` says whose routes it accepts."""
    spec = found.get("spec")
    listeners: list[ListenerSeen] = []
    for server in spec.items("servers") if spec is not None else ():
        port = server.get("port")
        number = whole_at(port.get("number")) if port is not None else 0
        for item in server.items("hosts"):
            space, slash, host = item.text().rpartition("/")
            listeners.append(
                ListenerSeen(
                    at=item.at,
                    name=(text_at(port.get("name")) if port is not None else "") or str(number),
                    hostname=host or "*",
                    port=number,
                    protocol=_protocol(server, port),
                    routes_from="All" if not slash or space == "*" else "Same" if space == "." else space,
                )
            )
    return GatewaySeen(kind=KIND, namespace=namespace, name=name, at=found.at, listeners=tuple(listeners))


def is_beyond(found: Field) -> bool:
    """Is the Gateway at *found* for more than VirtualServices say? One that asks for a certificate of the mesh is for clients
    inside of it; one that passes on by itself (``AUTO_PASSTHROUGH``) leads to every Service that its hosts match.
    """
    spec = found.get("spec")
    modes = (text_at(one.within("tls", "mode")) for one in spec.items("servers")) if spec is not None else ()
    return bool({"ISTIO_MUTUAL", "AUTO_PASSTHROUGH"} & set(modes))


def _protocol(server: Field, port: Field | None) -> str:
    """The protocol; ``HTTPS`` also for a server that only sends clients on to HTTPS."""
    said = text_at(port.get("protocol")) if port is not None else ""
    tls = server.get("tls")
    if tls is not None and true_at(tls.get("httpsRedirect")):
        return "HTTPS"
    if tls is not None and text_at(tls.get("mode")) in _PROTECTED:
        return "HTTPS" if said.upper().startswith(("HTTP", "GRPC")) else "TLS"
    return "HTTP" if said.upper() == "HTTPS" else said or "TCP"


def entry_route(found: Field, namespace: str, name: str) -> RouteSeen | None:
    """The VirtualService at *found* as the route of the gateways that it names; `None` if it is for sidecars alone."""
    spec = found.get("spec")
    parents = tuple(_parents(spec, namespace)) if spec is not None else ()
    if spec is None or not parents:
        return None
    return RouteSeen(
        kind="VirtualService",
        namespace=namespace,
        name=name,
        at=found.at,
        hosts=tuple(one.text() for one in spec.items("hosts")) or ("*",),
        parents=parents,
        backends=tuple(_backends(spec, namespace)),
    )


def _parents(spec: Field, namespace: str) -> Iterator[ParentRef]:
    named = [*spec.items("gateways")]
    named += [
        one
        for kind in ("http", "tls", "tcp")
        for item in spec.items(kind)
        for found in item.items("match")
        for one in found.items("gateways")
    ]
    seen = set()
    for one in named:
        space, slash, name = one.text().rpartition("/")
        key = (space if slash else namespace, name)
        if name != "mesh" and key not in seen:
            seen.add(key)
            yield ParentRef(at=one.at, kind=KIND, namespace=key[0], name=name)


def _backends(spec: Field, namespace: str) -> Iterator[Backend]:
    for kind in ("http", "tls", "tcp"):
        for item in spec.items(kind):
            targets = [one.get("destination") for one in (*item.items("route"), *item.items("mirrors"))]
            targets.append(item.get("mirror"))
            delegate = item.get("delegate")
            if delegate is not None:
                where = text_at(delegate.get("namespace"), namespace)
                yield Backend(
                    at=delegate.at,
                    field=delegate.path,
                    namespace=where,
                    name=text_at(delegate.get("name")),
                    kind="VirtualService",
                )
            for target in targets:
                if target is not None:
                    yield _backend(target, namespace)


def _backend(found: Field, namespace: str) -> Backend:
    """A destination: a Service by its short name in the same namespace, or by its full name; else a host."""
    host = text_at(found.get("host"))
    parts = host.removesuffix(".cluster.local").split(".")
    inside = len(parts) == 1 or (len(parts) == 3 and parts[2] == "svc")
    return Backend(
        at=found.at,
        field=found.path,
        namespace=parts[1] if inside and len(parts) == 3 else namespace,
        name=parts[0] if inside else host,
        port=whole_at(found.within("port", "number")),
        kind="Service" if inside else "host",
        first=True,
    )
