"""The operator beside kopf: both keep the same 1,000 servers, by the same pure pass, over the same simulated API, in one run.

Both watch every kind of object that a server has, look for objects of others before they create one, apply the same objects,
shake hands before Ready, and write the status and an event once that is so. Neither tells steps that do not last.
Prints CPU seconds of each process until every server is Ready, what a second pass writes, how fast a deleted object is back and
another process goes on, and the memory at 5,000 servers. (`benches/operator_pass.py` times one pure pass.)

    python benches/operating.py [--servers 1000] [--many 5000]

kopf is installed into a temporary folder; without an index it is left out, and the run says so.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

HOUSE = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(HOUSE))
KOPF = "kopf>=1.37,<2"


class Process:
    """One part of the run in a process of its own, asked by lines of JSON."""

    def __init__(self, part: str, *words: str, env: dict[str, str] | None = None) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__, "--part", part, *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **(env or {})},
        )
        self.said = self._read()

    def ask(self, **asked: Any) -> Any:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        return self._read()

    def _read(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "a part of the run ended"
        return json.loads(line)

    @property
    def runs(self) -> bool:
        return self._process.poll() is None

    @property
    def cpu(self) -> float:
        """Seconds of CPU so far."""
        parts = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(parts[11]) + int(parts[12])) / os.sysconf("SC_CLK_TCK")

    @property
    def megabytes(self) -> float:
        """The most memory that it held so far."""
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0]) / 1024

    def kill(self) -> None:
        """End it as a crash does."""
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()


def serve(folder: Path) -> None:
    """Be the API server."""
    from tests.adapters.kube.world import a_cluster, server

    servers = "mcpservers.ome.io"
    with a_cluster(folder, secure=True) as found:
        print(json.dumps({"kubeconfig": str(found.kubeconfig)}), flush=True)
        for line in sys.stdin:
            asked = json.loads(line)
            said: Any = True
            match asked["do"]:
                case "create":
                    for number in range(asked["from"], asked["to"]):
                        found.create("mcpservers", server(f"s{number}"), "ome.io")
                case "ready":
                    said = found.do(lambda: sum(1 for one in found.api.store.of(servers).values() if _ready(one.obj)))
                case "writes":
                    said = sum(1 for one in found.api.log if one[2] != "leases.coordination.k8s.io")
                case "requests":
                    said = sum(found.api.asked.values())
                case "pass":  # every watch begins again, and every server is listed again
                    found.do(found.api.store.forget)
                    found.do(found.api.store.cut)
                case "delete":
                    found.do(lambda: found.api.store.remove("services", "team", "s0"))
                    begun = time.monotonic()
                    while found.get("services", "team", "s0") is None:
                        time.sleep(0.005)
                    said = time.monotonic() - begun
                case "holder":
                    lease = found.get("leases.coordination.k8s.io", "arcops-system", "arcops-operator")
                    said = lease["spec"]["holderIdentity"] if lease else ""
            print(json.dumps(said), flush=True)


def _ready(obj: dict[str, Any]) -> bool:
    return any(one["type"] == "Ready" and one["status"] == "True" for one in obj.get("status", {}).get("conditions", ()))


def operate(kubeconfig: Path) -> None:
    """Be ArcOps' operator. A line asks whether it is idle, and ``again`` makes a pass over everything."""
    from adapters.kube.api import Cluster
    from adapters.kube.connecting import connected
    from adapters.kube.operator import Operator, holder_name
    from arcops.request import LiveCluster
    from arcops.tier import Tier
    from tests.adapters.kube.world import Told

    client = connected(LiveCluster(context="admin", clusters=None, kubeconfig=kubeconfig), Tier.RESTRICTED, {})
    operator = Operator(Cluster(client), Told(), holder=holder_name())
    operator.start()
    print(json.dumps(operator.lease.holder), flush=True)
    for line in sys.stdin:
        if json.loads(line).get("again"):
            operator.all_again()
        print(json.dumps({"idle": operator.idle, "made": operator.made, "failed": operator.failed}), flush=True)


