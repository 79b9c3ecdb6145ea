"""Prefect's API, called from outside a run. Its errors become ours, in sentences without addresses or credentials."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from arcops.errors import Refused, Unavailable
from flows.prefect.api import HTTPError, ObjectNotFound, PrefectClient, PrefectHTTPStatusError, get_client


@asynccontextmanager
async def asked(what: str) -> AsyncIterator[PrefectClient]:
    """A client to ask about *what*. Raises `Refused` if the API refuses, `Unavailable` if it does not answer."""
    with translated(what):
        async with get_client() as client:
            yield client


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Inside this, Prefect's API is asked about *what*; its errors are ours, as `asked` says."""
    try:
        yield
    except ObjectNotFound as error:
        raise Refused(f"Prefect does not know {what}") from error
    except PrefectHTTPStatusError as error:
        code = error.response.status_code
        if code in (400, 404, 409, 422):
            raise Refused(f"Prefect refused {what} ({code}): {error.response.text[:300]}") from error
        raise Unavailable(f"Prefect answered {code} for {what}; see its log, and try again") from error
    except (HTTPError, OSError) as error:
        raise Unavailable(f"Prefect's API does not answer ({type(error).__name__}); is its server running?") from error
