"""What every installer needs: which programs it may run and how far they reach, and what it makes."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Protocol, cast

from arcops.errors import Refused
from arcops.tier import Tier
from foundation.egress.permission import permit_unread
from foundation.processes.environments import of_installer
from services.host.lock import Lock
from services.host.spec import Package, Source
from tasks.program import Limits, Output, run

_LIMITS = Limits(seconds=300.0, size=16 * 1024 * 1024)


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """How an installed server is started: an absolute program with its arguments, and variables that it needs for that.

    ``secrets`` are those of their values that no one may read anywhere. ``imports`` is the module, or the file, that a Python
    server begins with; empty for others.
    """

    command: tuple[str, ...]
    environment: Mapping[str, str] = field(repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)
    imports: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workshop:
    """``cache`` is a folder of ours that may be lost, ``environment`` the operator's, ``secrets`` the files of the signing key.

    ``alive`` is called often, and may raise to end the work. Below ``mirror`` are files that were brought here, one folder for
    each lock.
    """

    tier: Tier
    cache: Path
    environment: Mapping[str, str] = field(repr=False)
    secrets: tuple[Path, ...]
    alive: Callable[[], object] = bool
    mirror: Path | None = None

    def mirrored(self, lock: Lock) -> Path | None:
        """The folder with the files of *lock* that came with a mirror, if one has it."""
        folder = self.mirror / lock.digest.partition(":")[2][:40] if self.mirror is not None else None
        return folder if folder is not None and folder.is_dir() else None

    def program(self, arguments: Sequence[str], *, what: str, told: Mapping[str, str], network: bool = True) -> Output:
        """Run an installer's program, which may ask an index with *network*, if the tier allows that.

        Raises `Refused` with what it said.
        """
        if network:
            permit_unread(
                self.tier,
                what,
                "set ARCOPS_TIER=restricted, so that the index of this site may be asked, bring it with "
                "'arcops host mirror use', or use folder:/PATH",
            )
        self.cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="install-", dir=self.cache) as scratch:
            done = run(
                arguments,
                scratch=Path(scratch),
                limits=_LIMITS,
                alive=self.alive,
                secrets=self.secrets,
                network=network,
                told={**of_installer(self.environment), **told},
            )
        if done.code != 0:
            raise Refused(f"{what} failed: {done.errors or f'exit code {done.code}'}")
        return done


class Installer(Protocol):
    """The functions of an installer's module."""

    def resolve(self, package: Package, at: Workshop) -> Lock:
        """What *package* is now, file by file."""

    def install(self, lock: Lock, folder: Path, at: Workshop) -> None:
        """Put exactly what *lock* says into *folder*, which is empty. Nothing of the package runs."""

    def launch(self, package: Package, folder: Path, command: str) -> Launch:
        """How the program *command* of *package*, installed in *folder*, is started; the package's only one if it is empty."""


def installer(source: Source) -> Installer:
    """The installer for packages from *source*."""
    return cast(Installer, import_module(f"services.host.installers.{source.value}"))
