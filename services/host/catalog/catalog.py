"""The catalog in the database: what was imported, what was decided about it, and how callers rated it."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import msgspec
from sqlalchemy import BigInteger, Connection, func, insert, literal, literal_column, select, tuple_, update

from arcops.errors import Refused
from arcops.identity import Identity
from foundation.database import catalog_words
from foundation.database.catalog_words import Words
from foundation.database.engine import Database
from foundation.database.tables import CATALOG_ENTRIES, CATALOG_RATINGS, CATALOG_VERSIONS
from services.host.catalog.document import TAGS, Document, Kind, Status
from services.host.catalog.entry import Entry, Kept, State, entry_id, entry_of, kept_of, newest_offered, no_entry
from services.host.catalog.newest import newest

_BATCH = 400
"""Names in one question to the database."""

Whole = tuple[Entry, tuple[Kept, ...]]
"""An entry and its versions, in no order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What an import changed: how many versions are ``new``, how many have another ``status`` of their publisher now, and how
    many were there already. ``conflicts`` are sentences about those that were not taken.
    """

    new: int
    status: int
    same: int
    conflicts: tuple[str, ...]


class Catalog:
    """The catalog in *database*. Methods raise `Unavailable` if it does not answer."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._now = literal_column(database.clock, BigInteger)

    def take(self, documents: Sequence[Document], *, author: str, source: str) -> Taken:
        """Add *documents* as proposed versions, all of them or, after an error, nothing. A version that is there never changes:
        another document of its number is a conflict. What its publisher says of its status counts from now on.
        """
        with self._database.writing() as connection:
            now = int(connection.execute(select(self._now)).scalar_one())
            names = sorted({one.name for one in documents})
            entries = {one.name: one for one in self._entries(connection, names)}
            there: dict[str, dict[str, Kept]] = defaultdict(dict)
            for kept in self._versions(connection, names):
                there[kept.name][kept.version] = kept
            new: dict[tuple[str, str], Document] = {}
            counts, conflicts = {"status": 0, "same": 0}, []
            kinds: dict[str, Kind] = {}
            for one in documents:
                kind = kinds.setdefault(one.name, entries[one.name].kind if one.name in entries else one.kind)
                was = there[one.name].get(one.version)
                digest = was.digest if was is not None else new[key].digest if (key := (one.name, one.version)) in new else ""
                if kind is not one.kind:
                    conflicts.append(f"{one.name} is an entry of the kind {kind.value}, not {one.kind.value}")
                elif digest and digest != one.digest:
                    conflicts.append(f"{one.name} {one.version} is there with another document; a version never changes")
                elif was is not None and was.status is not one.status:
                    counts["status"] += 1
                    self._status(connection, was, one.status, now)
                elif digest:
                    counts["same"] += 1
                else:
                    new[one.name, one.version] = one
            self._add(connection, new.values(), entries, author=author, source=source, now=now)
            return Taken(new=len(new), conflicts=tuple(conflicts), **counts)

    def _add(
        self,
        connection: Connection,
        documents: Iterable[Document],
        entries: Mapping[str, Entry],
        *,
        author: str,
        source: str,
        now: int,
    ) -> None:
        documents = tuple(documents)
        by_name: dict[str, list[Document]] = defaultdict(list)
        for one in documents:
            by_name[one.name].append(one)
        rows, words = [], []
        for name, mine in by_name.items():
            if name in entries:
                continue
            shown = _newest_of(mine)
            tags = {tag: value for one in mine for tag, value in one.tags.items()}
            rows.append(
                {
                    "id": entry_id(name),
                    "name": name,
                    "kind": shown.kind.value,
                    "title": shown.title,
                    "description": shown.description,
                    "more": _more(shown.words, tags),
                    "tags": msgspec.json.encode(tags).decode(),
                    "offered": "",
                    "stars": 0,
                    "ratings": 0,
                    "changed": now,
                }
            )
            words.append(_words(rows[-1]))
        if rows:
            connection.execute(insert(CATALOG_ENTRIES), rows)
            catalog_words.put(connection, words)
        if documents:
            connection.execute(
                insert(CATALOG_VERSIONS), [_row(one, author=author, source=source, now=now) for one in documents]
            )
        for name in by_name.keys() & entries.keys():
            self._touch(connection, name, now)

    def decide(
        self, name: str, version: str, state: State, *, decider: str, reason: str, demanded: Sequence[str] = ()
    ) -> Whole:
        """Approve or refuse a *version*, the newest one if it is empty. Without the tags *demanded* none is approved."""
        with self._database.writing() as connection:
            now = int(connection.execute(select(self._now)).scalar_one())
            entry, versions = self._there(connection, name)
            kept = _chosen(name, version, versions)
            if state is State.APPROVED:
                if lacking := [one for one in demanded if one not in entry.tags]:
                    raise Refused(
                        f"{name} has no tag {' and no tag '.join(lacking)}, which this site demands (ARCOPS_CATALOG_TAGS); "
                        f"'arcops host catalog tag {name} {lacking[0]}=VALUE' gives one"
                    )
                if kept.status is Status.DELETED:
                    raise Refused(f"{name} {kept.version} was deleted by its publisher, so it is not approved")
            if (kept.state, kept.decider, kept.reason) == (state, decider, reason[:1000]):
                return entry, versions
            mine = (CATALOG_VERSIONS.c.name == name) & (CATALOG_VERSIONS.c.version == kept.version)
            values = {"state": state.value, "decider": decider, "reason": reason[:1000], "changed": now}
            if state is State.APPROVED:
                values["was_offered"] = 1
            connection.execute(update(CATALOG_VERSIONS).where(mine).values(values))
            self._touch(connection, name, now)
            return self._there(connection, name)

    def tag(self, name: str, tags: Mapping[str, str], *, remove: Iterable[str] = ()) -> Whole:
        """Give an entry *tags*, and take others from it. The tags by which it is approved are changed, not removed."""
        with self._database.writing() as connection:
            now = int(connection.execute(select(self._now)).scalar_one())
            entry, _ = self._there(connection, name)
            gone = set(remove)
            if entry.offered and (needed := gone & set(TAGS) & set(entry.tags)):
                raise Refused(f"{name} is offered, so its tag {min(needed)} is not removed; give it another value")
            found = {tag: value for tag, value in {**entry.tags, **tags}.items() if tag not in gone}
            if found != entry.tags:
                values = {"tags": msgspec.json.encode(dict(sorted(found.items()))).decode()}
                connection.execute(update(CATALOG_ENTRIES).where(CATALOG_ENTRIES.c.name == name).values(values))
                self._touch(connection, name, now)
            return self._there(connection, name)

    def rate(self, name: str, caller: Identity, stars: int) -> Whole:
        """The one rating of *caller*, which replaces an earlier one; 0 *stars* take it away."""
        rater = hashlib.sha256("\n".join((caller.issuer, caller.tenant, caller.id)).encode()).hexdigest()
        with self._database.writing() as connection:
            self._there(connection, name)
            mine = (CATALOG_RATINGS.c.name == name) & (CATALOG_RATINGS.c.rater == rater)
            if connection.execute(select(CATALOG_RATINGS.c.stars).where(mine)).scalar_one_or_none() == (stars or None):
                return self._there(connection, name)
            if stars == 0:
                connection.execute(CATALOG_RATINGS.delete().where(mine))
            else:
                put = self._database.insert(CATALOG_RATINGS).values(name=name, rater=rater, stars=stars, made=self._now)
                values = {"stars": stars, "made": self._now}
                connection.execute(put.on_conflict_do_update(index_elements=["name", "rater"], set_=values))
            total = select(func.coalesce(func.sum(CATALOG_RATINGS.c.stars), 0), func.count()).where(
                CATALOG_RATINGS.c.name == name
            )
            every, count = connection.execute(total).one()
            found = update(CATALOG_ENTRIES).where(CATALOG_ENTRIES.c.name == name)
            connection.execute(found.values(stars=int(every), ratings=int(count)))
            return self._there(connection, name)

    def one(self, name: str) -> Whole:
        """An entry and its versions, in no order. Raises `Refused` if there is no such entry."""
        with self._database.reading() as connection:
            return self._there(connection, name)

    def version(self, name: str, version: str = "") -> Kept:
        """A *version* of an entry, the newest one if it is empty. Raises `Refused` if there is no such version."""
        return _chosen(name, version, self.one(name)[1])

    def named(self, names: Sequence[str]) -> tuple[Entry, ...]:
        """The entries with these *names*, in this order."""
        with self._database.reading() as connection:
            found = {one.name: one for one in self._entries(connection, names)}
        return tuple(found[one] for one in names if one in found)

    def some(self, *, state: State | None = None, kind: Kind | None = None, after: str = "", most: int) -> tuple[Entry, ...]:
        """Entries of a *state* and a *kind*, in the order of names, *after* one of them."""
        with self._database.reading() as connection:
            asked = select(CATALOG_ENTRIES).where(CATALOG_ENTRIES.c.name > after).order_by(CATALOG_ENTRIES.c.name).limit(most)
            if state is not None:
                of = select(CATALOG_VERSIONS.c.name).where(CATALOG_VERSIONS.c.state == state.value)
                asked = asked.where(CATALOG_ENTRIES.c.name.in_(of))
            if kind is not None:
                asked = asked.where(CATALOG_ENTRIES.c.kind == kind.value)
            return tuple(entry_of(one) for one in connection.execute(asked))

    def found(self, words: str, *, every: bool, most: int, state: State | None = None) -> tuple[Entry, ...]:
        """The entries that have all *words*, the best first; those that have some of them, if none has all. With a *state*
        those with a version in it.
        """
        with self._database.reading() as connection:
            names: Sequence[str] = ()
            for any_word in (False, True):
                of = "" if state is None else state.value
                names = catalog_words.names_of(connection, words, every=every, most=most, state=of, any_word=any_word)
                if names:
                    break
            by_name = {one.name: one for one in self._entries(connection, names)}
            return tuple(by_name[one] for one in names if one in by_name)

    def served(
        self,
        *,
        after: tuple[str, str] = ("", ""),
        most: int,
        name: str = "",
        part: str = "",
        version: str = "",
        since: int = 0,
        deleted: bool = False,
    ) -> tuple[tuple[Entry, Kept], ...]:
        """Versions of servers that callers are offered, in the order of names and versions, *after* one of them: of the entry
        *name*, of those whose name has *part*, of one *version* (``latest`` is the newest one that is offered), changed *since*
        then. With *deleted* also those that were offered once.
        """
        of, by = CATALOG_VERSIONS.c, CATALOG_ENTRIES.c
        asked = (
            select(CATALOG_ENTRIES, *(one.label(f"v_{one.name}") for one in of))
            .join(CATALOG_VERSIONS, of.name == by.name)
            .where(by.kind == Kind.SERVER.value, tuple_(of.name, of.version) > tuple_(literal(after[0]), literal(after[1])))
            .order_by(of.name, of.version)
            .limit(most)
        )
        now = (of.state == State.APPROVED.value) & (of.status != Status.DELETED.value)
        asked = asked.where(of.was_offered == 1) if deleted else asked.where(now)
        if name:
            asked = asked.where(of.name == name)
        if part:
            asked = asked.where(func.lower(of.name).contains(part.lower(), autoescape=True))
        if version:
            asked = asked.where(of.version == by.offered if version == "latest" else of.version == version)
        if since:
            asked = asked.where(of.changed >= since)
        with self._database.reading() as connection:
            rows = connection.execute(asked).all()
        return tuple((entry_of(one), kept_of(one, "v_")) for one in rows)

    def count(self) -> tuple[int, int]:
        """How many entries there are, and how many of them are offered."""
        offered = func.count().filter(CATALOG_ENTRIES.c.offered != "")
        with self._database.reading() as connection:
            every, some = connection.execute(select(func.count(), offered).select_from(CATALOG_ENTRIES)).one()
        return int(every), int(some)

    def _there(self, connection: Connection, name: str) -> Whole:
        row = connection.execute(select(CATALOG_ENTRIES).where(CATALOG_ENTRIES.c.name == name)).one_or_none()
        if row is None:
            raise no_entry(name)
        return entry_of(row), tuple(self._versions(connection, (name,)))

    def _entries(self, connection: Connection, names: Sequence[str]) -> list[Entry]:
        found = []
        for begin in range(0, len(names), _BATCH):
            asked = select(CATALOG_ENTRIES).where(CATALOG_ENTRIES.c.name.in_(names[begin : begin + _BATCH]))
            found += [entry_of(one) for one in connection.execute(asked)]
        return found

    def _versions(self, connection: Connection, names: Sequence[str]) -> list[Kept]:
        found = []
        for begin in range(0, len(names), _BATCH):
            asked = select(CATALOG_VERSIONS).where(CATALOG_VERSIONS.c.name.in_(names[begin : begin + _BATCH]))
            found += [kept_of(one) for one in connection.execute(asked)]
        return found

    def _status(self, connection: Connection, kept: Kept, status: Status, now: int) -> None:
        mine = (CATALOG_VERSIONS.c.name == kept.name) & (CATALOG_VERSIONS.c.version == kept.version)
        connection.execute(update(CATALOG_VERSIONS).where(mine).values(status=status.value, changed=now))
        self._touch(connection, kept.name, now)

    def _touch(self, connection: Connection, name: str, now: int) -> None:
        """Make what an entry shows follow from its versions again."""
        entry, versions = self._there(connection, name)
        offered = newest_offered(versions)
        shown = offered or newest(one.dated for one in versions)
        document = next(one for one in versions if one.version == shown)
        known = _shown(entry.kind, document)
        words = {"title": known.title, "description": known.description, "more": _more(known.words, entry.tags)}
        mine = CATALOG_ENTRIES.c.name == name
        there = connection.execute(select(*(CATALOG_ENTRIES.c[one] for one in words)).where(mine)).one()
        connection.execute(update(CATALOG_ENTRIES).where(mine).values(**words, offered=offered, changed=now))
        if there._asdict() != words:
            catalog_words.put(connection, [_words({"id": entry_id(name), "name": name, **words})])


