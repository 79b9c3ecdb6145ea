"""Is this the server that was meant, may it run here, and is what is installed exactly what its lock says?

Why: a server runs with the rights of its host and sees what its callers send. A package with nearly the name of a known one, a
lock with a file that nothing pins, or a package that is installed beside the lock brings code that no one decided about.

Judged: whether the operator allowed this lock, or the policy's list has the package; whether the place of packages may be used;
whether every package of the lock is one version with its digests; whether exactly these packages are installed, and no link
leads out; whether the name imitates that of a known server; and whether the network, the paths and the variables that its row
asks for are within what the policy permits. Of a server of another machine: whether the policy names its host. More than a
warning it never gets, because no one here sees what runs there, or when that changes.

Fix: look at what 'arcops host resolve NAME' lists and allow it with 'arcops host allow NAME DIGEST'; host the package whose
name was meant; ask for less in the row; or register a policy that permits it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

from arcops.control import nist, soc
from arcops.errors import Refused
from arcops.evidence import Evidence, Seen
from arcops.finding import Finding, Rule
from arcops.gate import Example, gate
from arcops.header import may_be_given
from arcops.seen.server import Catalogued, Installation, Launching, Packages, Pinned
from arcops.subjects.server import Server
from arcops.verdict import Verdict
from gates.listing import answered, listed
from gates.server.catalogued import unlike
from gates.server.lookalikes import imitated
from gates.words import shown

_HOST = re.compile(r"(?:\[[0-9a-f:.]{2,45}\]|[a-z0-9_-][a-z0-9._-]{0,252})(?::[0-9]{1,5})?")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerOriginPolicy:
    """``packages`` are those that need no other permission, as ``pypi:NAME`` or ``npm:NAME``, and may end in ``*``; by default
    every lock is allowed by hand. ``sources`` are the places that packages may be from. ``known`` are names that no other
    package may imitate, besides those of ``packages`` and those that this site hosts. ``network`` says whether a row may ask
    for the network, ``reads`` and ``writes`` below which paths it may ask for files. ``unpinned`` of what a folder is made of
    fails, unless ``folders_warn``. ``remotes`` are the hosts of other machines whose servers may be asked, exactly as their
    addresses write them, with the port unless that is 443; for these servers ``sources`` and ``network`` are not asked.
    """

    packages: tuple[str, ...] = ()
    sources: tuple[str, ...] = ("pypi", "npm")
    known: tuple[str, ...] = ()
    network: bool = False
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    folders_warn: bool = False
    remotes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if (wrong := next((one for one in self.remotes if not _HOST.fullmatch(one)), None)) is not None:
            raise Refused(f"remotes has {wrong!r}; write a host alone, in small letters: mcp.example, or 127.0.0.1:8000")


ALLOWED = Rule(
    id="server-origin/allowed",
    asks="Did the operator allow this exact lock, or is the package on the policy's list?",
    fix="Look at what 'arcops host resolve NAME' lists, and allow it: arcops host allow NAME DIGEST.",
)
SOURCE = Rule(
    id="server-origin/source",
    asks="Is the package from a place that the policy permits, where the packages that it needs are listed?",
    fix="Publish the server as a package, or let the policy permit its source ('sources', 'foldersWarn', 'remotes').",
)
LOCKED = Rule(
    id="server-origin/locked",
    asks="Is every package of the lock exactly one version with a digest of each of its files?",
    fix="Resolve the package again, from an index that gives digests.",
)
INSTALLED = Rule(
    id="server-origin/installed",
    asks="Are exactly the packages of the lock installed, with no link that leads out of the installation?",
    fix="Remove the installation and gate the server again; if it stays, one of its packages installs others.",
)
CATALOG = Rule(
    id="server-origin/catalog",
    asks="Are the server's own files those that this site's catalog has digests of?",
    fix="Find out why its index gives other files now; if the catalog is wrong, refuse that version of the entry.",
)
NAME = Rule(
    id="server-origin/name",
    asks="Is the name unlike that of every other known server?",
    fix="Host the package that was meant. If this one is meant, waive this rule for this digest.",
)
LAUNCH = Rule(
    id="server-origin/launch",
    asks="Is what the row asks for (network, files, variables) within what the policy permits?",
    fix="Take it out of the row, or let the policy permit it ('network', 'reads', 'writes').",
)

_LOADS = ("ARCOPS_", "PYTHON", "LD_", "DYLD_", "NODE_", "BASH_ENV", "ENV", "PERL5", "RUBY", "GLIBC_", "MALLOC_", "UV_", "NPM_")
"""Variables that change which code runs begin with these."""


_ELSEWHERE = ("remote", "sse")
"""Sources of servers of other machines."""


@gate(
    "server-origin",
    judges=(Server,),
    needs=(Installation, Packages),
    policy=ServerOriginPolicy,
    rules=(ALLOWED, SOURCE, LOCKED, INSTALLED, CATALOG, NAME, LAUNCH),
    examples=lambda: _examples(),
    speaks_to=nist("CM-7(5)", "CM-14", "SR-11") + soc("CC6.8"),
)
def server_origin(seen: Seen, policy: ServerOriginPolicy) -> Iterator[Finding]:
    """Judge the server's origin and what its row asks for."""
    here, packages = seen[Installation], seen[Packages]
    yield _allowed(here, policy)
    yield from _source(here, packages, policy)
    yield from _locked(here, packages)
    yield from _installed(here, packages)
    yield from _catalogued(here, packages)
    yield _name(here, policy)
    yield from _launch(here, policy)


