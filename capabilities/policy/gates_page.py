"""The page of all gates, written from the gates themselves, so that it always matches what is judged."""

from __future__ import annotations

import json

from artifacts.wire import to_json
from capabilities.policy.explain import explained
from flows.plan import all_gates

_HEAD = """# Gates and rules

Written from the code by `make docs`; a test holds the two together. Every rule is answered at every check. Each gate also has
the rule `GATE/judged`: was everything that it needs collected, and did it answer all its rules?
"""


def gates_page() -> str:
    """Markdown: every gate's own words, its rules, its policy with the defaults, and its examples with their verdicts."""
    parts = [_HEAD]
    gates = {gate.id: gate for gate in all_gates()}
    for page in explained():
        gate = gates[page.gate]
        needs = ", ".join(f"`{body.KIND}`" for body in gate.needs)
        wants = ", ".join(f"`{body.KIND}`" for body in gate.wants)
        parts.append(f"\n## {gate.id}\n\n{page.doc}\n\nNeeds {needs}{f'; uses {wants} if collected' if wants else ''}.\n")
        if gate.speaks_to:
            parts.append(f"\nEvidence for {', '.join(map(str, gate.speaks_to))}.\n")
        parts.append("\n| rule | asks | fix |\n|---|---|---|\n")
        parts += [f"| `{rule.rule}` | {rule.asks} | {rule.fix} |\n" for rule in page.rules if not rule.rule.endswith("/judged")]
        default = json.dumps(to_json(gate.policy()), indent=2, ensure_ascii=False)
        parts.append(f"\nPolicy, with its defaults:\n\n```json\n{default}\n```\n\nExamples:\n\n")
        parts += [f"- {example.name}: **{example.verdict.value}**\n" for example in gate.examples()]
    return "".join(parts)


if __name__ == "__main__":
    print(gates_page(), end="")
