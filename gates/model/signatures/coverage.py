"""Whether what was signed is here unchanged, and what is here was signed."""

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
    asks="Is every file that was signed here, and unchanged?",
    fix="Fetch the model again from where it was released; a changed or missing file is not what was signed.",
)


def matches(tree: Evidence[Tree], found: Evidence[Signatures], counting: tuple[Counting, ...]) -> Iterator[Finding]:
    here = {file.path: file.sha256 for file in tree.body.files}
    wrong: dict[str, str] = {}
    for one in counting:
        for covered in one.signature.covers:
            if covered.path not in here:
                wrong.setdefault(covered.path, f"{covered.path} was signed in {one.signature.path} and is not here.")
            elif here[covered.path] != covered.sha256:
                wrong.setdefault(covered.path, f"{covered.path} is not as it was signed in {one.signature.path}.")
    each = (MATCHES.fails(wrong[path], tree, found, about=path) for path in sorted(wrong))
    yield from capped(each, rest="{count} more files are missing or changed.", most=_MOST)
    if not counting:
        yield MATCHES.fails("No signature counts, so nothing says how the files should be.", tree, found)
    elif not wrong:
        yield MATCHES.passes("Every file that was signed is here and unchanged.", tree, found)


COMPLETE = Rule(
    id="signatures/complete",
    asks="Is every file here covered by enough distinct signers?",
    fix="Remove the file if nobody can say where it is from; otherwise have the whole model signed again.",
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
            continue  # said by the rule on ignored paths
        mark = tuple(one.signature.path + one.signature.sha256 for one in covering)
        if mark not in known:
            known[mark] = distinct(tuple(covering))
        if known[mark] < policy.threshold:
            bad[file.path] = f"{file.path} is covered by {known[mark]} signer(s) that count; {policy.threshold} needed."
    bad.update({link.path: f"{link.path} is a link, which no signature covers." for link in tree.body.links})
    bad.update({one.path: f"{one.path} could not be read, so nothing covers it: {one.reason}" for one in tree.body.troubles})
    each = (COMPLETE.fails(bad[path], tree, found, about=path) for path in sorted(bad))
    yield from capped(each, rest="{count} more files are not covered.", most=_MOST)
    if not any((file.path, file.sha256) in by_file for file in tree.body.files):
        yield COMPLETE.fails("No file here is covered by a signature that counts.", tree, found)
    elif not bad:
        yield COMPLETE.passes(f"All {len(tree.body.files)} files are covered, carry the signature, or are named.", tree, found)


IGNORED = Rule(
    id="signatures/ignored-paths",
    asks="Did the signers leave out nothing that is here, but for what the policy names?",
    fix="Sign again without ignoring the path, remove the file, or name the path under 'unsignedPaths' in the policy.",
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
    said = f"Nothing is here of what signers left out ({', '.join(sorted(ignored))})" if ignored else "Nothing was left out"
    yield from listed(
        (
            IGNORED.fails(f"{path} is here, and the signer left it out of the signature.", tree, found, about=path)
            for path in hidden
        ),
        IGNORED.passes(f"{said}, but for what the policy names.", tree, found),
        rest="{count} more files were left out by the signer.",
        most=_MOST,
    )


def _under(path: str, named: set[str]) -> bool:
    parts = path.split("/")
    return any("/".join(parts[:length]) in named for length in range(1, len(parts) + 1)) or "." in named
