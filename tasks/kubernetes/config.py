"""A kubeconfig, read by us before any client sees it: what one context says about the server, and about who asks.

On one's own command line a kubeconfig may name files and a program, as with kubectl. Of a context that an operator named, and
that others ask for, only what stands in the file itself counts: a field that is not on the list is refused, known or not.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from arcops.errors import Refused
from arcops.request import LiveCluster
from artifacts.reading import read_file
from foundation.strict_yaml import JSON
from tasks.kubernetes.kubeconfig import BOUND, MOST_BYTES, MOST_FILE, KubeconfigPart, decoded, files_of, parsed, parts
from tasks.kubernetes.named import Named, host_of, named, operators_file
from tasks.kubernetes.program import Program, program_of

_FILE = ("apiVersion", "kind", "preferences", "current-context", "clusters", "contexts", "users")
_CONTEXT, _CLUSTER = ("cluster", "user", "namespace"), ("server", "certificate-authority-data", "disable-compression")
_USER = ("token", "client-certificate-data", "client-key-data")
_OWN_CLUSTER = ("certificate-authority", "insecure-skip-tls-verify", "tls-server-name", "proxy-url", "extensions")
_OWN_USER = ("tokenFile", "client-certificate", "client-key", "username", "password", "exec", "extensions")
_SERVER = re.compile(r"https://(?P<host>[^/?#@\s]+)(?P<path>(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*)/?", re.ASCII)
_OWN_SERVER = re.compile(r"https?://[^\s/?#@]+(/[^\s?#]*)?", re.ASCII)
_TOKEN = re.compile(r"[\x21-\x7e]+", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """How to ask one API server.

    ``authority`` are the certificates (PEM) that its own must come from, empty for the system's; ``verify`` is off where the
    person at the command line has it so. ``tls_name`` is the name in its certificate where that is not the address's.
    ``authorization`` is the header's value; ``certificate`` and ``key`` (PEM) are the client's own. ``program`` gives them
    where the file does not. ``proxy`` stands between; ``direct`` says that there is none, whatever the environment has.
    ``aloud`` are sentences for the person whose command line it is.
    """

    server: str
    authority: str = ""
    verify: bool = True
    tls_name: str = ""
    proxy: str = ""
    direct: bool = False
    authorization: str = field(default="", repr=False)
    certificate: str = field(default="", repr=False)
    key: str = field(default="", repr=False)
    program: Program | None = None
    aloud: tuple[str, ...] = ()


def access(live: LiveCluster, environment: Mapping[str, str]) -> Access:
    """How to ask *live*. Nothing is run, no connection opened. Raises `Refused`, saying what stands in the way, and where."""
    if live.clusters is None:
        return _own(live, environment)
    return _from_afar(named(live), live)


def current_context(kubeconfig: Path | None, environment: Mapping[str, str]) -> str:
    """The name of the context that *kubeconfig*, by default this user's own, calls its current one. Raises `Refused`."""
    for one in files_of(kubeconfig, environment):
        current = one.said.get("current-context")
        if isinstance(current, str) and current:
            return current
    raise Refused("the kubeconfig has no context that could be used: it names no current one; name one with --context")


def _from_afar(one: Named, live: LiveCluster) -> Access:
    what = f"the kubeconfig of cluster {one.name!r}"
    data = operators_file(one.kubeconfig, what, MOST_BYTES, live.served, secret=True)
    file = parsed(data, what, Path("/"))
    file.only(*_FILE)
    context, cluster, user = parts([file], one.context)
    context.only(*_CONTEXT)
    cluster.only(*_CLUSTER)
    user.only(*_USER)
    host, path = _address(cluster)
    if host not in one.hosts:
        allowed = ", ".join(sorted(one.hosts))
        raise Refused(f"{cluster.what}: server is at {host}, and the operator allows only {allowed} for cluster {one.name!r}")
    authority = cluster.pem("certificate-authority", file=False)
    if not authority:
        raise Refused(
            f"{cluster.what} has no certificate-authority-data, so any of the system's authorities could answer; add it"
        )
    token = user.text("token")
    certificate, key = _pair(user, file=False)
    if not token and not certificate:
        raise Refused(f"{user.what} has neither a token nor client-certificate-data; {BOUND}")
    return Access(
        server=f"https://{host}{path}",
        authority=authority,
        direct=True,
        authorization=bearer(token, user.what),
        certificate=certificate,
        key=key,
    )


