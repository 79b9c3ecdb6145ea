"""The SBOM against the disk: its hashes, the files that it does not list, and whether it is about this subject."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from pathlib import PurePosixPath

from arcops.beside import content_root, is_beside
from arcops.evidence import Evidence
from arcops.finding import Finding, Rule
from arcops.seen.sboms import Component, Sboms, SbomSeen
from arcops.seen.tree import FileSeen, Tree
from gates.listing import capped, listed
from gates.model.sbom.elements import MOST_FINDINGS, ElementLevel, everything
from gates.words import shown


class Described(Enum):
    """Which files of the subject an SBOM must list."""

    ALL = "all"
    WEIGHTS = "weights"
    NONE = "none"


class Binding(Enum):
    """How a document shows that it is about this subject. ``EITHER`` still refuses a digest that does not match."""

    DIGEST = "digest"
    NAME = "name"
    EITHER = "either"
    OFF = "off"


SUBJECT = Rule(
    id="sbom/subject",
    asks="Is the component that the SBOM describes exactly this subject?",
    fix="Make the SBOM for this subject, with its name and the SHA-256 of its content, or attach the right SBOM.",
)
MATCHING = Rule(
    id="sbom/files-match",
    asks="Are the files that the SBOM lists on disk, with the hashes that it gives?",
    fix="Find out whether the file or the SBOM was changed; restore the file, or make the SBOM again from a trusted copy.",
)
DESCRIBED = Rule(
    id="sbom/files-described",
    asks="Is every file that the policy wants listed in a valid SBOM?",
    fix="Remove the file, or make the SBOM again so that it lists the file with its SHA-256.",
)

_WEIGHT_ENDINGS = frozenset((
    ".bin", ".ckpt", ".engine", ".gguf", ".ggml", ".h5", ".hdf5", ".joblib", ".keras", ".llamafile", ".mlmodel", ".model",
    ".msgpack", ".nemo", ".npy", ".npz", ".onnx", ".ot", ".params", ".pb", ".pickle", ".pkl", ".plan", ".pt", ".pth",
    ".safetensors", ".tflite",
))  # fmt: skip
_HARMLESS_FORMATS = frozenset(("text", "json", "yaml", "xml", "markdown", "image", "pdf", "empty", "other"))


def is_weights(file: FileSeen) -> bool:
    """By its name or by its content: a renamed file of weights is still a file of weights."""
    return PurePosixPath(file.path).suffix.lower() in _WEIGHT_ENDINGS or file.content.format not in _HARMLESS_FORMATS


def own_digests(tree: Tree) -> set[str]:
    """The SHA-256 that name the subject: of its content, with and without what lies beside it, and of each file."""
    return {tree.root, content_root(tree.files), *(file.sha256 for file in tree.files)}


def judge_subject(
    binding: Binding, documents: list[SbomSeen], tree: Evidence[Tree], seen: Evidence[Sboms], name: str
) -> Iterator[Finding]:
    if not documents:
        yield SUBJECT.fails(f"Every SBOM is about something that comes with {name}, and none is about {name}.", seen, tree)
        return
    if binding is Binding.OFF:
        yield SUBJECT.passes("The policy does not check which subject an SBOM is about.", seen)
        return
    own = own_digests(tree.body)
    wrong = 0
    for document in documents:
        fault = _mistaken(binding, document.root, own, name)
        if fault:
            wrong += 1
            yield SUBJECT.fails(f"{document.path} {fault}.", seen, tree, about=document.path)
    if not wrong:
        yield SUBJECT.passes(f"{len(documents)} SBOM(s) are about {name}.", seen, tree)


def _mistaken(binding: Binding, root: Component | None, own: set[str], name: str) -> str:
    if root is None:
        return "does not say what it is about"
    claimed = _sha256(root)
    same_digest, same_name = claimed in own, root.name == name
    match binding:
        case Binding.DIGEST if not same_digest:
            return f"is about {root.name!r} with SHA-256 {claimed or 'not given'}, which is not the content of {name!r}"
        case Binding.NAME if not same_name:
            return f"is about {root.name!r}, not about {name!r}"
        case Binding.EITHER if claimed and not same_digest:
            return f"is about {root.name!r} with SHA-256 {claimed}, which is not the content of {name!r}"
        case Binding.EITHER if not same_digest and not same_name:
            return f"is about {root.name!r}, not about {name!r}, and gives no SHA-256 that could match this content"
    return ""


def judge_matching(documents: list[SbomSeen], tree: Evidence[Tree], seen: Evidence[Sboms]) -> Iterator[Finding]:
    files = {file.path: file for file in tree.body.files}
    faults: list[tuple[bool, str, str]] = []
    compared = 0
    for document in documents:
        for component in everything(document):
            if not component.path:
                continue
            file = files.get(component.path)
            claimed = _all_sha256(component)
            if file is None:
                faults.append((True, f"{document.path} lists {component.path}, which is not on disk.", component.path))
            elif not claimed:
                text = f"{document.path} gives no SHA-256 for {component.path}, so it was not compared with the disk."
                faults.append((False, text, component.path))
            elif claimed != {file.sha256}:
                given = " and ".join(sorted(claimed))
                text = f"{component.path} has SHA-256 {file.sha256} on disk, but {given} in {document.path}."
                faults.append((True, text, component.path))
            else:
                compared += 1
    faults.sort(key=lambda fault: (not fault[0], fault[2]))
    yield from listed(
        ((MATCHING.fails if failing else MATCHING.warns)(text, seen, tree, about=about) for failing, text, about in faults),
        MATCHING.passes(f"All {compared} file(s) that the SBOMs list are on disk with the given hashes.", seen, tree),
        rest="{count} more files do not match.",
        most=MOST_FINDINGS,
    )


def judge_described(
    asked: Described, level: ElementLevel, documents: list[SbomSeen], tree: Evidence[Tree], seen: Evidence[Sboms]
) -> Iterator[Finding]:
    if asked is Described.NONE or level is ElementLevel.OFF:
        yield DESCRIBED.passes("The policy does not require that files are listed.", seen, tree)
        return
    say = DESCRIBED.fails if level is ElementLevel.FAIL else DESCRIBED.warns
    entries = [component for document in documents for component in everything(document)]
    digests = {digest for component in entries for digest in _all_sha256(component)}
    paths = {component.path for component in entries if component.path}
    wanted = [file for file in tree.body.files if not is_beside(file) and (asked is Described.ALL or is_weights(file))]
    lost = [file for file in wanted if file.path not in paths and file.sha256 not in digests]
    unread = (
        DESCRIBED.unknown(
            f"{shown(trouble.path)} could not be read, so it is unknown whether it is listed: {shown(trouble.reason)}.",
            seen,
            tree,
            about=shown(trouble.path),
        )
        for trouble in tree.body.troubles
    )
    yield from capped(unread, rest="{count} more files could not be read.", most=MOST_FINDINGS)
    unlisted = (say(f"{file.path} is on disk, but no valid SBOM lists it.", seen, tree, about=file.path) for file in lost)
    yield from capped(unlisted, rest="{count} more files on disk are not listed in a valid SBOM.", most=MOST_FINDINGS)
    if not lost and not tree.body.troubles:
        yield DESCRIBED.passes(f"All {len(wanted)} file(s) that the policy wants listed are in a valid SBOM.", seen, tree)


def _sha256(component: Component) -> str:
    return next(iter(sorted(_all_sha256(component))), "")


def _all_sha256(component: Component) -> set[str]:
    return {digest.value for digest in component.digests if digest.algorithm == "sha256"}
