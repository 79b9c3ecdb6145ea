"""What became known about a server's packages since it was judged: the advisories of today, by the gate and policy that count.

The verdict itself is sealed, and a host has no key to seal another. It needs none: a known vulnerability takes a verdict away,
and only a new one, which someone signs, gives it back.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path

from arcops.errors import ArcOpsError
from arcops.evidence import Evidence
from arcops.finding import Outcome
from arcops.judge import judge
from arcops.policy import Policy
from arcops.seen.server import Packages, ServerAdvisories
from arcops.tier import Tier
from artifacts.wire import digest
from flows.plan import gate_named
from services.host.lock import Lock
from tasks.model.osv.database import NAME
from tasks.server.case import TREE
from tasks.server.image_packages import packages_within
from tasks.server.locks import IMAGES, UNLISTED, read_lock
from tasks.server.server_advisories import compared

_GATE = "server-advisories"
_RULES = (f"{_GATE}/known", f"{_GATE}/decided")
"""The rules that new advisories can break. How old the data may be was judged with the verdict, whose own term counts now."""


Identity = tuple[int, int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fix:
    """An advisory that speaks against the package *purl*, and the versions that it names as fixed, if it names any."""

    advisory: str
    purl: str
    fixed: tuple[str, ...]

    def __str__(self) -> str:
        fixed = f"fixed in {' or '.join(self.fixed)}" if self.fixed else "no fixed version is known"
        return f"{self.advisory} in {self.purl}: {fixed}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What speaks against a lock now, as a clause in ``text``; empty if nothing does. ``fixes`` are its advisories, with the
    versions that fix them. ``unseen`` says why it could not be seen whether anything does.
    """

    text: str = ""
    fixes: tuple[Fix, ...] = ()
    unseen: str = ""


def data_in(folder: Path) -> Identity | None:
    """What tells the advisories in *folder* from others that were imported there; ``None`` without any."""
    try:
        status = os.stat(folder / NAME)  # noqa: PTH116
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size


class KnownSince:
    """Asks the advisories in the folder *data*. An answer is kept until they, the lock or the policy are others.

    *installed* gives the folder in which a lock is installed here: an image's lists of what it is made of are in it.
    """

    def __init__(self, data: Path, installed: Callable[[Lock], Path] = lambda lock: Path("/nonexistent")) -> None:
        self._data, self._installed = data, installed

    def against(self, name: str, lock: Lock, policy: Policy, at: datetime) -> str:
        """Which advisory speaks against the lock of the server *name* now, as a clause; empty if none does.

        Nothing speaks against what no one sees: a folder, a server of another machine, and an image that is not installed here,
        of which it is asked again when it is.
        """
        return self.asked(name, lock, policy, at).text

    def asked(self, name: str, lock: Lock, policy: Policy, at: datetime) -> Known:
        """As `against`, with the versions that fix it, and with what could not be seen."""
        if _GATE not in policy.gates:
            return Known(unseen=f"its policy has no gate {_GATE}")
        tree: Path | None = None
        if lock.package.startswith(IMAGES):
            tree = self._tree(lock)
            if tree is None:
                return Known(unseen="its image is not installed on this host, so what it is made of is not known here")
        elif lock.package.startswith(UNLISTED):
            return Known(unseen="what it is made of is listed nowhere")
        identity = data_in(self._data)
        if identity is None:
            lacking = (
                "no advisory data is on this host, so it is not known what was found since; import it (arcops data import)"
            )
            return Known(text=lacking, unseen=lacking)
        return _against(self._data, identity, name, lock, tree, policy.digest, _Judged(policy=policy, at=at))

    def within(self, lock: Lock) -> tuple[str, ...]:
        """The packages that the image of *lock* lists, by package URL; none for others, and if it is not installed here."""
        tree = self._tree(lock) if lock.package.startswith(IMAGES) else None
        return () if tree is None else tuple(one.purl for one in _within(lock.digest, tree).within)

    def _tree(self, lock: Lock) -> Path | None:
        tree = self._installed(lock) / TREE
        return tree if tree.is_dir() else None


class _Judged:
    """A policy and a moment, which do not tell two questions apart: the policy's digest does."""

    def __init__(self, *, policy: Policy, at: datetime) -> None:
        self.policy, self.at = policy, at

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Judged)

    def __hash__(self) -> int:
        return 0


@lru_cache(maxsize=2048)
def _against(data: Path, identity: Identity, name: str, lock: Lock, tree: Path | None, policy: str, judged: _Judged) -> Known:
    gate = gate_named(_GATE)
    if gate is None:
        return Known(text=f"this version has no gate {_GATE!r}")
    packages = Packages(packages=read_lock(lock.package, lock.text).packages) if tree is None else _within(lock.digest, tree)
    try:
        found = ServerAdvisories(found=compared(packages, digest(packages), data, tick=bool))
    except ArcOpsError as error:
        return Known(text=f"the advisories cannot be asked: {error}", unseen=f"the advisories cannot be asked: {error}")
    collected = {
        body.KIND: Evidence(
            kind=body.KIND,
            body=body,
            digest=digest(body),
            collector="known-since",
            version="1",
            at=judged.at,
            tier=Tier.AIR_GAPPED,
        )
        for body in (packages, found)
    }
    result = judge(
        gate,
        judged.policy.gates[_GATE],
        collected,
        at=judged.at,
        subject_name=name,
        waivers=judged.policy.waivers,
        skew=judged.policy.clock_skew,
    )
    bad = (Outcome.FAIL, Outcome.UNKNOWN) if judged.policy.amber_passes else (Outcome.FAIL, Outcome.UNKNOWN, Outcome.WARN)
    wrong = [one for one in result.findings if one.rule in _RULES and one.outcome in bad and one.waiver is None]
    matches = {f"{one.advisory} in {one.purl}": one for one in found.found.matches}
    against = [matches[one.about] for one in wrong if one.about in matches]
    return Known(
        text=" ".join(one.text for one in wrong)[:1000].rstrip("."),
        fixes=tuple(Fix(advisory=one.advisory, purl=one.purl, fixed=one.fixed) for one in against),
        unseen=""
        if tree is None or not (count := _uncompared(packages, found))
        else f"{count} of its packages were not compared",
    )


def _uncompared(packages: Packages, found: ServerAdvisories) -> int:
    """How much of an image was not compared; a list that could not be read counts as one."""
    return len(found.found.unmatched) + len(found.found.not_applicable) + len(packages.unread) + (not packages.within)


@lru_cache(maxsize=256)
def _within(digest: str, tree: Path) -> Packages:
    """What the image with the lock *digest*, which is installed in *tree*, is made of. What was installed is not changed."""
    return packages_within(tree)
