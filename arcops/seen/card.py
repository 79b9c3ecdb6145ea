"""What the publisher says about the model: the model card's facts, and every licence that card, files and configuration
state."""

from __future__ import annotations

from enum import Enum
from typing import ClassVar

from arcops.evidence import Body
from arcops.late_dataclass import dataclass


class Fact(Enum):
    """A fact that a model card may state. ``EVALUATION`` is results; ``TASK`` is what the model does (``pipeline_tag``)."""

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
    """A fact that the card states. ``values`` are from the front matter; ``section`` is the heading of the text that
    states it.
    """

    fact: Fact
    values: tuple[str, ...] = ()
    section: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CardSeen:
    """One model card. ``facts`` are sorted by name; ``problems`` are sentences that say which parts could not be read."""

    path: str
    sha256: str
    facts: tuple[FactSeen, ...] = ()
    problems: tuple[str, ...] = ()


class LicenceSource(Enum):
    """The place of a licence statement: a card's front matter, a licence file's text, or a configuration file's field."""

    CARD = "card"
    CONFIG = "config"
    FILE = "file"


@dataclass(frozen=True, slots=True, kw_only=True)
class LicenceSeen:
    """One statement of a licence.

    ``stated`` is as written (empty for a text). ``expression`` is the SPDX expression that it was recognised as, empty if it
    was not; ``problem`` then says why. ``own`` is true if it is about the whole subject (at the top, or beside the card nearest
    to the top), and false for the licence of a part, deeper inside.
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

    Both may be empty: then it was seen that no file is a card, and the gate decides what this means.
    """

    KIND: ClassVar[str] = "card"

    looked_at: int
    cards: tuple[CardSeen, ...] = ()
    licences: tuple[LicenceSeen, ...] = ()
