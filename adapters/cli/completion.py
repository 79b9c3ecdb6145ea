"""``arcops completion``: what a shell completes after ``arcops``, as a script made from the commands' own declarations."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from adapters.cli.commands import Given, command
from arcops.asks import shaped


class Shell(Enum):
    """A shell that completes what is typed."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


@dataclass(frozen=True, slots=True, kw_only=True)
class Completing:
    """The shell."""

    shell: Shell = field(metadata=shaped(positional=True))
    """The shell that the script is for."""


@command("completion", own=Completing, example="bash")
def completion(given: Given[None, None, Completing]) -> None:
    """Print a script with which a shell completes commands, options and their values.

    Save it once, and again after an update: for bash as ~/.local/share/bash-completion/completions/arcops, for zsh as _arcops
    in a folder of $fpath, for fish as ~/.config/fish/completions/arcops.fish.
    """
    from adapters.cli.main import everything
    from adapters.cli.offered import offers
    from adapters.cli.shells import SCRIPTS

    print(SCRIPTS[given.own.shell.value](offers(everything())), end="")
