"""Jinja templates: parsed by Jinja's own parser, which runs nothing, and compared with a list of what chat templates need.

Programs that load a model render its chat template, some without a sandbox. So every tag, filter, test, method and function
must be known to only make text. A name may be looked up only if it comes from the conversation, never if the template builds
it (`template_flow`). Source: the grammar of Jinja 3.1; what transformers adds to
it (``loopcontrols``, ``{% generation %}``, ``raise_exception``, ``strftime_now``, ``tojson``).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from jinja2 import Environment, nodes
from jinja2.exceptions import TemplateSyntaxError
from jinja2.ext import Extension
from jinja2.parser import Parser

from tasks.model.content.draft import printable
from tasks.model.content.template_flow import Flow

LONGEST = 128 * 1024
"""Characters. The longest chat templates of known models have about 30,000; this many take one or two seconds to parse."""

MOST_NODES = 60_000

FUNCTIONS = frozenset(("range", "namespace", "dict", "raise_exception", "strftime_now"))
METHODS = frozenset(
    (
        "capitalize", "count", "endswith", "find", "get", "index", "isalnum", "isalpha", "isdecimal", "isdigit", "islower",
        "isnumeric", "isspace", "isupper", "items", "join", "keys", "ljust", "lower", "lstrip", "partition", "removeprefix",
        "removesuffix", "replace", "rfind", "rindex", "rjust", "rpartition", "rsplit", "rstrip", "split", "splitlines",
        "startswith", "strip", "swapcase", "title", "upper", "values", "zfill",
    )
)  # fmt: skip
FILTERS = frozenset(
    (
        "abs", "batch", "capitalize", "center", "count", "d", "default", "dictsort", "e", "escape", "first", "float", "groupby",
        "indent", "int", "items", "join", "last", "length", "list", "lower", "map", "max", "min", "reject", "rejectattr",
        "replace", "reverse", "round", "safe", "select", "selectattr", "slice", "sort", "string", "striptags", "sum", "title",
        "tojson", "trim", "truncate", "unique", "upper", "wordcount",
    )
)  # fmt: skip
TESTS = frozenset(
    (
        "boolean", "defined", "divisibleby", "eq", "equalto", "even", "false", "float", "ge", "greaterthan", "gt", "in",
        "integer", "iterable", "le", "lessthan", "lower", "lt", "mapping", "ne", "none", "number", "odd", "sameas", "sequence",
        "string", "true", "undefined", "upper", "==", "!=", "<", "<=", ">", ">=",
    )
)  # fmt: skip

_CALLABLE = FUNCTIONS | {
    "lipsum", "cycler", "joiner", "self", "super", "caller", "varargs", "kwargs", "context", "environment", "gettext",
    "ngettext", "url_for", "get_flashed_messages", "tojson",
}  # fmt: skip
"""Names that renderers bind to a function; a template must not use them as values."""

_RESERVED = _CALLABLE | {"loop"}
"""Names with a fixed meaning here, so a template must not assign them."""

_PLAIN = (
    nodes.Template, nodes.Output, nodes.TemplateData, nodes.If, nodes.For, nodes.Assign, nodes.AssignBlock, nodes.Macro,
    nodes.With, nodes.Scope, nodes.Break, nodes.Continue, nodes.Name, nodes.NSRef, nodes.Const, nodes.Tuple, nodes.List,
    nodes.Dict, nodes.Pair, nodes.Keyword, nodes.CondExpr, nodes.Filter, nodes.Test, nodes.Call, nodes.Getitem, nodes.Getattr,
    nodes.Slice, nodes.Concat, nodes.Compare, nodes.Operand, nodes.Add, nodes.Sub, nodes.Mul, nodes.Div, nodes.FloorDiv,
    nodes.Mod, nodes.Not, nodes.And, nodes.Or, nodes.Neg, nodes.Pos,
)  # fmt: skip

_INNER_NAMES = frozenset(("mro", "format", "format_map", "f_back", "f_builtins", "f_code", "f_globals", "f_locals", "f_trace"))
_INNER_PREFIXES = ("gi_", "cr_", "ag_", "tb_", "co_", "func_", "im_")
_BY_ATTRIBUTE = frozenset(
    ("map", "select", "reject", "selectattr", "rejectattr", "groupby", "sort", "unique", "sum", "min", "max")
)


class _Generation(Extension):
    """``{% generation %}…{% endgeneration %}``, by which transformers marks the model's answers."""

    tags = frozenset(("generation",))  # type: ignore[assignment]  # declared as a mutable set, used as any

    def parse(self, parser: Parser) -> list[nodes.Node]:
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


