"""A row from an entry of the catalog."""

from __future__ import annotations

from typing import TYPE_CHECKING

from capabilities.server.catalog_place import catalog_with
from flows.place import Place

if TYPE_CHECKING:
    from services.host.spec import Spec


def from_catalog(named: str, given: Spec, at: Place) -> Spec:
    """*given* with the package, arguments and variables of the entry *named*, ``NAME`` or ``NAME@VERSION``.

    Raises `Refused`.
    """
    from services.host.catalog.as_row import spec_for

    name, _, version = named.partition("@")
    with catalog_with(name, at) as there:
        entry = there.one(name)[0]
        return spec_for(entry, there.version(name, version or entry.offered), given)