KOPF_OPERATOR = """
import datetime, json, threading
import kopf, kubernetes
from kubernetes.dynamic import DynamicClient
from services.operator.observed import Child, Observed
from services.operator.reconcile import reconcile
from services.operator.resource import parse
from manifests.objects import ObjectName, thawed
from tests.adapters.kube.world import Told

TOLD = Told()
OURS = {"app.kubernetes.io/managed-by": "arcops"}
STEPS = ("Waiting", "Rolling")
local = threading.local()
lock = threading.Lock()
servers, live, slices, shaken, working = {}, {}, {}, {}, {}

def api():
    if not hasattr(local, "api"):
        local.api = DynamicClient(kubernetes.client.ApiClient())
    return local.api

@kopf.on.startup()
def start(settings, **_):
    kubernetes.config.load_kube_config(KUBECONFIG, context="admin")
    settings.posting.level = 100  # its own log is not posted, the events of the pass are
    settings.execution.max_workers = 4
    settings.watching.server_timeout = 300

def plain(body):
    return json.loads(json.dumps(dict(body)))

def now():
    return datetime.datetime.now(datetime.timezone.utc)

def read(name):
    kind = api().resources.get(api_version=name.api_version, kind=name.kind)
    try:
        return api().get(kind, name=name.name, namespace=name.namespace).to_dict()
    except kubernetes.dynamic.exceptions.NotFoundError:
        return None

def child(name, found):
    owner = next((o["uid"] for o in found["metadata"].get("ownerReferences", ()) if o.get("controller")), "")
    meta = found["metadata"]
    return Child(name=name, uid=meta["uid"], owner=owner, resource_version=meta["resourceVersion"], live=found)

def addresses(place):
    return tuple(a for one in slices.get(place, {}).values() for end in one.get("endpoints") or ()
                 if (end.get("conditions") or {}).get("ready") for a in end["addresses"])

def shake(place, resource, children):
    for name, one in children.items():
        status = one.live.get("status") or {}
        generation = one.live["metadata"].get("generation")
        if name.kind == "Deployment" and status.get("observedGeneration") == generation and status.get("readyReplicas"):
            found = shaken.get(place)
            if addresses(place) and (found is None or found.of != generation):
                shaken[place] = TOLD.shake(resource, addresses(place), generation)

def make(place):
    # One pass at a time over one server, as ours.
    with lock:
        own = working.setdefault(place, threading.Lock())
    with own:
        one_pass(place)

def one_pass(place):
    value = servers.get(place)
    if value is None:
        return
    namespace, name = place
    resource = parse(value)
    uid = value["metadata"]["uid"]
    with lock:
        children = {one: child(one, found) for one, found in live.items(namespace, name)}
    shake(place, resource, children)
    observed = Observed(children=children, handshake=shaken.get(place), status=value.get("status", {}))
    outcome = reconcile(resource, observed, TOLD.site(), TOLD.verdicts(), now())
    unknown = {one.name for one in outcome.writes} - children.keys()
    there = {one: child(one, found) for one in unknown if (found := read(one)) is not None}
    if there:
        observed = Observed(children={**children, **there}, handshake=shaken.get(place), status=value.get("status", {}))
        outcome = reconcile(resource, observed, TOLD.site(), TOLD.verdicts(), now())
    for one in outcome.writes:
        kind = api().resources.get(api_version=one.name.api_version, kind=one.name.kind)
        done = api().server_side_apply(
            kind, body=one.value, name=one.name.name, namespace=one.name.namespace, field_manager="kopf", force_conflicts=True
        )
        with lock:
            live.put(one.name, done.to_dict(), name)
    if outcome.status_changed and outcome.ready.reason not in STEPS:
        kind = api().resources.get(api_version="ome.io/v1beta1", kind="MCPServer")
        done = api().patch(
            kind.subresources["status"], body={"status": thawed(outcome.status)}, name=name, namespace=namespace,
            content_type="application/merge-patch+json",
        )
        servers[place] = done.to_dict()
        for one in outcome.events:
            kopf.event(value, type=one.weight.value, reason=one.reason, message=one.text)

class Live:
    # The objects of each server, as they are watched.
    def __init__(self):
        self.by = {}

    def items(self, namespace, server):
        return list(self.by.get((namespace, server), {}).items())

    def put(self, name, value, server):
        self.by.setdefault((name.namespace, server), {})[name] = value

    def drop(self, name, server):
        self.by.get((name.namespace, server), {}).pop(name, None)

live = Live()

@kopf.on.event("ome.io", "v1beta1", "mcpservers")
def known(event, body, namespace, name, **_):
    if event["type"] == "DELETED":
        servers.pop((namespace, name), None)
    else:
        before = servers.get((namespace, name))
        if before is None or int(before["metadata"]["resourceVersion"]) < int(body["metadata"]["resourceVersion"]):
            servers[namespace, name] = plain(body)

@kopf.on.resume("ome.io", "v1beta1", "mcpservers")
@kopf.on.create("ome.io", "v1beta1", "mcpservers")
@kopf.on.update("ome.io", "v1beta1", "mcpservers", field="spec")
def made(body, namespace, name, **_):
    servers.setdefault((namespace, name), plain(body))
    make((namespace, name))

@kopf.on.event("networking.k8s.io", "v1", "networkpolicies", labels=OURS)
@kopf.on.event("", "v1", "serviceaccounts", labels=OURS)
@kopf.on.event("", "v1", "configmaps", labels=OURS)
@kopf.on.event("", "v1", "services", labels=OURS)
@kopf.on.event("apps", "v1", "deployments", labels=OURS)
def seen(event, body, namespace, name, **_):
    server = body["metadata"]["labels"]["arcops.dev/mcp-server"]
    place = ObjectName(api_version=body["apiVersion"], kind=body["kind"], namespace=namespace, name=name)
    with lock:
        if event["type"] == "DELETED":
            live.drop(place, server)
        else:
            live.put(place, plain(body), server)
    if event["type"] in ("DELETED", "MODIFIED"):
        make((namespace, server))

@kopf.on.event("discovery.k8s.io", "v1", "endpointslices", labels=OURS)
def sliced(event, body, namespace, name, **_):
    place = namespace, body["metadata"]["labels"]["arcops.dev/mcp-server"]
    if event["type"] == "DELETED":
        slices.get(place, {}).pop(name, None)
    else:
        slices.setdefault(place, {})[name] = plain(body)
    make(place)
"""