@cache
def _environment() -> Environment:
    # Nothing is rendered, so nothing is escaped or left unescaped.
    return Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols", _Generation]
    )


def fault_of(text: str, *, surely: bool) -> str:
    """What *text* does that a template must not do; empty if nothing. *surely*: a renderer reads it as a template, so text that
    does not parse is a fault, too; other text with braces never runs if it does not parse."""
    if len(text) > LONGEST:
        return f"it has {len(text)} characters; the limit for a template is {LONGEST}"
    try:
        tree = _environment().parse(text)
    except TemplateSyntaxError as error:
        return f"line {error.lineno}: it does not parse: {printable(str(error.message))}" if surely else ""
    except RecursionError:
        return "it is nested too deep"
    except ValueError as error:  # a number with more digits than Python reads
        return f"it does not parse: {printable(str(error))}"
    try:
        return next(_Check(tree).faults(), "")
    except RecursionError:
        return "it is nested too deep"


def safe_name(name: str) -> bool:
    """May a template read an attribute or key of this name? Names of Python's internals are not allowed."""
    inner = name in _INNER_NAMES or name.startswith(_INNER_PREFIXES)
    return not (inner or name.startswith("_") or "__" in name)


class _Check:
    """One template, every node of it."""

    def __init__(self, tree: nodes.Template) -> None:
        self._nodes = list(_all(tree))
        self._flow = Flow(self._nodes)
        self._asked = {
            id(node.node) for node in self._nodes if isinstance(node, nodes.Test) and node.name in ("defined", "undefined")
        }
        self._called = {id(node.node) for node in self._nodes if isinstance(node, nodes.Call)}

    def faults(self) -> Iterator[str]:
        if len(self._nodes) > MOST_NODES:
            yield f"it has more than {MOST_NODES} parts"
            return
        for node in self._nodes:
            fault = self._fault(node)
            if fault:
                yield f"line {node.lineno}: {fault}"

    def _fault(self, node: nodes.Node) -> str:
        if not isinstance(node, _PLAIN):
            return f"it uses {type(node).__name__.lower()}, which chat templates do not need"
        match node:
            case nodes.Name():
                return self._name(node)
            case nodes.Getattr():
                return _attribute(node.attr)
            case nodes.NSRef():
                return self._kept(node)
            case nodes.Macro() if node.name in _RESERVED:
                return f"it defines a macro with the name {printable(node.name)}"
            case nodes.Getitem():
                return self._item(node)
            case nodes.Call():
                return self._call(node)
            case nodes.Filter():
                return _filter(node)
            case nodes.Test():
                return "" if node.name in TESTS and not _spread(node) else f"it uses the test {printable(node.name)!r}"
            case nodes.Dict():
                return self._dict(node)
            case nodes.For() if node.recursive:
                return "it has a recursive loop"
            case nodes.Mod() if isinstance(node.left, nodes.Const) and isinstance(node.left.value, str):
                return "it builds text by %"
        return ""

    def _name(self, node: nodes.Name) -> str:
        called = printable(node.name)
        if node.name.startswith("__"):
            return f"it uses the name {called}"
        if node.ctx in ("store", "param"):
            return f"it gives the name {called} another meaning" if node.name in _RESERVED else ""
        if id(node) in self._called or id(node) in self._asked:
            return ""
        callable_name = node.name in _CALLABLE or node.name in self._flow.macros
        if callable_name or (node.name.startswith("_") and not self._flow.bound(node.name)):
            return f"it uses {called} as a value"
        return ""

    def _kept(self, node: nodes.NSRef) -> str:
        if not self._flow.is_namespace(node.name):
            return f"it sets an attribute of {printable(node.name)}, which may be a value other than a namespace"
        return _attribute(node.attr) or self._method_by_hand(node.attr, self._flow.values_of(node.name, node.attr))

    def _item(self, node: nodes.Getitem) -> str:
        key = node.arg
        if isinstance(key, nodes.Const) and isinstance(key.value, str):
            return _attribute(key.value)
        if isinstance(key, nodes.Slice) or self._flow.whole(key):
            return ""
        if not self._flow.from_data(key):
            return "it looks up a name that it builds itself"
        if self._flow.looked_up(node.node):
            return "it looks up a name in a value that it found by another name that it builds"
        return ""

    def _call(self, node: nodes.Call) -> str:
        if _spread(node):
            return "it calls with arguments from a list or mapping (* or **)"
        match node.node:
            case nodes.Name(name=name):
                macro = name in self._flow.macros and not self._flow.bound(name)
                if not macro and (name not in FUNCTIONS or self._flow.bound(name) or name in self._flow.macros):
                    return f"it calls {printable(name)}"
                if name in ("namespace", "dict") and node.args:
                    return f"it calls {name} with an argument that has no name"
                if name in ("namespace", "dict"):
                    hidden = (self._method_by_hand(given.key, [given.value]) for given in node.kwargs)
                    return next((fault for fault in hidden if fault), "")
                return ""
            case nodes.Getattr(node=nodes.Name(name="loop"), attr="cycle" | "changed"):
                return ""
            case nodes.Getattr(attr=attr):
                return "" if attr in METHODS else f"it calls the method {printable(attr)}"
        return "it calls a value that has no name"

    def _dict(self, node: nodes.Dict) -> str:
        for pair in node.items:
            if not isinstance(pair.key, nodes.Const):
                return "it makes a mapping with a key that is not a literal"
            fault = self._method_by_hand(str(pair.key.value), [pair.value])
            if fault:
                return fault
        return ""

    def _method_by_hand(self, name: str, values: list[nodes.Node]) -> str:
        """A value that is looked up by name may be called later, if it is stored under the name of a method."""
        if name in METHODS and any(self._flow.looked_up(value) for value in values):
            return f"it stores a value that it looked up, under the name of the method {name}"
        return ""


