"""A hosted server is started in its box: what its row permits, and nothing else; or it is refused with the reason."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from arcops.errors import Refused
from foundation.processes.box import Box, lacking
from services.host.installers.workshop import Launch
from services.host.provisioning import TREE, Installed
from services.host.rows import HostedRow
from services.host.spec import launching
from tasks.server.boxing import box_of


def its_box(row: HostedRow, at: Installed, launch: Launch, home: Path) -> Box:
    """The box in which *row* starts, which is installed *at* a folder and may write below *home*.

    Raises `Refused` with the reason if this machine lacks what holds it to its row.
    """
    if why := lacking():
        raise Refused(f"{row.name} may not run: {why}; use a newer kernel")
    spec = row.current.spec
    return replace(box_of(at.folder / TREE, launch.command, launching(spec), home), bytes=spec.memory_mib << 20)
