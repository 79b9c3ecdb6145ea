"""The client of TUF (The Update Framework 1.0), which is given the files by a function and opens nothing itself.

It is here because its package holds a client of the network, too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

from tuf.api.exceptions import DownloadHTTPError, ExpiredMetadataError, RepositoryError
from tuf.ngclient.fetcher import FetcherInterface
from tuf.ngclient.updater import Updater

from arcops.errors import Refused, Unavailable
from artifacts.private_folder import make_private

Fetch = Callable[[str], bytes]
"""Called with the name of a file. Raises `Refused` if there is no such file."""
_BASE = "https://metadata.invalid/"


class Outdated(Refused):
    """The metadata's time is over, so it does not say what is newest."""


class _Fetching(FetcherInterface):
    def __init__(self, fetch: Fetch) -> None:
        self._fetch_file = fetch

    def _fetch(self, url: str) -> Iterator[bytes]:
        try:
            return iter([self._fetch_file(url.rpartition("/")[2])])
        except Refused as error:
            raise DownloadHTTPError(str(error), 404) from error


def newest_target(fetch: Fetch, root: bytes, known: Path, now: datetime, name: str) -> bytes | None:
    """The content of the target *name* by the newest metadata from *root*; ``None`` if it names no such target.

    *known* is the folder of what was seen before: nothing older is taken. Raises `Outdated` if the metadata's time is over at
    *now*, and `Refused` if it was rolled back, is mixed, or is not signed as *root* says.
    """
    make_private(known)
    fetching = _Fetching(fetch)
    try:
        updater = Updater(
            metadata_dir=str(known), metadata_base_url=_BASE, target_base_url=_BASE, fetcher=fetching, bootstrap=root
        )
        updater._trusted_set.reference_time = now  # the caller's clock counts, as everywhere
        updater.refresh()
        found = updater.get_targetinfo(name)
        if found is None:
            return None
        data = b"".join(fetching.fetch(f"{_BASE}{found.hashes['sha256']}.{name}"))
        found.verify_length_and_hashes(data)
        return data
    except ExpiredMetadataError as error:
        raise Outdated(str(error)) from error
    except (RepositoryError, DownloadHTTPError) as error:
        raise Refused(f"the service's metadata does not hold: {type(error).__name__}: {str(error)[:200]}") from error
    except OSError as error:
        raise Unavailable(f"the metadata cannot be kept in {known}: {error.strerror}") from error