def run_kopf(kubeconfig: Path, folder: Path) -> None:
    """Be a kopf operator with the same pass, written as kopf's own examples are: handlers, and the official client."""
    import kopf

    script = folder / "kopf_operator.py"
    script.write_text(f"KUBECONFIG = {str(kubeconfig)!r}\n{KOPF_OPERATOR}")
    import importlib.util

    spec = importlib.util.spec_from_file_location("kopf_operator", script)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["kopf_operator"] = module
    spec.loader.exec_module(module)
    print(json.dumps(True), flush=True)
    kopf.run(clusterwide=True, standalone=True)


def settled(api: Process, operator: Process, count: int, seconds: float) -> float:
    """Seconds until *count* servers are Ready; fails after *seconds*."""
    begun = time.monotonic()
    while api.ask(do="ready") < count:
        assert operator.runs, "the operator ended"
        assert time.monotonic() - begun < seconds, f"{api.ask(do='ready')} of {count} are ready"
        time.sleep(0.2)
    return time.monotonic() - begun


def quiet(operator: Process, seconds: float = 60.0) -> None:
    begun = time.monotonic()
    while not operator.ask()["idle"]:
        assert time.monotonic() - begun < seconds
        time.sleep(0.05)


def ours(folder: Path, count: int) -> float:
    api = Process("serve", str(folder))
    api.ask(do="create", **{"from": 0, "to": count})
    operator = Process("operate", api.said["kubeconfig"])
    idle = operator.cpu
    wall = settled(api, operator, count, 300)
    quiet(operator)
    cpu = operator.cpu - idle
    print(f"ArcOps: {count} servers Ready in {wall:.1f} s, {cpu:.2f} s of CPU ({1000 * cpu / count:.2f} ms a server), "
          f"{api.ask(do='writes')} writes, {operator.megabytes:.0f} MB")  # fmt: skip
    before, begun = api.ask(do="writes"), operator.cpu
    operator.ask(again=True)
    quiet(operator)
    print(f"ArcOps: a second pass over all wrote {api.ask(do='writes') - before} times, {operator.cpu - begun:.2f} s of CPU")
    print(f"ArcOps: a deleted object was back in {api.ask(do='delete'):.3f} s")
    quiet(operator)
    before = api.ask(do="writes")
    api.ask(do="pass")
    time.sleep(1)
    quiet(operator)
    print(f"ArcOps: after the server forgot its history: {api.ask(do='writes') - before} writes")
    second = Process("operate", api.said["kubeconfig"])
    time.sleep(3)
    operator.kill()
    begun_at = time.monotonic()
    while api.ask(do="holder") != second.said:
        time.sleep(0.05)
    print(f"ArcOps: another process leads {time.monotonic() - begun_at:.1f} s after the first was killed")
    second.kill()
    api.kill()
    return cpu


