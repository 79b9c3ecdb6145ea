"""Servers of other machines over streamable HTTP: the lock is their address, and one file that says it is all that is here."""

from __future__ import annotations

from pathlib import Path

from arcops.errors import Refused
from artifacts.canonical import canonical
from services.host.elsewhere import refuse_unreached
from services.host.installers.workshop import Launch, Workshop
from services.host.lock import Lock
from services.host.spec import Package, read_package
from tasks.server.addresses import FILE

RUNTIME = "another-machine"


def resolve(package: Package, at: Workshop) -> Lock:
    """Its transport and its address. No one is asked: what runs there cannot be locked from here."""
    refuse_unreached(package.name, at.tier)
    return Lock(package=str(package), runtime=RUNTIME, text=said(package).decode())


def install(lock: Lock, folder: Path, at: Workshop) -> None:
    """Write the address. Raises `Refused` if the lock is about another one than its package names."""
    text = said(read_package(lock.package))
    if lock.text.encode() != text:
        raise Refused(f"the lock of {lock.package} is about another address; resolve it again")
    (folder / FILE).write_bytes(text)


def launch(package: Package, folder: Path, command: str) -> Launch:
    """Nothing is started. Raises `Refused` if the address that is installed is another one."""
    try:
        there = (folder / FILE).read_bytes()
    except OSError:
        there = b""
    if there != said(package):
        raise Refused(f"what is installed of {package} is another address; remove it, and gate the server again")
    return Launch(command=(), environment={})


def said(package: Package) -> bytes:
    """The transport and the address as canonical JSON."""
    return canonical({"transport": package.source.value, "url": package.name})
