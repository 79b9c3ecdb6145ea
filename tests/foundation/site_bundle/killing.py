"""Installs a bundle, or takes it back, once for each step, and dies there; prints what was found.

It is run with a folder that has ``old``, a site, and ``site.bundle``; and with ``install`` or ``rollback``.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from artifacts.private_key import load_signer
from foundation.half_restored import is_half
from foundation.site_bundle.installing import Doing, current, install, take_back
from tests.foundation.backup.sites import PASSPHRASE, files, settings_of
from tests.foundation.dying import Step, deaths
from tests.foundation.site_bundle.pieces import database
from tests.models import CLOCK
from tests.models import PASSPHRASE as OF_THE_KEY


def doing(home: Path, step: Step) -> Doing:
    settings = settings_of(home)
    signer = load_signer(settings.key, lambda what: OF_THE_KEY)
    return Doing(
        settings=settings,
        signer=lambda: signer,
        keys=[signer.public],
        passphrase=lambda: PASSPHRASE,
        now=CLOCK,
        environment={},
        environment_of=a_folder,
        step=step,
    )


def a_folder(wheels: Path, environment: Path, closed: Sequence[Path]) -> None:
    """An environment of files that only have names of wheels (tests/deployments/test_bundle.py makes real ones)."""
    assert (wheels / "requirements.txt").exists()
    assert [one.name for one in closed] == ["arcops.key", "arcops.pub"]
    environment.mkdir(mode=0o700)


def state(home: Path) -> object:
    """What a user finds: whether commands are refused, or else the files, the rows and the bundle that counts."""
    settings = settings_of(home)
    if is_half(settings.memory):
        return "half"
    beside = (".before-", ".restored", "remembered/", "bundles/", "store/")  # a bundle beside has no effect
    kept = {name: digest for name, digest in files(home).items() if not any(one in name for one in beside)}
    return kept, database(home), current(settings)


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    taking_back = sys.argv[2] == "rollback"
    numbers = (0, 1, 2, 3, 6, *range(8, 100, 6)) if not taking_back else (0, 1, 3, *range(5, 100, 6))

    def act(home: Path, step: Step) -> None:
        if taking_back:
            take_back(doing(home, step))
        else:
            install(folder / "site.bundle", doing(home, step))

    print(json.dumps(deaths(folder, act, state, numbers)))
