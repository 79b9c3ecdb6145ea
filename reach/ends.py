"""Ends of a connection, by the names that users write: ``shop/web``, ``db:5432``, ``Service/web:http``, ``internet``."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

from arcops.errors import Refused
from arcops.seen.network import Network, PodSet, Protocol, ServicePort, ServiceSeen
from reach.addresses import Domain
from reach.decision import End
from reach.entries import Services

OUTSIDE = "internet"
"""An address that no manifest means: RFC 5737 reserves it for documentation."""
_SOMEWHERE = ipaddress.IPv4Address("203.0.113.1")
_TARGET = re.compile(r"(?P<name>.+):(?P<port>[A-Za-z0-9-]+)(?:/(?P<protocol>[A-Za-z]+))?\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedPort:
    """The end of a connection, and the port there. ``port`` is 0 if these pods have no port of that name.

    ``service`` is the Service in the name, if there is one.
    """

    end: End
    protocol: Protocol
    port: int
    port_name: str = ""
    service: ServiceSeen | None = None


def sources(network: Network, text: str) -> tuple[End, ...]:
    """The ends that *text* names: ``[KIND/]NAMESPACE/NAME`` or ``NAME``, an address, or ``internet``.

    Raises `Refused` if there is no such end.
    """
    address = _address(text)
    if address is not None:
        return (address,)
    found = _pods(network, text, "")
    if not found:
        raise Refused(f"these manifests have no pod or workload {text!r}; {_known(network)}")
    return found


def doors(network: Network, text: str, near: str) -> tuple[NamedPort, ...]:
    """What *text* names, ``NAME:PORT[/PROTOCOL]``: a Service by its own port, or pods or an address by theirs.

    A name without a namespace is looked for in the namespace *near* first. Raises `Refused` if it names nothing.
    """
    parts = _TARGET.match(text)
    if parts is None:
        raise Refused(f"{text!r} has no port; write NAME:PORT, such as db:5432 or dns:53/udp")
    name, port = parts["name"].strip("[]"), parts["port"]
    protocol = _protocol(parts["protocol"] or "TCP")
    number = int(port) if port.isdigit() else 0
    if port.isdigit() and not 1 <= number <= 65535:
        raise Refused(f"{port} in {text!r} is not a port; use 1 to 65535")
    address = _address(name)
    if address is not None:
        if not number:
            raise Refused(f"the port {port!r} of an address outside must be a number")
        return (NamedPort(end=address, protocol=protocol, port=number),)
    if any(peer.domain == name for policy in network.policies for rule in policy.egress for peer in rule.peers):
        if not number:
            raise Refused(f"the port {port!r} of a host outside must be a number")
        return (NamedPort(end=Domain(name=name), protocol=protocol, port=number),)
    found = [door for service in _services(network, name, near) for door in _behind(network, service, port, protocol)]
    if not found:
        found = [
            NamedPort(
                end=pods, protocol=protocol, port=number or _port_of(pods, port, protocol), port_name="" if number else port
            )
            for pods in _pods(network, name, near)
        ]
    if not found:
        raise Refused(f"these manifests have no Service with pods, pod or workload {name!r}; {_known(network)}")
    return tuple(found)


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    if text == OUTSIDE:
        return _SOMEWHERE
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def _protocol(text: str) -> Protocol:
    for one in Protocol:
        if one.value == text.upper():
            return one
    raise Refused(f"{text!r} is not a protocol; use tcp, udp or sctp")


def _split(text: str) -> tuple[str, str, str]:
    """Kind, namespace and name; parts that are missing are empty."""
    parts = text.split("/")
    if len(parts) > 3 or not all(parts):
        raise Refused(f"{text!r} is not a name; write NAME, NAMESPACE/NAME or KIND/NAMESPACE/NAME")
    kind, namespace, name = ["", "", *parts][-3:]
    if namespace[:1].isupper() and not kind:  # Deployment/web
        kind, namespace = namespace, ""
    return kind, namespace, name


def _nearest(found: list[tuple[str, object]], namespace: str, near: str) -> list[object]:
    """Of *found*: those in the namespace that was given; else those nearby; else all, if they are in one namespace."""
    for wanted in (namespace,) if namespace else (near, "default"):
        inside = [one for where, one in found if where == wanted]
        if inside or namespace:
            return inside
    places = sorted({where for where, _ in found})
    if len(places) > 1:
        raise Refused(f"the name is in several namespaces ({', '.join(places)}); write NAMESPACE/NAME")
    return [one for _, one in found]


def _pods(network: Network, text: str, near: str) -> tuple[PodSet, ...]:
    kind, namespace, name = _split(text)
    found: list[tuple[str, object]] = [
        (pods.namespace, pods)
        for pods in network.pods
        if (pods.name == name and kind in ("", pods.kind)) or pods.owner in (f"{kind}/{name}", *_any_owner(pods, kind, name))
    ]
    return tuple(one for one in _nearest(found, namespace, near) if isinstance(one, PodSet))


def _any_owner(pods: PodSet, kind: str, name: str) -> tuple[str, ...]:
    return (pods.owner,) if not kind and pods.owner.partition("/")[2] == name else ()


def _services(network: Network, text: str, near: str) -> tuple[ServiceSeen, ...]:
    kind, namespace, name = _split(text)
    if kind not in ("", "Service"):
        return ()
    found: list[tuple[str, object]] = [(one.namespace, one) for one in network.services if one.name == name]
    return tuple(one for one in _nearest(found, namespace, near) if isinstance(one, ServiceSeen))


def _behind(network: Network, service: ServiceSeen, port: str, protocol: Protocol) -> list[NamedPort]:
    asked = next((one for one in service.ports if port in (str(one.port), one.name) and one.protocol is protocol), None)
    if asked is None:
        return []
    return [
        NamedPort(end=pods, protocol=protocol, port=_target(pods, asked), port_name=asked.target_name, service=service)
        for pods in Services(network).behind(service)
    ]


def _target(pods: PodSet, asked: ServicePort) -> int:
    return asked.target or _port_of(pods, asked.target_name, asked.protocol)


def _port_of(pods: PodSet, name: str, protocol: Protocol) -> int:
    return next((one.number for one in pods.ports if one.name == name and one.protocol is protocol), 0)


def _known(network: Network) -> str:
    names = sorted({f"{pods.namespace}/{pods.name}" for pods in network.pods})
    return (
        f"there are {', '.join(names[:8])}{' and others' if len(names) > 8 else ''}" if names else "there are no pods in them"
    )
