"""``arcops explain`` and ``arcops policy``: questions that touch nothing."""

from __future__ import annotations

import json

from adapters.cli import surroundings
from adapters.cli.plain import printable
from adapters.tools.explain import explain as explain_tool
from adapters.tools.policy import check_policy
from arcops.errors import Refused


def explain(name: str) -> None:
    gates = explain_tool(name)
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
    checked = check_policy(name_or_path, now=surroundings.now())
    print(f"policy {printable(checked.policy.name)} {checked.policy.digest}")
    print(f"results hold for {checked.policy.valid_for}")
    for gate, settings in checked.gates:
        print(f"{gate} {printable(json.dumps(settings, ensure_ascii=False))}")
    for waiver in checked.policy.waivers:
        state = "expired" if waiver in checked.expired else "live"
        said = (
            f"waiver {waiver.rule} {waiver.about or '-'} for {waiver.subject} by {waiver.owner} until {waiver.expires}: {state}"
        )
        print(printable(said))
    if checked.expired:
        raise Refused(f"{len(checked.expired)} waiver(s) of policy {checked.policy.name} expired; renew or remove them")
