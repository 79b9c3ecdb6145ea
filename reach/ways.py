"""Services, and the ways in through them, as a picture shows them: below the workloads that they lead to.

The picture shows where a way in leads, not whether policies allow its traffic: for an Ingress or a route, that traffic comes
from the pods of a controller, which may be in no manifest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from arcops.seen.network import Network, PodSet, Protocol, RouteSeen, ServicePort, ServiceSeen
from reach.entries import Services, WayIn, entries
from reach.roots import roots

MOST_ROWS = 4
"""Rows of Services below one group; the rest is counted in one more row."""
MOST_ENTRANCES = 30
MOST_LEADS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Entrance:
    """Ways in that are drawn as one. ``leads`` are positions of groups, each with the row below it."""

    title: str
    detail: str
    leads: tuple[tuple[int, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedPods:
    """``rows`` are those below each group, by its position."""

    rows: tuple[tuple[str, ...], ...]
    entrances: tuple[Entrance, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Lead:
    kind: str
    namespace: str
    title: str
    detail: str
    group: int
    row: str


def served(network: Network, group_of: Mapping[str, int], groups: int) -> ServedPods:
    """The Services and ways in of *network*. ``group_of`` gives the position of the group that each workload is drawn in."""
    position = {id(pods): group_of[title] for pods, title in zip(network.pods, roots(network), strict=True)}
    every: list[dict[str, None]] = [{} for _ in range(groups)]
    behind = Services(network)
    for service in network.services:
        for pods in behind.behind(service):
            for port in service.ports:
                every[position[id(pods)]].setdefault(_service_row(service, port, pods))
    leads = [lead for entry in entries(network) for lead in _leads(entry, position)]
    for lead in leads:
        every[lead.group].setdefault(lead.row)
    rows, short = [], {}
    for number, found in enumerate(every):
        shown = _capped(list(found))
        short.update({(number, row): row if row in shown else shown[-1] for row in found})
        rows.append(tuple(shown))
    return ServedPods(rows=tuple(rows), entrances=_gathered(leads, short))


def _capped(rows: list[str]) -> list[str]:
    if len(rows) <= MOST_ROWS:
        return rows
    return [*rows[: MOST_ROWS - 1], f"and {len(rows) - MOST_ROWS + 1} more ports of Services"]


def _service_row(service: ServiceSeen, port: ServicePort, pods: PodSet) -> str:
    return f"Service {service.name} {port.port} to {_target(port.protocol, port.target, port.target_name, pods)}"


def _target(protocol: Protocol, number: int, name: str, pods: PodSet) -> str:
    named = next((one.number for one in pods.ports if one.name == name and one.protocol is protocol), 0)
    return f"{protocol.value} {number or named or name}"


def _leads(entry: WayIn, position: Mapping[int, int]) -> Iterable[_Lead]:
    for pods in entry.pods:
        target = _target(entry.protocol, entry.port, entry.port_name, pods)
        if entry.service is None:
            row, detail = f"a port of the node to {target}", entry.how.removeprefix(f"{pods.title} ")
            kind, namespace, title = "a port of a node", pods.namespace, pods.title
        else:
            port = _port(entry, entry.service)
            row = _service_row(entry.service, port, pods) if port is not None else f"Service {entry.service.name} to {target}"
            kind, namespace, title, detail = _named(entry.service, entry.route)
        yield _Lead(kind=kind, namespace=namespace, title=title, detail=detail, group=position[id(pods)], row=row)


def _named(service: ServiceSeen, route: RouteSeen | None) -> tuple[str, str, str, str]:
    if route is None:
        word = f"by {service.kind}" if service.kind != "ClusterIP" else "by an external IP"
        return "Service", service.namespace, service.title, word
    at = " and ".join(f"{one.kind} {one.namespace}/{one.name}" for one in route.parents)
    hosts = "" if "*" in route.hosts else ", ".join(route.hosts)
    detail = ", ".join(filter(None, (f"at {at}" if at else "", f"for {hosts}" if hosts else "for every host name")))
    return route.kind, route.namespace, route.title, detail


def _port(entry: WayIn, service: ServiceSeen) -> ServicePort | None:
    wanted = (entry.protocol, entry.port, entry.port_name)
    return next((one for one in service.ports if (one.protocol, one.target, one.target_name) == wanted), None)


def _gathered(leads: list[_Lead], short: Mapping[tuple[int, str], str]) -> tuple[Entrance, ...]:
    """Each way alone; if there are too many, those of one kind in one namespace together; then all of one kind."""
    keys: tuple[Callable[[_Lead], tuple[str, ...]], ...] = (
        lambda one: (one.title, one.detail),
        lambda one: (one.kind, one.namespace),
        lambda one: (one.kind,),
    )
    found: tuple[Entrance, ...] = ()
    for key in keys:
        together: dict[tuple[str, ...], list[_Lead]] = {}
        for lead in leads:
            together.setdefault(key(lead), []).append(lead)
        found = tuple(_entrance(some, short) for _, some in sorted(together.items()))
        if len(found) <= MOST_ENTRANCES and sum(len(one.leads) for one in found) <= MOST_LEADS:
            break
    return found


def _entrance(some: list[_Lead], short: Mapping[tuple[int, str], str]) -> Entrance:
    titles = list(dict.fromkeys(one.title for one in some))
    spaces = sorted({one.namespace for one in some})
    where = f"in {spaces[0]}" if len(spaces) == 1 else f"in {len(spaces)} namespaces"
    alone = len(titles) == 1
    leads = dict.fromkeys((one.group, short[one.group, one.row]) for one in some)
    return Entrance(
        title=titles[0] if alone else f"{len(titles)} ways in by {some[0].kind}",
        detail=some[0].detail if alone else where,
        leads=tuple(sorted(leads)),
    )
