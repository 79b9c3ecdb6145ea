"""The client's side of freshness: which release is the newest for a machine, by TUF metadata from a root that it was given."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from tuf.api.exceptions import DownloadHTTPError, ExpiredMetadataError, RepositoryError
from tuf.ngclient.fetcher import FetcherInterface
from tuf.ngclient.updater import Updater

from arcops.errors import Refused, Unavailable
from artifacts.private_folder import make_private
from services.config.freshness import target_name
from services.config.rows import cohort

Fetch = Callable[[str], bytes]
"""Called with the name of a file of metadata. Raises `Refused` if there is no such file."""
_BASE = "https://metadata.invalid/"


class Stale(Refused):
    """The metadata's time is over: what is here stays, and nothing new is taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Newest:
    """The newest release for a machine, by its ``record``."""

    record: str
    position: int


class _Fetching(FetcherInterface):
    """Files from wherever the caller has them."""

    def __init__(self, fetch: Fetch) -> None:
        self._fetch_file = fetch

    def _fetch(self, url: str) -> Iterator[bytes]:
        try:
            return iter([self._fetch_file(url.rpartition("/")[2])])
        except Refused as error:
            raise DownloadHTTPError(str(error), 404) from error


def newest(
    fetch: Fetch, root: bytes, known: Path, now: datetime, *, client: str, profile: str, version: str, machine: str = ""
) -> Newest:
    """The release that a machine should have now. *known* is the folder of what it saw before, which it never goes back behind.

    Raises `Stale` if the metadata's time is over, and `Refused` if it is rolled back, mixed, or not signed as *root* says.
    """
    make_private(known)
    try:
        updater = Updater(
            metadata_dir=str(known), metadata_base_url=_BASE, target_base_url=_BASE, fetcher=_Fetching(fetch), bootstrap=root
        )
        updater._trusted_set.reference_time = now  # the caller's clock counts, as everywhere
        updater.refresh()
        name = target_name(client, profile, version)
        found = updater.get_targetinfo(name)
        if found is None:
            raise Refused(f"nothing is released for {client} in {profile}, by the newest metadata")
        data = b"".join(_Fetching(fetch)._fetch(f"{_BASE}{found.hashes['sha256']}.{name}"))
        found.verify_length_and_hashes(data)
    except ExpiredMetadataError as error:
        raise Stale(
            "STALE: the service's metadata is too old to say what is newest; what is there stays, and nothing new is taken "
            "until it answers with newer metadata"
        ) from error
    except RepositoryError as error:
        raise Refused(f"the service's metadata does not hold: {type(error).__name__}: {str(error)[:200]}") from error
    except OSError as error:
        raise Unavailable(f"the metadata cannot be kept in {known}: {error.strerror}") from error
    for one in json.loads(data)["releases"]:
        if one["percent"] >= 100 or (machine and cohort(machine, one["salt"]) < one["percent"]):
            return Newest(record=one["record"], position=one["position"])
    raise Refused(f"nothing is released for everyone for {client} in {profile}")