def _all(tree: nodes.Template) -> Iterator[nodes.Node]:
    """Every node, without recursion; at most one more than the limit."""
    waiting: list[nodes.Node] = [tree]
    count = 0
    while waiting and count <= MOST_NODES:
        node = waiting.pop()
        count += 1
        yield node
        waiting += list(node.iter_child_nodes())


def _attribute(name: str) -> str:
    return "" if safe_name(name) else f"it reads {printable(name)!r}, a name of Python's internals"


def _spread(node: nodes.Call | nodes.Filter | nodes.Test) -> bool:
    return node.dyn_args is not None or node.dyn_kwargs is not None


def _filter(node: nodes.Filter) -> str:
    if node.name not in FILTERS or _spread(node):
        return f"it uses the filter {printable(node.name)!r}"
    if node.name == "join":
        given = node.args[1:]
    elif node.name in _BY_ATTRIBUTE:
        given = node.args[: {"selectattr": 2, "rejectattr": 2, "select": 1, "reject": 1}.get(node.name)]
    else:
        given = []
    known = {"map": FILTERS, "select": TESTS, "reject": TESTS}.get(node.name)
    for place, value in enumerate([*given, *(named.value for named in node.kwargs if named.key == "attribute")]):
        if not isinstance(value, nodes.Const):
            return f"it gives {node.name} a name that is not a literal"
        said = value.value
        if not isinstance(said, str):
            continue
        allowed = TESTS if node.name.endswith("attr") and place == 1 else known if place < len(given) and place == 0 else None
        if allowed is not None and said not in allowed:
            return f"it gives {node.name} the unknown {printable(said)!r}"
        if not all(safe_name(part) for part in said.split(".")):
            return _attribute(said) or f"it reads {printable(said)!r}"
    return ""
