"""The schema of a CustomResourceDefinition (``apiextensions.k8s.io/v1``), and what in an object breaks it.

Keywords, defaults, strict fields, lists that are sets or maps, and CEL rules as they apply when an object is created; rules
about a change (``oldSelf``) do not apply then.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterator

from tasks.kubernetes.manifests.nodes import Mapping, Node, Scalar, Sequence, idle
from tasks.kubernetes.manifests.rules import Evaluator, NotChecked
from tasks.kubernetes.manifests.values import Plain, for_cel, inside, is_bytes, is_cidr, is_duration

Path = tuple[str | int, ...]
Problem = tuple[Path, str, bool]
"""The path, the text, and whether it is certain: `False` if it only could not be checked."""

_MOST_PROBLEMS = 20
_MOST_TEXT = 300
_KEPT = frozenset(
    (
        "type",
        "enum",
        "minimum",
        "maximum",
        "multipleOf",
        "minLength",
        "maxLength",
        "pattern",
        "minItems",
        "maxItems",
        "uniqueItems",
        "minProperties",
        "maxProperties",
        "required",
    )
)
_FORMATS = frozenset(("ipv4", "ipv6", "uri", "email", "hostname", "uuid", "date", "date-time"))
"""Those that mean the same to the API server and to JSON Schema."""
_OWN_FORMATS = frozenset(("cidr", "byte", "duration"))
"""Those that only the API server has, or that it means differently."""
_WHOLE = {"int32": 1 << 31, "int64": 1 << 63}
_OWN = {"apiVersion", "kind", "metadata"}


class Unusable(Exception):
    """The definition's schema is not valid."""


def as_written(path: tuple[str | int, ...]) -> str:
    """*path* as the API server writes it: ``spec.rules[0].matches``."""
    return "".join(f"[{one}]" if isinstance(one, int) else f".{one}" for one in path).lstrip(".")


def plain(node: Node) -> Plain:
    """*node* as JSON; members that are null are left out, as the API server drops them."""
    match node:
        case Mapping():
            return {name: plain(one) for name, one in node.items.items() if not (isinstance(one, Scalar) and one.value is None)}
        case Sequence():
            return [plain(one) for one in node.items]
        case Scalar(odd=True):
            return _number(str(node.value))
        case Scalar():
            return node.value


def _number(text: str) -> Plain:
    """A number that is not written as a decimal whole number. A form that Python and YAML read differently stays text."""
    try:
        return float(text)
    except ValueError:
        return text


class Schema:
    """One version's schema. Raises `Unusable` if it is not a schema."""

    def __init__(self, schema: Plain) -> None:
        import jsonschema_rs

        if not isinstance(schema, dict):
            raise Unusable("it has no schema (openAPIV3Schema)")
        self._schema = schema
        self._evaluator = Evaluator()
        try:
            self._validator = jsonschema_rs.Draft202012Validator(
                _whole(schema),
                validate_formats=True,
                formats={"cidr": is_cidr, "byte": is_bytes, "duration": is_duration},
                # As the API server's: linear in time, whatever the pattern.
                pattern_options=jsonschema_rs.RegexOptions(),
            )
        except (ValueError, jsonschema_rs.ValidationError) as error:
            raise Unusable(" ".join(str(error).split())[:_MOST_TEXT]) from error

    def problems(self, value: Plain, budget: list[int], tick: Callable[[], None] = idle) -> Iterator[Problem]:
        """What *value*, a whole object, breaks. *budget* holds how many more CEL rules may be evaluated.

        *tick* is called for each of them and may raise.
        """
        whole = copy.deepcopy(value)
        _default(whole, self._schema)
        found = 0
        for error in self._validator.iter_errors(whole):
            found += 1
            if found > _MOST_PROBLEMS:
                yield (), "its definition does not allow more of its fields, which are not listed here", True
                return
            yield tuple(error.instance_path), _cut(error.message), True
        yield from self._walk(whole, self._schema, (), budget, tick, sound=not found)

    def _walk(
        self, value: Plain, schema: Plain, path: Path, budget: list[int], tick: Callable[[], None], *, sound: bool
    ) -> Iterator[Problem]:
        if not isinstance(schema, dict):
            return
        yield from ((path, text, True) for text in _repeated(value, schema))
        rules = schema.get("x-kubernetes-validations")
        # Like the API server, this evaluates rules only if the schema allows the value.
        for rule in rules if sound and isinstance(rules, list) else ():
            yield from self._rule(value, schema, rule, path, budget, tick)
        for name, one, inner in inside(value, schema):
            yield from self._walk(one, inner, (*path, name), budget, tick, sound=sound)

    def _rule(
        self, value: Plain, schema: dict[str, Plain], rule: Plain, path: Path, budget: list[int], tick: Callable[[], None]
    ) -> Iterator[Problem]:
        if not isinstance(rule, dict) or not isinstance(rule.get("rule"), str):
            yield path, "its definition holds a rule that is not valid", False
            return
        text = str(rule["rule"])
        new = rule.get("optionalOldSelf") is True
        if re.search(r"\boldSelf\b", text) and not new:
            return
        tick()
        budget[0] -= 1
        if budget[0] < 0:
            if budget[0] == -1:
                yield path, "there are too many rules and objects; rules after this point were not checked", False
            else:
                yield path, "its rules were not checked, because there were too many rules before it", False
            return
        seen = for_cel(value, schema)
        try:
            holds = self._evaluator.holds(text, seen, new=new)
        except NotChecked as error:
            yield path, _cut(f"the rule {text!r} of its definition was not checked: {error}"), False
            return
        if holds is not True:
            composed = rule.get("messageExpression")
            told = self._evaluator.says(composed, seen, new=new) if isinstance(composed, str) and holds is False else ""
            said = told or (rule.get("message") if isinstance(rule.get("message"), str) else f"the rule {text!r} does not hold")
            where = (*path, *_field_path(rule.get("fieldPath")))
            yield where, _cut(f"{said}{f' ({holds})' if isinstance(holds, str) else ''}"), True


