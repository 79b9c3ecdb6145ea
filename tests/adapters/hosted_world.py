"""A site with hosted servers of every kind that the pages show: one that may run, one that is RED, one that no one judged."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from unittest import mock

from adapters.cli import surroundings
from flows.place import Place
from tests.adapters.test_host_mirror import GREEN, POLICY, RED, Mirror, Site
from tests.adapters.typed import Done, typed

EVIL = "<script>alert(1)</script>\u202egnp"


@dataclass
class Named(Site):
    """A site with a name."""

    site: str = ""

    def arcops(self, *line: str | Path) -> Done:
        return typed(*line, environment=self.environment)

    @property
    def environment(self) -> dict[str, str]:
        return {
            "ARCOPS_HOME": str(self.folder / "home"),
            "ARCOPS_PASSPHRASE": "of a test",
            "ARCOPS_HOST_POLICY": "mirrored",
            **({"ARCOPS_SITE": self.site} if self.site else {}),
        }


def hosted_site(folder: Path, *, site: str = "") -> Place:
    """The place of a site with the servers ``made``, ``poisoned``, ``unjudged`` and ``odd``."""
    there = Named(folder, site)
    (folder / "policy.yaml").write_text(POLICY)
    commands: list[tuple[str | Path, ...]] = [
        ("keys", "new"),
        ("keys", "trust", folder / "home" / "keys" / "arcops.pub"),
        ("policy", "register", folder / "policy.yaml"),
    ]
    for name, arguments in (("made", ()), ("poisoned", ("poison",)), ("unjudged", ())):
        mirror = Mirror(folder)
        mirror.server = replace(mirror.server, name=name, spec=replace(mirror.server.spec, arguments=arguments))
        (folder / name).mkdir()
        mirror.folder = folder / name
        commands.append(("host", "mirror", "use", mirror.write()))
    secret = folder / "token"
    secret.write_text("the-secret-itself")
    add = ("host", "add", "odd", "--package", "npm:@acme/odd@1.0.0", "--owner", EVIL, "--arg", EVIL)
    commands.append((*add, "--env", "MODE=hush-hush", "--secret", f"TOKEN=file:{secret}", "--network", "open"))
    commands.append(("host", "gate", "made"))
    for one in commands:
        done = there.arcops(*one)
        assert done.returncode == GREEN, done.stderr
    assert there.arcops("host", "gate", "poisoned").returncode == RED
    with mock.patch.dict(os.environ, there.environment, clear=True):
        place = surroundings.place()
        place.signer()  # opened while its passphrase is there, and remembered
        return place
