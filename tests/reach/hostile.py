"""Manifests that cost as much as they can for their size: each a shape, and how many of what makes it bad."""

from __future__ import annotations

from collections.abc import Callable, Iterator

POLICY = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {{name: n{number}, namespace: {namespace}}}
spec:
  podSelector: {selector}
  policyTypes: [Ingress, Egress]
"""


def pods(count: int, namespaces: int = 1, ports: str = "") -> Iterator[str]:
    """Pods of which no two have the same labels."""
    for number in range(count):
        yield (
            "apiVersion: v1\nkind: Pod\n"
            f"metadata:\n  name: p{number}\n  namespace: ns{number % namespaces}\n"
            f"  labels: {{id: i{number}, half: h{number % 2}}}\n"
            f"spec: {{containers: [{{name: c, ports: [{ports.format(number=number)}]}}]}}\n"
        )


def policies(count: int, rules: Callable[[int], str], selector: Callable[[int], str] = lambda number: "{}") -> Iterator[str]:
    for number in range(count):
        yield POLICY.format(number=number, namespace="ns0", selector=selector(number)) + rules(number)


def address(number: int) -> str:
    """Addresses of which no two stand beside one another."""
    return f"{10 + (number >> 22) % 100}.{number >> 14 & 255}.{number >> 6 & 255}.{number << 2 & 255}"


def _from(key: str, number: int) -> str:
    return f"{{matchExpressions: [{{key: {key}, operator: NotIn, values: [i{number}]}}]}}"


def selectors(size: int) -> Iterator[str]:
    """Every pod is told apart, and every policy selects by a requirement of its own."""
    yield from pods(size)
    yield from policies(
        size,
        lambda number: f"  ingress: [{{from: [{{podSelector: {_from('id', number)}}}]}}]\n",
        lambda number: _from("id", number),
    )


def numbered_ports(size: int) -> Iterator[str]:
    """Every rule cuts the ports again, so that no two ports are alike."""

    def rules(number: int) -> str:
        many = ", ".join(f"{{port: {1 + 2 * one + number % 2}, endPort: {60000 - one}}}" for one in range(size))
        return f"  ingress: [{{ports: [{many}]}}]\n"

    yield from pods(50)
    yield from policies(size, rules, _one)


def _one(number: int) -> str:
    return f"{{matchLabels: {{id: i{number % 50}}}}}"


def named_ports(size: int) -> Iterator[str]:
    """One name, with a number of its own in every pod."""

    def rules(number: int) -> str:
        peer = f"{{podSelector: {{matchLabels: {{id: i{number}}}}}}}"
        return f"  egress: [{{ports: [{{port: http}}], to: [{peer}]}}, {{ports: [{{port: http}}]}}]\n"

    yield from pods(size, ports="{{name: http, containerPort: 1{number:04d}}}")
    yield from policies(size, rules)


def excepts(size: int) -> Iterator[str]:
    """Blocks with many holes."""
    holes = ", ".join(f"{address(one)}/32" for one in range(size))

    def rules(number: int) -> str:
        block = f"{{ipBlock: {{cidr: 0.0.0.0/{number % 4}, except: [{holes}]}}}}"
        return f"  egress: [{{to: [{block}], ports: [{{port: {number + 1}}}]}}]\n"

    yield from pods(50)
    yield from policies(20, rules, _one)


def blocks(size: int) -> Iterator[str]:
    """Many blocks, each in a rule of its own."""

    def rules(number: int) -> str:
        many = ", ".join(f"{{to: [{{ipBlock: {{cidr: {address(one * 20 + number)}/32}}}}]}}" for one in range(size))
        return f"  egress: [{many}]\n"

    yield from pods(50)
    yield from policies(20, rules, _one)


def peers(size: int) -> Iterator[str]:
    """Rules that all name the same many peers, so that each is compared with each."""
    many = ", ".join(f"{{podSelector: {{matchLabels: {{id: i{one}}}}}}}" for one in range(size))

    def rules(number: int) -> str:
        return f"  egress: [{{to: [{many}, {{podSelector: {{matchLabels: {{own: o{number}}}}}}}], ports: [{{port: 1}}]}}]\n"

    yield from pods(10)
    yield from policies(40, rules)


def routes(size: int) -> Iterator[str]:
    """Every route leads to a Service in another namespace, and half of the pods stand behind every Service."""
    yield from pods(size)
    for number in range(size):
        yield (
            f"apiVersion: v1\nkind: Service\nmetadata: {{name: s{number}, namespace: ns0}}\n"
            "spec: {type: LoadBalancer, selector: {half: h1}, ports: [{port: 80}]}\n"
        )
        backend = f"{{name: s{number}, namespace: ns0, port: 80}}"
        yield (
            f"apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {{name: r{number}, namespace: other}}\n"
            f"spec: {{parentRefs: [{{name: g}}], hostnames: [h{number}.example], rules: [{{backendRefs: [{backend}]}}]}}\n"
        )
        routes_of = "{group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: other}"
        yield (
            "apiVersion: gateway.networking.k8s.io/v1beta1\nkind: ReferenceGrant\n"
            f"metadata: {{name: g{number}, namespace: ns0}}\n"
            f"spec: {{from: [{routes_of}], to: [{{group: '', kind: Service, name: s{number}}}]}}\n"
        )


def namespaces(size: int) -> Iterator[str]:
    """A namespace for every pod, and DNS opened to namespaces by labels that none of them is known to have."""

    def rules(number: int) -> str:
        peer = f"{{namespaceSelector: {{matchLabels: {{l{number}: x}}}}}}"
        return f"  egress: [{{to: [{peer}], ports: [{{port: 53, protocol: UDP}}]}}]\n"

    yield from pods(size, size)
    yield from policies(size, rules)


SHAPES: dict[str, Callable[[int], Iterator[str]]] = {
    one.__name__: one for one in (selectors, numbered_ports, named_ports, excepts, blocks, peers, routes, namespaces)
}


def manifests(shape: str, size: int) -> bytes:
    return "---\n".join(SHAPES[shape](size)).encode()
