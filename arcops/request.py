"""The request: what to look at, from which tier, with which data at hand. Clock and callbacks come in here, once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from arcops.errors import Refused
from arcops.roots import ANYWHERE, Roots
from arcops.silence import silent as silent
from arcops.silence import unheard as unheard
from arcops.tier import Tier

if TYPE_CHECKING:  # a request about files has neither
    from arcops.endpoint import Endpoint
    from arcops.exercise import Exercise

_LAST_YEAR = 9000


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveCluster:
    """A Kubernetes cluster that may be asked, and by whose word.

    ``clusters`` is the operator's file of clusters (``ARCOPS_CLUSTERS``), in which ``context`` is a name; empty where the
    operator has none, and then nothing is asked. ``None`` is only for a person at a command line: ``context`` is one of
    ``kubeconfig``, which is ``None`` for that person's own. ``served`` are folders into which others may put files, so that no
    file that says whom to ask may lie there. Raises `Refused` without a context: no cluster is asked by accident.
    """

    context: str
    clusters: str | None
    kubeconfig: Path | None = None
    served: tuple[Path, ...] = ()

    def __post_init__(self) -> None:
        if not self.context:
            raise Refused("no context is named; 'kubectl config get-contexts' lists those of a kubeconfig")
        if self.clusters is not None and self.kubeconfig is not None:
            raise Refused("both a kubeconfig and a cluster that an operator named are given; name one of them")


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Everything that a collector may know.

    ``target`` is the subject on disk; ``attached`` are evidence files that lie beside it, each once. ``trust`` holds keys,
    roots, authorities and revocations; ``data`` holds advisory databases; ``store`` holds sealed artifacts, and ``memory``
    what is remembered of it outside; ``cache`` may be lost at any time. ``named`` is the subject's name where no path gives
    it, as of a node, whose ``target`` is the root of its files. ``progress`` is told bytes done and bytes in all, and raises
    `arcops.errors.Stopped` when the work must end: call it at least every second. ``remark`` is told sentences about this
    run, such as what a cache saved; they are no evidence. ``site`` is the name of the place where this runs, or empty;
    ``own_key`` is the id of the key that signs here. ``endpoint`` is the inference endpoint to load, where one is the
    subject; ``exercise`` is what a machine is to do, where it is to be measured. ``cluster`` is the cluster to ask, where the
    subject is a live one; nothing is read from ``target`` then. ``declared`` is what the subject is held against: the folder
    or file that says how it should be. ``secrets`` are files that no collector may read even if they lie in its subject.
    ``within`` are the folders below which ``target``, ``attached`` and ``declared`` are opened, each time anew
    (`artifacts.beneath`); `ANYWHERE` if the person at this machine asks.
    """

    target: Path
    kind: str
    tier: Tier
    now: datetime
    trust: Path
    data: Path
    cache: Path
    store: Path | None = None
    memory: Path | None = None
    attached: tuple[Path, ...] = ()
    workers: int = 1
    named: str = ""
    site: str = ""
    own_key: str = ""
    endpoint: Endpoint | None = None
    cluster: LiveCluster | None = None
    declared: Path | None = None
    exercise: Exercise | None = None
    secrets: tuple[Path, ...] = ()
    within: Roots = ANYWHERE
    progress: Callable[[int, int], None] = field(default=silent, compare=False, repr=False)
    remark: Callable[[str], None] = field(default=unheard, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "attached", tuple(dict.fromkeys(self.attached)))
        if self.now.tzinfo is None:
            raise Refused("the request's clock has no time zone; pass an aware UTC datetime")
        if self.now.year > _LAST_YEAR:
            raise Refused(f"the clock says {self.now:%Y-%m-%d}, after which no term of a result could end; set the clock")

    @property
    def name(self) -> str:
        """The subject's name: the one that was given, or the last part of the target's path."""
        return self.named or self.target.name
