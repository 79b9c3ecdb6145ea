"""The pages: what is kept, by subject and as a list; one subject, one artifact, one evidence body; two compared; the figures.

Each is a view over a capability, which a client that prefers JSON gets as it is, at the same address. Nothing here decides or
remembers anything: what a page says was checked for this request.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from adapters.web import catalog, configuring, feedback, guiding, hosting, mapping, releasing, showing, which_protocol
from adapters.web.replies import HEADERS, Problem, Reply, json_reply, prefers_json, respond
from adapters.web.words import STATIC, render, static_bytes, static_tag
from arcops.errors import Refused, Stopped, Unavailable
from artifacts.wire import JSON
from capabilities.place import Place
from foundation.login.person import MAY, PERSON

__all__ = ["HEADERS", "error_page", "routes", "static_route"]

_LOG = logging.getLogger("arcops.web")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Page:
    """A page's path, and the blocking function that makes it."""

    path: str
    show: Callable[[showing.Asked], Reply]


_PAGES = (
    _Page(path="/", show=showing.subjects),
    _Page(path="/subject", show=showing.subject),
    _Page(path="/artifacts", show=showing.artifacts),
    _Page(path="/artifacts/{digest}", show=showing.artifact),
    _Page(path="/artifacts/{digest}/download", show=showing.artifact_bytes),
    _Page(path="/evidence/{digest}", show=showing.evidence),
    _Page(path="/evidence/{digest}/download", show=showing.evidence_bytes),
    _Page(path="/evidence/{digest}/map.svg", show=mapping.evidence_map),
    _Page(path="/compare", show=showing.compare),
    _Page(path="/figures", show=showing.figures),
    _Page(path="/figures/first-inference", show=releasing.first_inference),
    _Page(path="/releases", show=releasing.releases),
    _Page(path="/clients", show=configuring.clients),
    _Page(path="/clients/compare", show=configuring.clients_compared),
    _Page(path="/catalog", show=catalog.entries),
    _Page(path="/catalog/entry", show=catalog.entry),
    _Page(path="/catalog/mcp-or-a2a", show=which_protocol.which_protocol),
    _Page(path="/servers", show=hosting.servers),
    _Page(path="/servers/figures", show=hosting.figures),
    _Page(path="/server", show=hosting.server),
    _Page(path="/server/progress", show=hosting.progress),
    _Page(path="/checklist", show=guiding.checklist),
    _Page(path="/runbooks", show=guiding.runbooks),
    _Page(path="/runbook", show=guiding.runbook),
    _Page(path="/feedback", show=feedback.feedback),
)


def routes(place: Callable[[], Place], *, engine: str = "") -> list[BaseRoute]:
    """The pages as routes for any Starlette application, mounted anywhere. *place* is called once for each request.

    Every answer carries `HEADERS`. The front decides who may read, and which host names it answers to. *engine* is the address
    of Prefect's pages, such as ``/prefect``; if it is empty, it follows from the API that the place's settings name.
    """
    return [
        *(Route(page.path, _endpoint(page, place, engine), methods=["GET"]) for page in _PAGES),
        static_route(),
    ]


def static_route() -> Route:
    """The files that every page needs. They say nothing of this place, so anyone may have them."""
    return Route("/static/{name}", _static, methods=["GET"])


async def error_page(request: Request, error: Exception) -> Response:
    """The page for what Starlette itself refuses: an address without a route (404), a method that is not GET (405)."""
    status = error.status_code if isinstance(error, HTTPException) else 404
    if status == 405:
        problem = Problem(405, "Pages can only be read", f"The method is {request.method[:20]!r}.", "Use GET. " + _AGAIN)
    else:
        problem = Problem(404, "There is nothing here", "No page has this address.", _AGAIN)
    headers = (error.headers or {}) if isinstance(error, HTTPException) else {}
    return respond(request, replace(_problem(request, problem), more=headers))


_AGAIN = "Start again from the list."
_NOT_NOW = Problem(503, "This cannot be shown now", "The store could not be read just now.", "Try again in a few seconds.")

_CHANGED = Problem(
    409,
    "This store cannot be relied on",
    "Its log was changed, or its content cannot be read.",
    "Tell its operator: 'arcops store check' lists what was removed, edited or moved.",
)


def _failed(number: str) -> Problem:
    return Problem(
        500,
        "This page could not be made",
        "The cause is a bug in ArcOps, or a damaged store.",
        f"Give the number {number} to the operator of this site; the log has an entry with it.",
    )


def _endpoint(page: _Page, place: Callable[[], Place], engine: str) -> Callable[..., object]:
    async def endpoint(request: Request) -> Response:
        try:
            at = place()
            asked = showing.Asked(
                at=at,
                base=_base(request),
                query=dict(request.query_params),
                picked=tuple(request.query_params.getlist("pick")),
                digest=str(request.path_params.get("digest", "")),
                as_json=_as_json(request),
                engine=engine,
                person=request.scope.get(PERSON),
                may=request.scope.get(MAY),
                about=f"page:{page.path.partition('/{')[0]}",
            )
            reply = await run_in_threadpool(page.show, asked)
        except Problem as problem:
            reply = _problem(request, problem)
        except (Unavailable, Stopped) as error:
            _LOG.warning("the store could not be read for a page: %s", error)
            reply = _problem(request, _NOT_NOW)
        except Refused as error:
            _LOG.warning("the store is damaged: %s", error)
            reply = _problem(request, _CHANGED)
        except Exception:  # whatever it was, the reader gets a page without secrets, and the operator's log gets the rest
            number = secrets.token_hex(4)
            _LOG.exception("a page could not be made (%s)", number)
            reply = _problem(request, _failed(number))
        return respond(request, reply)

    return endpoint


async def _static(request: Request) -> Response:
    name = str(request.path_params["name"])
    if name not in STATIC:
        return await error_page(request, HTTPException(404))
    tag = static_tag(name)
    keep = "public, max-age=31536000, immutable" if request.query_params.get("v") == tag else "public, no-cache"
    return respond(request, Reply(body=static_bytes(name), kind=STATIC[name], keep=keep, tag=f'"{tag}"'))


def _problem(request: Request, problem: Problem) -> Reply:
    how: dict[str, Any] = {"status": problem.status, "keep": "no-store"}
    how["more"] = {"Retry-After": "5"} if problem.status == 503 else {}
    if _as_json(request):
        said: JSON = {"status": problem.status, "title": problem.title, "said": problem.said, "nextStep": problem.next_step}
        return json_reply(said, **how)
    return Reply(
        body=render("problem.html", base=_base(request), problem=problem, here="", person=request.scope.get(PERSON)), **how
    )


def _as_json(request: Request) -> bool:
    return prefers_json(",".join(request.headers.getlist("accept")))


def _base(request: Request) -> str:
    """The prefix of the pages' addresses, if they are mounted below the root."""
    return str(request.scope.get("root_path", "")).rstrip("/") + "/"
