"""The origin of a template's values: which names hold whole numbers, data of the conversation, or text that it builds.

It does not follow the order of statements: a name may have the value of any of its bindings, and a value that is not understood
counts as built.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from jinja2 import nodes

_KEEPING_FILTERS = frozenset(
    ("list", "sort", "dictsort", "items", "unique", "first", "last", "reverse", "default", "d", "select", "selectattr",
     "reject", "rejectattr", "trim", "lower", "upper", "string", "safe")
)  # fmt: skip
_KEEPING_METHODS = frozenset(
    ("items", "keys", "values", "get", "split", "rsplit", "strip", "lstrip", "rstrip", "lower", "upper", "splitlines")
)
_COUNTS = frozenset(("length", "count", "int", "wordcount"))
_PLACES = frozenset(("index", "index0", "revindex", "revindex0", "length", "depth", "depth0"))
_FINDS = frozenset(("index", "find", "rfind", "rindex", "count"))


class Flow:
    """The values of each name, and of each attribute of a namespace."""

    def __init__(self, every: Iterable[nodes.Node]) -> None:
        self.macros: dict[str, list[nodes.Macro]] = defaultdict(list)
        self._is: dict[str, list[nodes.Node | None]] = defaultdict(list)
        """Values of names; ``None`` is text that the template builds."""
        self._each: dict[str, list[nodes.Node]] = defaultdict(list)
        """Values whose members a name takes in turn."""
        self._spaces: dict[str, set[str]] = defaultdict(set)
        """Names of namespaces, and the keys of their attributes' values."""
        self._memo: dict[tuple[str, int], bool] = {}
        listed = list(every)
        for node in listed:
            if isinstance(node, nodes.Macro):
                self.macros[node.name].append(node)
                for argument in node.args:
                    self._is.setdefault(argument.name, [])
                for argument, value in zip(reversed(node.args), reversed(node.defaults), strict=False):
                    self._is[argument.name].append(value)
        for node in listed:
            self._bind(node)

    def _bind(self, node: nodes.Node) -> None:
        match node:
            case nodes.For():
                for name in _targets(node.target):
                    self._each[name].append(node.iter)
            case nodes.Assign(target=nodes.NSRef() as target):
                self._is[_inner(target.name, target.attr)].append(node.node)
                self._spaces[target.name].add(_inner(target.name, target.attr))
            case nodes.Assign(target=nodes.Name() as target):
                self._is[target.name].append(node.node)
                self._space(target.name, node.node)
            case nodes.Assign():
                for name in _targets(node.target):
                    self._each[name].append(node.node)
            case nodes.AssignBlock():
                target_node = node.target
                if isinstance(target_node, nodes.NSRef):
                    self._spaces[target_node.name].add(_inner(target_node.name, target_node.attr))
                    self._is[_inner(target_node.name, target_node.attr)].append(None)
                for name in _targets(target_node):
                    self._is[name].append(None)
            case nodes.With():
                for target_node, value in zip(node.targets, node.values, strict=False):
                    for name in _targets(target_node):
                        self._is[name].append(value)
                        self._space(name, value)
            case nodes.Call(node=nodes.Name(name=name)) if name in self.macros:
                for macro in self.macros[name]:
                    for argument, value in zip(macro.args, node.args, strict=False):
                        self._is[argument.name].append(value)
                for given in node.kwargs:
                    self._is[given.key].append(given.value)

    def _space(self, name: str, value: nodes.Node) -> None:
        if isinstance(value, nodes.Call) and _calls(value, "namespace"):
            self._spaces[name] |= {_inner(name, given.key) for given in value.kwargs}
            for given in value.kwargs:
                self._is[_inner(name, given.key)].append(given.value)

    def bound(self, name: str) -> bool:
        """Does the template itself give *name* a value (other than by a macro)?"""
        return name in self._is or name in self._each

    def is_namespace(self, name: str) -> bool:
        """Is *name* always a namespace that the template made, and never another value?"""
        values = self._is.get(name, [])
        return bool(values) and name not in self._each and all(value and _calls(value, "namespace") for value in values)

    def values_of(self, name: str, attribute: str) -> list[nodes.Node]:
        """The values of *attribute* of the namespace *name*."""
        return [value for value in self._is.get(_inner(name, attribute), []) if value is not None]

    def whole(self, node: nodes.Node) -> bool:
        """Is it a whole number, so that no name can be looked up by it?"""
        return self._asked("whole", node, unsure=True)

    def from_data(self, node: nodes.Node) -> bool:
        """Is it a value of the conversation, or a harmless literal, and not a value that the template builds?"""
        return self._asked("data", node, unsure=True)

    def looked_up(self, node: nodes.Node) -> bool:
        """May it be, or hold, a value that was looked up by a name that is not a literal?"""
        return self._asked("looked", node, unsure=False)

    def _asked(self, question: str, node: nodes.Node, *, unsure: bool) -> bool:
        """The answer for *node*, computed once; *unsure* during the computation, so that bindings may be circular."""
        key = (question, id(node))
        if key not in self._memo:
            self._memo[key] = unsure
            answer = {"whole": self._whole, "data": self._data, "looked": self._looked}[question]
            self._memo[key] = answer(node)
        return self._memo[key]

    def _held(self, node: nodes.Node) -> str:
        """The key of the bindings that *node* reads: a name's, or a namespace's attribute's; empty if it is neither."""
        match node:
            case nodes.Name(name=name):
                return name
            case nodes.Getattr(node=nodes.Name(name=name), attr=attr) if name in self._spaces:
                return _inner(name, attr)
            case nodes.Getitem(node=nodes.Name(name=name), arg=nodes.Const(value=str(attr))) if name in self._spaces:
                return _inner(name, attr)
        return ""

    def _values(self, held: str) -> list[nodes.Node | None]:
        """All values that *held* can have, or, if it is a namespace, the values of its attributes."""
        inner = [value for key in self._spaces.get(held, ()) for value in self._is.get(key, [])]
        return [*self._is.get(held, []), *self._each.get(held, []), *inner]

    def _whole(self, node: nodes.Node) -> bool:
        held = self._held(node)
        if held:
            each, values = self._each.get(held, []), self._is.get(held, [])
            counted = all(_calls(value, "range") for value in each)
            return bool(each or values) and counted and all(value is not None and self.whole(value) for value in values)
        match node:
            case nodes.Const(value=value):
                return isinstance(value, int)
            case nodes.Add() | nodes.Sub() | nodes.Mul() | nodes.FloorDiv() | nodes.Mod():
                return self.whole(node.left) and self.whole(node.right)
            case nodes.Neg() | nodes.Pos():
                return self.whole(node.node)
            case nodes.Getattr(node=nodes.Name(name="loop"), attr=attr):
                return attr in _PLACES
            case nodes.Filter():
                return _counts(node)
            case nodes.CondExpr(expr1=first, expr2=second):
                return self.whole(first) and second is not None and self.whole(second)
            case nodes.Call(node=nodes.Getattr(attr=attr)):
                return attr in _FINDS
        return False

    def _data(self, node: nodes.Node) -> bool:
        held = self._held(node)
        if held:
            # The variable ``loop`` holds members of the loop's list, which the template may have built.
            return held != "loop" and all(value is not None and self.from_data(value) for value in self._values(held))
        match node:
            case nodes.Const(value=str(text)):
                return not (text.startswith("_") or text.endswith("_") or "__" in text)
            case nodes.Const() | nodes.Compare() | nodes.Not() | nodes.Test():
                return True
            case nodes.Getattr(node=base):
                return self.from_data(base)
            case nodes.Getitem(node=base, arg=key):
                return self.from_data(base) and (isinstance(key, nodes.Slice) or self.whole(key) or self.from_data(key))
            case nodes.Filter(node=base, name=name):
                kept = name in _KEEPING_FILTERS and base is not None
                given = [*node.args, *(pair.value for pair in node.kwargs)]
                return _counts(node) or (kept and all(self.from_data(value) for value in (base, *given) if value is not None))
            case nodes.Call(node=nodes.Getattr(node=base, attr=attr)):
                return attr in _FINDS or (attr in _KEEPING_METHODS and all(map(self.from_data, (base, *node.args))))
            case nodes.Call(node=nodes.Name(name="namespace" | "dict")):
                return all(self.from_data(given.value) for given in node.kwargs)
            case nodes.Call(node=nodes.Name(name="range")):
                return True
            case nodes.List(items=items) | nodes.Tuple(items=items):
                return all(map(self.from_data, items))
            case nodes.Dict(items=items):
                return all(self.from_data(pair.key) and self.from_data(pair.value) for pair in items)
            case nodes.CondExpr(expr1=first, expr2=second):
                return self.from_data(first) and (second is None or self.from_data(second))
            case nodes.And(left=left, right=right) | nodes.Or(left=left, right=right):
                return self.from_data(left) and self.from_data(right)
        return self.whole(node)

    def _looked(self, node: nodes.Node) -> bool:
        held = self._held(node)
        if held:
            return any(value is not None and self.looked_up(value) for value in self._values(held))
        if isinstance(node, nodes.Getitem):
            written = isinstance(node.arg, (nodes.Const, nodes.Slice)) or self.whole(node.arg)
            return not written or self.looked_up(node.node)
        return any(map(self.looked_up, node.iter_child_nodes()))


def _inner(name: str, attribute: str) -> str:
    return f"{name}\0{attribute}"


def _targets(node: nodes.Node) -> list[str]:
    """The names that a target, or a tuple of targets, assigns."""
    return [name.name for name in (node, *node.find_all(nodes.Name)) if isinstance(name, nodes.Name)]


def _counts(node: nodes.Filter) -> bool:
    """Does it make a whole number? With an argument, ``int`` returns the argument for a value that is not a number."""
    return node.name in _COUNTS and not (node.args or node.kwargs)


def _calls(node: nodes.Node, function: str) -> bool:
    return isinstance(node, nodes.Call) and isinstance(node.node, nodes.Name) and node.node.name == function
