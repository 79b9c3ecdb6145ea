"""``arcops check``."""

from __future__ import annotations

import sys
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from adapters.cli import present, surroundings
from adapters.cli.exits import BY_VERDICT, CANNOT, drop_standard_output
from adapters.cli.plain import print_machine, printable
from adapters.tools.check import Check, Checked
from adapters.tools.check import check as check_tool
from arcops.request import silent
from artifacts.writing import replace_whole, replaceable


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
    settings = surroundings.settings(tier)
    signer = surroundings.signer(key or settings.key)
    for path in (output, summary):
        if path is not None:
            replaceable(path)  # now, not after hours of hashing
    stop = surroundings.stop_on_signals()
    ask = Check(target=target, policy=policy, attached=attached)
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

        progress = silent if bar.disable else shown
        checked = check_tool(ask, settings=settings, signer=signer, now=surroundings.now(), stop=stop, progress=progress)
    if output is not None:
        replace_whole(output, checked.bundle)
    if summary is not None:
        replace_whole(summary, checked.summary)
    try:
        _print(checked, form, output or checked.artifact)
    except (OSError, SystemExit) as error:  # rich turns a closed pipe into an exit of its own
        drop_standard_output()
        why = error.strerror if isinstance(error, OSError) else "nobody reads it"
        print(
            f"arcops: the verdict is {checked.report.verdict.value}, but it could not be printed ({why}); "
            f"the artifact is {checked.artifact}",
            file=sys.stderr,
        )
        return CANNOT
    return BY_VERDICT[checked.report.verdict]


def _print(checked: Checked, form: str, artifact: Path) -> None:
    if form != "text":
        print_machine(checked.report, form)
        return
    console = Console()
    present.report(checked.report, console)
    console.print(f"artifact {escape(printable(str(artifact)))}", style="dim", highlight=False, soft_wrap=True)
    sys.stdout.flush()