def name_of(package: str) -> str:
    """``pypi:NAME`` or ``npm:NAME`` of a package with its version, and a folder as it is."""
    source, _, rest = package.partition(":")
    if source == "pypi":
        return f"pypi:{rest.partition('==')[0].partition('[')[0].lower().replace('_', '-').replace('.', '-')}"
    return f"npm:{rest.rpartition('@')[0].lower()}" if source == "npm" else package


def _allowed(here: Evidence[Installation], policy: ServerOriginPolicy) -> Finding:
    body, name = here.body, name_of(here.body.package)
    if body.allowed:
        return ALLOWED.passes(f"{body.allowed} allowed the lock {body.lock} of {shown(body.package)}.", here)
    entry = next((one for one in policy.packages if fnmatchcase(name, one)), "")
    if entry:
        return ALLOWED.passes(f"{shown(body.package)} is on the policy's list, as {entry}.", here)
    return ALLOWED.fails(
        f"No one allowed {shown(body.package)}, and the policy's list does not have it.",
        here,
        about=body.package,
        fix=f"Look at what it is made of, and allow it: arcops host allow NAME {body.lock}.",
    )


def _source(here: Evidence[Installation], packages: Evidence[Packages], policy: ServerOriginPolicy) -> Iterator[Finding]:
    source = here.body.source
    if source in _ELSEWHERE:
        yield _elsewhere(here, packages, policy)
    elif source not in policy.sources:
        yield SOURCE.fails(f"It is from a {source!r}, and the policy permits {', '.join(policy.sources)}.", here, about=source)
    elif packages.body.listed:
        yield SOURCE.passes(f"It is from {source}, and its lock lists what it needs.", here, packages)
    else:
        answer = SOURCE.warns if policy.folders_warn else SOURCE.fails
        where = "an image" if source == "oci" else "a folder"
        yield answer(f"It is from {where}: what its code is made of, and who made it, is written nowhere.", here, packages)


def _elsewhere(here: Evidence[Installation], packages: Evidence[Packages], policy: ServerOriginPolicy) -> Finding:
    host = here.body.host
    if not host:
        return SOURCE.unknown("It is a server of another machine, and it is not known of which one.", here)
    if host not in policy.remotes:
        return SOURCE.fails(
            f"It is a server of {shown(host)}, which the policy does not name.",
            here,
            about=host,
            fix=f"If this site trusts the operator of {shown(host)}, name it in the policy: remotes: ['{shown(host)}'].",
        )
    text = f"It runs at {shown(host)}, which the policy names: what its code is, and when it changes, cannot be seen here."
    return SOURCE.warns(text, here, packages, about=host)


