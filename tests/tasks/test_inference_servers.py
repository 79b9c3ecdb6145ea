"""Which server it is, what it says of itself, how long it takes to load a model, and the memory that is left meanwhile."""

from __future__ import annotations

import base64
import ctypes
import json
import os
from datetime import timedelta
from pathlib import Path

import pytest

from arcops.endpoint import Endpoint, Load
from arcops.errors import Refused
from arcops.evidence import Seen
from arcops.seen.inference import Credential, Fault, Inference, Listing
from arcops.seen.inference_server import Flavour, RoomKind, RoomLeft, When
from arcops.tier import Tier
from tasks.inference import processes, rooms
from tasks.inference.asking import door
from tasks.inference.inference import inference
from tests.certificates import Authority
from tests.evidence import NOW
from tests.simulators.inference_servers import Deployment, Foundry, Metered, foundry, quick
from tests.simulators.nvml import H100, Driver, library
from tests.simulators.openai_api import Api, serving
from tests.tasks.test_inference import looked, request, small

pytestmark = pytest.mark.requirement("ARC-C3/servers-are-told-apart")


def faults(body: Inference) -> set[Fault | None]:
    return {shot.fault for run in body.runs for shot in run.shots}


def room(body: Inference, kind: RoomKind) -> list[RoomLeft]:
    return [one for one in body.server.memory.rooms if one.kind is kind]


class TestFoundryLocal:
    @pytest.mark.parametrize("preview", [False, True])
    def test_models_are_loaded_by_alias_and_completed_by_id(self, preview: bool) -> None:
        server = Foundry(aliases=("a", "b"), preview=preview)
        with foundry(server, quick()) as api:
            body = looked(small(api, "a", "b", reload=True))
        assert body.server.flavour is (Flavour.FOUNDRY_PREVIEW if preview else Flavour.FOUNDRY)
        assert body.listing is (Listing.LOADED_PREVIEW if preview else Listing.LOADED)
        assert body.listed == ("a-random:1", "b-random:1")
        assert faults(body) == {None}
        assert {one["model"] for one in api.seen} == {"a-random:1", "b-random:1"}
        assert {run.model for run in body.runs} == {"a", "b"}
        assert [(one.model, one.id, one.was_loaded) for one in body.server.served] == [
            ("a", "a-random:1", False),
            ("b", "b-random:1", False),
        ]

    def test_loading_is_timed_and_cold(self) -> None:
        server = Foundry(aliases=("a",), takes=0.3, loaded=["a-random:1"])
        with foundry(server, quick()) as api:
            body = looked(small(api, "a", reload=True))
        (served,) = body.server.served
        assert served.was_loaded
        assert served.cold is not None
        assert 300_000 <= served.cold < 300_000 + 60_000
        changes = [path for path in server.asked if "load/" in path]
        assert changes == ["/models/unload/a", "/models/load/a"]

    def test_nothing_is_unloaded_or_loaded_unasked(self) -> None:
        server = Foundry(aliases=("a", "b"), loaded=["a-random:1"])
        with foundry(server, quick()) as api:
            body = looked(small(api, "a-random:1", "b"))
        assert not [path for path in server.asked if "load/" in path]
        first, second = body.server.served
        assert (first.id, first.cold, second.id) == ("a-random:1", None, "")
        assert "--load" in first.said
        assert faults(body) == {None, Fault.REFUSED}

    def test_an_id_cannot_be_loaded_and_that_is_said(self) -> None:
        server = Foundry(aliases=("a",), loaded=["a-random:1"])
        with foundry(server, quick()) as api:
            body = looked(small(api, "a-random:1", reload=True))
        (served,) = body.server.served
        assert (served.id, served.cold) == ("a-random:1", None)
        assert "alias" in served.said
        assert faults(body) == {None}

    def test_loading_keeps_to_the_check_s_time(self) -> None:
        server = Foundry(aliases=("a",), takes=4)
        with foundry(server, quick()) as api:
            body = looked(small(api, "a", reload=True, budget=1_500_000, patience=1_000_000))
        (served,) = body.server.served
        assert served.cold is None
        assert "time" in served.said
        assert faults(body) == {Fault.NOT_RUN}

    def test_its_health_is_asked_before_and_after(self) -> None:
        server = Foundry(aliases=("a",), loaded=["a-random:1"])
        with foundry(server, quick()) as api:
            well = looked(small(api, "a-random:1"))
            server.sick = True
            ill = looked(small(api, "a-random:1"))
        assert [(one.path, one.when, one.status) for one in well.server.probes] == [
            ("/status", When.BEFORE, 200),
            ("/status", When.AFTER, 200),
        ]
        assert {one.status for one in ill.server.probes} == {500}


