"""The all-pairs answer for clusters of several sizes: what a whole process costs, and how that grows with size.

Each shape is read from YAML and answered for every pair of ends on every port in a separate process, by the functions that
`arcops network check` uses. The peers, in the same run: `python -c pass`, whole process against whole process, and the naive
reference of the tests, which looks at one packet after the other: all pairs of the smallest shape, a sample of the others,
whose answers must agree.

Run: ``python benches/network.py``; with ``check`` also the whole command (`arcops network check`: gates, signature and store).
"""

from __future__ import annotations

import gc
import json
import math
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

Shape = tuple[int, int, int, int, int]
"""Pods, policies, namespaces, pods that one policy selects (about), rules in a policy."""

FAMILIES: dict[str, tuple[Shape, ...]] = {
    "sparse": ((60, 24, 3, 2, 2), (400, 160, 20, 2, 2), (800, 320, 40, 2, 2), (2500, 1000, 125, 4, 2), (5000, 2000, 250, 4, 2)),
    "dense": ((60, 24, 2, 15, 4), (400, 160, 4, 20, 4), (800, 320, 4, 25, 4), (2500, 1000, 8, 40, 4), (5000, 2000, 10, 50, 4)),
    "policies": ((5000, 5200, 250, 4, 2),),
}
AIM = 10.0, 1024.0
"""Seconds and MiB for 5,000 pods under 2,000 policies, all pairs, on two cores."""
WHOLE = 100
"""Up to this number of pods the naive reference answers for every pair; above it, for a sample."""


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
        for side, peers in (("ingress", "from"), ("egress", "to")):
            text += f"  {side}:\n"
            for rule in range(rules):
                peer = (
                    f"{{podSelector: {{matchLabels: {{app: a{draw.randrange(apps)}}}}}}}",
                    f"{{namespaceSelector: {{matchLabels: {{team: t{draw.randrange(7)}}}}}, "
                    f"podSelector: {{matchLabels: {{tier: r{rule % 3}}}}}}}",
                    f"{{ipBlock: {{cidr: 10.{draw.randrange(200)}.0.0/16}}}}",
                )[draw.randrange(3)]
                port = ("8000", "http", "443", "9000, endPort: 9100")[draw.randrange(4)]
                text += f"    - {peers}: [{peer}]\n      ports: [{{port: {port}}}]\n"
        yield text


def answer(folder: Path) -> None:
    """In a separate process: read, compile, answer for all pairs."""
    from reach.world import World
    from tasks.network.network import read_manifests

    gc.set_threshold(500_000)  # as in the process of `arcops`
    began = time.process_time()
    network = read_manifests(folder)
    read = time.process_time()
    world = World(network)
    allowed = sum(int(world.pairs(one).sum()) for one in world.port_classes)
    found = {
        "read": read - began,
        "pairs": time.process_time() - read,
        "classes": len(world.first_of_class),
        "ports": len(world.port_classes),
        "allowed": allowed,
    }
    print(json.dumps(found))


def peer(folder: Path, sample: int) -> None:
    """In a separate process: seconds of the naive reference for all pairs (by *sample* pairs, if it is not 0)."""
    from reach.world import World
    from tasks.network.network import read_manifests
    from tests.reach.naive import Naive

    network = read_manifests(folder)
    world, naive = World(network), Naive(network)
    space = world.terrain.ports
    pieces = [space.pieces[int(world.first_of_port_class[one])] for one in world.port_classes]
    count = len(network.pods) ** 2 * len(pieces)
    draw = random.Random(3)  # noqa: S311  # a sample, not a secret
    if sample:
        asked = [(draw.choice(network.pods), draw.choice(network.pods), draw.choice(pieces)) for _ in range(sample)]
    else:
        asked = [(source, target, piece) for source in network.pods for target in network.pods for piece in pieces]
    start = time.process_time()
    truths = [naive.allowed(source, target, piece.protocol, piece.first) for source, target, piece in asked]
    each = (time.process_time() - start) / len(asked)
    tables = {one: world.pairs(one) for one in world.port_classes}
    for (source, target, piece), truth in zip(asked, truths, strict=True):
        row, column = (int(world.class_of[world.position(pods)]) for pods in (source, target))
        table = tables[int(world.port_class_of[space.position(piece.protocol, piece.first)])]
        assert truth is bool(table[row, column]), "the engine and the naive reference disagree"
    print(json.dumps({"naive": each * count}))


