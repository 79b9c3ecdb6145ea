"""``arcops cluster``."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from adapters.cli import surroundings
from adapters.cli.answering import answer
from adapters.cli.commands import Given, command, group
from adapters.cli.exits import CANNOT, GREEN
from adapters.cli.judging import judge
from adapters.cli.options import Reaching
from arcops.asks import shaped
from arcops.errors import Refused
from arcops.tier import Tier
from artifacts.projections.printable import printable

if TYPE_CHECKING:
    from capabilities.cluster.check import CheckCluster, SavedCluster, SnapshotCluster
    from capabilities.judging import Judged

CLUSTER = group("cluster", "Check whether a Kubernetes cluster is ready for a model.")


@command("cluster check", "capabilities.cluster.check:check_cluster", own=Reaching, example="--policy cluster")
def check(given: Given[CheckCluster, Judged, Reaching]) -> int:
    """Judge a cluster, live or saved, by what a workload needs; print the verdict and keep a signed artifact of it."""
    return judge(given)


@dataclass(frozen=True, slots=True, kw_only=True)
class SavingCluster:
    """The folder for the files, and the tier."""

    output: Path = field(metadata=shaped(short="-o"))
    """The folder for the files; new or empty."""
    tier: Tier | None = None
    """How far this run may connect; air-gapped if nothing else is set [environment: ARCOPS_TIER]."""


@command("cluster snapshot", "capabilities.cluster.check:snapshot_cluster", own=SavingCluster, example="--output saved/")
def snapshot(given: Given[SnapshotCluster, SavedCluster, SavingCluster]) -> int:
    """Save what a cluster says about its readiness, to check it elsewhere. Exits 1 if the cluster did not show all of it."""
    output = given.own.output
    _refuse_unless_new(output)
    found = answer(given.tool, given.ask(), surroundings.place(given.own.tier, stop=surroundings.stop_on_signals()))
    missing = _save(found, output)
    print(f"{found.name}: saved in {output}, {missing} list(s) not seen")
    return CANNOT if missing else GREEN


def _refuse_unless_new(folder: Path) -> None:
    """Raises `Refused` if *folder* holds anything already."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise Refused(f"{folder} exists and is not an empty folder; name a new one, so that no old files are mixed in")


def _save(found: SavedCluster, folder: Path) -> int:
    """Write the files of *found* and say what is missing from them; returns how many of them miss something."""
    from artifacts.writing import replace_whole

    folder.mkdir(parents=True, exist_ok=True)
    for one in found.files:
        replace_whole(folder / one.name, one.text.encode())
    missing = [one.missing for one in found.files if one.missing]
    for sentence in missing:
        print(printable(f"not seen: {sentence}"))
    return len(missing)
