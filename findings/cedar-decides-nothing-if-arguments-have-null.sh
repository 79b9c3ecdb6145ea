#!/usr/bin/env bash
# cedarpy 4.12.2 (Cedar 4.12): Cedar has no null, no fraction and no integer past 64 bits. If one is anywhere in a request's context,
# even if no policy looks at it, the request is not built: the answer is NoDecision, with the reason only in the diagnostics, and
# `allowed` is False even for the policy that permits everything. The arguments of a call of a tool (MCP) are JSON, in which a null
# and a fraction are usual, so they have to be left out or written as decimals before the engine is asked.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check cedarpy==4.12.2
cat > "$folder/seen.py" <<'PY'
import cedarpy
from importlib.metadata import version

ANYTHING = "permit(principal, action, resource);"
seen = {}
for name, context in {
    "text": {"a": "x"},
    "null": {"a": None},
    "null inside": {"a": {"b": [1, None]}},
    "fraction": {"a": 0.5},
    "65 bits": {"a": 2**63},
    "decimal": {"a": {"__extn": {"fn": "decimal", "arg": "0.5"}}},
}.items():
    asked = {"principal": 'User::"ada"', "action": 'Action::"call"', "resource": 'Tool::"t"', "context": context}
    found = cedarpy.is_authorized(asked, ANYTHING, [])
    seen[name] = (found.decision.name, found.allowed)
    print(f"cedarpy {version('cedarpy')} {name:12}", *seen[name], *found.diagnostics.errors[:1])
assert seen == {
    "text": ("Allow", True),
    "null": ("NoDecision", False),
    "null inside": ("NoDecision", False),
    "fraction": ("NoDecision", False),
    "65 bits": ("NoDecision", False),
    "decimal": ("Allow", True),
}
PY
"$folder/venv/bin/python" "$folder/seen.py"
