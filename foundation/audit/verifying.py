"""Is an audit log what was written? If not: which line was changed, removed, added or moved.

The last checkpoint signs every line before it, so one pass over the lines and one signature are enough for a log that is whole.
The memory outside of the log shows that its end was removed. Only if something differs are the kept hashes of the lines asked:
they are not trusted, but they count if their root is one that a checkpoint signs or the memory holds. Then each difference has
a line number.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from arcops.errors import ArcOpsError, Refused
from artifacts.log.checkpoint import Checkpoint, claimed
from artifacts.log.lines import read_whole
from artifacts.log.memory import Recalled
from artifacts.log.merkle import Frontier, grown, leaf_hash, trees
from artifacts.public_key import PublicKey
from artifacts.reading import read_file
from foundation.audit.comparing import Difference, Kind, differences
from foundation.audit.keys import public_half
from foundation.audit.place import AuditLog, AuditPlace
from foundation.audit.seals import BEGINNING, MOST_BATCH, last_seal, note_in, opened

_HASH = 32
_MOST_LEAVES = 1024 * 1024 * 1024
_MOST_SAID = 20
"""Most differences that are said one by one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogRead:
    """A log as it was read.

    ``lines`` are those that count, up to the last checkpoint; ``unsigned`` is how many follow it, which were never
    acknowledged. ``problems`` are sentences; without one, the lines are what was written. ``remembered`` is how many of its
    lines are remembered outside of it, ``None`` if nothing is. ``there`` is false for a log that is remembered and gone.
    """

    name: str
    lines: tuple[bytes, ...]
    unsigned: int = 0
    problems: tuple[str, ...] = ()
    remembered: int | None = None
    there: bool = True

    @property
    def records(self) -> int:
        """How many records it has, without the checkpoints between them."""
        return sum(not line.startswith(BEGINNING) for line in self.lines)


def read_logs(place: AuditPlace, keys: Sequence[PublicKey], carried: Sequence[Path] = ()) -> Iterator[LogRead]:
    """Every log at *place*, also one that is remembered and gone, each checked with *keys*, the first key of a log that counts.

    *carried* are folders to which logs were carried; a log that is gone is looked for there, and each other log there is
    checked by itself, under its path.
    """
    seen: set[Path] = set()
    remembered = place.remembered()
    names = dict.fromkeys(sorted({*(one.name for one in place.present()), *remembered}))
    for name in names:
        log = place.log(name)
        elsewhere = next((one / name for one in carried if (one / name).is_dir()), None)
        if not log.folder.is_dir() and elsewhere is not None:
            seen.add(elsewhere)
            yield read_log(log, keys, remembered.get(name), path=elsewhere / "log")
        elif not log.folder.is_dir():
            size = remembered[name].what.size
            yield LogRead(
                name=name,
                lines=(),
                problems=(
                    f"The log is gone, and {remembered[name].path} remembers {size:,} lines of it: it was removed, or carried "
                    "to another folder; name that folder with --carried.",
                ),
                remembered=size,
                there=False,
            )
        else:
            yield read_log(log, keys, remembered.get(name))
    for folder in carried:
        for log in AuditPlace(logs=folder.absolute(), outside=folder.absolute()).present():
            if folder / log.name not in seen:
                yield replace(read_log(log, keys, None), name=str(log.folder))


def read_restored(place: AuditPlace, keys: Sequence[PublicKey]) -> Iterator[LogRead]:
    """Every log at *place*, the place of a backup (`AuditPlace.of_backups`), under the backup's moment and its own name; by
    *keys*, or without any by the key that the restore kept outside. They must be what was brought back: no one writes
    there.
    """
    remembered = place.remembered()
    try:
        counting = tuple(keys) or (public_half(place),)
    except Refused as error:
        for name in sorted({*(one.name for one in place.present()), *remembered}):
            yield LogRead(name=f"{place.stamp}/{name}", lines=(), problems=(f"{error}.",))
        return
    for found in read_logs(place, counting):
        known, problems = remembered.get(found.name), list(found.problems)
        lines = len(found.lines) + found.unsigned
        if found.there and known is None:
            problems.append(f"No restore here brought it back: nothing in {place.outside} remembers it.")
        elif found.there and known is not None and lines > known.what.size:
            problems.append(f"It has {lines:,} lines, and the restore brought {known.what.size:,}: the others were added.")
        yield replace(found, name=f"{place.stamp}/{found.name}", problems=tuple(problems))


def read_log(log: AuditLog, keys: Sequence[PublicKey], recalled: Recalled | None, *, path: Path | None = None) -> LogRead:
    """*log*, checked with *keys* and with what is *recalled* of it; read from *path* if it was carried there."""
    try:
        lines = read_whole(path or log.path)
    except ArcOpsError as error:
        return LogRead(name=log.name, lines=(), problems=(f"{error}.",), remembered=recalled.what.size if recalled else None)
    last = last_seal(lines)
    sealed = 0 if last is None else last + 1
    remembered = recalled.what.size if recalled is not None else None
    over = trees(lines, {max(sealed - 1, 0), *((remembered,) if remembered is not None else ())})
    problems = list(_problems(log, lines, last, over, keys, recalled))
    if problems:
        problems += _where(log, lines, keys, recalled)
    return LogRead(
        name=log.name,
        lines=tuple(lines[:sealed]),
        unsigned=len(lines) - sealed,
        problems=tuple(problems),
        remembered=remembered,
    )


