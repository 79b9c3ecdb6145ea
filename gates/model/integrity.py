"""Is the model a plain folder of plain files, and could all of them be read?

Why: The target of a link, a file that changes while it is read, and a name that two systems read differently may not be what
was hashed and signed. And a folder of weights needs no programs.

Judged: links (none, or none that leaves the model); files that could not be read, or changed meanwhile; files that a system
would execute, by format or by mode; names that hide something or collide on another system.

Fix: Copy the model with its links resolved (`cp -rL`) to a folder that nothing else writes to, remove execute permission
(`chmod -x`), remove programs, and rename files with confusing names.
"""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase

from arcops.control import hipaa, nist, soc
from arcops.evidence import Evidence, Seen
from arcops.finding import Finding, Location, Rule
from arcops.gate import Example, gate
from arcops.late_dataclass import dataclass
from arcops.late_pattern import late
from arcops.seen.content import UNDESCRIBED, Content
from arcops.seen.tree import FileSeen, LinkSeen, Tree, Trouble
from arcops.subjects.model import Model
from arcops.verdict import Verdict
from gates.listing import listed
from gates.words import shown

LINKS = Rule(
    id="integrity/links",
    asks="Is the model free of links, or at least of links that leave it?",
    fix="Copy the model with its links resolved (cp -rL) and check the copy.",
)
TROUBLES = Rule(
    id="integrity/troubles",
    asks="Could all files be read, and did none change meanwhile?",
    fix="Give read permission, remove everything that is not a regular file, and check again while nothing writes to the "
    "folder.",
)
EXECUTABLES = Rule(
    id="integrity/executables",
    asks="Is the model free of files that a system would execute?",
    fix="Remove the program; if only its mode is wrong, remove execute permission with chmod -x.",
)
NAMES = Rule(
    id="integrity/names",
    asks="Does every name mean the same to every system and every reader?",
    fix="Rename the file with plain printable characters, and differently from every other name in its folder.",
)

EXECUTABLE_FORMATS = frozenset(("elf", "pe", "mach-o", "wasm", "java-class", "script", "python-bytecode", "dos-executable"))


@dataclass(frozen=True, slots=True, kw_only=True)
class IntegrityPolicy:
    """``inner_links`` accepts links that stay inside the model, each with a warning. ``executables`` are globs over paths that
    may be executable.
    """

    inner_links: bool = False
    executables: tuple[str, ...] = ()


def examples() -> Iterable[Example[IntegrityPolicy]]:
    plain = FileSeen(path="model.safetensors", size=8, sha256="5" * 64, executable=False, content=Content(format="safetensors"))
    program = FileSeen(path="run", size=8, sha256="6" * 64, executable=True, content=Content(format="elf"))
    inner = LinkSeen(path="latest.safetensors", target="model.safetensors", escapes=False)
    outer = LinkSeen(path="config.json", target="/etc/passwd", escapes=True)
    unread = Trouble(path="secret.bin", reason="it cannot be opened: Permission denied")

    def example(name: str, verdict: Verdict, tree: Tree, policy: IntegrityPolicy) -> Example[IntegrityPolicy]:
        return Example(name=name, verdict=verdict, evidence=(tree,), policy=policy)

    default = IntegrityPolicy()
    yield example("plain files only", Verdict.GREEN, Tree(root="9" * 64, files=(plain,)), default)
    yield example(
        "a link inside the model, which the policy accepts",
        Verdict.AMBER,
        Tree(root="9" * 64, files=(plain,), links=(inner,)),
        IntegrityPolicy(inner_links=True),
    )
    yield example(
        "a link out of the model",
        Verdict.RED,
        Tree(root="9" * 64, files=(plain,), links=(outer,)),
        IntegrityPolicy(inner_links=True),
    )
    yield example("an unreadable file", Verdict.RED, Tree(root="9" * 64, files=(plain,), troubles=(unread,)), default)
    yield example("a program among the weights", Verdict.RED, Tree(root="9" * 64, files=(plain, program)), default)


