"""A kubeconfig, read by ArcOps before a client gets it: what one context says about the server and the user.

On a person's own command line a kubeconfig may name files and a program, as with kubectl. If an operator named the context for
other callers, only the content of the file itself counts: every field outside the list is refused, known or not.
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
from tasks.kubernetes import in_cluster
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

    ``authority`` are the authorities (PEM) for the server's certificate, empty for the system's; ``verify`` is off if a
    person's own kubeconfig says so. ``tls_name`` is the name in the server's certificate if it differs from the address.
    ``authorization`` is the header's value; ``certificate`` and ``key`` (PEM) are the client's own. If the file does not have
    them, ``program`` gives them. ``proxy`` is the proxy to use; ``direct`` means no proxy, whatever the environment says.
    ``notices`` are sentences for the person at the command line.
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
    notices: tuple[str, ...] = ()


def access(live: LiveCluster, environment: Mapping[str, str]) -> Access:
    """How to ask *live*. No program is run, no connection is opened. Raises `Refused` with the problem and its place."""
    if live.clusters is None:
        return _own(live, environment)
    return _for_callers(named(live), live)


def current_context(kubeconfig: Path | None, environment: Mapping[str, str]) -> str:
    """The name of the current context in *kubeconfig*, by default this user's own. Raises `Refused`."""
    if kubeconfig is None and _alone(environment):
        return in_cluster.CONTEXT
    for one in files_of(kubeconfig, environment):
        current = one.said.get("current-context")
        if isinstance(current, str) and current:
            return current
    raise Refused("the kubeconfig has no current context; name one with --context")


def _alone(environment: Mapping[str, str]) -> bool:
    """Is there no kubeconfig, but a service account of the pod in which this runs?"""
    if environment.get("KUBECONFIG") or not in_cluster.is_here(environment):
        return False
    return not (Path(environment.get("HOME") or "/") / ".kube" / "config").exists()


def _for_callers(one: Named, live: LiveCluster) -> Access:
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
        raise Refused(f"{cluster.what}: server is at {host}, but the operator allows only {allowed} for cluster {one.name!r}")
    authority = cluster.pem("certificate-authority", file=False)
    if not authority:
        raise Refused(
            f"{cluster.what} has no certificate-authority-data, so any of the system's authorities would be accepted; add it"
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
    """Host with port, and path, of the server. Its address must have exactly one reading."""
    match = _SERVER.fullmatch(cluster.text("server"))
    try:
        if match is not None:
            return host_of(match["host"]), match["path"]
    except Refused:
        pass
    raise Refused(
        f"{cluster.what}: server is not a plain https address (no user, no query, no unusual characters); use https://HOST:PORT"
    )


def _own(live: LiveCluster, environment: Mapping[str, str]) -> Access:
    if live.context == in_cluster.CONTEXT and live.kubeconfig is None and _alone(environment):
        found = in_cluster.service_account(environment)
        header = bearer(found.token, "the service account of this pod")
        notice = f"no kubeconfig: the service account of this pod is used, at {found.server}"
        return Access(server=found.server, authority=found.authority, direct=True, authorization=header, notices=(notice,))
    context, cluster, user = parts(list(files_of(live.kubeconfig, environment)), live.context)
    context.only(*_CONTEXT, "extensions")
    cluster.only(*_CLUSTER, *_OWN_CLUSTER)
    user.only(*_USER, *_OWN_USER)
    server = cluster.text("server").rstrip("/")
    if not _OWN_SERVER.fullmatch(server):
        raise Refused(f"{cluster.what} has no valid server; use https://HOST:PORT")
    insecure = cluster.true("insecure-skip-tls-verify")
    certificate, key = _pair(user, file=True)
    authorization = _own_authorization(user)
    program = None
    if "exec" in user.said and not authorization and not certificate:
        program = program_of(user.said["exec"], user.what, user.folder, _cluster_info(cluster))
    notices = [] if program is None else [program.notice]
    if insecure or server.startswith("http:"):
        notices.append(f"{cluster.what} does not verify the identity of the server {server}")
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
        notices=tuple(notices),
    )


def _pair(user: KubeconfigPart, *, file: bool) -> tuple[str, str]:
    certificate, key = user.pem("client-certificate", file), user.pem("client-key", file)
    if bool(certificate) is not bool(key):
        raise Refused(f"{user.what} has a client certificate without its key, or a key without its certificate")
    return certificate, key


def _own_authorization(user: KubeconfigPart) -> str:
    token, file = user.text("token"), user.text("tokenFile")
    if file:  # kubectl prefers it, because the content of the file is renewed
        token = decoded(read_file(user.folder / file, MOST_FILE), f"{user.what}: the file of tokenFile").strip()
    if token:
        return bearer(token, user.what)
    name, password = user.text("username"), user.text("password")
    return f"Basic {base64.b64encode(f'{name}:{password}'.encode()).decode()}" if name and password else ""


def bearer(token: str, what: str) -> str:
    """The header's value for *token*, empty for none. Raises `Refused`, with its source *what*, if a header may not hold it."""
    if token and not _TOKEN.fullmatch(token):
        raise Refused(f"{what}: the token holds a character that a header must not have, such as a space")
    return f"Bearer {token}" if token else ""


def _cluster_info(cluster: KubeconfigPart) -> dict[str, JSON]:
    """What a program gets about the cluster (client.authentication.k8s.io/v1, Cluster), if it asks for that."""
    kept = ("server", "tls-server-name", "insecure-skip-tls-verify", "certificate-authority-data", "proxy-url")
    info: dict[str, JSON] = {name: cluster.said[name] for name in kept if name in cluster.said}
    extensions = cluster.said.get("extensions")
    for one in extensions if isinstance(extensions, list) else ():
        if isinstance(one, dict) and one.get("name") == "client.authentication.k8s.io/exec":
            info["config"] = one.get("extension")
    return info
