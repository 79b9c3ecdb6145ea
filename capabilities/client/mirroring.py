"""Carry what is released to a replica, or across an air gap."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from arcops.asks import Use, shaped, used
from capabilities.client.place import freshness_here
from capabilities.client.serving import exported, packed_mirror
from capabilities.contract import Scope, tool
from flows.place import Place


@dataclass(frozen=True, slots=True, kw_only=True)
class MirrorClientConfigs:
    """To which folder, and to which tar, to write."""

    to: Path = field(metadata=used(Use.HERE) | shaped(title="FOLDER", most=4096))
    """The folder of the replica; what is there stays, and what is new is added."""
    tar: Path | None = field(default=None, metadata=used(Use.HERE) | shaped(title="FILE", most=4096))
    """Write all of the folder into this new tar, too, to carry it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientConfigsMirrored:
    """How many releases were ``new`` in the folder, and how many it holds in ``all``."""

    new: int
    all: int


@tool(title="Mirror clients' configuration", scope=Scope.PUBLISH, idempotent=True)
def mirror_client_configs(ask: MirrorClientConfigs, at: Place) -> ClientConfigsMirrored:
    """Write what is released into a folder that a replica serves, and that a machine without a network applies from.

    The files never change, and their signatures verify without this place. Only on this machine's own command line.
    """
    new, count = exported(at, ask.to)
    if ask.tar is not None:
        packed_mirror(ask.to, ask.tar)
    return ClientConfigsMirrored(new=new, all=count)


@dataclass(frozen=True, slots=True, kw_only=True)
class GetClientMetadata:
    """Which file to get."""

    name: str = field(metadata=shaped(positional=True, title="NAME", least=1, most=250))
    """The file's name, such as timestamp.json or 1.root.json."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientMetadata:
    """A file of metadata (TUF 1.0), which says what is newest."""

    text: str


@tool(title="Get metadata of clients' configuration", scope=Scope.READ, reads_only=True)
def get_client_metadata(ask: GetClientMetadata, at: Place) -> ClientMetadata:
    """Get one file of the metadata that says what is newest (TUF 1.0). Machines are given 1.root.json once, another way."""
    return ClientMetadata(text=freshness_here(at).file(ask.name).decode())
