"""``arcops bundle``."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from adapters.cli import files, surroundings
from adapters.cli.answering import answer, shown
from adapters.cli.commands import Given, command, group
from adapters.cli.options import Signing
from adapters.cli.printing import Answering
from artifacts.projections.lines import printable

if TYPE_CHECKING:
    from capabilities.bundle.bundle import (
        BundleInstalled,
        BundleMade,
        BundlePushed,
        BundleRolledBack,
        BundleShown,
        BundleVerified,
        ImagePushed,
        InstallBundle,
        MakeBundle,
        PushBundle,
        RollBackBundle,
        VerifyBundle,
    )

BUNDLE = group("bundle", "Carry images, wheels, trust roots, policies and data to a site without a network, and install them.")


@command(
    "bundle make",
    "capabilities.bundle.bundle:make_bundle",
    own=Signing,
    example="site.bundle --wheels wheels --policies policies",
)
def make(given: Given[MakeBundle, BundleMade, Signing]) -> None:
    """Write what a site needs to one new signed file."""
    made = answer(given.tool, given.ask(), surroundings.place(key=given.own.key))
    _print(made.bundle)
    for name in made.hidden:
        print(printable(f"not in it: {name} (it is hidden)"))
    print(printable(f"bundle {made.path}"))


@command(
    "bundle verify",
    "capabilities.bundle.bundle:verify_bundle",
    own=Answering,
    reads={"keys": files.key_text},
    example="site.bundle",
)
def verify(given: Given[VerifyBundle, BundleVerified, Answering]) -> None:
    """Check every byte of a bundle, each image and each wheel. It changes nothing."""

    def show(found: BundleVerified) -> None:
        _print(found.bundle)
        print("sound")

    shown(given, show)


@command(
    "bundle push",
    "capabilities.bundle.bundle:push_bundle",
    reads={"keys": files.key_text},
    example="site.bundle",
)
def push(given: Given[PushBundle, BundlePushed, None]) -> None:
    """Bring a bundle's images into the site's registry, and print the values by which the chart takes them from there."""
    done = answer(given.tool, given.ask(), surroundings.place())
    _print_images(done.images, sys.stderr)
    print(done.values, end="")


@command(
    "bundle install",
    "capabilities.bundle.bundle:install_bundle",
    reads={"keys": files.key_text},
    example="site.bundle",
)
def install(given: Given[InstallBundle, BundleInstalled, None]) -> int:
    """Let a bundle count here, whole or not at all. Stop every host before."""
    ask = given.ask()
    done = answer(given.tool, ask, surroundings.place())
    if not done.counts:
        print(printable(f"ArcOps {done.bundle.version} is in {done.folder}; it goes on"), flush=True)
        return _gone_on(done.program, ask)
    _print(done.bundle)
    _print_images(done.images, sys.stdout)
    if done.images:
        print(printable(f"Give the chart their names: helm upgrade … --values {done.folder / 'values.yaml'}"))
    print(printable(f"{done.id} counts now, in {done.folder}; before: {done.before or 'none'}"))
    if done.program:
        print(f"Go on with its program{_where(done.program)}.")
    return 0


def _gone_on(program: Sequence[str], ask: InstallBundle) -> int:
    """Let *program* install the same file, by the same keys, at this terminal; returns its exit code."""
    from foundation.processes.environments import of_sealer
    from foundation.processes.starting import empty_folder, start

    with empty_folder() as folder:
        words: list[str] = []
        for number, key in enumerate(ask.keys):
            path = Path(folder, f"{number}.pub")
            path.write_text(key)
            words += ["--key", str(path)]
        words += [option for option, said in (("--push", ask.push), ("--older", ask.older)) if said]
        child = start(
            [*program, "bundle", "install", str(ask.file.absolute()), *words],
            environment=of_sealer(os.environ),
            folder=str(Path.cwd()),
            stdin=None,
            stdout=None,
            stderr=None,
            at_terminal=True,
        )
        return child.wait()


@command("bundle rollback", "capabilities.bundle.bundle:roll_back_bundle")
def rollback(given: Given[RollBackBundle, BundleRolledBack, None]) -> None:
    """Let the site be as it was before the bundle that counts."""
    done = answer(given.tool, given.ask(), surroundings.place())
    print(printable(f"{done.id} was taken back; now: {done.now or 'none'}"))
    print(f"Go on with the program of that version{_where(done.program)}: a newer one would bring the database forward again.")


def _where(program: Sequence[str]) -> str:
    return printable(f", {program[-1]}") if program else ""


def _print_images(images: Sequence[ImagePushed], stream: TextIO) -> None:
    for one in images:
        print(printable(f"{one.reference} ({f'{one.sent:,} bytes sent' if one.sent else 'was there'})"), file=stream)


def _print(bundle: BundleShown) -> None:
    print(printable(f"{f'ArcOps {bundle.version}' if bundle.version else 'content'}, made {bundle.made:%Y-%m-%d %H:%M} UTC"))
    print(printable(f"images: {', '.join(bundle.images) or 'none'}; {bundle.wheels} wheels; {bundle.files:,} files in all"))
    print(f"{bundle.size:,} bytes; not given: {', '.join(bundle.not_given) or 'nothing'}")