def _locked(here: Evidence[Installation], packages: Evidence[Packages]) -> Iterator[Finding]:
    body = packages.body
    whole = "The address is the lock." if here.body.source in _ELSEWHERE else "The digest of the folder is the lock."
    wrong = [LOCKED.unknown(f"The lock cannot be read: {shown(one)}.", packages, about=one[:200]) for one in body.problems]
    well = LOCKED.passes(
        f"All {len(body.packages)} packages are one version each, with digests." if body.listed else whole,
        packages,
    )
    yield from listed(wrong, well)


def _installed(here: Evidence[Installation], packages: Evidence[Packages]) -> Iterator[Finding]:
    found: list[Finding] = []
    for one in packages.body.beside:
        text = f"{shown(one)} is installed, and the lock does not have it."
        found.append(INSTALLED.fails(text, here, packages, about=one))
    for package in packages.body.packages:
        if not package.installed and not package.optional:
            text = f"{shown(package.name)} {shown(package.version)} is in the lock, and it is not installed."
            found.append(INSTALLED.fails(text, here, packages, about=package.purl))
    for link in here.body.leaving:
        found.append(INSTALLED.fails(f"The link {shown(link)} leads out of the installation.", here, about=link))
    count = sum(one.installed for one in packages.body.packages)
    yield from listed(found, INSTALLED.passes(f"Exactly the {count} packages of the lock are installed.", here, packages))


def _catalogued(here: Evidence[Installation], packages: Evidence[Packages]) -> Iterator[Finding]:
    known = here.body.catalogued
    wrong = (
        CATALOG.fails(
            f"The lock has no file with the digest that {shown(one.entry)} of the catalog has for {shown(one.file)}.",
            here,
            packages,
            about=f"{one.entry}: {one.file}",
        )
        for one in unlike(packages.body.packages, known)
    )
    said = f"All {len(known)} files that the catalog has are in the lock." if known else "The catalog has no digest."
    yield from listed(wrong, CATALOG.passes(said, here, packages))


def _name(here: Evidence[Installation], policy: ServerOriginPolicy) -> Finding:
    name = name_of(here.body.package)
    plain = (one for one in policy.packages if not one.endswith("*"))
    known = dict.fromkeys((*policy.known, *plain, *map(name_of, here.body.hosted)))
    if here.body.source in _ELSEWHERE:
        return NAME.passes("A server of another machine has no name on an index, and its host is named exactly.", here)
    if name.startswith("folder:"):
        return NAME.passes("A folder has no name on an index.", here)
    if not name.isascii() or not name.isprintable():
        return NAME.fails(f"The name {name!a} has letters that others cannot be told from.", here, about=name)
    if other := imitated(name, known):
        return NAME.fails(f"{shown(name)} has nearly the name of {shown(other)}.", here, about=name)
    return NAME.passes(f"{shown(name)} is like none of the {len(known)} known names.", here)


def _launch(here: Evidence[Installation], policy: ServerOriginPolicy) -> Iterator[Finding]:
    row = here.body.launching
    found: list[Finding] = []
    elsewhere = here.body.source in _ELSEWHERE
    if row.network != "none" and not policy.network and not elsewhere:
        found.append(LAUNCH.fails(f"The row asks for the network ({shown(row.network)}).", here, about="network"))
    for word, asked, permitted in (("read", row.reads, policy.reads), ("write", row.writes, policy.writes)):
        for path in asked:
            if ".." in path.split("/") or not any(_below(path, one) for one in permitted):
                found.append(LAUNCH.fails(f"The row asks to {word} {shown(path)}.", here, about=f"{word} {path}"))
    for one in (*row.environment, *row.secrets):
        variable = one.partition("=")[0]
        if elsewhere:
            if not may_be_given(variable):
                text = f"The row sends the header {shown(variable)}, which is not a row's to give."
                found.append(LAUNCH.fails(text, here, about=variable))
        elif variable.upper().startswith(_LOADS) or not variable.isidentifier() or not variable.isascii():
            text = f"The row sets the variable {shown(variable)}, which can change what runs."
            found.append(LAUNCH.fails(text, here, about=variable))
    asked_for = f"network {row.network}, {len(row.reads)} paths to read and {len(row.writes)} to write"
    yield from answered(found, LAUNCH.passes(f"The policy permits what the row asks for: {asked_for}.", here))


