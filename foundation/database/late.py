"""What is in this place's database, which is opened when something in it is needed: most processes need nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, TypeVar

from foundation.database.address import SqliteFile, read_address
from foundation.settings import Settings

if TYPE_CHECKING:
    from foundation.database.engine import Database

T = TypeVar("T")


@dataclass(slots=True, kw_only=True)
class Late(Generic[T]):
    """What ``made`` makes of the database of the place with these ``settings``, once. Threads may share it.

    An error is not remembered: the next one who needs it tries again.
    """

    settings: Settings
    made: Callable[[Database], T]
    _database: Database | None = None
    _found: T | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def opened(self) -> T:
        """It; a file that is missing is made. Raises `Unavailable` or `Refused` if the database cannot be read."""
        with self._lock:
            if self._found is None:
                from foundation.database.opening import opened  # with SQLAlchemy, which takes time to import

                database = opened(self.settings)
                try:
                    self._found, self._database = self.made(database), database
                except BaseException:
                    database.close()
                    raise
            return self._found

    def there(self) -> T | None:
        """It; ``None`` if the database is a file that is not there, which is not made only to look. Raises as `opened`."""
        return self.opened() if self._found is not None or is_made(self.settings) else None

    def close(self) -> None:
        """Close the database, if it was opened."""
        with self._lock:
            if self._database is not None:
                self._database.close()
            self._found = self._database = None


def is_made(settings: Settings) -> bool:
    """May there be something in the database? Not if it is a file that is not there."""
    address = read_address(settings.database)
    return not isinstance(address, SqliteFile) or address.path.exists()
