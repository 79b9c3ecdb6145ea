"""What can be judged: one class for each subject, declared once. Asks, gates, flows and doors all start from it.

The class holds what a person gives to name the thing, such as a folder or a cluster. `arcops.subject.Subject` is what a report
calls it in the end, by name and digest.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import ClassVar, TypeVar

from arcops.discovery import classes
from arcops.errors import Broken
from arcops.late_dataclass import dataclass

J = TypeVar("J", bound="type[Judgeable]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """``word`` is the subject's folder on every floor, ``kind`` is what a report calls it, ``policy`` is the policy that judges
    it if none is named. ``title`` names its check on doors; empty if it is never checked by itself.
    """

    word: str
    kind: str
    policy: str
    title: str


class Judgeable:
    """The base of these classes: each a frozen dataclass in ``arcops/subjects/WORD.py``, under `judgeable`."""

    __slots__ = ()

    ABOUT: ClassVar[Declaration]

    @property
    def kind(self) -> str:
        """What a report calls it."""
        return about(type(self)).kind

    @property
    def where(self) -> Path | str:
        """The path that names it, or else the name of the cluster or endpoint; empty for this machine."""
        found = getattr(self, "target", "")
        return found if isinstance(found, Path | str) else ""

    @property
    def beside(self) -> tuple[Path, ...]:
        """The files that were attached to it."""
        return ()


def judgeable(*, kind: str, policy: str, title: str = "") -> Callable[[J], J]:
    """Declare the decorated class. Raises `Broken` if it is not a frozen dataclass below `Judgeable` in ``arcops.subjects``."""

    def declare(found: J) -> J:
        room, _, word = found.__module__.rpartition(".")
        if room != "arcops.subjects" or not issubclass(found, Judgeable):
            raise Broken(f"{found.__qualname__} is not a Judgeable in arcops/subjects; each subject has its module there")
        if not getattr(getattr(found, "__dataclass_params__", None), "frozen", False):
            raise Broken(f"{found.__qualname__} must be a frozen dataclass, so that it cannot change while it is judged")
        found.ABOUT = Declaration(word=word, kind=kind, policy=policy, title=title)
        return found

    return declare


def about(found: type[Judgeable]) -> Declaration:
    """What was declared of *found*, or of the class that it extends. Raises `Broken` if nothing was."""
    said: Declaration | None = getattr(found, "ABOUT", None)
    if said is None:
        raise Broken(f"{found.__qualname__} was never declared, so nothing can judge it; put @judgeable above it")
    return said


def all_judgeables() -> tuple[type[Judgeable], ...]:
    """Every declared class, in the order of its module and name."""
    found = [one for one in classes("arcops.subjects", Judgeable) if "ABOUT" in vars(one)]
    return tuple(sorted(found, key=lambda one: (about(one).word, one.__name__)))
