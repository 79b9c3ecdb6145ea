"""The pages alone, as an application: a front of several doors mounts them as routes; this serves them by themselves."""

from __future__ import annotations

from collections.abc import Callable

from starlette.applications import Starlette

from adapters.web.pages import error_page, routes
from capabilities.place import Place


def site(place: Callable[[], Place], *, engine: str = "") -> Starlette:
    """An application that serves only the pages. It checks no host name and no caller: the front in front of it must.

    *engine* is the address of Prefect's pages (`adapters.web.pages.routes`).
    """
    return Starlette(routes=routes(place, engine=engine), exception_handlers={404: error_page, 405: error_page})
