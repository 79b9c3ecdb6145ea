"""``arcops check``, ``sign``, ``sbom``, ``admit`` and ``announce``: the commands for a model."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from adapters.cli import files, surroundings
from adapters.cli.answering import answer
from adapters.cli.commands import Given, command
from adapters.cli.exits import AMBER, BY_VERDICT, GREEN
from adapters.cli.judging import begin, keep_and_tell, tell_unsigned
from adapters.cli.options import Reaching, Signing
from adapters.cli.plain import print_plain
from adapters.cli.server import policy_there, server
from arcops.asks import shaped
from arcops.errors import Refused
from arcops.late_dataclass import dataclass
from arcops.silence import silent

if TYPE_CHECKING:
    from capabilities.cluster.admit import Admit, Admitted
    from capabilities.model.announce import Announce, Announced
    from capabilities.model.check import Check, CheckedModel
    from capabilities.model.sbom import MakeSbom, SbomMade
    from capabilities.model.sign import Sign, SignedModel


@dataclass(frozen=True, slots=True, kw_only=True)
class Checking(Reaching):
    """The options of ``check`` itself."""

    summary: Path | None = field(default=None, metadata=shaped(option="--vsa"))
    """Write a sealed SLSA verification summary here, too."""
    unsigned: bool = False
    """Only look: print the verdict, sign and keep nothing, need no key. A GREEN that no one signed exits 4."""


@command(
    "check",
    "capabilities.model.check:check_model",
    own=Checking,
    fills=("summary",),
    example="./model --policy pilot --output result.json",
)
def check(given: Given[Check, CheckedModel, Checking]) -> int:
    """Judge a model by a policy; print the verdict and keep a signed artifact of it."""
    from artifacts.writing import replace_whole, replaceable

    own = given.own
    if own.unsigned:
        return _look(given)
    if own.summary is not None:
        replaceable(own.summary)
    with _shown() as progress:
        at = begin(own, progress)
        checked = answer(given.tool, given.ask(summary=own.summary is not None), at)
    if own.summary is not None:
        replace_whole(own.summary, checked.summary.encode())
    return keep_and_tell(checked, own, at, given.named("target"))


def _look(given: Given[Check, CheckedModel, Checking]) -> int:
    from capabilities.model.check import look_at_model

    own = given.own
    signing = {"--output": own.output, "--vsa": own.summary, "--key": own.key, "--server": server()}
    for option, value in signing.items():
        if value:
            raise Refused(f"--unsigned signs and keeps nothing, and looks here, so {option} has no use with it; leave one out")
    with _shown() as progress:
        at = begin(own, progress)
        report = look_at_model(given.ask(), at)
    told = tell_unsigned(report, own, at, given.named("target"))
    return AMBER if told == GREEN else told


@contextmanager
def _shown() -> Iterator[Callable[[int, int], None]]:
    """A progress bar on standard error, if that is a terminal. It begins with the work, so that it hides no question."""
    if not sys.stderr.isatty():
        yield silent
        return
    from rich.console import Console  # imported only if there is a bar
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    errors = Console(stderr=True)
    if not errors.is_terminal:
        yield silent
        return
    columns = (TextColumn("reading"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    bar = Progress(*columns, console=errors, transient=True)
    task = bar.add_task("reading", total=None)
    begun = threading.Lock()

    def shown(done: int, total: int) -> None:
        if total:  # collectors that only ask whether to stop report 0 of 0
            if begun.acquire(blocking=False):  # by the first of several threads
                bar.start()
            bar.update(task, completed=done, total=total)

    try:
        yield shown
    finally:
        bar.stop()


@command("sign", "capabilities.model.sign:sign_model_files", own=Signing, example="./model")
def sign(given: Given[Sign, SignedModel, Signing]) -> None:
    """Sign a model (OpenSSF Model Signing), and attest its provenance if a builder is named."""
    signed = answer(given.tool, given.ask(), surroundings.place(key=given.own.key))
    for path in signed.files:
        print(f"wrote {path}")
    print(f"signed by {signed.key_id}")


@command(
    "sbom",
    "capabilities.model.sbom:make_model_sbom",
    example="./model --version 1.0 --supplier 'Example Ltd' --licence Apache-2.0",
)
def sbom(given: Given[MakeSbom, SbomMade, None]) -> None:
    """Make a CycloneDX SBOM of a model and of the Python environment that runs it."""
    print(f"wrote {answer(given.tool, given.ask(), surroundings.place()).path}")


@command(
    "admit",
    "capabilities.cluster.admit:admit_workload",
    own=Signing,
    fills=("name",),
    reads={"manifest": files.manifest_text},
    example="deployment.yaml --policy admission",
)
def admit(given: Given[Admit, Admitted, Signing]) -> int:
    """Decide whether workloads may run: refuse those whose models have no valid GREEN artifact in the store."""
    path = given.named("manifest")
    ask = given.ask(name="manifest" if str(path) == "-" else path.absolute().name)
    admitted = answer(given.tool, ask, surroundings.place(key=given.own.key))
    if ask.review:
        print(admitted.review)
    else:
        print_plain(admitted.report)
    return BY_VERDICT[admitted.report.verdict]


@command("announce", "capabilities.model.announce:announce_change", example="model tiny ./model")
def announce(given: Given[Announce, Announced, None]) -> None:
    """Tell Prefect that a model or a policy changed, so that it is judged again there."""
    asked = given.ask()  # a worker reads it, so paths are absolute
    ask = replace(asked, target=asked.target.absolute(), policy=policy_there(asked.policy))
    announced = answer(given.tool, ask, surroundings.place())
    print(f"announced: the {ask.what.value} {ask.name} changed (event {announced.event})")