def _below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(f"{folder.rstrip('/')}/")


def _examples() -> Iterator[Example[ServerOriginPolicy]]:
    listing = ServerOriginPolicy(packages=("pypi:mcp-server-time",))
    lock = f"sha256:{'1' * 64}"
    here = Installation(
        package="pypi:mcp-server-time==1.0",
        source="pypi",
        runtime="cpython",
        lock=lock,
        tree=f"sha256:{'2' * 64}",
        sealed=f"sha256:{'3' * 64}",
        launch=f"sha256:{'4' * 64}",
        launching=Launching(package="pypi:mcp-server-time==1.0"),
    )
    root = Pinned(
        purl="pkg:pypi/mcp-server-time@1.0", name="mcp-server-time", version="1.0", digests=(lock,), root=True, installed=True
    )
    packages = Packages(packages=(root,))

    def example(
        name: str, verdict: Verdict, body: Installation, more: Packages = packages, policy: ServerOriginPolicy = listing
    ) -> Example[ServerOriginPolicy]:
        return Example(name=name, verdict=verdict, evidence=(body, more), policy=policy)

    def asking(**more: tuple[str, ...] | str) -> Installation:
        return replace(here, launching=replace(here.launching, **more))  # type: ignore[arg-type]  # fields of one type each

    yield example("a package on the policy's list", Verdict.GREEN, here)
    yield example("a lock that the operator allowed", Verdict.GREEN, replace(here, allowed="ann"), policy=ServerOriginPolicy())
    folder = replace(here, package="folder:/srv/x", source="folder", allowed="ann")
    permissive = ServerOriginPolicy(sources=("folder",), folders_warn=True)
    yield example("a folder, which the policy permits", Verdict.AMBER, folder, Packages(packages=(), listed=False), permissive)
    yield example("a folder", Verdict.RED, folder, Packages(packages=(), listed=False))
    there = replace(
        here,
        package="remote:https://mcp.example/mcp",
        source="remote",
        host="mcp.example",
        allowed="ann",
        launching=Launching(package="remote:https://mcp.example/mcp", network="open"),
    )
    nothing, naming = Packages(packages=(), listed=False), ServerOriginPolicy(remotes=("mcp.example",))
    yield example("a server of a host that the policy names", Verdict.AMBER, there, nothing, naming)
    yield example("a server of another host", Verdict.RED, there, nothing)
    yield example("a server of a host that is not known", Verdict.RED, replace(there, host=""), nothing, naming)
    yield example("a server at an address that no one allowed", Verdict.RED, replace(there, allowed=""), nothing, naming)
    cookie = replace(there.launching, environment=("COOKIE=a",))
    yield example("a row that sends a cookie", Verdict.RED, replace(there, launching=cookie), nothing, naming)
    yield example("a package that no one allowed", Verdict.RED, here, policy=ServerOriginPolicy())
    near = replace(here, package="pypi:mcp-server-tlme==1.0", allowed="ann")
    yield example("nearly the name of a known server", Verdict.RED, near)
    yield example("a package that is not in the lock", Verdict.RED, here, replace(packages, beside=("extra 1.0",)))
    yield example("a package that is not installed", Verdict.RED, here, Packages(packages=(replace(root, installed=False),)))
    yield example("a lock that cannot be read", Verdict.RED, here, replace(packages, problems=("a line has no digest",)))
    said = Catalogued(file="mcp_server_time-1.0.whl", digest=lock, entry="dev.example/time 1.0")
    yield example("a file that is as the catalog has it", Verdict.GREEN, replace(here, catalogued=(said,)))
    other = replace(said, digest=f"sha256:{'9' * 64}")
    yield example("a file that is not as the catalog has it", Verdict.RED, replace(here, catalogued=(said, other)))
    yield example("a link that leads out", Verdict.RED, replace(here, leaving=("node_modules/x",)))
    yield example("a row that asks for the network", Verdict.RED, asking(network="open"))
    yield example("a row that asks for files", Verdict.RED, asking(reads=("/srv/data",)))
    yield example("a row that changes what runs", Verdict.RED, asking(environment=("NODE_OPTIONS=--require=/x",)))
