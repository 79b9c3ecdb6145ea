"""The templates that there are, found by their folders: a kind of server, in the languages in which it is written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from arcops.errors import Refused
from services.host.scaffold.hosting_file import Hosting, read_hosting

_TEMPLATES = Path(__file__).parent / "templates"
_KINDS = _TEMPLATES / "kinds"
_ABOUT = "about.yaml"
_ENDING = ".template"


class Language(StrEnum):
    """In what a server is written."""

    PYTHON = "python"
    NODE = "node"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A template: its ``title``, and how such a server is hosted."""

    name: str
    title: str
    hosting: Hosting


def kind_of(name: str) -> Kind:
    """The template *name*. Raises `Refused` that names those that there are."""
    if name not in kinds():
        raise Refused(f"there is no template {name[:80]!r}; there are {', '.join(kinds())}")
    about = read_hosting(_KINDS / name / _ABOUT)
    return Kind(name=name, title=about.title, hosting=about)


def kinds() -> tuple[str, ...]:
    """The names of all templates."""
    return tuple(sorted(one.name for one in _KINDS.iterdir() if (one / _ABOUT).is_file()))


def texts(kind: Kind, language: Language) -> Mapping[str, str]:
    """The files of a project by their paths, with their words still to be filled in."""
    found: dict[str, str] = {}
    for folder in (_TEMPLATES / "every", _TEMPLATES / language.value, _KINDS / kind.name / language.value):
        for file in sorted(folder.rglob(f"*{_ENDING}")):
            found[file.relative_to(folder).as_posix().removesuffix(_ENDING)] = file.read_text(encoding="utf-8")
    return found
