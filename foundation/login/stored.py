"""The sessions in this place's database, which is opened when the first person logs in or shows a session."""

from __future__ import annotations

from typing import TYPE_CHECKING

from foundation.database.late import Late
from foundation.login.settings import LoginSettings
from foundation.settings import Settings

if TYPE_CHECKING:
    from foundation.database.engine import Database
    from foundation.login.sessions import Sessions


def stored_sessions(settings: Settings, login: LoginSettings) -> Late[Sessions]:
    """The sessions that count under *login* at the place with these *settings*."""

    def made(database: Database) -> Sessions:
        from foundation.login.sessions import Sessions

        return Sessions(database, login)

    return Late(settings=settings, made=made)
