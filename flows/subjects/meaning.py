"""What is meant by a subject at a place: which files, which cluster, which endpoint; refused if it can't be judged."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from arcops.discovery import named
from arcops.errors import Refused
from arcops.judgeable import Judgeable, about
from arcops.late_dataclass import dataclass
from arcops.roots import Roots
from artifacts.beneath import open_within, placed, stat_within
from flows.place import Place

if TYPE_CHECKING:  # a subject of files does not need these
    from arcops.endpoint import Endpoint
    from arcops.exercise import Exercise
    from arcops.request import LiveCluster

J = TypeVar("J", bound=Judgeable)

ROOT = Path("/")
"""The target of a request whose subject is not a path. Only a collector of this machine reads anything then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Meant:
    """The parts of a request that its subject decides (`arcops.request.Request`)."""

    target: Path
    named: str = ""
    attached: tuple[Path, ...] = ()
    cluster: LiveCluster | None = None
    declared: Path | None = None
    endpoint: Endpoint | None = None
    exercise: Exercise | None = None

    @property
    def name(self) -> str:
        """Its name in the report."""
        return self.named or self.target.absolute().name


@dataclass(frozen=True, slots=True, kw_only=True)
class Meaning(Generic[J]):
    """How a subject's class is understood. It is in the module of `flows.subjects` that has the name of the subject's kind."""

    subject: type[J]
    understand: Callable[[J, Place], Meant]


def means(subject: type[J]) -> Callable[[Callable[[J, Place], Meant]], Meaning[J]]:
    """Declare the decorated function as the one that understands *subject*. If it raises `Refused`, the check is refused."""

    def declare(understand: Callable[[J, Place], Meant]) -> Meaning[J]:
        return Meaning(subject=subject, understand=understand)

    return declare


def meant(subject: Judgeable, at: Place) -> Meant:
    """What *subject* means at this place. A subject without its own meaning is the file or folder that it names.

    Raises `Refused` if that cannot be judged: it does not exist, says two things at once, or may not be asked for here.
    """
    for one in type(subject).__mro__:
        for meaning in _meanings(about(type(subject)).word):
            if meaning.subject is one:
                found: Meant = meaning.understand(subject, at)
                return found
    where = subject.where
    if isinstance(where, str):
        return Meant(target=ROOT, named=where or this_machine())
    return Meant(target=existing(where, at), attached=beside(subject, at))


@cache
def _meanings(word: str) -> tuple[Meaning[Any], ...]:
    """Every meaning that is declared for the subject with this *word*."""
    return named("flows.subjects", Meaning, word)


def called(subject: Judgeable, at: Place) -> Meant:
    """The name of *subject*, and whether files were attached to it, without opening anything: for a run that was refused."""
    where = subject.where
    attached = tuple(placed(one, at.roots) for one in subject.beside)
    if isinstance(where, str):
        return Meant(target=ROOT, named=where or this_machine(), attached=attached)
    path = placed(where, at.roots)
    return Meant(target=path, named="" if path.name else this_machine(), attached=attached)


def this_machine() -> str:
    """This machine's name as a subject: its host name."""
    return os.uname().nodename


def existing(path: Path, at: Place) -> Path:
    """*path* as a subject's, absolute and with a name. Raises `Refused` if it is not a file and not a folder."""
    if at.elsewhere:
        return path.absolute()
    found = stat_within(path, at.within)
    if found is None:
        there = " on the machine that runs this flow" if at.worker else ""
        raise Refused(f"{path} does not exist{there}; give the path of an existing directory or file")
    if not (stat.S_ISDIR(found.st_mode) or stat.S_ISREG(found.st_mode)):
        raise Refused(f"{path} is neither a directory nor a file; give the path of one")
    absolute = path.absolute()
    if absolute.name in ("", ".."):
        absolute = absolute.resolve()
    if not absolute.name:
        raise Refused(f"{path} is the whole file system, which is too much to judge; give the path of a directory or file")
    try:
        absolute.name.encode("utf-8")
    except UnicodeEncodeError:
        raise Refused(f"the name of {path} is not UTF-8, so no report can show it; rename it") from None
    return absolute


def beside(subject: Judgeable, at: Place) -> tuple[Path, ...]:
    """The files that were attached to *subject*. Raises `Refused` if one is not a file, `OSError` if one cannot be opened."""
    return tuple(path.absolute() if at.elsewhere else _attached(path, at.within) for path in subject.beside)


def _attached(path: Path, within: Roots) -> Path:
    try:
        descriptor = open_within(path, os.O_RDONLY | os.O_NONBLOCK, within)
    except (FileNotFoundError, NotADirectoryError):
        raise Refused(f"{path} does not exist; attach a file with a signature, an SBOM or an attestation") from None
    try:
        status = os.fstat(descriptor)
    finally:
        os.close(descriptor)
    if not stat.S_ISREG(status.st_mode) or not status.st_size:
        raise Refused(f"{path} is not a file with content; attach a file with a signature, an SBOM or an attestation")
    return path.absolute()
