"""Is in the installed packages only what their makers list, and nothing that runs by itself or that no one can read?

Why: most attacks through package indexes run when a package is installed or when the interpreter starts, long before anyone
calls a tool; or they are in a compiled file, which no one reads.

Judged: whether a package asks for a script at its installation (we run none, but a package that needs one is not what its
lock says); whether a file runs whenever the interpreter starts; whether there is native code in a package that the policy does
not name, or that its wheel does not declare; whether a file differs from its package's own list, or belongs to none; and
whether every file could be looked at.

Fix: choose a version or a package without it; or name the package in the policy ('native', 'scripts', 'startup') when someone
has looked at it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

from arcops.control import nist, soc
from arcops.evidence import Evidence, Seen
from arcops.finding import Finding, Rule
from arcops.gate import Example, gate
from arcops.seen.server import Part, ServerContents
from arcops.subjects.server import Server
from arcops.verdict import Verdict
from gates.listing import listed
from gates.words import shown


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerContentsPolicy:
    """``native`` are packages whose native code is accepted, as far as their wheels declare it. ``scripts`` are packages whose
    installation scripts, which do not run, only warn; ``startup`` are packages that may run when the interpreter starts. Names
    may end in ``*``.
    """

    native: tuple[str, ...] = ()
    scripts: tuple[str, ...] = ()
    startup: tuple[str, ...] = ()


SCRIPTS = Rule(
    id="server-contents/scripts",
    asks="Is every package installed without a script of its own?",
    fix="Choose a version without installation scripts; they do not run here, so what they would make is missing.",
)
STARTUP = Rule(
    id="server-contents/startup",
    asks="Does nothing run by itself when the interpreter starts?",
    fix="Choose a package without such a file, or name it in the policy ('startup') when someone has read it.",
)
NATIVE = Rule(
    id="server-contents/native",
    asks="Is native code only in packages that the policy names, as their wheels declare it?",
    fix="Name the package in the policy ('native') if its builds are trusted, or choose one without native code.",
)
WHOLE = Rule(
    id="server-contents/whole",
    asks="Is every file as its package lists it, and does every file belong to a package?",
    fix="Remove the installation and gate the server again; if it stays, the package does not list what it brings.",
)
READ = Rule(
    id="server-contents/read",
    asks="Could every file and list be read?",
    fix="Install the server again; a package without a list of its files cannot be judged.",
)


@gate(
    "server-contents",
    judges=(Server,),
    needs=(ServerContents,),
    policy=ServerContentsPolicy,
    rules=(SCRIPTS, STARTUP, NATIVE, WHOLE, READ),
    examples=lambda: _examples(),
    speaks_to=nist("SI-3", "SI-7", "CM-7(5)") + soc("CC6.8"),
)
def server_contents(seen: Seen, policy: ServerContentsPolicy) -> Iterator[Finding]:
    """Judge what is in the packages."""
    found = seen[ServerContents]
    body = found.body
    wrong = [
        (SCRIPTS.warns if _named(one, policy.scripts) else SCRIPTS.fails)(_said(one), found, about=_about(one))
        for one in body.scripts
    ]
    yield from listed(wrong, SCRIPTS.passes("No package asks for a script at its installation.", found))
    yield from _native(found, policy)
    started = [
        STARTUP.fails(_said(one), found, about=_about(one))
        for one in body.startup
        if not (one.declared and _named(one, policy.startup))
    ]
    well = STARTUP.passes(f"{len(body.startup) or 'No'} files run when the interpreter starts, all permitted.", found)
    yield from listed(started, well)
    parts = (*body.altered, *body.unowned)
    changed = (WHOLE.fails(_said(one), found, about=_about(one)) for one in parts)
    yield from listed(changed, WHOLE.passes(f"All {body.files} files are as their packages have them.", found))
    unread = (READ.unknown(_said(one), found, about=_about(one)) for one in body.unread)
    yield from listed(unread, READ.passes(f"All {body.files} files could be read.", found))


def _native(found: Evidence[ServerContents], policy: ServerContentsPolicy) -> Iterator[Finding]:
    wrong: list[Finding] = []
    for one in found.body.native:
        if not one.declared:
            wrong.append(NATIVE.fails(f"{_said(one)[:-1]}, and no list of its package declares it.", found, about=_about(one)))
        elif not _named(one, policy.native):
            wrong.append(NATIVE.fails(_said(one), found, about=_about(one)))
    count = len(found.body.native)
    yield from listed(wrong, NATIVE.passes(f"{count or 'No'} files are native code, all in packages of the policy.", found))


def _named(part: Part, names: Iterable[str]) -> bool:
    return bool(part.package) and any(fnmatchcase(part.package, one) for one in names)


def _said(part: Part) -> str:
    whose = f" of {shown(part.package)}" if part.package else ""
    return f"{shown(part.path)}{whose} {shown(part.what)}."


def _about(part: Part) -> str:
    return f"{part.package}: {part.path}" if part.package else part.path


def _examples() -> Iterator[Example[ServerContentsPolicy]]:
    clean = ServerContents(files=10)
    native = Part(package="fast", path="venv/fast.so", what="is native code (ELF)", declared=True)
    script = Part(package="esbuild", path="node_modules/esbuild/package.json", what="has the script 'postinstall'")
    start = Part(package="hook", path="venv/hook.pth", what="runs whenever Python starts", declared=True)
    named = ServerContentsPolicy(native=("fast",), scripts=("esbuild",), startup=("hook",))

    def example(
        name: str, verdict: Verdict, body: ServerContents, policy: ServerContentsPolicy = named
    ) -> Example[ServerContentsPolicy]:
        return Example(name=name, verdict=verdict, evidence=(body,), policy=policy)

    strict = ServerContentsPolicy()
    yield example("sources alone", Verdict.GREEN, clean, strict)
    yield example("native code of a package that is named", Verdict.GREEN, replace(clean, native=(native,)))
    yield example("a start of a package that is named", Verdict.GREEN, replace(clean, startup=(start,)))
    yield example("a script of a package that is named", Verdict.AMBER, replace(clean, scripts=(script,)))
    yield example("a script", Verdict.RED, replace(clean, scripts=(script,)), strict)
    yield example("native code", Verdict.RED, replace(clean, native=(native,)), strict)
    undeclared = replace(clean, native=(replace(native, declared=False),))
    yield example("native code that no wheel declares", Verdict.RED, undeclared)
    yield example("code at each start", Verdict.RED, replace(clean, startup=(start,)), strict)
    yield example("a changed file", Verdict.RED, replace(clean, altered=(replace(native, what="is not what it lists"),)))
    yield example("a file of no package", Verdict.RED, replace(clean, unowned=(replace(native, package=""),)))
    yield example("a file that could not be read", Verdict.RED, replace(clean, unread=(native,)))