def _newest_of(documents: Sequence[Document]) -> Document:
    version = newest((one.version, one.published) for one in documents)
    return next(one for one in documents if one.version == version)


def _shown(kind: Kind, kept: Kept) -> Document:
    from services.host.catalog.agent_card import read_card
    from services.host.catalog.document import read_document

    read = read_card if kind is Kind.AGENT else read_document
    return read(kept.document, kept.name)


def _more(words: str, tags: Mapping[str, str]) -> str:
    return " ".join((words, *tags.values()))


def _words(row: Mapping[str, object]) -> Words:
    texts = {one: str(row[one]) for one in ("name", "title", "description", "more")}
    return Words(id=int(str(row["id"])), **texts)


def _chosen(name: str, version: str, versions: Sequence[Kept]) -> Kept:
    wanted = version or newest(one.dated for one in versions)
    found = next((one for one in versions if one.version == wanted), None)
    if found is None:
        raise Refused(f"the entry {name} has no version {version[:100]!r}; 'arcops host catalog show {name}' lists them")
    return found


def _row(one: Document, *, author: str, source: str, now: int) -> dict[str, object]:
    return {
        "name": one.name,
        "version": one.version,
        "document": one.text,
        "digest": one.digest,
        "locks": msgspec.json.encode(list(one.locks)).decode() if one.locks else "[]",
        "status": one.status.value,
        "state": State.PROPOSED.value,
        "was_offered": 0,
        "source": source[:500],
        "author": author,
        "decider": "",
        "reason": "",
        "published": one.published,
        "made": now,
        "changed": now,
    }