class TestAzureLocal:
    def look(self, deployment: Deployment, folder: Path, **credential: str) -> tuple[Inference, Api]:
        authority = Authority.new()
        (folder / "ca.pem").write_bytes(authority.pem)
        with serving(tls=authority.issue("localhost", folder), **{deployment.model: quick()}) as api:
            api.routes = deployment.answer
            load = small(api, deployment.model, url=api.url.replace("127.0.0.1", "localhost"))
            endpoint = Endpoint(load=load, authorities=str(folder / "ca.pem"), **credential)
            body = inference.look(request(load, endpoint=endpoint), Seen({}, at=NOW, subject_name="")).body
        return body, api

    @pytest.mark.parametrize("ready", [True, False])
    def test_it_is_known_by_its_routes_and_says_whether_it_is_ready(self, tmp_path: Path, ready: bool) -> None:
        body, _ = self.look(Deployment(model="phi-4:1", ready=ready), tmp_path)
        assert body.server.flavour is Flavour.FOUNDRY_AZURE
        assert (body.listing, body.listed) == (Listing.ONE, ("phi-4:1",))
        told = {(one.path, one.when): one.status for one in body.server.probes}
        assert told == {
            (path, when): 200 if ready or path == "/health" else 503 for path in ("/health", "/ready") for when in When
        }

    def test_a_token_is_carried_and_never_kept(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        secret = token(NOW + timedelta(hours=1))
        monkeypatch.setenv("ENTRA", secret)
        body, api = self.look(Deployment(model="phi-4:1"), tmp_path, token="env:ENTRA")
        assert {one["Authorization"] for one in api.headers} == {f"Bearer {secret}"}
        assert body.credential is Credential.TOKEN
        assert secret not in repr(body)

    @pytest.mark.parametrize(
        ("made", "said"),
        [
            (lambda: token(NOW - timedelta(seconds=1)), "expires at"),
            (lambda: token(NOW + timedelta(seconds=299)), "expires at"),
            (lambda: "just-a-key", "not a JSON Web Token"),
            (lambda: "a.%%%.c", "not a JSON Web Token"),
            (lambda: token(None), "not a JSON Web Token"),
        ],
        ids=["ended", "ends meanwhile", "a key", "not base64", "no end"],
    )
    def test_a_token_that_is_of_no_use_is_not_sent(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, made: object, said: str
    ) -> None:
        monkeypatch.setenv("ENTRA", made())  # type: ignore[operator]  # a function of no arguments, from the list above
        with pytest.raises(Refused, match=said):
            looked(Load(url="https://localhost:1", models=("a",)), endpoint=Endpoint(
                load=Load(url="https://localhost:1", models=("a",)), token="env:ENTRA"
            ))  # fmt: skip

    def test_a_request_carries_one_credential(self) -> None:
        with pytest.raises(Refused, match="both"):
            Endpoint(load=Load(url="https://localhost:1", models=("a",)), key="env:A", token="env:B")


def token(ends: object) -> str:
    """An unsigned token, as far as a client looks."""
    claims = {"aud": "x"} if ends is None else {"exp": int(ends.timestamp())}  # type: ignore[attr-defined]  # a datetime
    parts = [base64.urlsafe_b64encode(json.dumps(one).encode()).rstrip(b"=").decode() for one in ({"alg": "RS256"}, claims)]
    return ".".join([*parts, "c2lnbmVk"])


class TestOthers:
    @pytest.mark.parametrize(
        ("owner", "flavour"), [("vllm", Flavour.VLLM), ("llamacpp", Flavour.LLAMA), ("somebody", Flavour.OPENAI)]
    )
    def test_owners_tell_who_they_are(self, owner: str, flavour: Flavour) -> None:
        server = Metered(page="")
        with serving(a=quick()) as api:
            api.owner, api.routes = owner, server.answer
            body = looked(small(api))
        assert body.server.flavour is flavour
        assert [one.status for one in body.server.probes] == ([] if flavour is Flavour.OPENAI else [200, 200])
        assert server.read == 0

    def test_no_server(self) -> None:
        body = looked(Load(url="http://127.0.0.1:9", models=("a",), each=2, concurrencies=(1,), rates=()))
        assert body.server.flavour is Flavour.UNREACHED
        assert not body.server.probes

    def test_what_it_says_of_its_cache_is_read_when_asked_for(self) -> None:
        page = '# TYPE x gauge\nvllm:kv_cache_usage_perc{engine="0"} 0.25\nvllm:kv_cache_usage_perc{engine="1"} 0.753\n'
        server = Metered(page=page)
        with serving(a=quick(first=0.3)) as api:
            api.owner, api.routes = "vllm", server.answer
            body = looked(small(api, metrics=True))
        (cache,) = room(body, RoomKind.CACHE)
        assert cache.percent == 24
        assert cache.samples == server.read >= 2
        assert (cache.total, cache.least) == (None, None)

    @pytest.mark.parametrize("page", ["", "vllm:kv_cache_usage_perc 1.7\n", "vllm:kv_cache_usage_perc ...\n"])
    def test_metrics_that_tell_nothing_are_no_room(self, page: str) -> None:
        with serving(a=quick()) as api:
            api.routes = Metered(page=page).answer
            body = looked(small(api, metrics=True))
        assert not room(body, RoomKind.CACHE)
        assert "/metrics" in body.server.memory.said


class TestMemory:
    def test_the_host_and_the_listening_process_are_seen(self) -> None:
        with serving(a=quick()) as api:
            body = looked(small(api))
        (host,) = room(body, RoomKind.HOST)
        assert host.total is not None
        assert host.least is not None
        assert 0 < host.least < host.total
        assert host.percent == host.least * 100 // host.total
        assert host.samples >= 2
        assert body.server.memory.process.many >= 1
        own = processes.resident(frozenset({os.getpid()}))
        assert body.server.memory.process.most >= own // 2

    def test_the_owner_of_a_port_is_found_with_what_it_started(self) -> None:
        with serving(a=quick()) as api:
            port = int(api.url.rpartition(":")[2])
            assert processes.listeners(port) == {os.getpid()}
            assert not processes.listeners(1)
        assert os.getpid() in processes.family(frozenset({os.getppid()}))
        assert os.getppid() not in processes.family(frozenset({os.getpid()}))

    def test_a_gpu_s_memory_is_watched_through_the_real_binding(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        driver = Driver(folder=tmp_path, count=2, device={**H100, "memory": 1000, "memory.free": 900})
        driver.faults.append("gpu0.memory.free=370")
        ctypes.CDLL(str(library()))
        monkeypatch.setenv("NVIDIA_FAKE_STATE", str(driver.state))
        driver.write()
        with serving(a=quick()) as api:
            body = looked(small(api))
            driver.faults.append("gpu0.ret.nvmlDeviceGetMemoryInfo=15")
            driver.write()
            lost = looked(small(api))
        assert [one.percent for one in room(body, RoomKind.DEVICE)] == [37, 90]
        assert [one.percent for one in room(lost, RoomKind.DEVICE)] == [None, 90]
        assert "GPU_IS_LOST" in room(lost, RoomKind.DEVICE)[0].said

    def test_a_gpu_whose_driver_does_not_answer_is_no_free_memory(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(rooms, "_open", lambda: (None, [], "the driver is not loaded"))
        monkeypatch.setattr(rooms, "gpus_on_bus", lambda root: 2)
        with serving(a=quick()) as api:
            body = looked(small(api))
        (device,) = room(body, RoomKind.DEVICE)
        assert (device.percent, device.samples) == (None, 0)
        assert "2 GPU(s)" in device.name

    def test_memory_of_another_machine_is_not_taken_for_its_own(self) -> None:
        with serving(a=quick()) as api:
            load = small(api)
            with rooms.MemoryWatch(door(load, Tier.AIR_GAPPED, key="", authorities=b""), local=False) as far:
                pass
        assert not far.memory.rooms
        assert "another machine" in far.memory.said
        assert far.memory.process.most == 0
