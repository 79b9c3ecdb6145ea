"""``arcops explain`` and ``arcops policy``: questions that touch nothing."""

from __future__ import annotations

from datetime import datetime

from adapters.cli import surroundings
from adapters.cli.answering import answer
from adapters.cli.plain import printable
from adapters.tools import policy as policies
from adapters.tools.explain import Explain, explain_rule
from arcops.errors import Refused


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
        state = "expired" if waiver in checked.expired else "live"
        said = (
            f"waiver {waiver.rule} {waiver.about or '-'} for {waiver.subject} by {waiver.owner} until {waiver.expires}: {state}"
        )
        print(printable(said))
    if checked.expired:
        raise Refused(f"{len(checked.expired)} waiver(s) of policy {checked.name} expired; renew or remove them")


def policy_list() -> None:
    for name in answer(policies.list_policies, policies.ListPolicies(), surroundings.place()).names:
        print(name)


def policy_waive(policy: str, rule: str, subject: str, about: str, owner: str, reason: str, expires: datetime) -> None:
    ask = policies.DraftWaiver(
        policy=policy, rule=rule, subject=subject, about=about, owner=owner, reason=reason, expires=expires
    )
    print(answer(policies.draft_waiver, ask, surroundings.place()).yaml, end="")
