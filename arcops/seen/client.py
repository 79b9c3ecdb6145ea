"""What an organisation wants MCP clients to be configured with: one neutral draft, and each client's form is made from it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import ClassVar

from arcops.evidence import Body


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


class Action(Enum):
    """What a rule of an organisation's policy does with what it applies to."""

    ALLOW = "allow"
    DENY = "deny"
    PIN = "pin"
    REDACT = "redact"
    REQUIRE = "require"
    DEFAULT = "default"


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What one rule decided of one server: ``effect`` says it in a sentence. ``refused``: the draft cannot be released so."""

    rule: str
    action: Action
    server: str
    effect: str
    refused: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """What a draft gives for one client, in one version of its schema: the ``payload`` as the client reads it, and its SHA-256.

    If the client cannot express it, there is no payload, and ``problem`` says why. ``misfits`` are the places at which the
    payload breaks the client's schema.
    """

    client: str
    schema: str
    artifact: str
    payload: str
    servers: tuple[str, ...]
    decisions: tuple[Decision, ...]
    problem: str = ""
    misfits: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientConfiguration(Body):
    """A draft, as it was read, and what it gives under an organisation's policy.

    ``source`` is the whole text of the draft, because secrets hide in comments, too. ``policy_set`` is the policy's id with its
    version, empty if there is no policy; ``policy_digest`` is that of its bytes.
    """

    KIND: ClassVar[str] = "client-configuration"

    digest: str
    source: str
    draft: Draft
    policy_set: str
    policy_digest: str
    made: tuple[Made, ...]

    @property
    def names_subject(self) -> str:
        return self.digest.removeprefix("sha256:")