def process(command: Sequence[str | Path], environment: dict[str, str] | None = None) -> tuple[str, float, float, float]:
    """What *command* prints, its wall and CPU seconds, and the most memory that it held, in MiB. Raises if it fails."""
    start = time.perf_counter()
    with subprocess.Popen([*map(str, command)], stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment) as running:
        assert running.stdout is not None
        said = running.stdout.read()
        _, status, used = os.wait4(running.pid, 0)
        running.returncode = os.waitstatus_to_exitcode(status)
    wall = time.perf_counter() - start
    if running.returncode not in (0, 3):  # 3: a verdict, which is an answer
        raise SystemExit(f"{command} exited with {running.returncode}")
    return said, wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def checked(folder: Path, home: Path) -> tuple[float, float, float]:
    """`arcops network check` of *folder*, whole process."""
    environment = {**os.environ, "ARCOPS_HOME": str(home), "ARCOPS_PASSPHRASE": "a benchmark's own"}
    arcops = [sys.executable, "-m", "adapters.cli"]
    if not home.exists():
        subprocess.run([*arcops, "keys", "new"], check=True, cwd=ROOT, env=environment, capture_output=True)
    return process([*arcops, "network", "check", folder, "--policy", "network-aks-arc"], environment)[1:]


def main(whole_command: bool) -> None:
    bare = [process([sys.executable, "-c", "pass"]) for _ in range(5)]
    floor_cpu, floor_memory = sorted(one[2] for one in bare)[2], sorted(one[3] for one in bare)[2]
    print(f"'python -c pass': {floor_cpu * 1000:.0f} ms CPU, {floor_memory:.0f} MiB; 'x' below are multiples of that")
    heads = f"{'pods':>6} {'polic.':>6} {'class.':>6} {'ports':>5} {'wall s':>7} {'CPU s':>6} {'x':>6} {'MiB':>5} {'x':>5}"
    print("read and pairs in CPU seconds; growth: the exponent of CPU and memory from one size to the next")
    print(f"{'':8} {heads} {'read s':>7} {'pairs s':>7} {'naive/ours':>10} {'growth':>6} {'memory':>6}")
    with tempfile.TemporaryDirectory() as made:
        for family, shapes in FAMILIES.items():
            before: tuple[int, float, float] | None = None
            for shape in shapes:
                folder = Path(made, f"{family}-{shape[0]}")
                folder.mkdir()
                (folder / "all.yaml").write_text("---\n".join(manifests(*shape)))
                said, wall, cpu, memory = process([sys.executable, __file__, "answer", folder])
                found = json.loads(said)
                sample = "0" if shape[0] <= WHOLE else "200"
                naive = json.loads(process([sys.executable, __file__, "peer", folder, sample])[0])["naive"]
                growth = ""
                if before is not None:
                    size = math.log(shape[0] / before[0])
                    growth = f"{math.log(cpu / before[1]) / size:6.2f} {math.log(memory / before[2]) / size:6.2f}"
                before = shape[0], cpu, memory
                print(
                    f"{family:8} {shape[0]:6} {shape[1]:6} {found['classes']:6} {found['ports']:5} {wall:7.2f} {cpu:6.2f} "
                    f"{cpu / floor_cpu:6.0f} {memory:5.0f} {memory / floor_memory:5.1f} {found['read']:7.2f} "
                    f"{found['pairs']:7.2f} {naive / found['pairs']:10,.0f} {growth}",
                    flush=True,
                )
                if shape[0] == 5000:
                    print(
                        f"{'':8} aim: {AIM[0]:.0f} s ({wall / AIM[0]:.0%} by the clock, {cpu / AIM[0]:.0%} by CPU), "
                        f"{AIM[1]:.0f} MiB ({memory / AIM[1]:.0%})"
                    )
                if whole_command:
                    wall, cpu, memory = checked(folder, Path(made, "home"))
                    print(f"{'':8} arcops network check: {wall:.2f} s, {cpu:.2f} s CPU, {memory:.0f} MiB", flush=True)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["answer", folder]:
            answer(Path(folder))
        case ["peer", folder, sample]:
            peer(Path(folder), int(sample))
        case options:
            main("check" in options)
