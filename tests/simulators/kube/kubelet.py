"""A kubelet whose pods are local processes: each pod has its own network, each container its own view of the files.

Containers run in bubblewrap with what the pod says: user, read-only root, volumes, no new privileges, no capabilities
(bubblewrap gives none). There is no image: ``images`` says which program an image is. A pod reaches nothing but
itself, and the one server of `Far` if there is one, whatever its policies allow; it is reached at an address of
127.0.0.0/8, which leads into its network.
"""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
import random
import shutil
import signal
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.simulators.kube.store import Change

if TYPE_CHECKING:
    from tests.simulators.kube.api import Api

_INIT = Path(__file__).with_name("pod_init.py")
_HOUSE = Path(__file__).parents[3]


@cache
def _root() -> tuple[str, ...]:
    """The files of every image: this machine's programs, read-only, and empty folders, which are writable if the root is."""
    line: list[str] = []
    for name in ("/usr", "/bin", "/sbin", "/lib", "/lib64", "/etc/ld.so.cache", "/etc/alternatives", "/etc/ssl"):
        place = Path(name)
        if place.is_symlink() and name.count("/") == 1:
            line += ["--symlink", str(place.readlink()), name]
        elif place.exists():
            line += ["--ro-bind", name, name]
    for name in ("/tmp", "/run", "/var/tmp", "/home", "/srv"):
        line += ["--dir", name]
    return tuple(line)


def missing() -> str:
    """Why pods cannot run here; empty if they can."""
    for name in ("unshare", "bwrap"):
        if shutil.which(name) is None:
            return f"{name} is not here, so no pod can run"
    return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """What an image runs. ``argv`` is its entry point; ``binds`` are folders of this machine that are in it, read-only;
    ``files`` are files of it in folders that hold nothing else.
    """

    argv: tuple[str, ...]
    env: dict[str, str] = field(default_factory=dict)
    binds: tuple[str, ...] = ()
    files: dict[str, Path] = field(default_factory=dict)


@dataclass(eq=False)
class _Pod:
    uid: str
    namespace: str
    name: str
    folder: Path
    address: str
    init: asyncio.subprocess.Process | None = None
    task: asyncio.Task[None] | None = None
    servers: list[asyncio.Server] = field(default_factory=list)
    ended: dict[str, asyncio.Future[int]] = field(default_factory=dict)
    started: set[str] = field(default_factory=set)
    ready: dict[str, bool] = field(default_factory=dict)
    restarts: dict[str, int] = field(default_factory=dict)
    ending: bool = False
    waiting: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Far:
    """A server that is in no pod: pods know its ``name`` and reach its ``port``, which is one of this machine."""

    name: str
    port: int
    address: str = "198.51.100.7"


