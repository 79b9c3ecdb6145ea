"""``arcops conf family``: clients that a site describes itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from adapters.cli.answering import shown
from adapters.cli.commands import Given, command
from adapters.cli.printing import Answering
from artifacts.projections.printable import printable

if TYPE_CHECKING:
    from capabilities.client.describing import ClientFamilyDropped, ClientFamilySet, DropClientFamily, SetClientFamily

_DESCRIBING = "capabilities.client.describing"


@command("conf family put", f"{_DESCRIBING}:set_client_family", own=Answering, example="acme.yaml --preview")
def put(given: Given[SetClientFamily, ClientFamilySet, Answering]) -> None:
    """Describe a client that ArcOps does not know, so that drafts can be for it."""

    def show(found: ClientFamilySet) -> None:
        one = found.family
        files = ", ".join(each.surface for each in one.files)
        schemas = ", ".join(each.version for each in one.schemas)
        told = f"{one.client_id}: {one.title}, {one.format}, schema {schemas}, files {files}"
        print(printable(f"{told}; inputs as {one.variables}"))
        print("it is known from now on" if found.set else "it would be known; nothing was set")

    shown(given, show)


@command("conf family drop", f"{_DESCRIBING}:drop_client_family", own=Answering, example="acme-agent")
def drop(given: Given[DropClientFamily, ClientFamilyDropped, Answering]) -> None:
    """Forget a client that was described here."""
    shown(given, lambda found: print(f"{found.client_id} is not known here any more"))