def kopfs(folder: Path, count: int) -> float | None:
    target = folder / "kopf"
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pip",
            "install",
            "--quiet",
            "--quiet",
            "--quiet",
            "--disable-pip-version-check",
            "--target",
            str(target),
            KOPF,
        ],
        check=False,
    )
    if done.returncode:
        print("kopf cannot be installed here, so there is nothing to compare with")
        return None
    api = Process("serve", str(folder / "api"))
    api.ask(do="create", **{"from": 0, "to": count})
    env = {"PYTHONPATH": f"{HOUSE}:{target}", "KUBECONFIG": api.said["kubeconfig"]}
    operator = Process("kopf", api.said["kubeconfig"], str(folder), env=env)
    idle = operator.cpu
    wall = settled(api, operator, count, 600)
    cpu = operator.cpu - idle
    print(f"kopf:   {count} servers Ready in {wall:.1f} s, {cpu:.2f} s of CPU ({1000 * cpu / count:.2f} ms a server), "
          f"{api.ask(do='writes')} writes, {operator.megabytes:.0f} MB")  # fmt: skip
    print(f"kopf:   a deleted object was back in {api.ask(do='delete'):.3f} s")
    operator.kill()
    api.kill()
    return cpu


def memory(folder: Path, count: int) -> None:
    api = Process("serve", str(folder))
    api.ask(do="create", **{"from": 0, "to": count})
    operator = Process("operate", api.said["kubeconfig"])
    wall = settled(api, operator, count, 1200)
    quiet(operator, 300)
    print(f"ArcOps: {count} servers Ready in {wall:.1f} s, at most {operator.megabytes:.0f} MB")
    operator.kill()
    api.kill()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--servers", type=int, default=1000)
    parser.add_argument("--many", type=int, default=5000)
    parser.add_argument("--part", default="")
    parser.add_argument("words", nargs="*", type=Path)
    given = parser.parse_args()
    match given.part:
        case "serve":
            serve(*given.words)
        case "operate":
            operate(*given.words)
        case "kopf":
            run_kopf(*given.words)
        case _:
            with tempfile.TemporaryDirectory() as name:
                folder = Path(name)
                cpu = ours(folder / "ours", given.servers)
                other = kopfs(folder / "theirs", given.servers)
                if other:
                    print(f"ArcOps needs {cpu / other:.2f} of kopf's CPU")
                if given.many:
                    memory(folder / "many", given.many)


if __name__ == "__main__":
    main()
