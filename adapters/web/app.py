"""The pages alone, as an application: what a front of several doors mounts as routes, served by itself."""

from __future__ import annotations

from collections.abc import Callable

from starlette.applications import Starlette

from adapters.web.pages import error_page, routes
from capabilities.place import Place


def site(place: Callable[[], Place]) -> Starlette:
    """An application that serves only the pages. It checks no host name and nobody's identity: that is its front's part."""
    return Starlette(routes=routes(place), exception_handlers={404: error_page, 405: error_page})
