"""The one site of all tests that need a plain one. They are of the group ``site``, so one worker runs them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.flows.site import Site, site


@pytest.fixture(scope="package")
def plain_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """On SQLite, with a worker."""
    with site(tmp_path_factory.mktemp("site")) as found:
        yield found