def _field_path(text: Plain) -> list[str]:
    """``.spec.name['a.b']`` as names of fields: the place that a rule names for its failure."""
    if not isinstance(text, str):
        return []
    return [quoted or name for name, quoted in re.findall(r"\.([A-Za-z_][A-Za-z0-9_]*)|\['([^']*)'\]", text[:_MOST_TEXT])]


def _cut(text: str) -> str:
    plain_text = " ".join(text.split())
    return plain_text if len(plain_text) <= _MOST_TEXT else f"{plain_text[: _MOST_TEXT - 1]}…"


def _default(value: Plain, schema: Plain) -> None:
    """Put in the defaults of *schema*, from the outside in, so that a value that a default adds gets its own defaults."""
    if not isinstance(schema, dict):
        return
    properties = schema.get("properties")
    if isinstance(value, dict) and isinstance(properties, dict):
        for name, inner in properties.items():
            if name not in value and isinstance(inner, dict) and inner.get("default") is not None:
                value[name] = copy.deepcopy(inner["default"])
    for _, one, inner in inside(value, schema):
        _default(one, inner)


def _whole(schema: dict[str, Plain]) -> dict[str, Plain]:
    made = _standard(schema, root=True)
    return made if isinstance(made, dict) else {}


def _standard(schema: Plain, *, root: bool = False, structural: bool = True) -> Plain:
    """*schema* in JSON Schema 2020-12. Below ``allOf`` and similar keywords (not *structural*) no field counts as unknown."""
    if not isinstance(schema, dict):
        return True
    made: dict[str, Plain] = {name: one for name, one in schema.items() if name in _KEPT}
    form = schema.get("format")
    if form in _FORMATS or form in _OWN_FORMATS:
        made["format"] = form
    if isinstance(form, str) and form in _WHOLE:
        most = _WHOLE[form]
        made["allOf"] = [{"type": "integer", "minimum": -most, "maximum": most - 1}]
    either = schema.get("x-kubernetes-int-or-string") is True
    if either:
        made["type"] = ["integer", "string"]
    if schema.get("nullable") is True and "type" in made:
        made["type"] = [*(made["type"] if isinstance(made["type"], list) else [made["type"]]), "null"]
    for bound in ("minimum", "maximum"):
        exclusive = f"exclusive{bound.capitalize()}"
        if schema.get(exclusive) is True and bound in made:
            made[exclusive] = made.pop(bound)
    for name in ("allOf", "anyOf", "oneOf"):
        parts = schema.get(name)
        if isinstance(parts, list) and not (either and name == "anyOf"):
            before = made.get(name)
            bounds = before if isinstance(before, list) else []
            made[name] = [*bounds, *(_standard(one, structural=False) for one in parts)]
    if "not" in schema:
        made["not"] = _standard(schema["not"], structural=False)
    if "items" in schema:
        made["items"] = _standard(schema["items"], structural=structural)
    properties = schema.get("properties")
    known: dict[str, Plain] = {}
    if isinstance(properties, dict):
        known = {name: _standard(one, structural=structural) for name, one in properties.items()}
    if root or schema.get("x-kubernetes-embedded-resource") is True:
        known |= dict.fromkeys(_OWN, True)
    if known:
        made["properties"] = known
    more = schema.get("additionalProperties")
    if more is not None:
        made["additionalProperties"] = _standard(more, structural=structural) if isinstance(more, dict) else more
    elif structural and schema.get("type") == "object" and schema.get("x-kubernetes-preserve-unknown-fields") is not True:
        made["additionalProperties"] = False
    return made


def _repeated(value: Plain, schema: dict[str, Plain]) -> Iterator[str]:
    """Items that appear twice in a list that is a set, or a map by some keys."""
    kind, keys = schema.get("x-kubernetes-list-type"), schema.get("x-kubernetes-list-map-keys")
    if not isinstance(value, list) or kind not in ("set", "map"):
        return
    seen: set[str] = set()
    for one in value:
        if kind == "map" and isinstance(one, dict) and isinstance(keys, list):
            words = repr([one.get(key) for key in keys if isinstance(key, str)])
        else:
            words = repr(one)
        if words in seen:
            yield f"duplicate value in a list that is a {kind}: {words}"
        seen.add(words)
