"""No port is looked for and let go again before it is used: in between, another process may take it."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from arcops.rooms import ROOMS
from tests.house.test_processes import HOUSE

_ASKED = "getsockname"


def probes(source: str) -> set[str]:
    """The functions in *source* that give or use a socket's port after the socket is closed."""
    tree = ast.parse(source)
    return {one.name for one in ast.walk(tree) if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef) and any(_probes(one))}


def _probes(function: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[bool]:
    own = list(_own(function))
    for node in own:
        if isinstance(node, ast.With | ast.AsyncWith):
            closed = {name for item in node.items for name in _named(item.optional_vars)}
            inside = [one for one in _own(node) if isinstance(one, ast.stmt)]
            yield _outlived(own, inside, closed, node.end_lineno or 0)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "close":
            closed = set(_named(node.func.value))
            before = [one for one in own if isinstance(one, ast.stmt) and one.lineno <= node.lineno]
            yield _outlived(own, before, closed, node.lineno)


def _outlived(own: list[ast.AST], inside: list[ast.stmt], closed: set[str], end: int) -> bool:
    """Is the port of a socket in *closed* returned from *inside*, or used after line *end*?"""
    ports: set[str] = set()
    for node in inside:
        if (
            isinstance(node, ast.Return)
            and node.value is not None
            and (_asks(node.value, closed) or ports & _names(node.value))
        ):
            return True
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None and _asks(node.value, closed):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            ports |= {name for target in targets for name in _names(target)}
    later = {one.id for one in own if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Load) and one.lineno > end}
    return bool(ports & later)


def _own(node: ast.AST) -> Iterator[ast.AST]:
    """What is below *node*, in the order in which it is written, without the functions that are defined there."""
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield child
            yield from _own(child)


def _named(node: ast.AST | None) -> Iterator[str]:
    if isinstance(node, ast.Name):
        yield node.id


def _names(node: ast.AST) -> set[str]:
    return {one.id for one in ast.walk(node) if isinstance(one, ast.Name)}


def _asks(node: ast.AST, sockets: set[str]) -> bool:
    return any(isinstance(one, ast.Attribute) and one.attr == _ASKED and _names(one.value) & sockets for one in ast.walk(node))


def test_no_port_is_used_after_its_socket_is_closed() -> None:
    """`reserved_port` itself keeps its socket on Linux, and has to close it elsewhere."""
    found = {}
    for room in (*ROOMS, "tests", "benches"):
        for path in (HOUSE / room).rglob("*.py"):
            if _ASKED in (source := path.read_text()) and (names := probes(source)):
                found[str(path.relative_to(HOUSE))] = names
    said = "use `adapters.http.serve.reserved_port`, hand the socket over, or let the server take port 0"
    assert found == {"adapters/http/serve.py": {"reserved_port"}}, said


@pytest.mark.parametrize(
    ("planted", "probing"),
    [
        ("with socket.socket() as s:\n  s.bind(at)\n  return s.getsockname()[1]", True),
        ("with socket.create_server(at) as s:\n  port: int = s.getsockname()[1]\n  return port", True),
        ("with listen(at) as s:\n  port = int(s.getsockname()[1])\nserve(port)", True),
        ("with listen(at) as s:\n  _, port = s.getsockname()\nserve(f'{port}')", True),
        ("s = listen(at)\nport = s.getsockname()[1]\ns.close()\nserve(port)", True),
        ("with listen(at) as s:\n  port = s.getsockname()[1]\n  serve(port)", False),
        ("with listen(at) as s:\n  yield s.getsockname()[1]", False),
        ("with listen(at) as s:\n  def closing():\n    return s.getsockname()[1]\n  yield closing", False),
        ("s = listen(at)\nport = s.getsockname()[1]\nserve(port)\ns.close()", False),
        ("with connect(at) as c:\n  c.send(b'')\nreturn s.getsockname()[1]", False),
    ],
)
def test_a_planted_probe_shows(planted: str, probing: bool) -> None:
    body = "\n".join(f"    {line}" for line in planted.splitlines())
    assert bool(probes(f"def taken():\n{body}\n")) is probing
