"""Typed reading of an object's fields: each knows its path as the API server writes it, and its line.

A wrong value is added to the object's `Complaints`, and reading continues, so that one mistake does not hide another.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from arcops.finding import Location
from arcops.seen.network import Complaint
from tasks.kubernetes.manifests.nodes import Mapping, Node, Scalar, Sequence

_SHOWN = 80


@dataclass(slots=True)
class Complaints:
    """What an API server would refuse in one object."""

    path: str
    about: str
    found: list[Complaint] = field(default_factory=list)

    def add(self, line: int, where: str, text: str) -> None:
        self.found.append(Complaint(at=Location(path=self.path, line=line), about=self.about, field=where, text=text))


class Field:
    """One value in an object. ``path`` is empty for the object itself."""

    __slots__ = ("_above", "_name", "complaints", "line", "node")

    def __init__(self, node: Node, path: str, complaints: Complaints, line: int, above: Field | None = None) -> None:
        self.node, self.complaints, self.line = node, complaints, line
        self._above, self._name = above, path

    @property
    def path(self) -> str:
        """Its path from the object, such as ``spec.ingress[0].from``. Few are asked for, so it is put together then."""
        if self._above is None:
            return self._name
        before, name = self._above.path, self._name
        return f"{before}{name}" if not before or not name or name[0] == "[" else f"{before}.{name}"

    @property
    def at(self) -> Location:
        return Location(path=self.complaints.path, line=self.line)

    def wrong(self, text: str) -> None:
        """Say that the API server refuses this value."""
        self.complaints.add(self.line, self.path, text)

    def get(self, name: str) -> Field | None:
        """The member *name*; `None` if it is absent or null. Complains if this is not a mapping."""
        within = self.node
        if not isinstance(within, Mapping):
            self._unfit("a mapping")
            self.node = Mapping(self.line)
            return None
        node = within.items.get(name)
        if node is None or (isinstance(node, Scalar) and node.value is None):
            return None
        return Field(node, name, self.complaints, within.lines[name], self)

    def within(self, *names: str) -> Field | None:
        """The value at the end of the path *names*."""
        found: Field | None = self
        for name in names:
            if found is None:
                return None
            found = found.get(name)
        return found

    def only(self, *known: str) -> None:
        """Complain about each member whose name is not among *known*: strict decoding, as kubectl asks for."""
        if isinstance(self.node, Mapping):
            for name, line in self.node.lines.items():
                if name not in known:
                    path = f"{self.path}.{name}" if self.path else name
                    self.complaints.add(line, path[:_SHOWN], f"the field is unknown; the known fields are: {', '.join(known)}")

    def items(self, name: str) -> Iterator[Field]:
        """The items of the list *name*; nothing if it is absent."""
        found = self.get(name)
        if found is None:
            return
        if not isinstance(found.node, Sequence):
            found._unfit("a list")
            return
        for index, node in enumerate(found.node.items):
            yield Field(node, f"[{index}]", self.complaints, node.line or found.line, found)

    def members(self) -> Iterator[tuple[str, Field]]:
        """The members of this mapping, each with its key."""
        if not isinstance(self.node, Mapping):
            self._unfit("a mapping")
            return
        lines = self.node.lines
        for name, node in self.node.items.items():
            yield name, Field(node, "", self.complaints, lines[name], self)

    def text(self, default: str = "") -> str:
        """This value as a string; *default* if it is not a string."""
        if isinstance(self.node, Scalar) and isinstance(self.node.value, str) and not self.node.odd:
            return self.node.value
        self._unfit("a string")
        return default

    def whole(self, default: int = 0) -> int:
        """This value as a whole number; *default* if it is not a whole number."""
        if isinstance(self.node, Scalar) and isinstance(self.node.value, int) and not isinstance(self.node.value, bool):
            return self.node.value
        self._unfit("a whole number")
        return default

    def whole_or_text(self) -> int | str:
        """This value as the API's ``IntOrString``."""
        value = self.node.value if isinstance(self.node, Scalar) and not self.node.odd else None
        if isinstance(value, (int, str)) and not isinstance(value, bool):
            return value
        self._unfit("a whole number or a string")
        return 0

    def true(self) -> bool:
        """This value as a boolean."""
        if isinstance(self.node, Scalar) and isinstance(self.node.value, bool):
            return self.node.value
        self._unfit("true or false")
        return False

    def _unfit(self, wanted: str) -> None:
        match self.node:
            case Mapping():
                found = "a mapping"
            case Sequence():
                found = "a list"
            case Scalar(value=bool()):
                found = "a boolean for the API server; put it in quotes" if wanted == "a string" else "a boolean"
            case Scalar(value=int()) | Scalar(odd=True):
                found = "a number for the API server; put it in quotes" if wanted == "a string" else f"{self.node.value}"
            case Scalar(value=None):
                found = "null"
            case Scalar(value=value):
                found = f"{str(value)[:_SHOWN]!r}"
        self.wrong(f"the value must be {wanted}, but it is {found}")


def text_at(found: Field | None, default: str = "") -> str:
    return default if found is None else found.text(default)


def whole_at(found: Field | None, default: int = 0) -> int:
    return default if found is None else found.whole(default)


def true_at(found: Field | None) -> bool:
    return found is not None and found.true()
