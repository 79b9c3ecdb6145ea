"""What is meant by a subject at a place: which files, which cluster, which endpoint; refused if it can't be judged."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from arcops.discovery import named
from arcops.errors import Refused
from arcops.judgeable import Judgeable, about
from arcops.roots import Roots
from artifacts.beneath import open_within, placed, stat_within
from flows.place import Place

if TYPE_CHECKING:  # what a subject of files doesn't mean
    from arcops.endpoint import Endpoint
    from arcops.exercise import Exercise
    from arcops.request import LiveCluster

J = TypeVar("J", bound=Judgeable)

ROOT = Path("/")
"""The target of a request whose subject is no path: nothing is read from it but what a collector of this machine reads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Meant:
    """What a request is made of that its subject says (`arcops.request.Request`)."""

    target: Path
    named: str = ""
    attached: tuple[Path, ...] = ()
    cluster: LiveCluster | None = None
    declared: Path | None = None
    endpoint: Endpoint | None = None
    exercise: Exercise | None = None

    @property
    def name(self) -> str:
        """What the report calls it."""
        return self.named or self.target.absolute().name


@dataclass(frozen=True, slots=True, kw_only=True)
class Meaning(Generic[J]):
    """How subjects of one class are understood: in the module of `flows.subjects` that has the subject's word for a name."""

    subject: type[J]
    understand: Callable[[J, Place], Meant]


def means(subject: type[J]) -> Callable[[Callable[[J, Place], Meant]], Meaning[J]]:
    """Declare the decorated function as the one that understands *subject*. What it raises refuses the check."""

    def declare(understand: Callable[[J, Place], Meant]) -> Meaning[J]:
        return Meaning(subject=subject, understand=understand)

    return declare


def meant(subject: Judgeable, at: Place) -> Meant:
    """What *subject* means at this place. A subject without a meaning of its own is the file or folder that it names.

    Raises `Refused` if that can't be judged: it is not there, says two things at once, or nobody may ask for it here.
    """
    own: tuple[Meaning[Any], ...] = named("flows.subjects", Meaning, about(type(subject)).word)
    for one in type(subject).__mro__:
        for meaning in own:
            if meaning.subject is one:
                found: Meant = meaning.understand(subject, at)
                return found
    where = subject.where
    if isinstance(where, str):
        return Meant(target=ROOT, named=where or this_machine())
    return Meant(target=existing(where, at), attached=beside(subject, at))


def called(subject: Judgeable, at: Place) -> Meant:
    """What *subject* is called, and whether anything was attached to it, without a look: for a run that was refused."""
    where = subject.where
    attached = tuple(placed(one, at.roots) for one in subject.beside)
    if isinstance(where, str):
        return Meant(target=ROOT, named=where or this_machine(), attached=attached)
    path = placed(where, at.roots)
    return Meant(target=path, named="" if path.name else this_machine(), attached=attached)


def this_machine() -> str:
    """What this machine is called as a subject: by its host's name."""
    return os.uname().nodename


def existing(path: Path, at: Place) -> Path:
    """*path* as a subject's, absolute and with a name of its own. Raises `Refused` if it is no file and no folder."""
    if at.elsewhere:
        return path.absolute()
    found = stat_within(path, at.within)
    if found is None:
        there = " on the machine where this flow runs" if at.worker else ""
        raise Refused(f"{path} does not exist{there}; give the path of a directory or file that is there")
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
        raise Refused(f"the name of {path} is not UTF-8, so no report could name it; rename it") from None
    return absolute


def beside(subject: Judgeable, at: Place) -> tuple[Path, ...]:
    """The files that were attached to *subject*. Raises `Refused` if one is none, and `OSError` if it cannot be opened."""
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