def _problems(
    log: AuditLog,
    lines: Sequence[bytes],
    last: int | None,
    over: Mapping[int, Frontier],
    keys: Sequence[PublicKey],
    recalled: Recalled | None,
) -> Iterator[str]:
    if last is not None:
        try:
            signed = opened(lines[last], keys, log.origin)
        except Refused as error:
            yield f"The checkpoint on line {last + 1}, the last one, does not count: {error}."
        else:
            if signed.size != last or signed.root != over[last].root:
                yield f"The lines are not those that the last checkpoint, on line {last + 1}, signs for {signed.size:,} lines."
    sealed = 0 if last is None else last + 1
    if len(lines) - sealed > MOST_BATCH + 1:
        yield f"{len(lines) - sealed:,} lines follow the last checkpoint, more than a writer leaves; they are signed by no one."
    if recalled is None:
        return
    known = recalled.what
    if len(lines) < known.size:
        yield f"The log has {len(lines):,} lines, and {recalled.path} remembers {known.size:,}: some were removed."
    elif over[known.size].root.hex() != known.root:
        yield f"The first {known.size:,} lines are not those that {recalled.path} remembers."
    elif sealed < known.size:
        yield f"The last checkpoint is on line {sealed}, and {recalled.path} remembers one on line {known.size:,}."


def _where(log: AuditLog, lines: Sequence[bytes], keys: Sequence[PublicKey], recalled: Recalled | None) -> Iterator[str]:
    """Each line that is not as it was written, or between which lines the first difference is."""
    written = _proven_leaves(log, lines, keys, recalled)
    if written is None:
        yield _between_checkpoints(log, lines, keys)
        return
    now = [leaf_hash(line) for line in lines]
    found = [one for one in differences(written, now) if not (one.kind is Kind.ADDED and (one.now or 0) >= len(written))]
    more = len(found) - _MOST_SAID
    yield from _said(found[:_MOST_SAID], len(lines))
    if more > 0:
        yield f"{more:,} more lines were changed, removed, added or moved."


def _said(found: Sequence[Difference], size: int) -> Iterator[str]:
    for one in found:
        was, now = (one.was or 0) + 1, (one.now or 0) + 1
        match one.kind:
            case Kind.CHANGED:
                yield f"Line {now} was changed since it was written" + (f" as line {was}." if was != now else ".")
            case Kind.REMOVED:
                yield f"Line {was} was removed" + (", at the end of the log." if was > size else ".")
            case Kind.ADDED:
                yield f"Line {now} was added; no writer wrote it."
            case Kind.MOVED:
                yield f"Line {now} was moved: it was written as line {was}."


def _proven_leaves(
    log: AuditLog, lines: Sequence[bytes], keys: Sequence[PublicKey], recalled: Recalled | None
) -> list[bytes] | None:
    """The hashes of the lines as they were written, as many as a signature or the memory vouches for; ``None`` if none is."""
    try:
        data = read_file(log.leaves, _MOST_LEAVES, follow=False)
    except ArcOpsError:
        return None
    leaves = [data[at : at + _HASH] for at in range(0, len(data) - _HASH + 1, _HASH)]
    claims = _claims(lines)
    sizes = {one.size for one in claims.values()} | ({recalled.what.size} if recalled is not None else set())
    roots = {size: tree.root for size, tree in _grown_to(leaves, sizes)}
    if recalled is not None and roots.get(recalled.what.size, b"").hex() == recalled.what.root:
        return leaves[: recalled.what.size]
    for number, claim in reversed(claims.items()):
        if roots.get(claim.size) == claim.root and _counts(lines[number], keys, log.origin):
            return [*leaves[: claim.size], leaf_hash(lines[number])]
    return None


def _grown_to(leaves: Sequence[bytes], sizes: Collection[int]) -> Iterator[tuple[int, Frontier]]:
    """The tree over so many first *leaves*, for each of *sizes* for which there are enough: in one pass over them."""
    tree = Frontier()
    for size in sorted(sizes):
        if size <= len(leaves):
            tree = grown(tree, leaves[tree.size : size])
            yield size, tree


def _claims(lines: Sequence[bytes]) -> dict[int, Checkpoint]:
    """What the checkpoint on each line says, by the line's number; no signature is checked."""
    found = {}
    for number, line in enumerate(lines):
        if line.startswith(BEGINNING):
            with suppress(Refused):
                found[number] = claimed(note_in(line))
    return found


def _counts(line: bytes, keys: Sequence[PublicKey], origin: str) -> bool:
    try:
        opened(line, keys, origin)
    except Refused:
        return False
    return True


def _between_checkpoints(log: AuditLog, lines: Sequence[bytes], keys: Sequence[PublicKey]) -> str:
    """Without the hashes: the last checkpoint up to which the lines are as they were written."""
    claims = _claims(lines)
    over = trees(lines, claims.keys())
    fitting = (one for one in reversed(claims) if (claims[one].size, claims[one].root) == (one, over[one].root))
    good = next((one + 1 for one in fitting if _counts(lines[one], keys, log.origin)), 0)
    return (
        f"The hashes of the lines are gone or were changed, too, so the line is not known: lines 1 to {good} are as they were "
        "written, and the first difference is after them."
        if good
        else "The hashes of the lines are gone or were changed, too, so it is not known which line it is."
    )
