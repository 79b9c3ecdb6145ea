"""``arcops front switch`` before real fronts in pods, while callers call: none is lost, and what judges badly is taken back."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from adapters.mcp.client import call
from capabilities.policy.policy import ListPolicies, list_policies
from foundation.settings import read_settings
from tests.adapters.kube.test_switching import deployment, service
from tests.adapters.kube.world import until
from tests.adapters.serving import REPOSITORY, environment
from tests.adapters.typed import Done, typed
from tests.models import PASSPHRASE, Bench, bench, good_model
from tests.simulators.issuer import Issuer
from tests.simulators.kube.kubelet import Image, Kubelet, missing
from tests.simulators.kube.serving import Cluster, cluster
from tests.simulators.kube.workloads import SLICES, Workloads, is_ready

pytestmark = [
    pytest.mark.requirement("BASE-8/blue-green-with-rollback"),
    pytest.mark.site,
    pytest.mark.xdist_group("front-switch"),
]
SLOTS = ("blue", "green")
AUDIENCE = "https://arcops.example.org"
PORT = 8420

# A pod has a home and models of its own, copied from the bench; then it is the front, as `arcops mcp --http` starts it.
BEGIN = """
import shutil, sys
sys.path.insert(0, {house!r})
shutil.copytree({home!r}, "/arcops/home", dirs_exist_ok=True)
shutil.copytree({model!r}, "/models/tiny", dirs_exist_ok=True)
from adapters.cli.main import run
sys.exit(run(["mcp", "--http", "--port", "{port}"]))
"""


@dataclass(kw_only=True)
class Site:
    """A front with two slots; ``at`` is where the Service, and each slot alone, is reached."""

    found: Cluster
    here: Bench
    token: str
    pods: Path
    at: dict[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        return {**self.here.environment, "ARCOPS_TIER": "restricted", "ARCOPS_TOKEN": self.token}

    def words(self, slot: str, *more: str) -> tuple[str, ...]:
        told = [f"--address={one}={self.at[one]}" for one in SLOTS]
        return (
            "front", "switch", slot, "--service", "site-front", "--smoke", "/models/tiny", "--smoke-policy", "bench",
            "--kubeconfig", str(self.found.kubeconfig), "--context", "admin", *told,
            "--wait-seconds", "60", "--every-seconds", "1", *more,
        )  # fmt: skip

    def switch(self, slot: str, *more: str) -> Done:
        return typed(*self.words(slot, *more), environment=self.environment)

    @property
    def live(self) -> str:
        return str((self.found.get("services", "arcops", "site-front") or {})["spec"]["selector"]["arcops.dev/slot"])

    def begin(self, slot: str) -> None:
        """Callers are sent to *slot*, and no switch is under way."""
        api = self.found.api

        def put() -> None:
            held = api.store.get("services", "arcops", "site-front")
            assert held is not None
            selector = {**held.obj["spec"]["selector"], "arcops.dev/slot": slot}
            meta = {**held.obj["metadata"], "annotations": {}}
            api.store.put(
                "services", {**held.obj, "metadata": meta, "spec": {**held.obj["spec"], "selector": selector}}, held.owners
            )

        self.found.do(put)
        until(lambda: self.leads_to("site-front") == self.leads_to(f"site-front-{slot}"))

    def leads_to(self, name: str) -> list[str]:
        def read() -> list[str]:
            held = self.found.api.store.get(SLICES, "arcops", f"{name}-sim")
            return [one["addresses"][0] for one in held.obj["endpoints"] if one["conditions"]["ready"]] if held else []

        return self.found.do(read)

    def weights(self, slot: str) -> Path:
        """The file of the model that the pod of *slot* judges."""
        [pod] = [one for one in self.found.all("pods") if one["metadata"]["labels"]["arcops.dev/slot"] == slot]
        return self.pods / pod["metadata"]["uid"][:8] / "volumes" / "models" / "tiny" / "model.safetensors"

    def ask(self) -> int:
        """How many policies the front lists, asked by a client of its own as in another process."""
        settings = read_settings(self.environment)
        told = call(
            self.at[""], list_policies, ListPolicies(), settings=settings, environment=self.environment,
            stop=threading.Event(), progress=lambda done, total: None,
        )  # fmt: skip
        return len(told.policies)

    @contextmanager
    def callers(self) -> Iterator[list[str]]:
        """Callers that call without a rest until the block ends; what they got: a number of policies, or an error."""
        got: list[str] = []
        over = threading.Event()

        def run() -> None:
            while not over.is_set():
                try:
                    got.append(str(self.ask()))
                except Exception as error:
                    got.append(f"{type(error).__name__}: {error}")
                over.wait(0.05)

        threads = [threading.Thread(target=run) for _ in range(2)]
        for one in threads:
            one.start()
        try:
            yield got
        finally:
            over.set()
            for one in threads:
                one.join()


def some_more(got: list[str]) -> None:
    """Wait until callers got some more answers."""
    before = len(got)
    until(lambda: len(got) > before + 3)


def a_front(slot: str, hosts: str) -> dict[str, Any]:
    """The Deployment of a slot, as the chart has it in what matters here."""
    made = deployment(slot)
    made["spec"]["replicas"] = 1
    variables = {
        "ARCOPS_HOME": "/arcops/home", "ARCOPS_PASSPHRASE": PASSPHRASE, "ARCOPS_ROOTS": "/models", "ARCOPS_ALSO_HOSTS": hosts,
        "ARCOPS_OIDC_ISSUER": "corp", "ARCOPS_OIDC_AUDIENCE": AUDIENCE, "ARCOPS_OIDC_JWKS": "/arcops/home/keys.json",
        "HOME": "/arcops", "TMPDIR": "/arcops",
    }  # fmt: skip
    made["spec"]["template"]["spec"] = {
        "securityContext": {"runAsUser": 65532, "runAsNonRoot": True},
        "containers": [
            {
                "name": "front",
                "image": "front",
                "env": [{"name": name, "value": one} for name, one in variables.items()],
                "ports": [{"name": "https", "containerPort": PORT, "protocol": "TCP"}],
                "readinessProbe": {"httpGet": {"path": "/readyz", "port": PORT}, "periodSeconds": 5, "timeoutSeconds": 4},
                "lifecycle": {"preStop": {"sleep": {"seconds": 5}}},
                "securityContext": {"readOnlyRootFilesystem": True, "allowPrivilegeEscalation": False},
                "volumeMounts": [
                    {"name": "home", "mountPath": "/arcops"},
                    {"name": "models", "mountPath": "/models"},
                ],
            }
        ],
        "volumes": [{"name": one, "emptyDir": {}} for one in ("home", "models")],
    }
    return made


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    if why := missing():
        pytest.skip(why)
    folder = tmp_path_factory.mktemp("front")
    here = bench(folder / "bench")
    model = good_model(here, now=datetime.now(UTC))
    issuer = Issuer(url="corp")
    (here.home / "keys.json").write_bytes(issuer.key_set)
    claims = {"aud": AUDIENCE, "sub": "deployer", "exp": int(time.time()) + 3600, "scope": "arcops:read arcops:check"}
    start = BEGIN.format(house=str(REPOSITORY), home=str(here.home), model=str(model), port=PORT)
    image = Image(argv=(sys.executable, "-I", "-c", start), binds=(str(folder / "bench"),))
    with cluster(folder / "cluster") as found:
        kubelet = found.do(lambda: (Workloads(found.api), Kubelet(found.api, folder / "pods", {"front": image}))[1])
        try:
            found.namespace("arcops")
            made = Site(found=found, here=here, token=issuer.token(**claims), pods=folder / "pods")
            for slot in ("", *SLOTS):
                one = service()
                one["metadata"]["name"] = "-".join(filter(None, ("site-front", slot)))
                one["spec"]["selector"]["arcops.dev/slot"] = slot or "blue"
                one["spec"]["ports"][0]["targetPort"] = PORT
                found.create("services", one)
                made.at[slot] = f"http://{found.run(found.balanced('arcops', one['metadata']['name']))}"
            hosts = ",".join(one.removeprefix("http://") for one in made.at.values())
            for slot in SLOTS:
                found.create("deployments", a_front(slot, hosts), "apps")

            def ready() -> bool:
                return [is_ready(one) for one in found.all("pods")] == [True, True]

            try:
                until(ready, 120.0)
            except AssertionError:
                logs = "\n".join(one.read_text()[-1500:] for one in folder.glob("pods/*/*.log"))
                raise AssertionError(f"{found.all('pods')}\n{logs}") from None
            yield made
        finally:
            found.run(kubelet.end())


def test_callers_move_to_the_new_slot_and_no_call_is_lost(site: Site) -> None:
    site.begin("blue")
    with site.callers() as got:
        some_more(got)
        done = site.switch("green", "--watch-seconds", "2")
        some_more(got)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("GREEN green is live and stayed good: it judges ")
    assert "green is live instead of blue" in done.stderr
    assert site.live == "green"
    assert len(set(got)) == 1, "a call was lost"
    assert got[0].isdigit()


def test_a_slot_that_judges_badly_after_the_switch_is_taken_back_and_no_call_is_lost(site: Site) -> None:
    """Mutation: the watch asks only whether the slot answers. The slot answers all along, and one byte of its model changed."""
    site.begin("blue")
    weights = site.weights("green")
    good = weights.read_bytes()

    def damage() -> None:
        until(lambda: site.live == "green", 60.0)
        weights.write_bytes(good[:-1] + b"\x01")

    later = threading.Thread(target=damage)
    later.start()
    try:
        with site.callers() as got:
            done = site.switch("green", "--watch-seconds", "60")
            some_more(got)
    finally:
        later.join()
        weights.write_bytes(good)
    assert done.returncode == 3, done.stdout + done.stderr
    assert "green was taken back, and blue is live again: it judges tiny RED" in done.stdout
    assert site.live == "blue"
    assert len(set(got)) == 1, "a call was lost"
    assert got[0].isdigit()


def test_a_slot_that_judges_badly_never_goes_live(site: Site) -> None:
    site.begin("blue")
    weights = site.weights("green")
    good = weights.read_bytes()
    weights.write_bytes(good[:-1] + b"\x01")
    try:
        done = site.switch("green")
    finally:
        weights.write_bytes(good)
    assert done.returncode == 3
    assert "green is not good, so callers stay at blue: it judges tiny RED" in done.stdout
    assert site.live == "blue"


def test_a_verdict_that_no_trusted_key_signed_is_no_verdict(site: Site, tmp_path: Path) -> None:
    """The one who switches trusts another key than the slot's."""
    site.begin("blue")
    other = bench(tmp_path / "other")
    own = {**site.environment, "ARCOPS_HOME": str(other.home)}
    done = typed(*site.words("green"), environment=own)
    assert done.returncode == 3, done.stdout + done.stderr
    assert "its smoke verdict is not known" in done.stdout
    assert "callers stay" not in done.stderr, "it was not waited for, because looking again does not change it"
    assert site.live == "blue"


def test_killed_in_the_middle_one_slot_is_live_and_the_same_command_goes_on(site: Site) -> None:
    site.begin("blue")
    process = subprocess.Popen(
        [sys.executable, "-m", "adapters.cli", *site.words("green", "--watch-seconds", "5")],
        env=environment(site.environment), cwd=REPOSITORY, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        until(lambda: site.live == "green" or process.poll() is not None, 60.0)
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    assert site.live == "green"
    assert site.ask() > 0
    done = site.switch("green", "--watch-seconds", "5")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("GREEN green is live and stayed good")
