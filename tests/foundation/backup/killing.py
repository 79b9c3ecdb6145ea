"""Restores a site once for each step, and dies there; prints what was found.

It is run with a folder that has ``old``, a site, and ``site.backup`` with ``public.pem``.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from artifacts.public_key import load_public_key
from foundation.backup.reading import Opening
from foundation.backup.restoring import Permitted, restore
from foundation.half_restored import is_half
from tests.foundation.backup.sites import PASSPHRASE, files, rows, settings_of
from tests.foundation.dying import Step, deaths
from tests.models import CLOCK


def restored(home: Path, step: Step) -> None:
    folder = home.parent.parent
    restore(
        folder / "site.backup",
        settings_of(home),
        keys=[load_public_key((folder / "public.pem").read_bytes(), where="the test")],
        opening=Opening(passphrase=lambda: PASSPHRASE),
        now=CLOCK,
        permitted=Permitted(replace=True),
        step=step,
    )


def state(home: Path) -> object:
    """What a user finds: whether commands are refused, or else the files and the rows."""
    settings = settings_of(home)
    if is_half(settings.memory):
        return "half"
    beside = (".before-", ".restored", "remembered/")  # the names of memories depend on the path of the store
    kept = {name: digest for name, digest in files(home).items() if not any(one in name for one in beside)}
    return kept, [(one.table, one.rows, one.digest) for one in rows(settings)]


if __name__ == "__main__":
    print(json.dumps(deaths(Path(sys.argv[1]), restored, state, (*range(6), *range(7, 100, 6)))))
