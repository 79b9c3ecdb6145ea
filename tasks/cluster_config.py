"""A kubeconfig, read by us before any client sees it: what one context says about the server, and about who asks.

On one's own command line a kubeconfig may name files and a program, as with kubectl. Of a context that an operator named, and
that others ask for, only what stands in the file itself counts: a field that is not on the list is refused, known or not.
"""

from __future__ import annotations

import base64
import binascii
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from arcops.errors import Refused
from arcops.request import LiveCluster
from artifacts.reading import read_file
from foundation.strict_yaml import JSON, load_all
from tasks.cluster_named import Named, host_of, named, operators_file
from tasks.cluster_program import Program, program_of

_MOST_BYTES = 4 * 1024 * 1024
_MOST_FILE = 1024 * 1024
_FILE = ("apiVersion", "kind", "preferences", "current-context", "clusters", "contexts", "users")
_CONTEXT, _CLUSTER = ("cluster", "user", "namespace"), ("server", "certificate-authority-data", "disable-compression")
_USER = ("token", "client-certificate-data", "client-key-data")
_OWN_CLUSTER = ("certificate-authority", "insecure-skip-tls-verify", "tls-server-name", "proxy-url", "extensions")
_OWN_USER = ("tokenFile", "client-certificate", "client-key", "username", "password", "exec", "extensions")
_INLINE = "write its content into the kubeconfig ('kubectl config view --raw --flatten --minify' does)"
_BOUND = "make a user with a token or a certificate of its own, such as a service account's"
_WHY = {
    "exec": f"runs a program; {_BOUND}",
    "auth-provider": f"runs a program or asks another server; {_BOUND}",
    "tokenFile": f"reads a file; {_INLINE}",
    "client-certificate": f"reads a file; {_INLINE}",
    "client-key": f"reads a file; {_INLINE}",
    "certificate-authority": f"reads a file; {_INLINE}",
    "insecure-skip-tls-verify": "lets any server answer for this one; remove it, and give certificate-authority-data",
    "tls-server-name": "takes another name's certificate for the server's; remove it, and use a name of the certificate",
    "proxy-url": "sends everything by way of another server; remove it",
    "username": f"sends a password; {_BOUND}",
    "password": f"sends a password; {_BOUND}",
    **dict.fromkeys(("as", "as-uid", "as-groups", "as-user-extra"), f"acts as another user; {_BOUND}"),
}
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
    for one in _files(kubeconfig, environment):
        current = one.said.get("current-context")
        if isinstance(current, str) and current:
            return current
    raise Refused("the kubeconfig has no context that could be used: it names no current one; name one with --context")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """A mapping in a kubeconfig: ``said`` is its content, ``what`` its name in errors, ``folder`` where paths begin."""

    said: Mapping[str, JSON]
    what: str
    folder: Path

    def text(self, name: str) -> str:
        value = self.said.get(name)
        if value is not None and not isinstance(value, str):
            raise Refused(f"{self.what}: {name} is no text")
        return value or ""

    def true(self, name: str) -> bool:
        value = self.said.get(name, False)
        if not isinstance(value, bool):
            raise Refused(f"{self.what}: {name} is neither true nor false")
        return value

    def only(self, *allowed: str) -> None:
        """Raises `Refused` for any other field."""
        for name in self.said:
            if name not in allowed:
                why = _WHY.get(name, "is not known to be harmless; remove it")
                raise Refused(f"{self.what} has the field {str(name)[:100]!r}, which {why}")

    def pem(self, name: str, file: bool) -> str:
        """What *name* with ``-data`` holds, or else, where a *file* may be read, the file that *name* names; or nothing."""
        data = self.text(f"{name}-data")
        path = self.text(name) if file else ""
        if path and not data:
            return _decoded(read_file(self.folder / path, _MOST_FILE), f"{self.what}: the file of {name}")
        try:
            return _decoded(base64.b64decode("".join(data.split()), validate=True), f"{self.what}: {name}-data")
        except (binascii.Error, ValueError):
            raise Refused(f"{self.what}: {name}-data is no base64") from None


def _decoded(data: bytes, what: str) -> str:
    try:
        return data.decode("ascii")
    except UnicodeDecodeError:
        raise Refused(f"{what} is no PEM") from None


def _parsed(data: bytes, what: str, folder: Path) -> _Part:
    try:
        documents = load_all(data, what=what)
    except Refused:  # whose sentence may quote what stands there, which is secret
        raise Refused(f"{what} is no YAML that is read strictly (no aliases, no key twice)") from None
    if len(documents) != 1 or not isinstance(documents[0], dict):
        raise Refused(f"{what} is not one mapping, so it is no kubeconfig")
    return _Part(said=documents[0], what=what, folder=folder)


