"""What a decision costs: ours against pycasbin's own `enforce` and Cedar with the text of its policies, in one run.

    python -m benches.authorization [--rules 1000]

Half of the questions are denied, because Casbin evaluates every rule for these. The figures are seconds of CPU of this process;
"first" is each caller's first question, of which nothing was kept.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory

import casbin  # type: ignore[import-untyped]  # it ships no types
import cedarpy

from arcops.identity import Identity
from benches.timing import timed
from capabilities.access.known import known_objects
from foundation.authorization.authorizing import Authorization, decide
from foundation.authorization.casbin_roles import _enforcer
from foundation.authorization.decision import Question
from foundation.authorization.naming import caller_name
from foundation.authorization.objects import CALL
from foundation.authorization.role_policy import RolePolicy


def shown(what: str, took: list[float], against: list[float] | None = None) -> None:
    middle, late = took[len(took) // 2], took[int(len(took) * 0.95)]
    ratio = f"{against[len(against) // 2] / middle:10.0f} times" if against else ""
    print(f"{what:58} median {middle:9.1f} µs   P95 {late:9.1f} µs {ratio}")


def policy(rules: int, tools: Iterable[str]) -> tuple[str, str]:
    """Roles with so many rules in levels of ten, and as many Cedar policies, one for each role."""
    names, roles, calls = list(tools), [], ["permit (principal, action, resource);"]
    for number in range(rules):
        tool = names[number % len(names)]
        above = f"inherits: [r{number - 1}], " if number % 8 else ""
        roles.append(f'  r{number}: {{{above}allows: ["{tool}:call"]}}')
        calls.append(
            f'forbid (principal in Role::"r{number}", action == Action::"call", resource == Object::"{tool}") '
            f'when {{ context.arguments has target && context.arguments.target like "secret{number}/*" }};'
        )
    return "roles:\n" + "\n".join(roles) + "\n", "\n".join(calls)


def main() -> None:
    reader = argparse.ArgumentParser(description=__doc__)
    reader.add_argument("--rules", type=int, default=1000)
    rules = reader.parse_args().rules
    objects = known_objects()
    tools = sorted(objects.groups["check"] | objects.groups["read"])
    roles, calls = policy(rules, tools)
    with TemporaryDirectory() as folder:
        (Path(folder) / "roles.yaml").write_text(roles)
        began = time.process_time()
        by_roles = Authorization(Path(folder), objects)
        assert not by_roles.policy().wrong, by_roles.policy().wrong
        print(
            f"{rules} rules and roles: read, compiled and compared with pycasbin in {time.process_time() - began:.2f} s of CPU"
        )
        compare_roles(by_roles, rules, tools)
    with TemporaryDirectory() as folder:
        (Path(folder) / "roles.yaml").write_text(roles)
        (Path(folder) / "calls.cedar").write_text(calls)
        began = time.process_time()
        both = Authorization(Path(folder), objects)
        assert not both.policy().wrong, both.policy().wrong
        print(f"and {rules} Cedar policies that read arguments: {time.process_time() - began:.2f} s of CPU")
        compare_calls(both, calls, rules, tools)


def caller(number: int, rules: int) -> Identity:
    return Identity(issuer="https://i", tenant="t", id=f"u{number}", roles=frozenset((f"r{number % rules}",)))


def tool_of(number: int, rules: int, tools: list[str]) -> str:
    """The tool that the caller's role allows, or for every second one, a tool that no role of theirs allows."""
    return tools[(number % rules + (20 if number % 2 else 0)) % len(tools)]


def compare_roles(at: Authorization, rules: int, tools: list[str]) -> None:
    roles: RolePolicy = at.policy().roles
    enforcer: casbin.Enforcer = _enforcer(roles, at.objects)
    for number in range(200):
        enforcer.get_role_manager().add_link(f"caller:{caller_name(caller(number, rules))}", f"r{number % rules}")

    def enforce(number: int) -> object:
        return enforcer.enforce(f"caller:{caller_name(caller(number, rules))}", tool_of(number, rules, tools), CALL)

    def ours(number: int) -> object:
        return decide(caller(number, rules), CALL, tool_of(number, rules, tools), None, at).allowed

    assert [enforce(number) for number in range(40)] == [ours(number) for number in range(40)]
    peer = timed(enforce, 100)
    shown("pycasbin, enforce", peer)
    shown("ours, each caller's first", timed(lambda number: ours(number + 1000), 2000), peer)
    shown("ours, again", timed(lambda number: ours(number + 1000), 2000), peer)


def compare_calls(at: Authorization, text: str, rules: int, tools: list[str]) -> None:
    handle = cedarpy.PolicySet.from_str(text)

    def request(number: int) -> dict[str, object]:
        return {
            "principal": {"type": "Caller", "id": caller_name(caller(number, rules))},
            "action": {"type": "Action", "id": CALL},
            "resource": {"type": "Object", "id": tool_of(number, rules, tools)},
            "context": {"arguments": {"target": "lab/a"}},
        }

    def entities(number: int) -> str:
        who = {"type": "Caller", "id": caller_name(caller(number, rules))}
        return json.dumps([{"uid": who, "attrs": {}, "parents": [{"type": "Role", "id": f"r{number % rules}"}]}])

    def ours(number: int) -> object:
        return decide(caller(number, rules), CALL, tool_of(number, rules, tools), {"target": "lab/a"}, at).allowed

    def cedar_alone(number: int) -> object:
        question = Question(
            caller=caller(number, rules), action=CALL, object=tool_of(number, rules, tools), arguments={"target": "lab/a"}
        )
        return at.policy().engines[1].decide(question)

    peer = timed(lambda number: cedarpy.is_authorized(request(number), text, entities(number)), 20)
    shown("Cedar, policies as text", peer)
    shown(
        "Cedar, policies parsed once",
        timed(lambda number: cedarpy.is_authorized(request(number), handle, entities(number)), 200),
        peer,
    )
    shown("our Cedar engine alone, with the arguments", timed(cedar_alone, 2000), peer)
    shown("ours, both engines, with the arguments", timed(lambda number: ours(number + 1000), 2000), peer)


if __name__ == "__main__":
    main()
