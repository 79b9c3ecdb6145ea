"""A client of a cluster's API server for code that changes it: any request, and streams that stay open (watches).

It is `cluster.ApiServer` for a controller: it sends and gives bytes, and does without the ``kubernetes`` package, which costs a
second and 60 MB to import.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlencode

from arcops.errors import Unavailable
from arcops.extras import refuse_without
from arcops.tier import Tier
from foundation.egress.cluster import ClusterWay, refuse_unreached
from foundation.egress.permission import Purpose, permitted

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse

Query = Sequence[tuple[str, str]]
JSON = "application/json"

_PURPOSE = Purpose(
    what="the server of the kubeconfig",
    form="write it like https://cluster.example.org:6443",
    instead="say --tier restricted",
)
_MOST_ANSWER = 256 * 1024 * 1024
_MOST_LINE = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """One answer, whatever its ``status``. ``retry_after`` is in seconds, 0 if the server did not say."""

    status: int
    body: bytes
    retry_after: float = 0.0

    @property
    def ok(self) -> bool:
        """Was it done?"""
        return 200 <= self.status < 300

    def said(self) -> dict[str, Any]:
        """The body as the JSON object that it should be; empty if it is not."""
        try:
            found = json.loads(self.body)
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}


class Stream:
    """An answer that stays open, line by line. `close` may be called from another thread, and ends the lines."""

    def __init__(self, response: BaseHTTPResponse) -> None:
        self._response = response
        self.closed = False

    def __iter__(self) -> Iterator[bytes]:
        """Each line. Raises `Unavailable` if the stream breaks, or a line has no end."""
        from urllib3.exceptions import HTTPError

        rest = b""
        try:
            for part in self._response.stream(64 * 1024, decode_content=False):
                *lines, rest = (rest + part).split(b"\n") if rest else part.split(b"\n")
                yield from (one for one in lines if one)
                if len(rest) > _MOST_LINE:
                    raise Unavailable(f"a line of the API server has more than {_MOST_LINE:,} bytes")
        except (HTTPError, OSError, ValueError, AttributeError) as error:  # the last two: it was closed meanwhile
            if not self.closed:
                raise Unavailable(f"the stream of the API server broke: {' '.join(str(error).split())[:200]}") from error
        finally:
            self._response.close()

    def close(self) -> None:
        """End it."""
        self.closed = True
        with suppress(Exception):
            cast(Any, self._response).shutdown()


class KubeClient:
    """One API server. *authorization* gives the header's value, or nothing, and is asked for each request: a token of a pod is
    replaced while its process runs. Raises `Refused` if *tier* does not reach it.
    """

    def __init__(self, tier: Tier, way: ClusterWay, authorization: Callable[[], str], *, connections: int = 8) -> None:
        refuse_unreached(tier)
        permitted(tier, way.server, _PURPOSE)
        refuse_without(("kubernetes",))
        from urllib3 import PoolManager, ProxyManager, Retry
        from urllib3.util import Timeout

        self._server, self._authorization, self._timeout = way.server.rstrip("/"), authorization, Timeout
        # Retries are the controller's, and a token never follows a redirect.
        given: dict[str, Any] = {
            "retries": Retry(total=0, redirect=0),
            "maxsize": connections,
            "block": False,
            "ssl_context": way.tls,
        }
        if way.tls_name:
            given |= {"server_hostname": way.tls_name, "assert_hostname": way.tls_name}
        if not way.verify:
            given |= {"assert_hostname": False}
        proxied = not way.direct and way.proxy
        self._pool = ProxyManager(way.proxy, **given) if proxied else PoolManager(**given)

    def ask(
        self,
        method: str,
        path: str,
        query: Query = (),
        body: bytes | None = None,
        *,
        form: str = JSON,
        accept: str = JSON,
        seconds: float,
    ) -> Answered:
        """The answer in the form *accept*, whatever its status, within *seconds*; *form* is the body's. Raises
        `Unavailable` without one: it may have been done.
        """
        from urllib3.exceptions import HTTPError

        try:
            with self._opened(method, path, query, body, (form, accept), seconds, seconds) as response:
                data = response.read(_MOST_ANSWER + 1, decode_content=True)
                after = response.headers.get("Retry-After", "")
                response.release_conn()
        except (HTTPError, OSError) as error:
            raise Unavailable(f"the API server does not answer: {' '.join(str(error).split())[:200]}") from error
        if len(data) > _MOST_ANSWER:
            raise Unavailable(f"the answer of the API server has more than {_MOST_ANSWER:,} bytes")
        return Answered(status=response.status, body=data, retry_after=float(after) if after.isdigit() else 0.0)

    def stream(
        self, path: str, query: Query, *, accept: str = JSON, seconds: float, silent_seconds: float
    ) -> Stream | Answered:
        """The lines of an answer that stays open, or the answer if it is not 200. A stream that says nothing for
        *silent_seconds* is broken. Raises `Unavailable`.
        """
        from urllib3.exceptions import HTTPError

        try:
            response = self._opened("GET", path, query, None, (JSON, accept), seconds, silent_seconds)
            if response.status == 200:
                return Stream(response)
            data = response.read()
        except (HTTPError, OSError) as error:
            raise Unavailable(f"the API server does not answer: {' '.join(str(error).split())[:200]}") from error
        return Answered(status=response.status, body=data)

    def _opened(
        self, method: str, path: str, query: Query, body: bytes | None, forms: tuple[str, str], connect: float, read: float
    ) -> BaseHTTPResponse:
        url = f"{self._server}{path}"
        if query:
            url = f"{url}?{urlencode(query)}"
        form, accept = forms
        headers = {"Accept": accept, "User-Agent": "arcops-operator"}
        if body is not None:
            headers["Content-Type"] = form
        if authorization := self._authorization():
            headers["Authorization"] = authorization
        return self._pool.request(
            method,
            url,
            body=body,
            headers=headers,
            timeout=self._timeout(connect=connect, read=read),
            redirect=False,
            preload_content=False,
        )

    def close(self) -> None:
        """Close its connections."""
        self._pool.clear()