def _entry(one: _Part, plural: str, name: str) -> _Part | None:
    """The entry *name* of the list *plural*. Raises `Refused` where two have the name."""
    singular = plural[:-1]
    entries = one.said.get(plural)
    if entries is not None and not isinstance(entries, list):
        raise Refused(f"{one.what}: {plural} is no list")
    found = [entry for entry in entries or () if isinstance(entry, dict) and entry.get("name") == name]
    if len(found) > 1:
        raise Refused(f"{one.what} has two of its {plural} by the name {name[:100]!r}")
    if not found:
        return None
    said = found[0].get(singular)
    if set(found[0]) != {"name", singular} or not isinstance(said, dict):
        raise Refused(f"{one.what}: of its {plural}, {name[:100]!r} is not a name and a {singular} alone")
    return _Part(said=said, what=f"{one.what}, {singular} {name[:100]!r}", folder=one.folder)


def _parts(files: list[_Part], context: str) -> tuple[_Part, _Part, _Part]:
    """Context, cluster and user, each of the first file that has it, as kubectl merges."""

    def first(plural: str, name: str) -> _Part:
        for one in files:
            found = _entry(one, plural, name)
            if found is not None:
                return found
        raise Refused(f"{files[0].what} has no context that could be used: of its {plural}, none is called {name[:100]!r}")

    chosen = first("contexts", context)
    user = chosen.text("user")
    nothing = _Part(said={}, what=f"{chosen.what}, which names no user", folder=chosen.folder)
    return chosen, first("clusters", chosen.text("cluster")), first("users", user) if user else nothing


def _from_afar(one: Named, live: LiveCluster) -> Access:
    what = f"the kubeconfig of cluster {one.name!r}"
    data = operators_file(one.kubeconfig, what, _MOST_BYTES, live.served, secret=True)
    file = _parsed(data, what, Path("/"))
    file.only(*_FILE)
    context, cluster, user = _parts([file], one.context)
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
        raise Refused(f"{user.what} has neither a token nor client-certificate-data; {_BOUND}")
    return Access(
        server=f"https://{host}{path}",
        authority=authority,
        direct=True,
        authorization=bearer(token, user.what),
        certificate=certificate,
        key=key,
    )


def _address(cluster: _Part) -> tuple[str, str]:
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
    context, cluster, user = _parts(list(_files(live.kubeconfig, environment)), live.context)
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


def _pair(user: _Part, *, file: bool) -> tuple[str, str]:
    certificate, key = user.pem("client-certificate", file), user.pem("client-key", file)
    if bool(certificate) is not bool(key):
        raise Refused(f"{user.what} has a client certificate without its key, or a key without its certificate")
    return certificate, key


def _own_authorization(user: _Part) -> str:
    token, file = user.text("token"), user.text("tokenFile")
    if file:  # kubectl prefers it, for what stands there is renewed
        token = _decoded(read_file(user.folder / file, _MOST_FILE), f"{user.what}: the file of tokenFile").strip()
    if token:
        return bearer(token, user.what)
    name, password = user.text("username"), user.text("password")
    return f"Basic {base64.b64encode(f'{name}:{password}'.encode()).decode()}" if name and password else ""


def bearer(token: str, what: str) -> str:
    """The header's value for *token*, empty for none. Raises `Refused`, naming *what* gave it, where none may hold it."""
    if token and not _TOKEN.fullmatch(token):
        raise Refused(f"{what}: the token holds what no header may hold, such as a space")
    return f"Bearer {token}" if token else ""


def _cluster_info(cluster: _Part) -> dict[str, JSON]:
    """What a program is told of the cluster (client.authentication.k8s.io/v1, Cluster), where it asks to be told."""
    kept = ("server", "tls-server-name", "insecure-skip-tls-verify", "certificate-authority-data", "proxy-url")
    info: dict[str, JSON] = {name: cluster.said[name] for name in kept if name in cluster.said}
    extensions = cluster.said.get("extensions")
    for one in extensions if isinstance(extensions, list) else ():
        if isinstance(one, dict) and one.get("name") == "client.authentication.k8s.io/exec":
            info["config"] = one.get("extension")
    return info


def _files(kubeconfig: Path | None, environment: Mapping[str, str]) -> Iterator[_Part]:
    """*kubeconfig*, or what this user's own are: those in ``KUBECONFIG`` that exist, or the one in the home folder."""
    paths = [kubeconfig] if kubeconfig is not None else _default(environment)
    for path in paths:
        yield _parsed(read_file(path, _MOST_BYTES), f"the kubeconfig {path}", path.absolute().parent)


def _default(environment: Mapping[str, str]) -> list[Path]:
    listed = [Path(one) for one in environment.get("KUBECONFIG", "").split(os.pathsep) if one]
    home = Path(environment.get("HOME") or Path.home()) / ".kube" / "config"
    found = [one for one in listed or [home] if one.exists()]
    if not found:
        raise Refused(
            f"the kubeconfig has no context that could be used: there is no {(listed or [home])[0]}; name one with --kubeconfig"
        )
    return found
