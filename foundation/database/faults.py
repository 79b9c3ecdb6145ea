"""What the drivers of databases report, as our errors: may the caller try again, or is the database damaged or not ours?

The text of a statement and its values never reach a sentence, because a value may be the hash of a secret.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from arcops.errors import ArcOpsError, Refused, Unavailable

RESTORE = "stop ArcOps, restore it from a copy, or move it away to begin with an empty one"
_DAMAGED_FILE = frozenset((sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT))
_DAMAGED_SERVER = frozenset(("XX001", "XX002"))
_NO_SUCH = frozenset(("42P01", "42703"))
_NO_RIGHT = "42501"
_MOST_SAID = 300


@contextmanager
def said(shown: str) -> Iterator[None]:
    """Raise what a driver reports of the database *shown* as `Unavailable` or `Refused`.

    Inside, code may catch SQLAlchemy's ``IntegrityError`` if it knows what a broken constraint means; outside it is damage.
    """
    try:
        yield
    except IntegrityError as error:
        raise damaged(shown, _first_line(error.orig)) from error
    except DBAPIError as error:
        raise _fault(shown, error.orig) from error
    except sqlite3.Error as error:
        raise _fault(shown, error) from error
    except UnicodeDecodeError as error:  # the driver cannot even say it: a name in the file is no text
        raise damaged(shown, "it holds text that is not UTF-8") from error
    except PoolTimeoutError as error:
        raise Unavailable(f"the database {shown} is busy: no connection became free in time; try again") from error
    except SQLAlchemyError as error:
        raise Unavailable(f"the database {shown} cannot be used ({type(error).__name__})") from error


def damaged(shown: str, what: str) -> Refused:
    """The one refusal of a database that is damaged."""
    return Refused(f"the database {shown} is damaged: {what}; {RESTORE}")


def _fault(shown: str, error: BaseException | None) -> ArcOpsError:
    text = _first_line(error)
    if isinstance(error, sqlite3.Error):
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code in _DAMAGED_FILE or text.startswith(("no such table", "no such column")):
            return damaged(shown, text)
        return Unavailable(f"the database {shown} cannot be used: {text}; try again")
    state = str(getattr(error, "sqlstate", None) or "")
    if state in _DAMAGED_SERVER or state in _NO_SUCH:
        return damaged(shown, text)
    if state == _NO_RIGHT:
        return Refused(
            f"the role may not do this in the database {shown}: {text}; let the role that owns it run "
            "'arcops database migrate', and grant the rights in docs/database.md"
        )
    hint = "" if state else "; check ARCOPS_DATABASE, and ARCOPS_DATABASE_PASSWORD_FILE for its password"
    return Unavailable(f"the database {shown} does not answer: {text}{hint}")


def _first_line(error: BaseException | None) -> str:
    line = str(error).strip().partition("\n")[0] if error is not None else ""
    return line[:_MOST_SAID].rstrip(".") or type(error).__name__
