"""The file with the site's rate card, read again when it changes."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from pathlib import Path

from arcops.errors import ArcOpsError, Refused
from artifacts.reading import read_file
from services.host.costs.rates import NONE, Rates, parse_rates

_log = logging.getLogger(__name__)
_MOST_BYTES = 4 * 1024 * 1024


@dataclass(slots=True)
class RateFile:
    """The file at ``path``; without one nothing has a price. If it becomes wrong, what counted last counts on, and ``wrong``
    says why.
    """

    path: Path | None
    wrong: str = ""
    _seen: tuple[int, int, int] | None = None
    _rates: Rates = field(default=NONE)

    def read(self) -> Rates:
        """The rates in the file now. Raises `Refused` if it is wrong, or a file that was named is not there."""
        if self.path is None:
            return NONE
        if not self.path.is_file():
            raise Refused(f"the rate card {self.path} is not there; write it, or unset ARCOPS_HOST_RATES")
        return parse_rates(read_file(self.path, _MOST_BYTES), where=str(self.path))

    def rates(self) -> Rates:
        """The rates that count: from the file, or as they were before it became wrong."""
        if self.path is None:
            return NONE
        try:
            status = self.path.stat()
            seen = (status.st_ino, status.st_size, status.st_mtime_ns)
            if seen == self._seen and not self.wrong:
                return self._rates
            self._rates, self._seen, self.wrong = self.read(), seen, ""
        except (OSError, ArcOpsError) as error:
            said = str(error).replace(str(self.path), self.path.name)
            if said != self.wrong:
                _log.error("the rate card is wrong, so that of before counts on: %s", said)
            self.wrong = said
        return self._rates
