"""What the publisher says of the model: the model card's facts, and every licence that card, files and configuration state."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import ClassVar

from arcops.evidence import Body


class Fact(Enum):
    """A thing that a model card may tell. ``EVALUATION`` is results; ``TASK`` is what the model does (``pipeline_tag``)."""

    BASE_MODEL = "base-model"
    DATASETS = "datasets"
    EVALUATION = "evaluation"
    INTENDED_USE = "intended-use"
    LANGUAGE = "language"
    LIBRARY = "library"
    LICENCE = "licence"
    LIMITATIONS = "limitations"
    TASK = "task"
    TRAINING = "training"


@dataclass(frozen=True, slots=True, kw_only=True)
class FactSeen:
    """A fact that the card tells. ``values`` are from the front matter; ``section`` is the heading whose text tells it."""

    fact: Fact
    values: tuple[str, ...] = ()
    section: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CardSeen:
    """One model card. ``facts`` are sorted by name; ``problems`` say in sentences what of it could not be read."""

    path: str
    sha256: str
    facts: tuple[FactSeen, ...] = ()
    problems: tuple[str, ...] = ()


class LicenceSource(Enum):
    """Where a licence is stated: a card's front matter, a licence file's text, or a configuration file's field."""

    CARD = "card"
    CONFIG = "config"
    FILE = "file"


@dataclass(frozen=True, slots=True, kw_only=True)
class LicenceSeen:
    """One statement of a licence.

    ``stated`` is as written (empty for a text). ``expression`` is the SPDX expression that it was recognised as, empty where
    it was not; ``problem`` then says why. ``own`` is true where it speaks for the whole subject (at the top, or beside the
    card nearest to the top), and false for a licence deeper inside, of a part.
    """

    path: str
    source: LicenceSource
    stated: str = ""
    expression: str = ""
    problem: str = ""
    own: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Card(Body):
    """Every card and every statement of a licence in the ``looked_at`` files of the subject, sorted by path.

    Both may be empty: that none of the files is a card was seen, and the gate decides what it means.
    """

    KIND: ClassVar[str] = "card"

    looked_at: int
    cards: tuple[CardSeen, ...] = ()
    licences: tuple[LicenceSeen, ...] = ()
