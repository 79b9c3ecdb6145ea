"""How a child of ours begins: it ends with its parent, hides its secrets, finds our packages, and runs its module."""

from __future__ import annotations

import runpy
import sys

from arcops.rooms import refuse_elsewhere
from foundation.processes.hiding import hide_secrets
from foundation.processes.kernel import end_with


def main(parent: int = 0, number: int = 0) -> None:
    """Run the module that ``sys.argv[1]`` names as ``__main__``, with the arguments that follow it."""
    if parent:
        end_with(parent, number)
    hide_secrets()
    refuse_elsewhere()
    module = sys.argv[1]
    del sys.argv[1]
    runpy.run_module(module, run_name="__main__", alter_sys=True)
