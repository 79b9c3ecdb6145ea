"""The one set of tables that every module of tables adds to."""

from __future__ import annotations

from sqlalchemy import MetaData

METADATA = MetaData()
