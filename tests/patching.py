"""Patches as people take them: by the program ``patch``, in a copy of the folder that was judged."""

from __future__ import annotations

import shutil
import subprocess
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from arcops.finding import Finding, Outcome
from artifacts.projections.patches import changes


def applied(patch: str, folder: Path, to: Path) -> Path:
    """A copy of *folder* at *to* with *patch* in it, which must fit without fuzz, and for ``git apply``, too."""
    shutil.copytree(folder, to)
    for command in (["git", "apply", "--check", "-"], ["patch", "-p1", "--fuzz=0", "--no-backup-if-mismatch"]):
        done = subprocess.run(command, input=patch, cwd=to, text=True, capture_output=True, check=False, timeout=600)
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}\n{patch}"
        assert "fuzz" not in done.stdout
        assert "offset" not in done.stdout, done.stdout + patch
    assert by_replacements(patch, folder) == {
        path.relative_to(to).as_posix(): path.read_text() for path in to.rglob("*") if path.is_file()
    }
    return to


def by_replacements(patch: str, folder: Path) -> dict[str, str]:
    """The files of *folder* after the replacements that SARIF would carry, as an editor makes them: the last one first."""
    files = {path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*") if path.is_file()}
    found = changes(patch)
    assert found
    for one in sorted(found, key=lambda one: -one.first):
        lines = files.get(one.path, "").split("\n")
        if not one.first:
            lines = [*one.lines, ""]
        else:
            lines[one.first - 1 : one.last] = one.lines
        files[one.path] = "\n".join(lines)
    return files


def bad(findings: Iterable[Finding]) -> Counter[tuple[str, Outcome]]:
    """How often each rule is not well, and how."""
    return Counter((one.rule, one.outcome) for one in findings if one.outcome is not Outcome.PASS)


def assert_better(before: Iterable[Finding], after: Iterable[Finding], repaired: Finding) -> None:
    """*repaired* is gone, and no rule has more against these manifests than it had, or something worse."""
    old, new = tuple(before), tuple(after)
    rank = {Outcome.WARN: 1, Outcome.FAIL: 2, Outcome.UNKNOWN: 3}
    count_old, count_new = Counter(one for one, _ in bad(old).elements()), Counter(one for one, _ in bad(new).elements())
    assert count_new <= count_old, count_new - count_old
    worst_old = {rule: max(rank[o] for r, o in bad(old) if r == rule) for rule, _ in bad(old)}
    assert all(rank[outcome] <= worst_old[rule] for rule, outcome in bad(new)), (bad(old), bad(new))
    same = [one for one in new if one.rule == repaired.rule and one.about == repaired.about and one.outcome is repaired.outcome]
    known = [
        one for one in old if one.rule == repaired.rule and one.about == repaired.about and one.outcome is repaired.outcome
    ]
    assert len(same) < len(known), "the finding is still there in other words"
