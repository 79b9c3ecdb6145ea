"""What one pass of the operator costs: reading a resource, planning, proving its policies, and comparing with what is there.

    python -m benches.operator_pass

Prints microseconds of CPU, the median and the 95th percentile of 500 servers: for a first pass, each with policies of its own,
which the engine proves; for one with a profile that another server has; for one that has nothing to write, as the first of a
process and as those that follow another; and as a ratio to `json.loads` and `json.dumps` of the same objects, which is the
least that any operator does.
"""

from __future__ import annotations

import json
from typing import Any

from benches.timing import timed
from services.operator.observed import Handshake, Observed, SeenConfigMap
from services.operator.reconcile import Outcome, reconcile
from services.operator.resource import parse
from tests.services.operator.cases import NOW, SITE, VERDICTS, after, made, written

_SERVERS = 500
_SHAKEN = Handshake(of=1, protocol_version="2025-11-25", server="tools 1")
_PROFILE = {"type": "configmap", "name": "p", "key": "p.json"}


def _server(number: int) -> dict[str, Any]:
    return written(name=f"tools-{number}", uid=f"u-{number}", transport="streamable-http", permissionProfile=_PROFILE)


def _seen(number: int) -> Observed:
    outbound = {"allowHost": [f"api-{number}.example.com", "198.51.100.0/24"], "allowPort": [443]}
    text = json.dumps({"write": ["/scratch"], "network": {"outbound": outbound}})
    return Observed(config_maps={"p": SeenConfigMap(resource_version="1", data={"p.json": text})})


def _said(what: str, took: list[float], least: float) -> None:
    median, late = took[len(took) // 2], took[int(len(took) * 0.95)]
    print(f"{what:42} median {median:8.0f} µs   P95 {late:8.0f} µs   {median / least:5.1f} times the JSON of its objects")


def main() -> None:
    """Print the figures."""
    made(_server(0), _seen(0))
    firsts: list[Outcome] = []
    took = timed(lambda number: firsts.append(made(_server(number + 1), _seen(number + 1))), _SERVERS)
    texts = [[one.text for one in first.objects] for first in firsts]
    plain = timed(lambda number: [json.dumps(json.loads(text), sort_keys=True) for text in texts[number]], _SERVERS)
    least = plain[len(plain) // 2]
    _said("first pass, its policies proven", took, least)
    shared = _seen(0)
    took = timed(lambda number: made(_server(number + 1), shared), _SERVERS)
    _said("first pass, a profile that was proven", took, least)
    applied = []
    for number, first in enumerate(firsts):
        there = after(first, handshake=_SHAKEN, uid=f"u-{number + 1}")
        ready = made(_server(number + 1), Observed(**_with(there, number)))
        again = after(ready, handshake=_SHAKEN, uid=f"u-{number + 1}")
        applied.append(Observed(**_with(again, number)))
        assert applied[-1].status
    writes = 0

    def again_pass(number: int) -> None:
        nonlocal writes
        found = made(_server(number + 1), applied[number])
        writes += len(found.writes) + found.status_changed

    def following_pass(number: int) -> None:
        nonlocal writes
        found = reconcile(resources[number], applied[number], SITE, VERDICTS, NOW, earlier[number].made)
        writes += len(found.writes) + found.status_changed

    _said("second pass, nothing to write", timed(again_pass, _SERVERS), least)
    resources = [parse(_server(number + 1)) for number in range(_SERVERS)]
    earlier = [made(_server(number + 1), applied[number]) for number in range(_SERVERS)]
    _said("the same, after another pass", timed(following_pass, _SERVERS), least)
    print(f"writes of {2 * _SERVERS} passes with nothing to write: {writes}")


def _with(there: Observed, number: int) -> dict[str, Any]:
    maps = _seen(number + 1).config_maps
    return {"children": there.children, "handshake": there.handshake, "status": there.status, "config_maps": maps}


if __name__ == "__main__":
    main()