def _address(cluster: KubeconfigPart) -> tuple[str, str]:
    """Host with port, and path, of the server, which is written so that it cannot be read in two ways."""
    match = _SERVER.fullmatch(cluster.text("server"))
    try:
        if match is not None:
            return host_of(match["host"]), match["path"]
    except Refused:
        pass
    raise Refused(
        f"{cluster.what}: server is no https address without a user, a query and odd characters; use https://HOST:PORT"
    )


def _own(live: LiveCluster, environment: Mapping[str, str]) -> Access:
    context, cluster, user = parts(list(files_of(live.kubeconfig, environment)), live.context)
    context.only(*_CONTEXT, "extensions")
    cluster.only(*_CLUSTER, *_OWN_CLUSTER)
    user.only(*_USER, *_OWN_USER)
    server = cluster.text("server").rstrip("/")
    if not _OWN_SERVER.fullmatch(server):
        raise Refused(f"{cluster.what} has no server that could be asked; use https://HOST:PORT")
    insecure = cluster.true("insecure-skip-tls-verify")
    certificate, key = _pair(user, file=True)
    authorization = _own_authorization(user)
    program = None
    if "exec" in user.said and not authorization and not certificate:
        program = program_of(user.said["exec"], user.what, user.folder, _cluster_info(cluster))
    aloud = [] if program is None else [program.aloud]
    if insecure or server.startswith("http:"):
        aloud.append(f"{cluster.what} has no proof that {server} is the server that is meant")
    return Access(
        server=server,
        authority=cluster.pem("certificate-authority", file=True),
        verify=not insecure,
        tls_name=cluster.text("tls-server-name"),
        proxy=cluster.text("proxy-url"),
        authorization=authorization,
        certificate=certificate,
        key=key,
        program=program,
        aloud=tuple(aloud),
    )


def _pair(user: KubeconfigPart, *, file: bool) -> tuple[str, str]:
    certificate, key = user.pem("client-certificate", file), user.pem("client-key", file)
    if bool(certificate) is not bool(key):
        raise Refused(f"{user.what} has a client certificate without its key, or a key without its certificate")
    return certificate, key


def _own_authorization(user: KubeconfigPart) -> str:
    token, file = user.text("token"), user.text("tokenFile")
    if file:  # kubectl prefers it, for what stands there is renewed
        token = decoded(read_file(user.folder / file, MOST_FILE), f"{user.what}: the file of tokenFile").strip()
    if token:
        return bearer(token, user.what)
    name, password = user.text("username"), user.text("password")
    return f"Basic {base64.b64encode(f'{name}:{password}'.encode()).decode()}" if name and password else ""


def bearer(token: str, what: str) -> str:
    """The header's value for *token*, empty for none. Raises `Refused`, naming *what* gave it, where none may hold it."""
    if token and not _TOKEN.fullmatch(token):
        raise Refused(f"{what}: the token holds what no header may hold, such as a space")
    return f"Bearer {token}" if token else ""


def _cluster_info(cluster: KubeconfigPart) -> dict[str, JSON]:
    """What a program is told of the cluster (client.authentication.k8s.io/v1, Cluster), where it asks to be told."""
    kept = ("server", "tls-server-name", "insecure-skip-tls-verify", "certificate-authority-data", "proxy-url")
    info: dict[str, JSON] = {name: cluster.said[name] for name in kept if name in cluster.said}
    extensions = cluster.said.get("extensions")
    for one in extensions if isinstance(extensions, list) else ():
        if isinstance(one, dict) and one.get("name") == "client.authentication.k8s.io/exec":
            info["config"] = one.get("extension")
    return info
