"""``arcops policy`` and ``explain``: policies and gates."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from adapters.cli import surroundings
from adapters.cli.answering import answer
from adapters.cli.commands import Given, command, group
from arcops.errors import Refused
from artifacts.projections.printable import printable

if TYPE_CHECKING:
    from arcops.finding import Waiver
    from capabilities.policy.approving import ApproveWaiver, WaiverApproved
    from capabilities.policy.explain import Explain, Explained
    from capabilities.policy.policy import (
        CheckPolicy,
        DraftWaiver,
        ListPolicies,
        PoliciesListed,
        PolicyChecked,
        PolicyRegistered,
        RegisterPolicy,
        WaiverDrafted,
    )

POLICY = group("policy", "Check, list and register policies; draft and approve waivers.")


@command("explain", "capabilities.policy.explain:explain_rule", example="weights/imports")
def explain(given: Given[Explain, Explained, None]) -> None:
    """Show what a gate or a rule asks, why, and how to fix it."""
    ask = given.ask()
    gates = answer(given.tool, ask, surroundings.place()).gates
    if not ask.name:
        for gate in gates:
            print(f"{gate.gate}: {gate.doc.splitlines()[0]}")
            for rule in gate.rules:
                print(f"  {rule.rule}: {rule.asks}")
        return
    for gate in gates:
        print(gate.doc)
        for rule in gate.rules:
            print(f"\n{rule.rule}\n  {rule.asks}\n  Fix: {rule.fix}")


@command("policy check", "capabilities.policy.policy:check_policy", example="ours.yaml")
def check(given: Given[CheckPolicy, PolicyChecked, None]) -> None:
    """Parse a policy strictly and print it with every default written out."""
    from arcops.policy import MOST_WAIVED
    from capabilities.policy.writing import Miswritten, written_out

    try:
        checked = answer(given.tool, given.ask(), surroundings.place())
    except Miswritten as error:
        print(
            "# to copy into the policy, instead of what is wrong or lacking there:",
            *map(printable, error.yaml.splitlines()),
            sep="\n",
        )
        raise
    print(f"policy {printable(checked.name)} {checked.digest}")
    print(f"results are valid for {checked.valid_for}")
    print(*map(printable, written_out((gate.gate, gate.settings) for gate in checked.gates).splitlines()), sep="\n")
    for waiver in checked.waivers if not checked.standing else ():
        print(printable(_line(waiver, checked)))
    for waiver, standing in zip(checked.waivers, checked.standing, strict=False):
        by = f" ({', '.join(standing.approvers)})" if standing.approvers else ""
        print(printable(_line(waiver, checked)))
        print(printable(f"  {standing.digest}: {len(standing.approvers)} of {checked.approvals} approvals{by}"))
    if checked.endless:
        raise Refused(
            f"{len(checked.endless)} waiver(s) of policy {checked.name} end more than {MOST_WAIVED.days} days from now and "
            "do not count; give them an earlier end"
        )
    if checked.expired:
        raise Refused(f"{len(checked.expired)} waiver(s) of policy {checked.name} expired; renew or remove them")


def _line(waiver: Waiver, checked: PolicyChecked) -> str:
    state = "expired" if waiver in checked.expired else "too long" if waiver in checked.endless else "live"
    content = waiver.digest or "any content"
    return (
        f"waiver {waiver.rule} {waiver.about or '-'} for {waiver.subject} ({content}) by {waiver.owner} "
        f"until {waiver.expires}: {state}"
    )


@command("policy list", "capabilities.policy.policy:list_policies")
def list_(given: Given[ListPolicies, PoliciesListed, None]) -> None:
    """List the policies that remote callers and workers may name, with their digests."""
    for one in answer(given.tool, given.ask(), surroundings.place()).policies:
        print(f"{one.digest} {'shipped' if one.shipped else 'registered'} {printable(one.name)}")


@command("policy register", "capabilities.policy.policy:register_policy", example="ours.yaml")
def register(given: Given[RegisterPolicy, PolicyRegistered, None]) -> None:
    """Let remote callers and workers name this policy. Without this they can only name policies that come with ArcOps."""
    made = answer(given.tool, given.ask(), surroundings.place())
    print(f"{made.digest} {printable(made.name)} is registered: {made.path or 'it comes with ArcOps'}")


@command(
    "policy waive",
    "capabilities.policy.policy:draft_waiver",
    example="ours.yaml integrity/links --owner Ada --reason 'replaced on Monday' --expires 2031-01-15",
)
def waive(given: Given[DraftWaiver, WaiverDrafted, None]) -> None:
    """Draft a waiver, and test it with the policy; a person adds it to the policy's file."""
    ask = given.ask()
    ask = replace(ask, expires=ask.expires.replace(hour=23, minute=59, second=59))  # a day is typed, and it counts on that day
    print(answer(given.tool, ask, surroundings.place()).yaml, end="")


@command(
    "policy approve",
    "capabilities.policy.approving:approve_waiver",
    example="ours.yaml sha256:3f2a9c1b",
)
def approve(given: Given[ApproveWaiver, WaiverApproved, None]) -> None:
    """Approve a waiver of a policy that demands approvals, as another person than its owner."""
    found = answer(given.tool, given.ask(), surroundings.place())
    counts = "it counts" if found.counts else "it does not count yet"
    print(printable(f"{found.waiver} has {len(found.approvers)} of {found.needed} approvals: {counts}"))
    print(printable(f"approved by {', '.join(found.approvers)}; kept as {found.artifact}"))
