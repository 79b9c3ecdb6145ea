"""``arcops receivers``: who is told about new artifacts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from adapters.cli import surroundings
from adapters.cli.answering import answer, shown
from adapters.cli.commands import Given, command, group
from adapters.cli.exits import GREEN, RED
from adapters.cli.options import Reaching
from adapters.cli.printing import Answering
from artifacts.projections.lines import printable

if TYPE_CHECKING:
    from capabilities.publishing.receivers import (
        AddReceiver,
        ListReceivers,
        Receiver,
        ReceiverRemoved,
        ReceiversListed,
        RemoveReceiver,
        TellReceivers,
    )

RECEIVERS = group("receivers", "Who is told about each new artifact: web addresses with signed messages, and Prefect.")


@command(
    "receivers add",
    "capabilities.publishing.receivers:add_receiver",
    own=Answering,
    example="ci --url https://ci.example.org/hooks/arcops --secret env:CI_SECRET --verdicts RED",
)
def add(given: Given[AddReceiver, Receiver, Answering]) -> None:
    """Tell a web address, or this place's Prefect, about each artifact that is kept from now on."""
    shown(given, _print)


@command("receivers list", "capabilities.publishing.receivers:list_receivers", own=Answering)
def list_(given: Given[ListReceivers, ReceiversListed, Answering]) -> int:
    """List who is told about new artifacts, and how far each is; exit code 3 if one takes no more."""
    return _exit(shown(given, _print_all))


@command("receivers tell", "capabilities.publishing.receivers:tell_receivers", own=Reaching, example="ci")
def tell(given: Given[TellReceivers, ReceiversListed, Reaching]) -> int:
    """Tell each receiver once what it has not taken yet; exit code 3 if one does not take it. A server does so by itself."""
    found = answer(given.tool, given.ask(), surroundings.place(given.own.tier))
    _print_all(found)
    return _exit(found)


@command("receivers remove", "capabilities.publishing.receivers:remove_receiver", example="ci")
def remove(given: Given[RemoveReceiver, ReceiverRemoved, None]) -> None:
    """Tell a receiver nothing more, and forget how far it was."""
    print(f"removed {answer(given.tool, given.ask(), surroundings.place()).name}")


def _print_all(found: ReceiversListed) -> None:
    for one in found.receivers:
        _print(one)
    if not found.receivers:
        print("no one is told; 'arcops receivers add' adds a receiver")


def _print(one: Receiver) -> None:
    wants = ", ".join((*one.verdicts, *one.kinds)) or "everything"
    last = f", told {one.told_at:%Y-%m-%d %H:%M} UTC" if one.told_at else ""
    print(printable(f"{one.name} {one.url or one.kind.value}: {wants}; {one.behind} entries behind{last}"))
    if one.problem:
        print(printable(f"  {'ENDED' if one.ended else f'FAILED {one.failures} times'}: {one.problem}"))


def _exit(found: ReceiversListed) -> int:
    return RED if any(one.problem for one in found.receivers) else GREEN
