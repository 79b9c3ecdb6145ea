"""What was seen of a hosted MCP server before it runs: what is installed, of which packages, and what is in them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import ClassVar

from arcops.evidence import Body
from arcops.seen.vulnerabilities import Vulnerabilities


@dataclass(frozen=True, slots=True, kw_only=True)
class Launching:
    """What a row says about how its server is started: a change of any of it is another server.

    ``secrets`` are references and never values. ``network`` is ``none`` or ``open``; ``reads`` and ``writes`` are absolute
    paths of this machine that it may use besides its own.
    """

    package: str
    command: str = ""
    arguments: tuple[str, ...] = ()
    environment: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    bound: tuple[str, ...] = ()
    network: str = "none"
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()


def server_digest(lock: str, tree: str, launch: str) -> str:
    """Lower-case hex SHA-256 that names a server by the digests (``sha256:…``) of its lock, its files and its start."""
    return hashlib.sha256(f"arcops mcp-server 1\n{lock}\n{tree}\n{launch}\n".encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogued:
    """What an ``entry`` of this site's catalog says of a ``file`` of the server's package: its ``digest``, ``sha256:`` or
    ``sha512:`` and hex.
    """

    file: str
    digest: str
    entry: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation(Body):
    """The server as it is installed. ``lock``, ``tree`` and ``launch`` are digests (``sha256:…``): of the lock, of every
    installed file but what the installer made for this machine, and of ``launching``. ``sealed`` is the tree's digest that was
    noted when it was installed. ``allowed`` says who allowed this lock, or is empty. ``hosted`` are the packages of the other
    rows of this site. ``catalogued`` is what this site's catalog says of the package's files. ``leaving`` are links that lead
    out of the installation. ``host`` is where a server of another machine is asked, with its port unless that is 443; empty for
    one that runs here.
    """

    KIND: ClassVar[str] = "server-installation"

    package: str
    source: str
    runtime: str
    lock: str
    tree: str
    sealed: str
    launch: str
    launching: Launching
    allowed: str = ""
    hosted: tuple[str, ...] = ()
    catalogued: tuple[Catalogued, ...] = ()
    files: int = 0
    leaving: tuple[str, ...] = ()
    host: str = ""

    @property
    def names_subject(self) -> str:
        return server_digest(self.lock, self.tree, self.launch)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pinned:
    """One package of the lock. ``digests`` are as the lock writes them; ``root``: it is the server's own package;
    ``optional``: an installer may leave it out on this machine; ``place`` is its folder below the installation, for npm.
    ``address`` is where the lock says that it is from, empty if it says nothing.
    """

    purl: str
    name: str
    version: str
    digests: tuple[str, ...]
    root: bool = False
    optional: bool = False
    installed: bool = False
    place: str = ""
    address: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Within:
    """A package that an image's own lists name: those of its distribution, or the metadata of Python and Node. ``place`` is the
    list's path in the image; the release of the distribution and the source package are in ``purl``.
    """

    purl: str
    name: str
    version: str
    place: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Packages(Body):
    """Every package of the lock, sorted by package URL. ``beside`` are packages that are installed and not in the lock, as
    ``name version``; ``problems`` are what in the lock cannot be read, one sentence each.

    ``listed`` is false for a folder, an image, and a server of another machine: no lock says what it is made of. ``within`` is
    what an image itself says of that, sorted by package URL, and ``unread`` which of its lists could not be read, one clause
    each. No one vouches for these lists, and a file that none of them names is seen by no one.
    """

    KIND: ClassVar[str] = "server-packages"

    packages: tuple[Pinned, ...]
    listed: bool = True
    beside: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    within: tuple[Within, ...] = ()
    unread: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerAdvisories(Body):
    """What the imported advisories say about the packages of the lock."""

    KIND: ClassVar[str] = "server-advisories"

    found: Vulnerabilities


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Something in an installed package. ``what`` is one clause that says it; ``declared``: the package's own list of files
    has it, with its digest.
    """

    package: str
    path: str
    what: str
    declared: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LicenceSaid:
    """What a package says of its licence, in its own words; empty if nothing."""

    package: str
    licence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerContents(Body):
    """What is in the installed packages, without running any of it.

    ``scripts`` run at an installation, ``startup`` is code that runs whenever the interpreter starts, ``native`` is code of a
    processor or of WebAssembly, ``altered`` are files that differ from their package's own list, and ``unowned`` are those that
    no package lists. ``unread`` could not be looked at, ``files`` counts all files.
    """

    KIND: ClassVar[str] = "server-contents"

    files: int
    scripts: tuple[Part, ...] = ()
    startup: tuple[Part, ...] = ()
    native: tuple[Part, ...] = ()
    altered: tuple[Part, ...] = ()
    unowned: tuple[Part, ...] = ()
    unread: tuple[Part, ...] = ()
    licences: tuple[LicenceSaid, ...] = ()
