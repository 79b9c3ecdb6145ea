"""A database of the test's own, as the tests of the database have."""

from __future__ import annotations

from tests.foundation.database.conftest import address, open_, server

__all__ = ["address", "open_", "server"]
