"""Serves a simulated cluster from a thread of its own, with TLS, and writes the kubeconfig for its clients."""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from tests.certificates import Authority
from tests.simulators.kube.access import ADMIN
from tests.simulators.kube.api import Api
from tests.simulators.kube.balancer import Balancer
from tests.simulators.kube.http import ended, listen

TOKEN = "the-admin-token-of-tests"
T = TypeVar("T")


class Cluster:
    """One cluster that is served: ``url``, ``kubeconfig`` (contexts ``admin`` and those of accounts), and its ``api``."""

    def __init__(self, folder: Path, api: Api, loop: asyncio.AbstractEventLoop) -> None:
        self.folder, self.api, self._loop = folder, api, loop
        self.url = ""
        self.authority: Authority | None = None
        self.kubeconfig = folder / "kubeconfig"
        self._users = {"admin": TOKEN}
        self._balancers: list[asyncio.Server] = []

    def do(self, work: Callable[[], T]) -> T:
        """What *work* gives in the server's own thread."""

        async def run() -> T:
            return work()

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result(30)

    def run(self, work: Any) -> Any:
        """What the coroutine *work* gives in the server's own thread."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(60)

    def account(self, namespace: str, name: str) -> str:
        """A context for a service account; its name."""
        token = f"token-{namespace}-{name}"
        self.api.access.account(namespace, name, token)
        self._users[name] = token
        self.write()
        return name

    def write(self) -> None:
        """Write the kubeconfig again."""
        cluster: dict[str, Any] = {"server": self.url}
        if self.authority is not None:
            cluster["certificate-authority-data"] = base64.b64encode(self.authority.pem).decode()
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "admin",
            "clusters": [{"name": "sim", "cluster": cluster}],
            "users": [{"name": name, "user": {"token": token}} for name, token in self._users.items()],
            "contexts": [{"name": name, "context": {"cluster": "sim", "user": name}} for name in self._users],
        }
        self.kubeconfig.write_text(json.dumps(config))
        self.kubeconfig.chmod(0o600)

    def create(self, plural: str, obj: dict[str, Any], group: str = "") -> dict[str, Any]:
        """Put *obj* into the cluster as an administrator would; by hand, without HTTP."""
        from tests.simulators.kube.access import Asked
        from tests.simulators.kube.answers import Request

        async def made() -> dict[str, Any]:
            kind = self.api.kinds[group, plural]
            version = obj["apiVersion"].rpartition("/")[2]
            namespace = obj["metadata"].get("namespace", "") if kind.namespaced else ""
            request = Request(
                method="POST", path="", query={"fieldManager": "admin"}, headers={}, body=json.dumps(obj).encode()
            )
            asked = Asked(verb="create", group=group, resource=plural, namespace=namespace)
            answer = await self.api.writing.done(request, kind, version, asked, ADMIN)
            return dict(json.loads(answer.body))

        return dict(self.run(made()))

    def namespace(self, name: str, labels: dict[str, str] | None = None) -> None:
        self.create("namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels or {}}})

    async def balanced(self, namespace: str, name: str) -> str:
        """An address that leads to the ready pods of a Service, as one of its clients in the cluster has it."""
        balancer = Balancer(self.api, namespace, name)
        server = await asyncio.start_server(balancer.entered, "127.0.0.1", 0)
        self._balancers.append(server)
        return f"127.0.0.1:{server.sockets[0].getsockname()[1]}"

    def get(self, resource: str, namespace: str, name: str) -> dict[str, Any] | None:
        """The object as it is now, with its managed fields; *resource* is ``plural.group``."""

        def read() -> dict[str, Any] | None:
            held = self.api.store.get(resource, namespace, name)
            return held.whole() if held is not None else None

        return self.do(read)

    def all(self, resource: str) -> list[dict[str, Any]]:
        return self.do(lambda: [one.whole() for _, one in sorted(self.api.store.of(resource).items())])


@contextmanager
def cluster(folder: Path, *, secure: bool = True, bookmark_seconds: float = 60.0, port: int = 0) -> Iterator[Cluster]:
    """A cluster with the namespaces ``default`` and ``kube-system``, served until the block ends."""
    folder.mkdir(parents=True, exist_ok=True)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True, name="kube-api")
    thread.start()
    api = Api(bookmark_seconds=bookmark_seconds)
    api.access.tokens[TOKEN] = ADMIN
    found = Cluster(folder, api, loop)
    context = None
    if secure:
        found.authority = Authority.new()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*found.authority.issue("127.0.0.1", folder))
    server = found.run(listen(api.handle, tls=context, port=port))
    found.url = f"http{'s' if secure else ''}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    found.write()
    for name in ("default", "kube-system"):
        found.namespace(name)
    try:
        yield found
    finally:

        async def end() -> None:
            for one in (server, *found._balancers):
                one.close()
            tasks = [one for one in asyncio.all_tasks() if one is not asyncio.current_task()]
            for one in tasks:
                one.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await ended(loop)

        found.run(end())
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
