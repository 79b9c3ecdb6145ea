"""``arcops check``."""

from __future__ import annotations

import sys
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from adapters.cli import present, surroundings
from adapters.cli.answering import answer, policy_for, server
from adapters.cli.exits import BY_VERDICT, CANNOT, drop_standard_output
from adapters.cli.plain import print_machine, printable
from arcops.request import silent
from arcops.result import Report
from artifacts.store import object_path
from artifacts.writing import replace_whole, replaceable
from capabilities.artifact.verify import Fetch, fetch_artifact
from capabilities.model.check import Check, check_model
from flows.place import Place


def check(
    target: Path,
    policy: str,
    key: str,
    attached: tuple[Path, ...],
    output: Path | None,
    summary: Path | None,
    form: str,
    tier: str,
) -> int:
    for path in (output, summary):
        if path is not None:
            replaceable(path)  # now, not after hours of hashing
    stop = surroundings.stop_on_signals()
    ask = Check(target=target, policy=policy_for(policy), attached=attached, summary=summary is not None)
    errors = Console(stderr=True)
    with Progress(
        TextColumn("reading"),
        BarColumn(),
        DownloadColumn(),
        TimeRemainingColumn(),
        console=errors,
        transient=True,
        disable=not errors.is_terminal,
    ) as bar:
        task = bar.add_task("reading", total=None)

        def shown(done: int, total: int) -> None:
            if total:  # collectors that only ask whether to stop report 0 of 0
                bar.update(task, completed=done, total=total)

        at = surroundings.place(tier, key, stop, silent if bar.disable else shown)
        checked = answer(check_model, ask, at)
    keep(checked.artifact, output, at)
    if summary is not None:
        replace_whole(summary, checked.summary.encode())
    return tell(checked.report, checked.artifact, form, output, at)


def keep(artifact: str, output: Path | None, at: Place) -> None:
    """Write the sealed *artifact* of the store to *output*, too, where one is named."""
    if output is not None:
        replace_whole(output, answer(fetch_artifact, Fetch(artifact=artifact), at).text.encode())


def tell(report: Report, artifact: str, form: str, output: Path | None, at: Place) -> int:
    """Print *report* and where its artifact is; returns the exit code that its verdict stands for."""
    place = where(artifact, output, at)
    try:
        _print(report, form, place)
    except (OSError, SystemExit) as error:  # rich turns a closed pipe into an exit of its own
        drop_standard_output()
        why = error.strerror if isinstance(error, OSError) else "nobody reads it"
        print(
            f"arcops: the verdict is {report.verdict.value}, but it could not be printed ({why}); the artifact is {place}",
            file=sys.stderr,
        )
        return CANNOT
    return BY_VERDICT[report.verdict]


def where(artifact: str, output: Path | None, at: Place) -> str:
    """Where the sealed *artifact* is, for people."""
    if output is not None:
        return str(output)
    return artifact if server() else str(object_path(at.settings.store, artifact))


def _print(report: Report, form: str, artifact: str) -> None:
    if form != "text":
        print_machine(report, form)
        return
    console = Console()
    present.report(report, console)
    console.print(f"artifact {escape(printable(artifact))}", style="dim", highlight=False, soft_wrap=True)
    sys.stdout.flush()
