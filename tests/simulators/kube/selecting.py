"""Label and field selectors, and JSONPath as printer columns use it."""

from __future__ import annotations

import re
from typing import Any


def labels_match(labels: dict[str, str], selector: str) -> bool:
    """Does *labels* meet *selector* (Kubernetes, "Labels and Selectors": equality- and set-based)?"""
    for part in re.findall(r"(?:[^,(]|\([^)]*\))+", selector):
        text = part.strip()
        if match := re.fullmatch(r"(\S+)\s+(in|notin)\s+\(([^)]*)\)", text):
            among = {one.strip() for one in match[3].split(",")}
            if (labels.get(match[1]) in among) is (match[2] == "notin"):
                return False
        elif "!=" in text:
            name, _, value = text.partition("!=")
            if labels.get(name.strip()) == value.strip():
                return False
        elif "=" in text:
            name, _, value = text.replace("==", "=").partition("=")
            if labels.get(name.strip()) != value.strip():
                return False
        elif text.startswith("!"):
            if text[1:].strip() in labels:
                return False
        elif text and text not in labels:
            return False
    return True


def meets(labels: dict[str, str], selector: dict[str, Any]) -> bool:
    """Does *labels* meet a LabelSelector object? An empty one is met by all."""
    if any(labels.get(name) != value for name, value in (selector.get("matchLabels") or {}).items()):
        return False
    for one in selector.get("matchExpressions") or ():
        have, among = labels.get(one["key"]), one.get("values") or []
        good = {
            "In": have in among,
            "NotIn": have not in among,
            "Exists": have is not None,
            "DoesNotExist": have is None,
        }[one["operator"]]
        if not good:
            return False
    return True


def fields_match(obj: dict[str, Any], selector: str) -> bool:
    """Field selectors by equality."""
    for part in filter(None, selector.split(",")):
        unequal = "!=" in part
        name, _, value = part.replace("!=", "=").replace("==", "=").partition("=")
        found: Any = obj
        for step in name.split("."):
            found = found.get(step) if isinstance(found, dict) else None
        if (str(found if found is not None else "") == value) is unequal:
            return False
    return True


def path_of(obj: Any, path: str) -> Any:
    """The first value at a JSONPath such as ``.status.conditions[?(@.type=="Ready")].status``."""
    found = [obj]
    for name, quoted, test, index in re.findall(
        r"\.([A-Za-z0-9_\-]+)|\['([^']+)'\]|\[\?\(@\.([^)]+)\)\]|\[(\d+|\*)\]", path.replace("\\.", "\0")
    ):
        key = (name or quoted).replace("\0", ".")
        if key:
            found = [one[key] for one in found if isinstance(one, dict) and key in one]
        elif test:
            field, _, value = test.partition("==")
            wanted = value.strip().strip("\"'")
            found = [item for one in found if isinstance(one, list) for item in one if str(item.get(field.strip())) == wanted]
        else:
            found = [
                item
                for one in found
                if isinstance(one, list)
                for item in (one if index == "*" else one[int(index) : int(index) + 1])
            ]
    return found[0] if found else None
