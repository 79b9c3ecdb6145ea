"""No circle of files: of two modules of ours at most one needs the other, directly or through more of them."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from arcops.rooms import ROOMS

HOUSE = Path(__file__).resolve().parents[2]

pytestmark = [pytest.mark.requirement("ARC-0/code-keeps-to-its-place"), pytest.mark.xdist_group("circles")]

Graph = Mapping[str, frozenset[str]]


def modules(house: Path, rooms: tuple[str, ...]) -> dict[str, Path]:
    """Our modules by name; a package goes by the name of its folder."""
    found: dict[str, Path] = {}
    for room in rooms:
        for path in sorted((house / room).rglob("*.py")):
            steps = path.relative_to(house).with_suffix("").parts
            found[".".join(steps[:-1] if steps[-1] == "__init__" else steps)] = path
    return found


def imported(tree: ast.AST, known: Mapping[str, Path]) -> Iterator[str]:
    """The modules among *known* that *tree* imports anywhere, also in functions, except what only a type checker reads."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
            waiting.extend(node.orelse)
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in known)
        elif isinstance(node, ast.ImportFrom):
            # All of ours are absolute; one that is not would be missed here.
            assert node.module is not None, ast.unparse(node)
            assert not node.level, ast.unparse(node)
            for alias in node.names:
                # Of 'from folder import name', the name may be a module of the folder or something in its __init__.
                whole = f"{node.module}.{alias.name}"
                yield from (name for name in (whole if whole in known else node.module,) if name in known)
        waiting.extend(ast.iter_child_nodes(node))


def folders(name: str) -> set[str]:
    """The packages that *name* lies in, whose ``__init__`` runs before it does."""
    steps = name.split(".")
    return {".".join(steps[:length]) for length in range(1, len(steps))}


def graph(house: Path, rooms: tuple[str, ...]) -> Graph:
    """What each module needs: what it imports, and the folders of that, except those that it is in itself."""
    known = modules(house, rooms)
    found: dict[str, frozenset[str]] = {}
    for name, path in known.items():
        direct = set(imported(ast.parse(path.read_text(encoding="utf-8")), known))
        above = {folder for one in direct for folder in folders(one)} & known.keys()
        found[name] = frozenset((direct | (above - folders(name))) - {name})
    return found


def circles(needs: Graph) -> list[list[str]]:
    """Groups of modules of which each leads to each other one (strongly connected components of two or more; Tarjan)."""
    number: dict[str, int] = {}
    lowest: dict[str, int] = {}
    path: list[str] = []
    found: list[list[str]] = []
    for start in needs:
        if start in number:
            continue
        number[start] = lowest[start] = len(number)
        path.append(start)
        open_ = [(start, iter(sorted(needs[start])))]
        while open_:
            here, rest = open_[-1]
            there = next(rest, None)
            if there is None:
                open_.pop()
                if open_:
                    lowest[open_[-1][0]] = min(lowest[open_[-1][0]], lowest[here])
                if lowest[here] == number[here]:
                    at = path.index(here)
                    if len(path) - at > 1:
                        found.append(sorted(path[at:]))
                    del path[at:]
            elif there not in number:
                number[there] = lowest[there] = len(number)
                path.append(there)
                open_.append((there, iter(sorted(needs[there]))))
            elif there in path:
                lowest[here] = min(lowest[here], number[there])
    return found


@pytest.fixture(scope="module")
def whole() -> Graph:
    return graph(HOUSE, ROOMS)


def test_there_is_no_circle_of_files(whole: Graph) -> None:
    assert not circles(whole), "move what both need into a file of its own"


def test_every_room_is_looked_at(whole: Graph) -> None:
    assert {name.partition(".")[0] for name in whole} == set(ROOMS)
    assert "arcops.finding" in whole["arcops.gate"]


@pytest.mark.parametrize(
    ("first", "second", "circle"),
    [
        ("import gates.b", "from gates.a import A", True),
        ("import gates.b", "def f():\n    from gates import a", True),
        ("import gates.b", "import gates.c\n", True),
        ("import gates.b", "if TYPE_CHECKING:\n    from gates.a import A", False),
        ("import gates.b", "if TYPE_CHECKING:\n    pass\nelse:\n    from gates.a import A", True),
        ("import gates.b", "import json", False),
    ],
)
def test_a_planted_circle_shows(tmp_path: Path, first: str, second: str, circle: bool) -> None:
    room = tmp_path / "gates"
    room.mkdir()
    for name, text in (("__init__", ""), ("a", first), ("b", second), ("c", "import gates.a" if "gates.c" in second else "")):
        (room / f"{name}.py").write_text(text)
    found = circles(graph(tmp_path, ("gates",)))
    assert bool(found) is circle
    assert all({"gates.a", "gates.b"} <= set(group) for group in found)


def test_the_folder_of_what_is_imported_counts(tmp_path: Path) -> None:
    """Its ``__init__`` runs first: one that imports who asked finds it half made."""
    inner = tmp_path / "tasks" / "inner"
    inner.mkdir(parents=True)
    (tmp_path / "tasks" / "__init__.py").write_text("")
    (tmp_path / "tasks" / "asking.py").write_text("import tasks.inner.part")
    (inner / "part.py").write_text("")
    (inner / "__init__.py").write_text("")
    assert not circles(graph(tmp_path, ("tasks",)))
    (inner / "__init__.py").write_text("from tasks.asking import something")
    assert circles(graph(tmp_path, ("tasks",))) == [["tasks.asking", "tasks.inner"]]
