"""``arcops conf``: publish a draft, approve, revert, and give a canary to more machines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from adapters.cli.answering import shown
from adapters.cli.commands import Given, command
from adapters.cli.printing import Answering
from artifacts.projections.printable import printable

if TYPE_CHECKING:
    from capabilities.client.publishing import (
        ApproveClientConfig,
        ListWaitingClientConfigs,
        PublicationShown,
        PublicationsListed,
        PublishClientConfig,
        RevertClientConfig,
        WidenClientConfig,
        WithdrawClientConfig,
    )

_PUBLISHING = "capabilities.client.publishing"


@command("conf publish", f"{_PUBLISHING}:publish_client_config", own=Answering, example='dev.yaml --changelog "Adds time."')
def publish(given: Given[PublishClientConfig, PublicationShown, Answering]) -> None:
    """Release a draft for its clients, or let it wait for approvals."""
    shown(given, _print_publication)


@command("conf waiting", f"{_PUBLISHING}:list_waiting_client_configs", own=Answering)
def waiting(given: Given[ListWaitingClientConfigs, PublicationsListed, Answering]) -> None:
    """List what waits for approvals."""

    def show(found: PublicationsListed) -> None:
        if not found.publications:
            print("nothing waits for approvals")
        for one in found.publications:
            _print_publication(one)

    shown(given, show)


@command("conf approve", f"{_PUBLISHING}:approve_client_config", own=Answering, example="3f2a9c1b")
def approve(given: Given[ApproveClientConfig, PublicationShown, Answering]) -> None:
    """Approve a publication with your key; the last approval that is needed releases it."""
    shown(given, _print_publication)


@command("conf withdraw", f"{_PUBLISHING}:withdraw_client_config", own=Answering, example="3f2a9c1b")
def withdraw(given: Given[WithdrawClientConfig, PublicationShown, Answering]) -> None:
    """Take back what waits for approvals."""
    shown(given, _print_publication)


@command(
    "conf revert",
    f"{_PUBLISHING}:revert_client_config",
    own=Answering,
    example=f'codex --profile dev --to sha256:{"0" * 64} --reason "1.1.0 breaks"',
)
def revert(given: Given[RevertClientConfig, PublicationShown, Answering]) -> None:
    """Issue an earlier artifact again as the newest."""
    shown(given, _print_publication)


@command(
    "conf canary",
    f"{_PUBLISHING}:widen_client_config",
    own=Answering,
    example=f"codex --profile dev --artifact sha256:{'0' * 64} --percent 50",
)
def canary(given: Given[WidenClientConfig, PublicationShown, Answering]) -> None:
    """Give a canary to more machines, or to all."""
    shown(given, _print_publication)


def _print_publication(found: PublicationShown) -> None:
    print(f"{found.id[:16]} is {found.state}" + (f", {found.verdict}" if found.verdict else ""))
    for one in found.records:
        needed = f", {len(one.approved_by)} of {one.needed} approvals" if one.needed > 0 else ""
        percent = f", {one.percent} %" if one.percent < 100 else ""
        print(printable(f"  {one.client_id}/{one.profile} {one.version} {one.artifact_id}{percent}{needed}"))
    for remark in found.remarks:
        print(printable(f"  {remark}"))
    if found.state == "waiting":
        print(f"Next: another one runs 'arcops conf approve {found.id[:16]}'")
