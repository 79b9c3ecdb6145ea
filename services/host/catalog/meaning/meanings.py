"""What entries of the catalog mean to a model, in the database: one vector each, made again when its words change."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sqlalchemy import delete, func, insert, select

from foundation.database.engine import Database
from foundation.database.tables import CATALOG_ENTRIES, CATALOG_MEANINGS, CATALOG_VERSIONS
from services.host.catalog.entry import State
from services.host.catalog.meaning.minilm import Floats, MiniLm

LEAST = 0.2
"""A smaller cosine is no likeness: two sentences about different things have less."""
_BATCH = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """What an entry says, of which its vector is made."""

    name: str
    text: str

    @property
    def digest(self) -> str:
        """SHA-256 of the text."""
        return f"sha256:{hashlib.sha256(self.text.encode()).hexdigest()}"


class Meanings:
    """The vectors of *model* in *database*. Methods raise `Unavailable` if it does not answer."""

    def __init__(self, database: Database, model: MiniLm) -> None:
        self._database, self._model = database, model

    @property
    def model(self) -> str:
        """The model, for people: its name and its digest."""
        return f"{self._model.name} {self._model.digest}"

    def lacking(self) -> tuple[Text, ...]:
        """Entries that have no vector for what they say now."""
        of, mine = CATALOG_ENTRIES.c, CATALOG_MEANINGS.c
        joined = (mine.name == of.name) & (mine.model == self._model.digest)
        asked = select(of.name, of.title, of.description, mine.text).outerjoin(CATALOG_MEANINGS, joined).order_by(of.name)
        with self._database.reading() as connection:
            rows = connection.execute(asked).all()
        said = ((Text(name=one.name, text=_text(one.name, one.title, one.description)), one.text) for one in rows)
        return tuple(text for text, kept in said if text.digest != kept)

    def add(self, texts: Sequence[Text]) -> None:
        """Compute the vectors of a few *texts* and keep them."""
        vectors = self._model.vectors([one.text for one in texts])
        rows = [
            {"name": one.name, "model": self._model.digest, "text": one.digest, "vector": vector.astype("<f4").tobytes()}
            for one, vector in zip(texts, vectors, strict=True)
        ]
        with self._database.writing() as connection:
            names = [one.name for one in texts]
            old = (CATALOG_MEANINGS.c.model == self._model.digest) & CATALOG_MEANINGS.c.name.in_(names)
            connection.execute(delete(CATALOG_MEANINGS).where(old))
            connection.execute(insert(CATALOG_MEANINGS), rows)

    def batches(self, texts: Sequence[Text]) -> Sequence[Sequence[Text]]:
        """*texts* in the parts that are computed at once; each is kept before the next begins."""
        return [texts[begin : begin + _BATCH] for begin in range(0, len(texts), _BATCH)]

    def whole(self) -> bool:
        """Has every entry a vector? Then the search by meaning misses none."""
        with self._database.reading() as connection:
            entries = connection.execute(select(func.count()).select_from(CATALOG_ENTRIES)).scalar_one()
            mine = select(func.count()).where(CATALOG_MEANINGS.c.model == self._model.digest)
            vectors = connection.execute(mine.select_from(CATALOG_MEANINGS)).scalar_one()
        return bool(entries == vectors and entries)

    def nearest(self, words: str, *, every: bool, most: int, state: State | None = None) -> tuple[str, ...]:
        """The names of the entries that mean most nearly what *words* do, nearest first; without *every* only offered ones,
        with a *state* only those with a version in it.
        """
        asked = select(CATALOG_MEANINGS.c.name, CATALOG_MEANINGS.c.vector).where(CATALOG_MEANINGS.c.model == self._model.digest)
        if not every:
            asked = asked.join(CATALOG_ENTRIES, CATALOG_ENTRIES.c.name == CATALOG_MEANINGS.c.name)
            asked = asked.where(CATALOG_ENTRIES.c.offered != "")
        if state is not None:
            of = select(CATALOG_VERSIONS.c.name).where(CATALOG_VERSIONS.c.state == state.value)
            asked = asked.where(CATALOG_MEANINGS.c.name.in_(of))
        with self._database.reading() as connection:
            rows = connection.execute(asked).all()
        if not rows:
            return ()
        matrix: Floats = np.frombuffer(b"".join(bytes(one.vector) for one in rows), dtype="<f4").reshape(len(rows), -1)
        alike = matrix @ self._model.vectors([words])[0]
        order = sorted(np.flatnonzero(alike >= LEAST).tolist(), key=lambda one: (-float(alike[one]), rows[one].name))
        return tuple(rows[one].name for one in order[:most])


def _text(name: str, title: str, description: str) -> str:
    return f"{title or name.partition('/')[2]}: {description}"
