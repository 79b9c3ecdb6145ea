"""A user's machine in a folder: its own home, trust, key, and a site whose releases it takes."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import yaml

from artifacts.private_key import PrivateKey, create
from capabilities.place import Place
from foundation.settings import read_settings
from tests.evidence import NOW
from tests.services.config.place import RULES


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """A place with its keys; ``home`` is the folder of the user."""

    at: Place
    home: Path
    key: PrivateKey
    approver: PrivateKey


def machine(folder: Path, *, approvals: int = 0, now: Callable[[], object] = lambda: NOW) -> Machine:
    """A new machine in *folder*, whose own key may publish, and another one approve."""
    key, approver = create(), create()
    environment = {**os.environ, "ARCOPS_HOME": str(folder / "arcops")}
    settings = read_settings(environment)
    keys = settings.trust / "keys"
    keys.mkdir(parents=True, mode=0o700)
    os.chmod(settings.trust, 0o700)  # noqa: PTH101  # mkdir leaves the mode of parents to the umask
    for one in (key, approver):
        (keys / f"{one.public.id[7:23]}.pub").write_bytes(one.public.pem)
    roles = {"publishers": [key.public.id], "approvers": [approver.public.id], "approvals": approvals}
    (settings.trust / "client-roles.yaml").write_text(yaml.safe_dump(roles))
    (settings.trust / "client-rules.yaml").write_bytes(RULES)
    home = folder / "home"
    home.mkdir()
    at = Place(settings=settings, now=now, signer=lambda: key, secret=lambda _: "x", own=True)  # type: ignore[arg-type]
    return Machine(at=at, home=home, key=key, approver=approver)
