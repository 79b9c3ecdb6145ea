"""The leases of servers that one host at a time runs: taken, renewed, and given up before another host may run them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from arcops.errors import Unavailable
from foundation.database.lease import Lease, Leases, Lost
from services.host.hosted import NotYet, State
from services.host.peers import AT

LEASE_SECONDS, RENEW_SECONDS, UNSURE_SECONDS = 15.0, 4.0, 10.0
"""A server that one host runs: its lease, how often it is renewed, and when a host that could not renew it ends the server."""


def no_address(_: str) -> str:
    """No host has an address for the others."""
    return ""


ASKED_SECONDS = 0.5
"""So long it is remembered who holds a server, because each request for it asks."""


class Holding:
    """What this host holds of *leases*. *lose* is called with the name of a server that it does not hold for sure any more.

    *address_of* reads a holder's address from its name in a lease.
    """

    def __init__(self, leases: Leases, *, lose: Callable[[str], None], address_of: Callable[[str], str] = no_address) -> None:
        self._leases, self._lose, self._address_of = leases, lose, address_of
        self._held: dict[str, tuple[Lease, float]] = {}
        self._asked: dict[str, tuple[float, str]] = {}

    async def elsewhere(self, name: str) -> str:
        """The address of the other host that runs *name* now; empty if no other one runs it, or has no address for others.

        If the database does not answer, no one is known to run it.
        """
        if self._is_held(name):
            return ""
        at, found = self._asked.get(name, (0.0, ""))
        now = time.monotonic()
        if now - at < ASKED_SECONDS:
            return found
        try:
            held = await asyncio.to_thread(self._leases.held)
        except Unavailable:
            return ""
        found = next((self._address_of(one.holder) for one in held if one.name == _lease(name)), "")
        self._asked[name] = (now, found)
        return found

    async def hold(self, name: str) -> None:
        """Be the one host that runs *name*. Raises `NotYet` if another one is."""
        if self._is_held(name):
            return
        begun = time.monotonic()
        lease = await asyncio.to_thread(self._leases.take, _lease(name), LEASE_SECONDS)
        if lease is None:
            held = await asyncio.to_thread(self._leases.held)
            who = next((one.holder for one in held if one.name == _lease(name)), "another host")
            raise NotYet(
                f"{name} runs on one host at a time, and {who.partition(AT)[0]} runs it",
                state=State.RUNNING,
                retry=round(LEASE_SECONDS),
            )
        self._held[name] = (lease, begun)

    async def give(self) -> None:
        """Give back what is held. Raises `Unavailable` if the database does not answer."""
        for lease, _ in self._held.values():
            await asyncio.to_thread(self._leases.give, lease)

    async def renewing(self) -> None:
        """Renew for ever what is held; lose what could not be renewed for too long, before another host may run it."""
        renewed = time.monotonic()
        while True:
            await asyncio.sleep(1.0)
            due = time.monotonic() - renewed >= RENEW_SECONDS
            if due:
                renewed = time.monotonic()
            for name, (lease, since) in list(self._held.items()):
                begun = time.monotonic()
                try:
                    if due:
                        async with asyncio.timeout(RENEW_SECONDS):
                            again = await asyncio.to_thread(self._leases.renew, lease, LEASE_SECONDS)
                        if name in self._held and self._held[name][0] is lease:
                            self._held[name] = (again, begun)
                        continue
                except Lost:
                    since = 0.0
                except (Unavailable, TimeoutError):
                    pass
                if begun - since >= UNSURE_SECONDS or not self._leases.sure(lease):
                    self._forget(name, lease)

    def _is_held(self, name: str) -> bool:
        """Does this host hold *name* for sure? One that slept, or was stopped, may know it before it comes to renew."""
        if name in self._held and not self._leases.sure(self._held[name][0]):
            self._forget(name, self._held[name][0])
        return name in self._held

    def _forget(self, name: str, lease: Lease) -> None:
        """Lose *name*, unless it is held by another lease than *lease* by now."""
        if name in self._held and self._held[name][0] is lease:
            del self._held[name]
            self._lose(name)


def _lease(name: str) -> str:
    return f"hosted/{name}"
