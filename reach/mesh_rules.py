"""Does a rule of an AuthorizationPolicy match this connection? Judged by packets and certificates, not by requests.

From Istio's reference: of ``from`` one source, of ``to`` one operation and of ``when`` every condition must match; in each
every field. A value may end or begin with ``*``. What only a request shows (method, path, host, token) is PERHAPS.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from arcops.seen.mesh import MeshMatch, MeshRule, MeshTerms
from reach.addresses import Address, span
from reach.sure import Sure, every, some, sure

_TRUST = "cluster.local"
"""The alias for the mesh's own trust domain, whatever its name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MeshCaller:
    """Who opens a connection, as the mesh knows it.

    ``proven``: the connection has a certificate of the caller. ``namespace`` and ``account`` are empty for a caller that is not
    a pod; ``account`` may be empty for a pod, too, if no manifest shows it. ``address`` is that of a caller that is not a pod.
    """

    proven: Sure
    namespace: str = ""
    account: str = ""
    address: Address | None = None


_OF_REQUESTS = frozenset(("requestPrincipals", "remoteIpBlocks", "remote.ip", "hosts", "methods", "paths", "connection.sni"))


def is_of_requests(match: MeshMatch) -> bool:
    """Does *match* ask for what only a request shows? The proxy of a node (ztunnel) does not read requests."""
    return match.attribute in _OF_REQUESTS or match.attribute.startswith(("request.", "experimental."))


def asks_for_requests(rule: MeshRule) -> bool:
    """Does *rule* ask for anything that only a request shows?"""
    terms = (*rule.sources, *rule.operations)
    return any(is_of_requests(one) for one in (*rule.conditions, *(match for term in terms for match in term.of)))


def for_packets(rule: MeshRule) -> MeshRule:
    """*rule* as a node's proxy takes a rule that denies: without what it does not read, so it denies more."""

    def kept(matches: tuple[MeshMatch, ...]) -> tuple[MeshMatch, ...]:
        return tuple(one for one in matches if not is_of_requests(one))

    return replace(
        rule,
        sources=tuple(MeshTerms(of=kept(one.of)) for one in rule.sources),
        operations=tuple(MeshTerms(of=kept(one.of)) for one in rule.operations),
        conditions=kept(rule.conditions),
    )


def means(rule: MeshRule, caller: MeshCaller, port: int, namespace: str) -> Sure:
    """Does *rule*, of a policy in *namespace*, mean a connection of *caller* to *port*?"""
    return every(
        (
            _one_of(rule.sources, caller, port, namespace),
            _one_of(rule.operations, caller, port, namespace),
            every(_match(one, caller, port, namespace) for one in rule.conditions),
        )
    )


def _one_of(terms: tuple[MeshTerms, ...], caller: MeshCaller, port: int, namespace: str) -> Sure:
    if not terms:
        return Sure.YES
    return some(every(_match(one, caller, port, namespace) for one in term.of) for term in terms)


def _match(asked: MeshMatch, caller: MeshCaller, port: int, namespace: str) -> Sure:
    held = some(_holds(asked.attribute, value, caller, port, namespace) for value in asked.values)
    return held.turned if asked.but_not else held


def _holds(attribute: str, value: str, caller: MeshCaller, port: int, namespace: str) -> Sure:
    match attribute:
        case "ports" | "destination.port":
            return sure(value == str(port))
        case "principals" | "source.principal":
            return _principal(value, caller)
        case "namespaces" | "source.namespace":
            return every((caller.proven, sure(bool(caller.namespace) and _fits(value, caller.namespace))))
        case "serviceAccounts":
            return _account(value, caller, namespace)
        case "ipBlocks" | "source.ip":
            return _address(value, caller)
        case _:
            return Sure.PERHAPS


def _principal(value: str, caller: MeshCaller) -> Sure:
    """``TRUST/ns/NAMESPACE/sa/ACCOUNT``."""
    if not caller.namespace:
        return Sure.NO
    if value == "*":
        return caller.proven
    if not caller.account:
        return every((caller.proven, Sure.PERHAPS))
    path = f"/ns/{caller.namespace}/sa/{caller.account}"
    if _fits(value, _TRUST + path):
        return caller.proven
    # A certificate has the mesh's own name of its trust domain, which no manifest shows.
    return every((caller.proven, Sure.PERHAPS)) if _fits_somewhere(value, path) else Sure.NO


def _fits_somewhere(pattern: str, path: str) -> bool:
    """Does *pattern* match some trust domain followed by *path*?"""
    if pattern.endswith("*"):
        _, slash, rest = pattern[:-1].partition("/")
        return not slash or path.startswith(f"/{rest}")
    rest = pattern.removeprefix("*")
    return rest.endswith(path) and "/" not in rest.removesuffix(path)


def _account(value: str, caller: MeshCaller, namespace: str) -> Sure:
    """``NAMESPACE/ACCOUNT``, or ``ACCOUNT`` in the policy's own *namespace*."""
    where, slash, account = value.rpartition("/")
    if not caller.namespace or caller.namespace != (where if slash else namespace):
        return Sure.NO
    known = sure(account == caller.account) if caller.account else Sure.PERHAPS
    return every((caller.proven, known))


def _address(value: str, caller: MeshCaller) -> Sure:
    block = span(value)
    if caller.address is None or block is None:
        return Sure.PERHAPS
    return sure(block.version == caller.address.version and block.first <= int(caller.address) <= block.last)


def _fits(pattern: str, text: str) -> bool:
    if pattern == "*":
        return bool(text)
    if pattern.endswith("*"):
        return text.startswith(pattern[:-1])
    return text.endswith(pattern[1:]) if pattern.startswith("*") else pattern == text
