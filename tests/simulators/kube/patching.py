"""Patches: JSON merge patch (RFC 7396), JSON patch (RFC 6902), and Kubernetes' strategic merge patch."""

from __future__ import annotations

import copy
from typing import Any

from tests.simulators.kube.answers import Refusal
from tests.simulators.kube.fields import Shape, key_of


def merge(target: Any, patch: Any) -> Any:
    """RFC 7396."""
    if not isinstance(patch, dict):
        return patch
    made = dict(target) if isinstance(target, dict) else {}
    for name, one in patch.items():
        if one is None:
            made.pop(name, None)
        else:
            made[name] = merge(made.get(name), one)
    return made


def strategic(target: Any, patch: Any, shape: Shape) -> Any:
    """A patch that merges lists by their keys (Kubernetes, "Update API Objects in Place Using kubectl patch")."""
    if isinstance(patch, dict):
        if patch.get("$patch") == "replace":
            return {name: one for name, one in patch.items() if name != "$patch"}
        made = dict(target) if isinstance(target, dict) else {}
        retained = patch.get("$retainKeys")
        if isinstance(retained, list):
            made = {name: one for name, one in made.items() if name in retained}
        for name, one in patch.items():
            if name.startswith("$deleteFromPrimitiveList/"):
                key = name.partition("/")[2]
                made[key] = [item for item in made.get(key, []) if item not in one]
            elif name.startswith("$"):
                continue
            elif one is None:
                made.pop(name, None)
            else:
                made[name] = strategic(made.get(name), one, shape.child(name))
        return made
    if isinstance(patch, list) and shape.keys and isinstance(target, list):
        keys, inner = shape.keys, shape.item()
        if any(one.get("$patch") == "replace" for one in patch):
            return [one for one in patch if "$patch" not in one]
        made_items = {key_of(one, keys): one for one in target}
        for one in patch:
            key = key_of(one, keys)
            if one.get("$patch") == "delete":
                made_items.pop(key, None)
            else:
                made_items[key] = strategic(made_items.get(key), one, inner)
        return list(made_items.values())
    if isinstance(patch, list) and shape.is_set and isinstance(target, list):
        return [*target, *(one for one in patch if one not in target)]
    return patch


def by_steps(target: Any, steps: list[dict[str, Any]]) -> Any:
    """RFC 6902."""
    made = copy.deepcopy(target)
    for step in steps:
        parts = [one.replace("~1", "/").replace("~0", "~") for one in step["path"].split("/")[1:]]
        at = made
        try:
            for part in parts[:-1]:
                at = at[int(part)] if isinstance(at, list) else at[part]
            last: Any = (len(at) if parts[-1] == "-" else int(parts[-1])) if isinstance(at, list) else parts[-1]
            match step["op"]:
                case "add" if isinstance(at, list):
                    at.insert(last, step["value"])
                case "add":
                    at[last] = step["value"]
                case "replace":
                    at[last]
                    at[last] = step["value"]
                case "remove":
                    del at[last]
                case "test":
                    if at[last] != step["value"]:
                        raise Refusal(422, "Invalid", f"the test of {step['path']} failed")
                case other:
                    raise Refusal(400, "BadRequest", f"the operation {other} is not supported")
        except (KeyError, IndexError, TypeError, ValueError):
            raise Refusal(422, "Invalid", f"there is nothing at {step['path']}") from None
    return made
