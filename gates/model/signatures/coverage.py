"""Whether every signed file is here unchanged, and every file here was signed."""

from __future__ import annotations

from collections.abc import Iterator

from arcops.evidence import Evidence
from arcops.finding import Finding, Rule
from arcops.seen.signatures import Signatures
from arcops.seen.tree import Tree
from gates.listing import capped, listed
from gates.model.signatures.counting import Counting, distinct
from gates.model.signatures.policy import SignaturePolicy

_MOST = 100

MATCHES = Rule(
    id="signatures/matches",
    asks="Is every signed file present and unchanged?",
    fix="Fetch the model again from its release: a changed or missing file is not what was signed.",
)


def matches(tree: Evidence[Tree], found: Evidence[Signatures], counting: tuple[Counting, ...]) -> Iterator[Finding]:
    here = {file.path: file.sha256 for file in tree.body.files}
    wrong: dict[str, str] = {}
    for one in counting:
        for covered in one.signature.covers:
            if covered.path not in here:
                wrong.setdefault(covered.path, f"{covered.path} was signed in {one.signature.path}, but is missing.")
            elif here[covered.path] != covered.sha256:
                wrong.setdefault(covered.path, f"{covered.path} was changed since it was signed in {one.signature.path}.")
    each = (MATCHES.fails(wrong[path], tree, found, about=path) for path in sorted(wrong))
    yield from capped(each, rest="{count} more files are missing or changed.", most=_MOST)
    if not counting:
        yield MATCHES.fails("No signature counts, so the signed content of the files is unknown.", tree, found)
    elif not wrong:
        yield MATCHES.passes("Every signed file is present and unchanged.", tree, found)


COMPLETE = Rule(
    id="signatures/complete",
    asks="Is every file covered by enough distinct signers?",
    fix="If the file's origin is unknown, remove it; otherwise, have the whole model signed again.",
)


def complete(
    tree: Evidence[Tree], found: Evidence[Signatures], counting: tuple[Counting, ...], policy: SignaturePolicy
) -> Iterator[Finding]:
    by_file: dict[tuple[str, str], list[Counting]] = {}
    for one in counting:
        for covered in one.signature.covers:
            by_file.setdefault((covered.path, covered.sha256), []).append(one)
    carried = {(own.path, own.sha256) for one in counting for own in one.signature.carriers}
    ignored = {path for one in counting for path in one.signature.ignored}
    # One answer for each set of signatures that cover a file, not for each of a hundred thousand files.
    known: dict[tuple[str, ...], int] = {}
    bad: dict[str, str] = {}
    for file in tree.body.files:
        name = (file.path, file.sha256)
        if name in carried or policy.tolerates(file.path):
            continue
        covering = by_file.get(name, [])
        if not covering and _under(file.path, ignored):
            continue  # the rule on ignored paths reports it
        mark = tuple(one.signature.path + one.signature.sha256 for one in covering)
        if mark not in known:
            known[mark] = distinct(tuple(covering))
        if known[mark] < policy.threshold:
            bad[file.path] = f"{file.path} is covered by {known[mark]} signer(s) that count; {policy.threshold} needed."
    bad.update({link.path: f"{link.path} is a link; signatures do not cover links." for link in tree.body.links})
    bad.update({one.path: f"{one.path} could not be read, so it is not covered: {one.reason}" for one in tree.body.troubles})
    each = (COMPLETE.fails(bad[path], tree, found, about=path) for path in sorted(bad))
    yield from capped(each, rest="{count} more files are not covered.", most=_MOST)
    if not any((file.path, file.sha256) in by_file for file in tree.body.files):
        yield COMPLETE.fails("No file is covered by a signature that counts.", tree, found)
    elif not bad:
        yield COMPLETE.passes(
            f"All {len(tree.body.files)} file(s) are covered by signatures, are signature files, or are named in the policy.",
            tree,
            found,
        )


IGNORED = Rule(
    id="signatures/ignored-paths",
    asks="Did the signers sign every file here, except those that the policy names?",
    fix="Sign again without ignoring the path, remove the file, or add the path to 'unsignedPaths' in the policy.",
)


def ignored(
    tree: Evidence[Tree], found: Evidence[Signatures], counting: tuple[Counting, ...], policy: SignaturePolicy
) -> Iterator[Finding]:
    carried = {(own.path, own.sha256) for one in counting for own in one.signature.carriers}
    covered = {(file.path, file.sha256) for one in counting for file in one.signature.covers}
    ignored = {path for one in counting for path in one.signature.ignored}
    hidden = [
        file.path
        for file in tree.body.files
        if (file.path, file.sha256) not in carried | covered and _under(file.path, ignored) and not policy.tolerates(file.path)
    ]
    said = f"No file is in a path that signers ignored ({', '.join(sorted(ignored))})" if ignored else "No file was ignored"
    yield from listed(
        (
            IGNORED.fails(f"{path} is present, but the signer left it out of the signature.", tree, found, about=path)
            for path in hidden
        ),
        IGNORED.passes(f"{said}, except what the policy names.", tree, found),
        rest="{count} more files were left out by the signer.",
        most=_MOST,
    )


def _under(path: str, named: set[str]) -> bool:
    parts = path.split("/")
    return any("/".join(parts[:length]) in named for length in range(1, len(parts) + 1)) or "." in named