class Kubelet:
    """Runs the pods of one API server below *folder*. ``grace`` is the most seconds that a pod gets to end."""

    def __init__(
        self,
        api: Api,
        folder: Path,
        images: dict[str, Image],
        *,
        grace: float = 3.0,
        speed: float = 10.0,
        outside: Far | None = None,
    ) -> None:
        self._api, self._folder, self.images, self._outside = api, folder, images, outside
        self._grace, self._speed = grace, speed
        self._pods: dict[str, _Pod] = {}
        self._net, self._addresses = random.randrange(64, 128), itertools.count(random.randrange(1, 50_000))  # noqa: S311
        api.upkeep.kubelet = True
        api.store.listeners.append(self._changed)

    def _changed(self, change: Change) -> None:
        if change.resource != "pods":
            return
        if change.after is None:
            pod = self._pods.pop(change.before.obj["metadata"]["uid"], None)
            if pod is not None:
                asyncio.get_running_loop().create_task(self._stop(pod, 0.0))
            return
        obj = change.after.obj
        uid = obj["metadata"]["uid"]
        if obj["metadata"].get("deletionTimestamp"):
            pod = self._pods.get(uid)
            if pod is not None and not pod.ending:
                pod.ending = True
                asyncio.get_running_loop().create_task(self._end(pod, obj))
        elif uid not in self._pods and obj["spec"].get("nodeName"):
            pod = _Pod(uid, obj["metadata"]["namespace"], obj["metadata"]["name"], self._folder / uid[:8], self._address())
            self._pods[uid] = pod
            pod.task = asyncio.get_running_loop().create_task(self._run(pod, obj))

    async def end(self) -> None:
        """Stop every pod."""
        pods = list(self._pods.values())
        self._pods.clear()
        await asyncio.gather(*(self._stop(one, 0.0) for one in pods))

    async def _run(self, pod: _Pod, obj: dict[str, Any]) -> None:
        pod.folder.mkdir(parents=True, exist_ok=True)
        spec = obj["spec"]
        try:
            volumes = self._volumes(pod, spec)
        except KeyError as error:
            pod.waiting = f"CreateContainerConfigError: {error.args[0]}"
            self._tell(pod)
            await asyncio.sleep(0.5)
            if pod.uid in self._pods and not pod.ending:
                pod.task = asyncio.get_running_loop().create_task(self._run(pod, obj))
            return
        pod.waiting = ""
        path = pod.folder / "in.sock"
        path.unlink(missing_ok=True)
        pod.init = await asyncio.create_subprocess_exec(
            "unshare", "--user", "--map-root-user", "--net", "--kill-child", "--", sys.executable, "-I", str(_INIT), str(path),
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        asyncio.get_running_loop().create_task(self._listen(pod))
        await self._future(pod, "up")
        if self._outside is not None:
            await self._lead_out(pod, self._outside)
        every = [*(spec.get("initContainers") or ()), *spec["containers"]]
        await self._listen_for(pod, path, {port for one in every for port in self._ports(one)})
        for one in spec.get("initContainers") or ():
            if one.get("restartPolicy") == "Always":
                asyncio.get_running_loop().create_task(self._keep(pod, obj, one, volumes))
                await self._startup(pod, one)
            else:
                while await self._once(pod, obj, one, volumes) and not pod.ending:
                    await asyncio.sleep(0.3)
        for one in spec["containers"]:
            asyncio.get_running_loop().create_task(self._keep(pod, obj, one, volumes))

    async def _lead_out(self, pod: _Pod, outside: Far) -> None:
        """Let the pod reach *outside*, by its name, as a kubelet writes names into ``/etc/hosts``."""
        (self._folder / "hosts").write_text(f"127.0.0.1 localhost\n{outside.address} {outside.name}\n")
        path = pod.folder / "out.sock"

        async def left(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            there = await asyncio.open_connection("127.0.0.1", outside.port)
            await asyncio.gather(_pump(reader, there[1]), _pump(there[0], writer))

        pod.servers.append(await asyncio.start_unix_server(left, path))
        self._ask(pod, {"outside": outside.address, "port": outside.port, "path": str(path)})
        await self._future(pod, "outside")

    def _address(self) -> str:
        count = next(self._addresses)
        return f"127.{self._net}.{count // 250 % 250}.{count % 250 + 1}"

    async def _listen_for(self, pod: _Pod, path: Path, ports: set[int]) -> None:
        """Let connections to *ports* in. Another simulated cluster may have the address already."""
        while True:
            try:
                for port in ports:
                    pod.servers.append(await asyncio.start_server(_entering(path, port), pod.address, port))
            except OSError:
                for one in pod.servers:
                    one.close()
                pod.servers.clear()
                pod.address = self._address()
            else:
                return

    @staticmethod
    def _ports(container: dict[str, Any]) -> set[int]:
        found = {one["containerPort"] for one in container.get("ports") or ()}
        for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
            for how in ("httpGet", "tcpSocket"):
                port = (container.get(probe) or {}).get(how, {}).get("port")
                if isinstance(port, int):
                    found.add(port)
        return found

    async def _listen(self, pod: _Pod) -> None:
        assert pod.init is not None
        assert pod.init.stdout is not None
        while line := await pod.init.stdout.readline():
            told = json.loads(line)
            if "up" in told:
                self._future(pod, "up").set_result(0)
            elif "outside" in told:
                self._future(pod, "outside").set_result(0)
            elif "started" in told:
                pod.started.add(told["started"])
            elif "ended" in told:
                pod.started.discard(told["ended"])
                pod.ready[told["ended"]] = False
                waiting = self._future(pod, told["ended"])
                if not waiting.done():
                    waiting.set_result(told["code"])
        for waiting in pod.ended.values():
            if not waiting.done():
                waiting.set_result(137)

    def _future(self, pod: _Pod, name: str) -> asyncio.Future[int]:
        return pod.ended.setdefault(name, asyncio.get_running_loop().create_future())

    async def _once(self, pod: _Pod, obj: dict[str, Any], container: dict[str, Any], volumes: dict[str, Path]) -> int:
        """Run *container* to its end; gives its code."""
        name = container["name"]
        image = self.images.get(container["image"])
        if image is None:
            pod.waiting = f"ErrImagePull: {container['image']}"
            self._tell(pod)
            await asyncio.sleep(2.0)
            return 1
        try:
            env = self._environment(pod, obj, container, image)
        except KeyError as error:
            pod.waiting = f"CreateContainerConfigError: {error.args[0]}"
            self._tell(pod)
            await asyncio.sleep(0.5)
            return 1
        pod.waiting = ""
        pod.ended[name] = asyncio.get_running_loop().create_future()
        self._ask(
            pod,
            {
                "start": name,
                "argv": self._argv(obj, container, image, volumes),
                "env": env,
                "log": str(pod.folder / f"{name}.log"),
            },
        )
        return await pod.ended[name]

    async def _keep(self, pod: _Pod, obj: dict[str, Any], container: dict[str, Any], volumes: dict[str, Path]) -> None:
        """Run *container* for as long as its pod."""
        name = container["name"]
        probing = asyncio.get_running_loop().create_task(self._probe(pod, container))
        while not pod.ending and pod.uid in self._pods:
            await self._once(pod, obj, container, volumes)
            if pod.ending or pod.uid not in self._pods:
                break
            pod.restarts[name] = pod.restarts.get(name, 0) + 1
            self._tell(pod)
            await asyncio.sleep(min(5.0, 0.2 * 2 ** pod.restarts[name]))
        probing.cancel()

    async def _startup(self, pod: _Pod, container: dict[str, Any]) -> None:
        """Wait until a container that stays has started: the next ones start after it."""
        probe = container.get("startupProbe")
        while container["name"] not in pod.started and not pod.ending:
            await asyncio.sleep(0.02)
        while probe and not pod.ending and not await self._asked(pod, container, probe):
            await asyncio.sleep(0.1)

    async def _probe(self, pod: _Pod, container: dict[str, Any]) -> None:
        name, probe = container["name"], container.get("readinessProbe")
        failures = 0
        while True:
            if name in pod.started:
                good = probe is None or await self._asked(pod, container, probe)
                failures = 0 if good else failures + 1
                if good != pod.ready.get(name, False) and (good or failures >= (probe or {}).get("failureThreshold", 3)):
                    pod.ready[name] = good
                    self._tell(pod)
            await asyncio.sleep((probe or {}).get("periodSeconds", 1) / self._speed)

    async def _asked(self, pod: _Pod, container: dict[str, Any], probe: dict[str, Any]) -> bool:
        if container["name"] not in pod.started:
            return False
        how = probe.get("httpGet") or probe.get("tcpSocket") or {}
        port = how.get("port")
        if isinstance(port, str):
            port = next((one["containerPort"] for one in container.get("ports") or () if one.get("name") == port), 0)
        if not port:
            return True
        try:
            async with asyncio.timeout(probe.get("timeoutSeconds", 1)):
                reader, writer = await asyncio.open_unix_connection(pod.folder / "in.sock")
                writer.write(port.to_bytes(2, "big"))
                try:
                    if "httpGet" not in probe:
                        return True
                    writer.write(f"GET {how['path']} HTTP/1.1\r\nHost: {pod.address}\r\nConnection: close\r\n\r\n".encode())
                    line = await reader.readline()
                    return line[9:12].isdigit() and 200 <= int(line[9:12]) < 400
                finally:
                    writer.close()
        except (OSError, TimeoutError):
            return False

    def _ask(self, pod: _Pod, told: dict[str, Any]) -> None:
        if pod.init is not None and pod.init.stdin is not None and pod.init.returncode is None:
            pod.init.stdin.write(json.dumps(told).encode() + b"\n")

    def _tell(self, pod: _Pod) -> None:
        """Write the pod's status."""
        held = self._api.store.get("pods", pod.namespace, pod.name)
        if held is None or held.obj["metadata"]["uid"] != pod.uid:
            return
        spec = held.obj["spec"]
        mains = [one["name"] for one in spec["containers"]]
        stay = [one["name"] for one in spec.get("initContainers") or () if one.get("restartPolicy") == "Always"]
        running = all(one in pod.started for one in mains)
        ready = running and all(pod.ready.get(one, False) for one in (*mains, *stay))
        conditions = [{"type": "Ready", "status": "True" if ready else "False"}, {"type": "PodScheduled", "status": "True"}]
        waiting = {"reason": pod.waiting.partition(":")[0] or "ContainerCreating", "message": pod.waiting}
        status: dict[str, Any] = {
            "phase": "Running" if running else "Pending",
            "podIP": pod.address,
            "podIPs": [{"ip": pod.address}],
            "conditions": conditions,
            "containerStatuses": [
                {"name": one, "ready": pod.ready.get(one, False), "restartCount": pod.restarts.get(one, 0),
                 "state": {"running": {}} if one in pod.started else {"waiting": waiting}}
                for one in mains
            ],
        }  # fmt: skip
        before = held.obj.get("status") or {}
        if any(before.get(name) != status[name] for name in ("phase", "podIP", "conditions")) or pod.waiting or pod.restarts:
            self._api.store.put("pods", {**held.obj, "status": status}, held.owners)

    def _environment(self, pod: _Pod, obj: dict[str, Any], container: dict[str, Any], image: Image) -> dict[str, str]:
        found = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": "/", "HOSTNAME": pod.name, **image.env}
        for one in container.get("env") or ():
            source = one.get("valueFrom")
            if source is None:
                found[one["name"]] = one.get("value", "")
            elif "secretKeyRef" in source:
                found[one["name"]] = self._key(pod, "secrets", source["secretKeyRef"])
            elif "configMapKeyRef" in source:
                found[one["name"]] = self._key(pod, "configmaps", source["configMapKeyRef"])
            elif "fieldRef" in source:
                where = source["fieldRef"]["fieldPath"]
                told = {"metadata.name": pod.name, "metadata.namespace": pod.namespace, "status.podIP": pod.address,
                        "metadata.uid": pod.uid, "spec.nodeName": "node-1"}  # fmt: skip
                found[one["name"]] = told.get(where, "")
        return found

    def _key(self, pod: _Pod, resource: str, ref: dict[str, Any]) -> str:
        held = self._api.store.get(resource, pod.namespace, ref["name"])
        data = (held.obj.get("data") or {}) if held is not None else {}
        if ref["key"] not in data:
            if ref.get("optional"):
                return ""
            raise KeyError(f"{resource[:-1]} {ref['name']!r} has no key {ref['key']!r}")
        text = data[ref["key"]]
        return base64.b64decode(text).decode() if resource == "secrets" else str(text)

    def _volumes(self, pod: _Pod, spec: dict[str, Any]) -> dict[str, Path]:
        """The folder of each volume."""
        found = {}
        for one in spec.get("volumes") or ():
            place = pod.folder / "volumes" / one["name"]
            place.mkdir(parents=True, exist_ok=True)
            for kind, resource in (("configMap", "configmaps"), ("secret", "secrets")):
                if kind in one:
                    self._fill(pod, place, resource, one[kind].get("name") or one[kind].get("secretName"), one[kind])
            for source in (one.get("projected") or {}).get("sources") or ():
                if "configMap" in source:
                    self._fill(pod, place, "configmaps", source["configMap"]["name"], source["configMap"])
                if "secret" in source:
                    self._fill(pod, place, "secrets", source["secret"]["name"], source["secret"])
                if "serviceAccountToken" in source:
                    told = source["serviceAccountToken"]
                    token = f"bound-{pod.namespace}-{spec.get('serviceAccountName', 'default')}"
                    self._api.access.account(pod.namespace, spec.get("serviceAccountName", "default"), token)
                    (place / told["path"]).write_text(token)
            found[one["name"]] = place
        return found

    def _fill(self, pod: _Pod, place: Path, resource: str, name: str, told: dict[str, Any]) -> None:
        held = self._api.store.get(resource, pod.namespace, name)
        if held is None:
            if told.get("optional"):
                return
            raise KeyError(f'{resource[:-1]} "{name}" not found')
        data = {
            key: base64.b64decode(text) if resource == "secrets" else text.encode()
            for key, text in (held.obj.get("data") or {}).items()
        }
        items = told.get("items")
        for key, path in [(one["key"], one["path"]) for one in items] if items else [(key, key) for key in data]:
            (place / path).parent.mkdir(parents=True, exist_ok=True)
            (place / path).write_bytes(data[key])

    def _argv(self, obj: dict[str, Any], container: dict[str, Any], image: Image, volumes: dict[str, Path]) -> list[str]:
        """The line that runs *container* in bubblewrap, as its security context says."""
        pod_level, own = obj["spec"].get("securityContext") or {}, container.get("securityContext") or {}
        user = own.get("runAsUser", pod_level.get("runAsUser", 0))
        group = own.get("runAsGroup", pod_level.get("runAsGroup", user))
        if own.get("runAsNonRoot", pod_level.get("runAsNonRoot")) and user == 0:
            return ["/bin/false"]
        line = ["bwrap", "--unshare-user", "--unshare-pid", "--unshare-ipc", "--die-with-parent"]
        line += ["--uid", str(user), "--gid", str(group), "--dev", "/dev", "--proc", "/proc", *_root()]
        for place in dict.fromkeys((sys.prefix, sys.base_prefix, str(_HOUSE), *image.binds)):
            line += ["--ro-bind", place, place]
        for folder in {str(Path(one).parent) for one in image.files}:
            line += ["--tmpfs", folder]
        for name, file in image.files.items():
            line += ["--ro-bind", str(file), name]
        if self._outside is not None:
            line += ["--ro-bind", str(self._folder / "hosts"), "/etc/hosts"]
        for mount in container.get("volumeMounts") or ():
            source = volumes[mount["name"]] / mount.get("subPath", "")
            line += ["--ro-bind" if mount.get("readOnly") else "--bind", str(source), mount["mountPath"]]
        if own.get("readOnlyRootFilesystem"):
            line += ["--remount-ro", "/"]
        argv = [*(container.get("command") or image.argv), *(container.get("args") or ())]
        return [*line, "--chdir", "/", "--", *argv]

    async def _end(self, pod: _Pod, obj: dict[str, Any]) -> None:
        waits = max((self._sleeps(one) for one in obj["spec"]["containers"]), default=0.0)
        await asyncio.sleep(min(waits / self._speed, self._grace))
        await self._stop(pod, min(float(obj["spec"].get("terminationGracePeriodSeconds", 30)), self._grace))
        self._pods.pop(pod.uid, None)
        held = self._api.store.get("pods", pod.namespace, pod.name)
        if held is not None and held.obj["metadata"]["uid"] == pod.uid:
            self._api.store.remove("pods", pod.namespace, pod.name)

    @staticmethod
    def _sleeps(container: dict[str, Any]) -> float:
        return float(((container.get("lifecycle") or {}).get("preStop") or {}).get("sleep", {}).get("seconds", 0))

    async def _stop(self, pod: _Pod, grace: float) -> None:
        pod.ending = True
        if pod.init is not None and pod.init.returncode is None:
            if grace:
                for name in list(pod.started):
                    self._ask(pod, {"signal": signal.SIGTERM, "name": name})
                waiting = [pod.ended[name] for name in pod.started if name in pod.ended]
                if waiting:
                    await asyncio.wait(waiting, timeout=grace)
            if pod.init.stdin is not None:
                pod.init.stdin.close()
            with suppress(TimeoutError):
                await asyncio.wait_for(pod.init.wait(), 2.0)
            if pod.init.returncode is None:
                with suppress(ProcessLookupError):
                    pod.init.kill()
                await pod.init.wait()
        for one in pod.servers:
            one.close()
        shutil.rmtree(pod.folder, ignore_errors=True)


def _entering(path: Path, port: int) -> Any:
    """Takes connections for *port* of a pod."""

    async def entered(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there = await asyncio.open_unix_connection(path)
        except OSError:
            writer.transport.abort()
            return
        there[1].write(port.to_bytes(2, "big"))
        await asyncio.gather(_pump(reader, there[1]), _pump(there[0], writer))

    return entered


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    with suppress(OSError, RuntimeError):
        writer.close()
