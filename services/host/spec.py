"""What a row says of a hosted server: which package, how it is started, who shares it. A value; nothing is read here."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from enum import StrEnum

from arcops.errors import Refused
from arcops.header import header_of
from arcops.seen.server import Launching
from services.host.elsewhere import refuse_header, refuse_unreadable
from tasks.server.client_credentials import TOKEN_URL, credentials_in

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")
_PYPI = re.compile(
    r"(?P<name>[A-Za-z0-9](?:[A-Za-z0-9._-]{0,98}[A-Za-z0-9])?)(?P<extras>\[[A-Za-z0-9,._-]{1,200}\])?"
    r"==(?P<version>[A-Za-z0-9.!+_-]{1,100})"
)
_NPM = re.compile(
    r"(?P<name>(?:@[a-z0-9~-][a-z0-9._~-]{0,100}/)?[a-z0-9~-][a-z0-9._~-]{0,150})"
    r"@(?P<version>[0-9][0-9A-Za-z.+-]{0,99})"
)
_AGENT = re.compile(r"(?P<name>[a-z0-9.-]{1,99}/[a-z0-9-]{1,100})@(?P<version>[0-9A-Za-z][0-9A-Za-z.+!_-]{0,254})")
_OCI = re.compile(r"(?P<name>[^@\0]{1,400})@(?P<version>sha256:[0-9a-f]{64})")
OURS = ("ARCOPS_", "PYTHON", "LD_", "NODE_OPTIONS", "DYLD_")
"""Variables that would change what runs, or that are ours."""

NETWORKS = ("none", "open")
"""What a row may say about the network. Named hosts cannot be enforced without a proxy, so no row may name any."""
_WHOLE = ("/", "/proc", "/sys", "/dev", "/etc", "/root", "/home", "/var", "/run")
"""Paths that are too much for one server."""
_ELSEWHERE = ("/proc/", "/dev/fd/")
"""What is below leads to other places: ``/proc/self/root`` is everything."""


class Source(StrEnum):
    """The place that a package is from; its name begins with this."""

    PYPI = "pypi"
    NPM = "npm"
    FOLDER = "folder"
    OCI = "oci"
    REMOTE = "remote"
    SSE = "sse"
    AGENT = "agent"

    @property
    def elsewhere(self) -> bool:
        """Is it a server of another machine, of which nothing is installed and nothing runs here?"""
        return self in (Source.REMOTE, Source.SSE)


_OF_OTHERS = tuple(f"{one.value}:" for one in Source if one.elsewhere)


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """A package of exactly one version. For a folder, ``name`` is its absolute path, for an image that of its layout, for a
    server of another machine its URL, and there is no version; for an image it is its digest. An agent has the name and the
    version of its card in the catalog.
    """

    source: Source
    name: str
    version: str = ""
    extras: str = ""

    def __str__(self) -> str:
        """As `read_package` reads it."""
        separator = {Source.PYPI: "==", Source.NPM: "@", Source.OCI: "@", Source.AGENT: "@"}.get(self.source, "")
        return f"{self.source.value}:{self.name}{self.extras}{separator}{self.version}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """A version of a row.

    ``package`` is as `read_package` reads it. ``command`` is the program of the package to run, if it has several (for a
    folder: a file in it), ``arguments`` are its arguments. ``environment`` and ``secrets`` have ``NAME=value`` and
    ``NAME=reference``; the server gets these variables and no others of ours. ``bound`` has ``name=value``,
    ``tenant:name=value`` or ``issuer,tenant:name=value``: ``{name}`` in arguments and variables becomes that value, and a call
    whose argument *name* is another value is refused.

    For a server of another machine, variables and secrets are the headers that it is sent, and ``network`` is ``open``.

    ``network`` is ``none`` or ``open``; ``reads`` and ``writes`` are paths of this machine that it may use besides its own.

    ``stateless``: sessions share one process. ``dedicated``: a tenant has processes of its own. ``one_host``: one host at a
    time runs it. ``warm``: its sessions are forked from one process, which has imported its code. At most ``most`` processes
    run at once; one that no one used for ``idle_seconds`` ends, and a call that takes more than ``call_seconds`` is cancelled.
    Each has at most ``memory_mib`` MiB of memory of its own.
    """

    package: str
    command: str = ""
    arguments: tuple[str, ...] = ()
    environment: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    bound: tuple[str, ...] = ()
    stateless: bool = False
    dedicated: bool = False
    one_host: bool = False
    warm: bool = False
    network: str = "none"
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    most: int = 32
    memory_mib: int = 4096
    idle_seconds: int = 600
    call_seconds: int = 600


def launching(spec: Spec) -> Launching:
    """What of *spec* says how the server is started: a verdict is about exactly this."""
    return Launching(**{one.name: getattr(spec, one.name) for one in fields(Launching)})


def read_package(text: str) -> Package:
    """The package that *text* names exactly: ``pypi:NAME==VERSION``, ``npm:NAME@VERSION``, ``folder:/PATH``,
    ``oci:/PATH@sha256:DIGEST``, or the server of another machine: ``remote:URL``, and ``sse:URL`` for the older transport. An
    agent is ``agent:NAME@VERSION``, an entry of the catalog.

    Raises `Refused` for a range or no version: what runs would be another thing tomorrow.
    """
    source, _, rest = text.partition(":")
    if source == Source.PYPI and (found := _PYPI.fullmatch(rest)):
        return Package(source=Source.PYPI, name=found["name"], version=found["version"], extras=found["extras"] or "")
    if source == Source.NPM and (found := _NPM.fullmatch(rest)):
        return Package(source=Source.NPM, name=found["name"], version=found["version"])
    if source == Source.FOLDER and rest.startswith("/") and "\0" not in rest:
        return Package(source=Source.FOLDER, name=rest)
    if source == Source.AGENT and (found := _AGENT.fullmatch(rest)):
        return Package(source=Source.AGENT, name=found["name"], version=found["version"])
    if source == Source.OCI:
        return _image(rest)
    if source in (Source.REMOTE, Source.SSE):
        refuse_unreadable(rest)
        return Package(source=Source(source), name=rest)
    shown = "it" if "@" in text and "://" in text else repr(text[:200])  # a URL may hold a password
    raise Refused(
        f"{shown} names no package of one exact version; write pypi:NAME==VERSION, npm:NAME@VERSION, folder:/PATH, "
        "oci:/PATH@sha256:DIGEST, remote:https://HOST/PATH or sse:https://HOST/PATH"
    )


def _image(text: str) -> Package:
    """An image in a layout of this machine. Raises `Refused` with what to do for one in a registry, or without its digest."""
    found = _OCI.fullmatch(text)
    if found is None:
        raise Refused(
            f"oci:{text[:200]} does not name an image by its digest, and a tag is another image tomorrow; write "
            "oci:/PATH@sha256:DIGEST, with an OCI image layout at /PATH"
        )
    if not found["name"].startswith("/"):
        raise Refused(
            f"no registry is asked for images here; on a machine that reaches it: skopeo copy docker://{text[:300]} "
            f"oci:/PATH, then bring /PATH here, and write oci:/PATH@{found['version']}"
        )
    return Package(source=Source.OCI, name=found["name"], version=found["version"])


def is_agent(spec: Spec) -> bool:
    """Is *spec* of an agent, which is only kept, and not of a server?"""
    return spec.package.startswith(f"{Source.AGENT.value}:")


def is_elsewhere(spec: Spec) -> bool:
    """As `Source.elsewhere`, without reading the package: it is asked at every request."""
    return spec.package.startswith(_OF_OTHERS)


def checked(spec: Spec) -> Spec:
    """*spec*, if it can be a row's. Raises `Refused` with what is wrong."""
    package = read_package(spec.package)
    if package.source is Source.AGENT and spec != Spec(package=spec.package):
        raise Refused("an agent is only kept with its card; leave out what says how a server is started or called")
    if package.source is Source.FOLDER and not spec.command:
        raise Refused("a folder needs --command: the program in it that is to run")
    if spec.command.startswith(("/", "-")) or ".." in spec.command.split("/") or "\0" in spec.command:
        raise Refused(f"--command {spec.command[:100]!r} is not a program inside the package")
    if spec.warm and package.source not in (Source.PYPI, Source.FOLDER):
        raise Refused("--warm is for Python servers of a package or a folder: others cannot be forked")
    if package.source is Source.OCI and (spec.reads or spec.writes):
        raise Refused("--read and --write are not for images: an image sees its own files and one folder to write in, /tmp")
    for variables, what in ((spec.environment, "--env"), (spec.secrets, "--secret")):
        for variable, _ in pairs(variables, what):
            if package.source.elsewhere:
                refuse_header(variable, what)
            elif not _VARIABLE.fullmatch(variable) or variable.upper().startswith(OURS):
                raise Refused(f"{what} {variable[:100]!r} is not a variable that a hosted server may be given")
    names = [one.partition("=")[0] for one in (*spec.environment, *spec.secrets)]
    if package.source.elsewhere:
        names = [header_of(one) for one in names]
        _refuse_for_one_elsewhere(spec)
    if twice := next((one for one in names if names.count(one) > 1), ""):
        raise Refused(f"the variable {twice} is given twice; give it once, with --env or with --secret")
    for _ in pairs(spec.bound, "--bind"):
        pass
    if spec.network not in NETWORKS:
        raise Refused(
            f"--network {spec.network[:100]!r} cannot be enforced here: write {' or '.join(NETWORKS)}; named hosts would "
            "take a proxy that this machine does not have"
        )
    for path in (*spec.reads, *spec.writes):
        plain = "/" + "/".join(part for part in path.split("/") if part not in ("", "."))
        if (
            not path.startswith("/")
            or ".." in path.split("/")
            or "\0" in path
            or plain in _WHOLE
            or f"{plain}/".startswith(_ELSEWHERE)
        ):
            raise Refused(f"{path[:200]!r} is no path that a server may be given; give an absolute one, of a folder or a file")
    if any("\0" in one for one in (*spec.arguments, *spec.environment, *spec.bound)):
        raise Refused("an argument or a variable holds a NUL; no program can be given one")
    return spec


