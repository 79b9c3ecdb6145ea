"""A site whose catalog has every kind of entry: approved and hosted, proposed, refused, an agent, and hostile words."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from flows.place import Place
from tests.adapters.hosted_world import EVIL, Named, hosted_site
from tests.adapters.typed import typed
from tests.services.host.catalog.documents import CARD, page, server

MADE = "io.example/made"
PACKAGES = [{"registryType": "pypi", "identifier": "made-server", "version": "1.0", "transport": {"type": "stdio"}}]


def catalog_site(folder: Path) -> Place:
    """The place; ``io.example/made`` 1.0.0 is hosted as ``made`` with a verdict that counts."""
    place = hosted_site(folder)
    documents = [
        server(MADE, "1.0.0", packages=PACKAGES, title="Made", description="Says what it is given."),
        server(MADE, "2.0.0", title="Made"),
        server("io.example/old", "1.0.0", description="Tells the time of old clocks."),
        server("io.example/odd", "1.0.0", title=EVIL, description=EVIL),
        *(server(f"io.example/server-{number:02}", "1.0.0") for number in range(60)),
    ]
    (folder / "registry.json").write_bytes(page(*documents))
    (folder / "card.json").write_text(json.dumps(CARD))
    for line in (
        ("import", folder / "registry.json"),
        ("import", folder / "card.json"),
        ("approve", MADE, "--version", "1.0.0", "--reason", "small, and read by us"),
        ("refuse", "io.example/old", "--reason", "it phones home"),
        ("tag", MADE, "env=production", "system=clock", "owner=platform"),
        ("rate", MADE, "4"),
    ):
        done = typed("host", "catalog", *line, environment=Named(folder, "").environment)
        assert done.returncode == 0, done.stderr
    return replace(place)
