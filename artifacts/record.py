"""A record of ours as an in-toto Statement v1 about one subject, and strictly back: what several predicates have in common."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, Generic, TypeVar, cast

from arcops.errors import Refused
from artifacts.canonical import canonical
from artifacts.envelope import strict_json
from artifacts.predicate import name_of
from artifacts.statement import STATEMENT
from artifacts.typed import JSON, dump, load

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Record(Generic[T]):
    """The records of the predicate type *uri*: each a ``holds``, called *what* in sentences. ``about`` gives the name and the
    digest (``sha256:…``) of the statement's subject, which follow from the value.
    """

    uri: str
    what: str
    holds: type[T]
    about: Callable[[T], tuple[str, str]]

    def statement(self, value: T) -> bytes:
        """The statement of *value*: the bytes that are signed."""
        name, digest = self.about(value)
        subject: JSON = {"name": name, "digest": {"sha256": digest.removeprefix("sha256:")}}
        return canonical({"_type": STATEMENT, "subject": [subject], "predicateType": self.uri, "predicate": dump(value)})

    def read(self, data: bytes) -> T:
        """The value in the statement *data*. Raises `Refused` if it is another statement, or contradicts itself."""
        document = strict_json(data, self.what)
        kind = document.get("predicateType") if isinstance(document, dict) else None
        if kind != self.uri:
            newer = isinstance(kind, str) and name_of(kind) == name_of(self.uri)
            if newer:
                raise Refused(f"the statement has the format {kind}, which another version of ArcOps writes; use that version")
            raise Refused(f"the statement is not {self.what} ({self.uri})")
        problem = next(iter(_validator(self.uri).iter_errors(document)), None)
        if problem is not None:
            where = ".".join(str(part) for part in problem.instance_path) or "the document"
            raise Refused(f"{self.what} does not match its schema at {where[:200]}: {problem.message[:300]}")
        found = load(self.holds, cast(dict[str, Any], document)["predicate"], self.what)
        if self.statement(found) != data:
            raise Refused(f"{self.what} is about another subject than it says, or it is not written canonically")
        return found


@cache
def _validator(uri: str) -> Any:
    import jsonschema_rs

    from artifacts.schemas import schema_text

    return jsonschema_rs.validator_for(schema_text(uri), mask="the value", offline=True)
