"""The all-pairs answer for large clusters, each in a process of its own: time, memory, and the growth of both with size.

The peer is the naive reference of the tests, which looks at one packet after the other; it is timed on a sample of pairs.
"""

from __future__ import annotations

import random
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

SHAPES = {
    # pods, policies, namespaces, pods that one policy selects (about), rules in a policy
    "400 workloads, sparse": (400, 160, 20, 2, 2),
    "800 workloads, sparse": (800, 320, 40, 2, 2),
    "5,000 pods, sparse": (5000, 2000, 250, 4, 2),
    "5,000 pods, dense": (5000, 2000, 10, 50, 4),
}


def manifests(pods: int, policies: int, namespaces: int, chosen: int, rules: int) -> Iterator[str]:
    """A cluster as YAML: every pod with three labels, every policy with rules by pod, by namespace and by address."""
    draw = random.Random(7)  # noqa: S311  # a benchmark's input, not a secret
    apps = max(1, pods // namespaces // chosen)
    for number in range(namespaces):
        yield f"apiVersion: v1\nkind: Namespace\nmetadata: {{name: ns{number}, labels: {{team: t{number % 7}}}}}\n"
    for number in range(pods):
        yield (
            "apiVersion: v1\nkind: Pod\n"
            f"metadata:\n  name: p{number}\n  namespace: ns{number % namespaces}\n"
            f"  labels: {{app: a{number // namespaces % apps}, tier: r{number % 3}, id: i{number}}}\n"
            f"spec:\n  containers:\n    - name: c\n      ports: [{{containerPort: {8000 + number % 10}, name: http}}]\n"
        )
    for number in range(policies):
        text = (
            "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\n"
            f"metadata: {{name: n{number}, namespace: ns{number % namespaces}}}\n"
            f"spec:\n  podSelector: {{matchLabels: {{app: a{draw.randrange(apps)}}}}}\n  policyTypes: [Ingress, Egress]\n"
        )
        for side, whom in (("ingress", "from"), ("egress", "to")):
            text += f"  {side}:\n"
            for rule in range(rules):
                peer = (
                    f"{{podSelector: {{matchLabels: {{app: a{draw.randrange(apps)}}}}}}}",
                    f"{{namespaceSelector: {{matchLabels: {{team: t{draw.randrange(7)}}}}}, "
                    f"podSelector: {{matchLabels: {{tier: r{rule % 3}}}}}}}",
                    f"{{ipBlock: {{cidr: 10.{draw.randrange(200)}.0.0/16}}}}",
                )[draw.randrange(3)]
                port = ("8000", "http", "443", "9000, endPort: 9100")[draw.randrange(4)]
                text += f"    - {whom}: [{peer}]\n      ports: [{{port: {port}}}]\n"
        yield text


def one(shape: str, folder: Path) -> None:
    """In a process of its own: read, compile, answer for all pairs; then sample the peer."""
    from reach.world import World
    from tasks.network import read_manifests
    from tests.reach.naive import Naive

    began = time.perf_counter()
    network = read_manifests(folder)
    read = time.perf_counter()
    world = World(network)
    allowed = sum(int(world.pairs(one).sum()) for one in world.port_classes)
    done = time.perf_counter()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    naive, draw = Naive(network), random.Random(3)  # noqa: S311  # a sample, not a secret
    sample = [
        (draw.choice(network.pods), draw.choice(network.pods), draw.choice(world.terrain.ports.pieces)) for _ in range(200)
    ]
    start = time.perf_counter()
    truths = [naive.allowed(source, target, piece.protocol, piece.first) for source, target, piece in sample]
    each = (time.perf_counter() - start) / len(sample)
    for (source, target, piece), truth in list(zip(sample, truths, strict=True))[:20]:
        row, column = (int(world.class_of[world.position(pods)]) for pods in (source, target))
        port_class = int(world.port_class_of[world.terrain.ports.position(piece.protocol, piece.first)])
        assert truth is bool(world.pairs(port_class)[row, column]), "the engine and the naive reference disagree"
    pairs = len(network.pods) ** 2 * len(world.port_classes)
    print(
        f"{shape:24} {len(network.pods):6} {len(network.policies):6} {len(world.first_of_class):6} {len(world.port_classes):5} "
        f"{read - began:7.2f} {done - read:7.2f} {peak:8.0f} {each * pairs / (done - read):12,.0f} {allowed:14,}"
    )


def main() -> None:
    if len(sys.argv) == 3:
        one(sys.argv[1], Path(sys.argv[2]))
        return
    import tempfile

    heads = f"{'pods':>6} {'polic.':>6} {'class.':>6} {'ports':>5} {'read s':>7} {'pairs s':>7} {'peak MiB':>8}"
    print(f"{'':24} {heads} {'naive/ours':>12} {'allowed':>14}")
    for shape, sizes in SHAPES.items():
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "all.yaml").write_text("---\n".join(manifests(*sizes)))
            subprocess.run([sys.executable, __file__, shape, folder], check=True)


if __name__ == "__main__":
    main()
