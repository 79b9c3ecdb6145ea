"""``arcops explain`` and ``arcops policy``: questions that touch nothing."""

from __future__ import annotations

from pathlib import Path

from adapters.cli import surroundings
from adapters.cli.answering import answer
from adapters.cli.files import text
from adapters.cli.plain import printable
from arcops.errors import Refused
from arcops.policy import MOST_WAIVED
from capabilities.policy import policy as policies
from capabilities.policy.explain import Explain, explain_rule


def explain(name: str) -> None:
    gates = answer(explain_rule, Explain(name=name), surroundings.place()).gates
    if not name:
        for gate in gates:
            print(f"{gate.gate}: {gate.doc.splitlines()[0]}")
            for rule in gate.rules:
                print(f"  {rule.rule}: {rule.asks}")
        return
    for gate in gates:
        print(gate.doc)
        for rule in gate.rules:
            print(f"\n{rule.rule}\n  {rule.asks}\n  Fix: {rule.fix}")


def policy_check(name_or_path: str) -> None:
    checked = answer(policies.check_policy, policies.CheckPolicy(policy=name_or_path), surroundings.place())
    print(f"policy {printable(checked.name)} {checked.digest}")
    print(f"results hold for {checked.valid_for}")
    for gate in checked.gates:
        print(f"{gate.gate} {printable(gate.settings)}")
    for waiver in checked.waivers:
        state = "expired" if waiver in checked.expired else "too long" if waiver in checked.endless else "live"
        content = waiver.digest or "any content"
        said = (
            f"waiver {waiver.rule} {waiver.about or '-'} for {waiver.subject} ({content}) by {waiver.owner} "
            f"until {waiver.expires}: {state}"
        )
        print(printable(said))
    if checked.endless:
        raise Refused(
            f"{len(checked.endless)} waiver(s) of policy {checked.name} end more than {MOST_WAIVED.days} days from now and "
            "do not count; let them end earlier"
        )
    if checked.expired:
        raise Refused(f"{len(checked.expired)} waiver(s) of policy {checked.name} expired; renew or remove them")


def policy_list() -> None:
    for one in answer(policies.list_policies, policies.ListPolicies(), surroundings.place()).policies:
        print(f"{one.digest} {'shipped' if one.shipped else 'registered'} {printable(one.name)}")


def policy_register(file: Path) -> None:
    ask = policies.RegisterPolicy(text=text(file, policies.MOST_BYTES))
    made = answer(policies.register_policy, ask, surroundings.place())
    print(f"{made.digest} {printable(made.name)} is registered: {made.path or 'it comes with ArcOps'}")


def policy_waive(ask: policies.DraftWaiver) -> None:
    print(answer(policies.draft_waiver, ask, surroundings.place()).yaml, end="")
