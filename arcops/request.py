"""The request: what to look at, in which tier, with which data. The clock and the callbacks come in only here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from arcops.errors import Refused
from arcops.late_dataclass import dataclass
from arcops.roots import ANYWHERE, Roots
from arcops.silence import silent as silent
from arcops.silence import unheard as unheard
from arcops.tier import Tier

if TYPE_CHECKING:  # a request about files needs neither
    from arcops.endpoint import Endpoint
    from arcops.exercise import Exercise

_LAST_YEAR = 9000


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveCluster:
    """A Kubernetes cluster that may be asked, and who named it.

    ``clusters`` is the operator's file of clusters (``ARCOPS_CLUSTERS``), in which ``context`` is a name; it is empty if the
    operator has no such file, and then no cluster is asked. ``None`` is only for a person at a command line: then ``context``
    is a context of ``kubeconfig``, which is ``None`` for that person's own. ``served`` are folders into which others may put
    files, so a file that says which cluster to ask may not be there. Raises `Refused` without a context: no cluster is asked by
    accident.
    """

    context: str
    clusters: str | None
    kubeconfig: Path | None = None
    served: tuple[Path, ...] = ()

    def __post_init__(self) -> None:
        if not self.context:
            raise Refused("no context is given; 'kubectl config get-contexts' lists the contexts of a kubeconfig")
        if self.clusters is not None and self.kubeconfig is not None:
            raise Refused("a kubeconfig and a cluster that the operator named are both given; give one of them")


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Everything that a collector may know.

    ``target`` is the subject on disk; ``attached`` are evidence files outside of it, each once. ``trust`` holds keys, roots,
    authorities and revocations; ``data`` holds advisory databases; ``store`` holds sealed artifacts, and ``memory`` what is
    remembered about it outside; ``cache`` may be lost at any time. ``named`` is the subject's name if no path gives it, as for
    a node, whose ``target`` is the root of its files. ``progress`` is called with the bytes done and the total bytes, and
    raises `arcops.errors.Stopped` if the work must end: call it at least every second. ``remark`` is called with sentences
    about this run, such as what a cache saved; they are not evidence. ``site`` is the name of the place that this runs in, or
    empty; ``own_key`` is the id of the key that signs here. ``endpoint`` is the inference endpoint to load, if one is the
    subject; ``exercise`` is what a machine must do, if it is measured. ``cluster`` is the cluster to ask, if the subject is a
    live one; nothing is read from ``target`` then. ``declared`` is what the subject is compared with: the folder or file that
    says how it should be. ``secrets`` are files that no collector may read, even if they are in its subject. ``within`` are the
    folders below which ``target``, ``attached`` and ``declared`` are opened, again each time (`artifacts.beneath`); `ANYWHERE`
    if the person at this machine asks. ``described`` is false if no gate of this run asks what the content of files is.
    ``waivers`` are the digests of the waivers whose approvals the policy demands.
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
    described: bool = True
    waivers: tuple[str, ...] = ()
    progress: Callable[[int, int], None] = field(default=silent, compare=False, repr=False)
    remark: Callable[[str], None] = field(default=unheard, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "attached", tuple(dict.fromkeys(self.attached)))
        if self.now.tzinfo is None:
            raise Refused("the request's clock has no time zone; pass an aware UTC datetime")
        if self.now.year > _LAST_YEAR:
            raise Refused(f"the clock says {self.now:%Y-%m-%d}, which is too late for any valid result; set the clock")

    @property
    def name(self) -> str:
        """The subject's name: the one that was given, or the last part of the target's path."""
        return self.named or self.target.name
