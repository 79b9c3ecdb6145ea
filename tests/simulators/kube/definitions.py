"""CustomResourceDefinitions as resources (Kubernetes, "Extend the API with CustomResourceDefinitions"): pruning, defaults,
validation with CEL by ArcOps' own checker, printer columns, status as a subresource.
"""

from __future__ import annotations

import copy
from typing import Any

from tasks.kubernetes.manifests.rules import Evaluator, NotChecked
from tasks.kubernetes.manifests.schemas import Schema, _default
from tasks.kubernetes.manifests.values import for_cel
from tests.simulators.kube.answers import Refusal
from tests.simulators.kube.kinds import Column, Resource


def resource(definition: dict[str, Any]) -> Resource:
    """The resource that *definition* serves."""
    spec = definition["spec"]
    names = spec["names"]
    served = [one for one in spec["versions"] if one.get("served")]
    served.sort(key=lambda one: (not one.get("storage"), one["name"]))
    schemas, columns, validators = {}, {}, {}
    for one in served:
        schema = one["schema"]["openAPIV3Schema"]
        schemas[one["name"]] = schema
        validators[one["name"]] = Schema(schema)
        columns[one["name"]] = tuple(
            Column(name=c["name"], path=c["jsonPath"], form=c["type"], priority=c.get("priority", 0))
            for c in one.get("additionalPrinterColumns", ())
        )
    storage = next(one["name"] for one in spec["versions"] if one.get("storage"))
    subresources = next((one.get("subresources", {}) for one in served), {})
    conversion = spec.get("conversion", {})
    return Resource(
        group=spec["group"],
        versions=tuple(one["name"] for one in served),
        plural=names["plural"],
        kind=names["kind"],
        singular=names.get("singular", names["kind"].lower()),
        namespaced=spec["scope"] == "Namespaced",
        short=tuple(names.get("shortNames", ())),
        categories=tuple(names.get("categories", ())),
        status="status" in subresources,
        scale="scale" in subresources,
        stored=storage,
        columns=columns,
        schemas=schemas,
        validators=validators,
        webhook=conversion.get("webhook") if conversion.get("strategy") == "Webhook" else None,
        definition=definition["metadata"]["name"],
    )


def prune(value: Any, schema: dict[str, Any], path: str = "", gone: list[str] | None = None, *, root: bool = True) -> list[str]:
    """Take from *value* what *schema* does not know (structural schemas, "Field pruning"); gives the fields' names."""
    found: list[str] = [] if gone is None else gone
    if schema.get("x-kubernetes-preserve-unknown-fields"):
        return found
    if isinstance(value, dict):
        known = schema.get("properties") or {}
        more = schema.get("additionalProperties")
        for name in list(value):
            if root and name in ("apiVersion", "kind", "metadata"):
                continue
            here = f"{path}.{name}".lstrip(".")
            if name in known:
                prune(value[name], known[name], here, found, root=False)
            elif isinstance(more, dict):
                prune(value[name], more, here, found, root=False)
            elif more is not True:
                del value[name]
                found.append(here)
    elif isinstance(value, list) and isinstance(schema.get("items"), dict):
        for index, one in enumerate(value):
            prune(one, schema["items"], f"{path}[{index}]", found, root=False)
    return found


def drop_nulls(value: Any) -> Any:
    """*value* without members that are null: they are pruned if their schema does not say ``nullable``."""
    if isinstance(value, dict):
        return {name: drop_nulls(one) for name, one in value.items() if one is not None}
    return [drop_nulls(one) for one in value] if isinstance(value, list) else value


def checked(
    kind: Resource, version: str, obj: dict[str, Any], before: dict[str, Any] | None, *, strict: bool
) -> dict[str, Any]:
    """*obj* with defaults, pruned and valid. Raises `Refusal`."""
    schema = kind.schemas[version]
    made = drop_nulls(copy.deepcopy(obj))
    unknown = prune(made, schema)
    if unknown and strict:
        said = ", ".join(f'unknown field "{one}"' for one in unknown)
        raise Refusal(
            400,
            "BadRequest",
            f'{kind.kind} in version "{version}" cannot be handled as a {kind.kind}: strict decoding error: {said}',
        )
    _default(made, schema)
    seen = {name: one for name, one in made.items() if name != "metadata"}
    seen["metadata"] = {"name": made["metadata"].get("name", "")}
    problems = [(path, text) for path, text, _ in kind.validators[version].problems(seen, [100_000])]
    problems += _transitions(made, before, schema, ())
    if problems:
        name = made["metadata"].get("name", "")
        causes = [
            {"reason": "FieldValueInvalid", "message": f"Invalid value: {text}", "field": _said(path)}
            for path, text in problems
        ]
        listed = "; ".join(f"{one['field'] or '<root>'}: {one['message']}" for one in causes)
        whole = f"[{listed}]" if len(causes) > 1 else listed
        raise Refusal(
            422,
            "Invalid",
            f'{kind.kind}.{kind.group} "{name}" is invalid: {whole}',
            details={"name": name, "group": kind.group, "kind": kind.kind, "causes": causes},
        )
    return made


def _said(path: tuple[str | int, ...]) -> str:
    return "".join(f"[{one}]" if isinstance(one, int) else f".{one}" for one in path).lstrip(".")


def _transitions(
    new: Any, old: Any, schema: dict[str, Any], path: tuple[str | int, ...]
) -> list[tuple[tuple[str | int, ...], str]]:
    """Transition rules, which compare with ``oldSelf``; they count only if there are both values."""
    if old is None or new is None:
        return []
    found = []
    for rule in schema.get("x-kubernetes-validations") or ():
        if "oldSelf" in rule["rule"] and not rule.get("optionalOldSelf"):
            text = rule["rule"].replace("oldSelf", "self.old").replace("self.old", "__OLD__")
            text = text.replace("self", "self.now").replace("__OLD__", "self.old")
            both = {"now": for_cel(new, schema), "old": for_cel(old, schema)}
            try:
                if Evaluator().holds(text, both) is not True:
                    found.append((path, rule.get("message", f"failed rule: {rule['rule']}")))
            except NotChecked as error:
                found.append((path, f"the rule cannot be checked: {error}"))
    if isinstance(new, dict) and isinstance(old, dict):
        for name, inner in (schema.get("properties") or {}).items():
            found += _transitions(new.get(name), old.get(name), inner, (*path, name))
    return found