def _refuse_for_one_elsewhere(spec: Spec) -> None:
    variables = {one.partition("=")[0]: one.partition("=")[2] for one in (*spec.environment, *spec.secrets)}
    if credentials_in(variables, "") is not None:
        refuse_unreadable(variables[TOKEN_URL])
        if "authorization" in map(header_of, variables):
            raise Refused(f"AUTHORIZATION and {TOKEN_URL} are both given; a request has one credential, so leave one out")
    given = {"--command": spec.command, "--arg": spec.arguments, "--read": spec.reads, "--write": spec.writes}
    if option := next((one for one, value in given.items() if value), ""):
        raise Refused(f"{option} is for a server that is started here; one of another machine is only asked, so leave it out")
    if spec.network != "open":
        raise Refused("a server of another machine is asked over the network: say --network open, so that its row says it too")


def pairs(texts: Iterable[str], what: str) -> Iterator[tuple[str, str]]:
    """The name and the value in each ``NAME=value`` of *texts*. Raises `Refused` for another one; *what* is the option."""
    for one in texts:
        name, equals, value = one.partition("=")
        if not (equals and name):
            raise Refused(f"{what} {one[:50]!r} is not NAME=VALUE")
        yield name, value


def bound_for(bound: Iterable[str], issuer: str, tenant: str) -> Mapping[str, str]:
    """The scope parameters of a *tenant* of an *issuer*: those in *bound* for everyone, for this tenant, and for exactly it."""
    found: list[dict[str, str]] = [{}, {}, {}]
    whose = {"": 0, tenant: 1, f"{issuer},{tenant}": 2}
    for left, value in pairs(bound, "--bind"):
        who, colon, name = left.rpartition(":")
        if not colon or (who and who in whose):
            found[whose[who] if colon else 0][name] = value
    return found[0] | found[1] | found[2]


def filled(text: str, bound: Mapping[str, str]) -> str:
    """*text* with each ``{name}`` of *bound* replaced by its value, in one pass: a value is never read again."""
    if not bound:
        return text
    return re.sub(r"\{([A-Za-z0-9_.-]+)\}", lambda found: bound.get(found[1], found[0]), text)
