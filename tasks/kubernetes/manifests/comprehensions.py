"""Comprehensions with two variables (CEL's extension of that name, in Kubernetes since 1.33), written by those with one.

``list.all(i, v, TEST)`` becomes ``list.entries().all(e, cel.bind(i, e[0], cel.bind(v, e[1], TEST)))``: ``entries`` gives pairs
of index and value, or of key and value. So an expression keeps its meaning, and the evaluator its limits.
"""

from __future__ import annotations

import re
from functools import lru_cache

_CALL = re.compile(r"\.\s*(all|exists|existsOne|exists_one|transformList|transformMap|transformMapEntry)\s*\(")
_NAME = re.compile(r"\s*[A-Za-z_][A-Za-z0-9_]*\s*\Z")
_TOKEN = re.compile(
    r"""(?P<text>[rRbB]{0,2}(?:\"\"\".*?\"\"\"|'''.*?'''))|(?P<raw>(?:[rR][bB]?|[bB][rR])(?:"[^"\n]*"|'[^'\n]*'))"""
    r"""|(?P<quoted>[bB]?(?:"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'))|(?P<comment>//[^\n]*)|(?P<word>[A-Za-z_0-9]+)|(?P<sign>.)""",
    re.DOTALL,
)
_ENDS = {"map": "", "transformMap": ".ofEntries()", "transformMapEntry": ".joinedEntries()"}
_DEEPEST = 12


@lru_cache(maxsize=2000)
def expanded(rule: str) -> str:
    """*rule* without comprehensions of two variables; *rule* itself if it has none."""
    return _expanded(rule, 0) if _CALL.search(rule) else rule


def _expanded(rule: str, depth: int) -> str:
    made, place = [], 0
    code = _code(rule)
    while depth < _DEEPEST and (call := _CALL.search(code, place)) is not None:
        arguments, end = _arguments(rule, code, call.end())
        made.append(rule[place : call.start()])
        if end is None:
            return rule  # it has no end; the evaluator says so
        made.append(_call(call[1], arguments, depth))
        place = end
    return "".join(made) + rule[place:]


def _call(name: str, arguments: list[str], depth: int) -> str:
    two = len(arguments) > 2 and all(_NAME.match(one) for one in arguments[:2])
    inner = [_expanded(one, depth + 1) for one in arguments]
    fits = len(arguments) == 3 or (len(arguments) == 4 and name.startswith("transform"))
    if not two or not fits:
        return f".{name}({','.join(inner)})"
    pair = f"pair_{depth}_"
    key, value, *rest = inner
    *tests, last = [f"cel.bind({key.strip()}, {pair}[0], cel.bind({value.strip()}, {pair}[1], {one}))" for one in rest]
    if name == "transformMap":
        last = f"[{pair}[0], {last}]"
    plain = {"existsOne": "exists_one"}.get(name, "map" if name.startswith("transform") else name)
    return f".entries().{plain}({', '.join([pair, *tests, last])}){_ENDS.get(name, '')}"


def _code(rule: str) -> str:
    """*rule* with spaces for what is text or a comment, at the same places."""
    return _TOKEN.sub(lambda one: one[0] if one["word"] or one["sign"] else " " * len(one[0]), rule)


def _arguments(rule: str, code: str, begin: int) -> tuple[list[str], int | None]:
    """The arguments of the call whose bracket is open at *begin*, and the place after its end; `None` if it has none."""
    found: list[str] = []
    depth, last = 0, begin
    for place in range(begin, len(code)):
        one = code[place]
        if one in "([{":
            depth += 1
        elif one in ")]}":
            if not depth:
                return [*found, rule[last:place]], place + 1
            depth -= 1
        elif one == "," and not depth:
            found.append(rule[last:place])
            last = place + 1
    return found, None
