"""What the commands that judge share: the report is printed, and its sealed artifact is kept."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from adapters.cli import surroundings
from adapters.cli.answering import answer
from adapters.cli.commands import Given
from adapters.cli.exits import BY_VERDICT, CANNOT, drop_standard_output
from adapters.cli.options import Reaching, Sealing
from adapters.cli.plain import colours, left_out, print_machine
from adapters.cli.printing import Format, Only, refuse_narrowed
from adapters.cli.server import server
from arcops.errors import Refused
from arcops.result import Report
from arcops.silence import silent
from capabilities.place import Place

if TYPE_CHECKING:
    from artifacts.projections.folding import Here


class SealedOutput(Protocol):
    """An answer that is a report, and the digest under which the store keeps it sealed."""

    @property
    def report(self) -> Report: ...

    @property
    def artifact(self) -> str: ...


def begin(own: Sealing, progress: Callable[[int, int], None] = silent) -> Place:
    """The place of a command that judges. Raises `Refused` now, and not after hours, if what it is to write could not be."""
    from artifacts.writing import replaceable

    refuse_narrowed(own.only, own.form)
    if own.output is not None and own.output == own.patch:
        raise Refused(f"--output and --patch both name {own.output}; name two files")
    for path in filter(None, (own.output, own.patch)):
        replaceable(path)
    tier = own.tier if isinstance(own, Reaching) else None
    return surroundings.place(tier, own.key, surroundings.stop_on_signals(), progress)


def judge(given: Given[Any, Any, Sealing]) -> int:
    """All of a command that only judges."""
    at = begin(given.own)
    return keep_and_tell(answer(given.tool, given.ask(), at), given.own, at)


def keep_and_tell(found: SealedOutput, own: Sealing, at: Place, target: Path | None = None) -> int:
    """Write the sealed artifact if an output is named, and print the report. Returns the exit code for the verdict.

    *target* is the subject's path, if it has one, as it was typed.
    """
    keep(found.artifact, own.output, at)
    return tell(found.report, found.artifact, own, at, target)


def keep(artifact: str, output: Path | None, at: Place) -> None:
    """Write the sealed *artifact* of the store to *output*, too, if one is named."""
    if output is None:
        return
    from artifacts.writing import replace_whole
    from capabilities.artifact.verify import Fetch, fetch_artifact

    replace_whole(output, answer(fetch_artifact, Fetch(artifact=artifact), at).text.encode())


def tell(report: Report, artifact: str, own: Sealing, at: Place, target: Path | None = None) -> int:
    """Print *report* and the place of its artifact. Returns the exit code for the verdict."""
    place = where(artifact, own.output, at)
    save_patch(report, own.patch)
    return _told(report, own, _here(at, target), f"artifact {place}", unsaid=f"the artifact is {place}")


def _here(at: Place, target: Path | None) -> Here:
    """What can be said of this place to a person who repairs what is missing."""
    from artifacts.projections.folding import Here
    from foundation.secrets import key_files

    key, file = at.settings.key, key_files(at.settings.key)[0]
    named = ":" not in key.removeprefix("file:") or file.is_file()
    return Here(
        target=str(target or ""),
        folder=target is None or bool(server()) or target.is_dir(),
        public=str(file.with_suffix(".pub")) if named else os.environ.get("ARCOPS_PUBLIC_KEY", ""),
        keyless=named and not file.exists() and not server(),
        server=server(),
    )


def save_patch(report: Report, path: Path | None) -> None:
    """Write the patches of all findings as one to *path*, if it is named, and say on standard error what is in it."""
    if path is None:
        return
    from artifacts.projections.joining import joined
    from artifacts.projections.printable import printable
    from artifacts.writing import replace_whole

    found = joined(finding.patch for result in report.results for finding in result.findings)
    if not found.text:
        print(f"arcops: no finding has a patch, so {printable(str(path))} was not written", file=sys.stderr)
        return
    replace_whole(path, found.text.encode())
    left = f"; {found.left} more would change the same lines: apply this one and check again" if found.left else ""
    said = f"{path}: {found.count} patch(es) of {found.files} file(s), for 'patch -p1' in the folder that was checked{left}"
    print(f"arcops: {printable(said)}", file=sys.stderr)


UNSIGNED = "not signed and not kept: no one else can rely on it; 'arcops check' without --unsigned signs it"


def tell_unsigned(report: Report, own: Sealing, at: Place, target: Path) -> int:
    """Print *report*, which has no artifact. Returns the exit code for the verdict."""
    save_patch(report, own.patch)
    return _told(report, own, _here(at, target), UNSIGNED, unsaid=UNSIGNED)


def _told(report: Report, own: Sealing, here: Here, last: str, *, unsaid: str) -> int:
    """Print *report* and the line *last*, or else *unsaid*, what is known besides the verdict, on standard error."""
    try:
        _print(report, own, here, last)
    except (OSError, SystemExit) as error:  # rich turns a closed pipe into an exit
        drop_standard_output()
        why = error.strerror if isinstance(error, OSError) else "the output is closed"
        print(
            f"arcops: the verdict is {report.verdict.value}, but it could not be printed ({why}); {unsaid}",
            file=sys.stderr,
        )
        return CANNOT
    return BY_VERDICT[report.verdict]


def where(artifact: str, output: Path | None, at: Place) -> str:
    """The place of the sealed *artifact*, as text."""
    from artifacts.objects import object_path

    if output is not None:
        return str(output)
    return artifact if server() else str(object_path(at.settings.store, artifact))


def _print(report: Report, own: Sealing, here: Here, last: str) -> None:
    if own.form is not Format.TEXT:
        print_machine(report, own.form.value)
        if last == UNSIGNED:
            print(f"arcops: {last}", file=sys.stderr)
        return
    if not (sys.stdout.isatty() or os.environ.get("FORCE_COLOR")):
        print_lines(report, last, own.only, whole=own.whole, here=here)
    else:
        from rich.console import Console  # takes longer than reading a small model, so it is imported only for a terminal

        from adapters.cli import present

        present.report(report, last, Console(), own.only, whole=own.whole, here=here)
    sys.stdout.flush()


def print_lines(report: Report, last: str, only: Only = (), *, whole: bool = False, here: Here | None = None) -> None:
    """Print *report* and the *last* line for a pipe."""
    from artifacts.projections.lines import lines

    print(*lines(report, colours(only), left_out(report, only), whole=whole, here=here, last=last), sep="\n")
