"""What an organisation wants MCP clients to be configured with: one neutral draft, and each client's form is made from it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Transport(Enum):
    """How a client talks to a server."""

    STDIO = "stdio"
    HTTP = "http"
    SSE = "sse"


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """A variable of a process, or a header of requests.

    Its value is the fixed text ``before``, and after it the value of the ``input`` of that name, which only the user's own
    machine knows; empty: nothing comes after it.
    """

    name: str
    before: str = ""
    input: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """One server, in no client's words.

    A local one is started by ``command`` and ``args``, or is the published ``package`` (``npm:NAME@VERSION``,
    ``pypi:NAME==VERSION``, ``oci:NAME@sha256:…``), from which the command is made. A remote one is at ``url``. With ``tools``,
    only these tools may be used, and never those of ``denied_tools``.
    """

    name: str
    transport: Transport = Transport.STDIO
    package: str = ""
    command: str = ""
    args: tuple[str, ...] = ()
    env: tuple[Setting, ...] = ()
    url: str = ""
    headers: tuple[Setting, ...] = ()
    tools: tuple[str, ...] = ()
    denied_tools: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """A value that the user's own machine has: ``name`` is that of an environment variable there. Never the value itself."""

    name: str
    description: str = ""
    secret: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A draft: for which ``clients`` (families), in which ``profile``, which ``servers``. ``version`` is SemVer 2.0.0. A policy
    may ask for the ``tags`` of the environment.
    """

    version: str
    profile: str
    clients: tuple[str, ...]
    servers: tuple[Wanted, ...]
    inputs: tuple[Input, ...] = ()
    tags: tuple[str, ...] = ()
