"""A record of ours as an in-toto Statement v1 about one subject, and strictly back: what several predicates have in common."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, Generic, TypeVar, cast

from arcops.errors import Refused
from artifacts.canonical import canonical
from artifacts.envelope import strict_json
from artifacts.predicate import Predicate, name_of
from artifacts.statement import STATEMENT
from artifacts.typed import JSON, dump, load
from artifacts.words import Said

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Record(Generic[T]):
    """The records of the predicate type *uri*: each a ``holds``, called *what* in sentences. ``about`` gives the name and the
    digest (``sha256:…``) of the statement's subject, which follow from the value. ``check`` raises `Refused` if a value
    contradicts itself in a way that the schema cannot say.
    """

    uri: str
    what: str
    holds: type[T]
    about: Callable[[T], tuple[str, str]]
    check: Callable[[T], None] = lambda _: None

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
        self.check(found)
        return found

    def predicate(self, title: str, said: Callable[[T], Said] | None = None) -> Predicate:
        """The predicate of these records, whose schema is published. *said* gives the values for a listing, if there is more to
        list than the subject.
        """
        listing = None if said is None else lambda statement, _: said(self.read(statement))
        return Predicate(uri=self.uri, title=title, holds=self.holds, read=self.read, said=listing, published=True)

    def said(
        self,
        value: T,
        *,
        evidence: frozenset[str] = frozenset(),
        policy: str = "",
        judged_at: str = "",
        valid_until: str = "",
        site: str = "",
    ) -> Said:
        """What an artifact that holds *value* says about itself."""
        name, digest = self.about(value)
        return Said(
            predicate_type=self.uri,
            subject=name,
            digests=(digest,),
            evidence=evidence,
            policy=policy,
            judged_at=judged_at,
            valid_until=valid_until,
            site=site,
            kind=name_of(self.uri),
        )


@cache
def _validator(uri: str) -> Any:
    import jsonschema_rs

    from artifacts.schemas import schema_text

    return jsonschema_rs.validator_for(schema_text(uri), mask="the value", offline=True)