@gate(
    "integrity",
    judges=(Model,),
    needs=(Tree,),
    policy=IntegrityPolicy,
    rules=(LINKS, TROUBLES, EXECUTABLES, NAMES),
    examples=examples,
    speaks_to=nist("SI-7") + soc("CC6.8") + hipaa("164.312(c)(1)"),
)
def integrity(seen: Seen, policy: IntegrityPolicy) -> Iterator[Finding]:
    tree = seen[Tree]
    count = len(tree.body.files)
    yield from _each(LINKS, tree, _links(tree, policy), "The model holds no links.")
    yield from _each(TROUBLES, tree, _troubles(tree), f"All {count} file(s) were read, and none changed meanwhile.")
    yield from _each(EXECUTABLES, tree, _executables(tree, policy), f"None of the {count} file(s) is executable.")
    yield from _each(NAMES, tree, _names(tree), f"All {count} name(s) are plain and different on every system.")


def _each(rule: Rule, tree: Evidence[Tree], findings: Iterator[Finding], good: str) -> Iterator[Finding]:
    return listed(findings, rule.passes(good, tree), rest="There are {count} more findings of this rule.")


def _links(tree: Evidence[Tree], policy: IntegrityPolicy) -> Iterator[Finding]:
    for link in tree.body.links:
        path = shown(link.path)
        says = "leaves the model" if link.escapes else "stays inside the model"
        text = f"{path} is a link to {_target(link)}, which {says}."
        answer = LINKS.warns if policy.inner_links and not link.escapes else LINKS.fails
        yield answer(text, tree, about=path, location=Location(path=path))


def _target(link: LinkSeen) -> str:
    """Where *link* leads. A path outside of the model is one of the machine that judged, so only its last name is told."""
    if not link.target:
        return "somewhere unknown"
    if link.escapes or link.target.startswith("/"):
        return f"…/{shown(link.target.rstrip('/').rpartition('/')[2])}"
    return shown(link.target)


def _troubles(tree: Evidence[Tree]) -> Iterator[Finding]:
    for trouble in tree.body.troubles:
        path = shown(trouble.path)
        yield TROUBLES.unknown(f"{path}: {trouble.reason}.", tree, about=path, location=Location(path=path))


def _executables(tree: Evidence[Tree], policy: IntegrityPolicy) -> Iterator[Finding]:
    for file in tree.body.files:
        if file.content.format == UNDESCRIBED.format:
            path, why = shown(file.path), UNDESCRIBED.problems[0]
            yield EXECUTABLES.unknown(f"{path}: {why}.", tree, about=path, location=Location(path=path))
            continue
        runs = file.content.format in EXECUTABLE_FORMATS
        if not (runs or file.executable) or any(fnmatchcase(file.path, glob) for glob in policy.executables):
            continue
        path = shown(file.path)
        what = f"is a program ({file.content.format})" if runs else "is marked executable"
        yield EXECUTABLES.fails(f"{path} {what}.", tree, about=path, location=Location(path=path))


def _names(tree: Evidence[Tree]) -> Iterator[Finding]:
    folded: dict[str, set[str]] = defaultdict(set)
    folders: set[str] = set()
    paths = [*(file.path for file in tree.body.files), *(link.path for link in tree.body.links)]
    for whole in paths:
        folded[_folded(whole)].add(whole)
        above = whole.rpartition("/")[0]
        while above and above not in folders:  # the folders above this one were met, too
            folders.add(above)
            folded[_folded(above)].add(above)
            above = above.rpartition("/")[0]
        fault = _fault(whole)
        if fault:
            yield NAMES.fails(f"{shown(whole)} {fault}.", tree, about=shown(whole), location=Location(path=shown(whole)))
    for _, same in sorted((name, those) for name, those in folded.items() if len(those) > 1):
        first, *others = sorted(same)
        listed = ", ".join(shown(other) for other in others)
        yield NAMES.fails(
            f"{shown(first)} and {listed} are the same name on systems that ignore case or Unicode composition.",
            tree,
            about=shown(first),
        )


def _folded(path: str) -> str:
    """*path* as systems have it that ignore case or Unicode composition."""
    return path.lower() if path.isascii() else unicodedata.normalize("NFKC", path).casefold()


_EDGES = late(r"(?:^|/) |[ .](?:/|$)")
"""What a name of plain letters has if one of its parts begins or ends with a space, or ends with a dot."""


def _fault(path: str) -> str:
    plain = path.isascii() and path.isprintable()
    if not plain and any(unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp") for char in path):
        return "has control or invisible characters in its name"
    if "\\" in path or ":" in path:
        return "has a backslash or colon in its name, which other systems read as a folder or drive"
    if (not plain or _EDGES.search(path)) and any(part != part.strip() or part.endswith(".") for part in path.split("/")):
        return "has a name that begins or ends with a space, or ends with a dot, which other systems remove"
    return ""
