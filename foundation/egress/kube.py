"""A client of a cluster's API server for code that changes it: any request, and streams that stay open (watches).

It is `cluster.ApiServer` for a controller: it sends and gives bytes, and does without the ``kubernetes`` package, which costs a
second and 60 MB to import. Without a proxy it asks over connections of its own (`kept_open`), else by urllib3 (`by_proxy`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Protocol
from urllib.parse import urlencode, urlsplit

from arcops.errors import Unavailable
from arcops.extras import refuse_without
from arcops.tier import Tier
from foundation.egress.answered import Answered as Answered
from foundation.egress.cluster import ClusterWay, refuse_unreached
from foundation.egress.permission import Purpose, permitted

Query = tuple[tuple[str, str], ...]
JSON = "application/json"

_PURPOSE = Purpose(
    what="the server of the kubeconfig",
    form="write it like https://cluster.example.org:6443",
    instead="say --tier restricted",
)
_MOST_ANSWER = 256 * 1024 * 1024
_MOST_LINE = 16 * 1024 * 1024


class Opened(Protocol):
    """An answer that stays open."""

    @property
    def status(self) -> int:
        """Of the answer."""

    def __iter__(self) -> Iterator[bytes]:
        """The parts of its body. Raises `OSError` if it breaks."""

    def close(self) -> None:
        """End it, from any thread."""


class Way(Protocol):
    """How a server is asked. Both raise `OSError` without an answer."""

    def ask(
        self, method: str, target: str, fields: dict[str, str], body: bytes | None, *, seconds: float, most: int
    ) -> Answered:
        """The answer, of at most *most* bytes, within *seconds*."""

    def opened(self, target: str, fields: dict[str, str], *, seconds: float, silent_seconds: float) -> Opened:
        """An answer to a GET that stays open; it is broken if it says nothing for *silent_seconds*."""

    def close(self) -> None:
        """Close the connections."""


class Stream:
    """An answer that stays open, line by line. `close` may be called from another thread, and ends the lines."""

    def __init__(self, opened: Opened) -> None:
        self._opened = opened
        self.closed = False

    def __iter__(self) -> Iterator[bytes]:
        """Each line. Raises `Unavailable` if the stream breaks, or a line has no end."""
        rest = b""
        try:
            for part in self._opened:
                *lines, rest = (rest + part).split(b"\n") if rest else part.split(b"\n")
                yield from (one for one in lines if one)
                if len(rest) > _MOST_LINE:
                    raise Unavailable(f"a line of the API server has more than {_MOST_LINE:,} bytes")
        except OSError as error:
            if not self.closed:
                raise Unavailable(f"the stream of the API server broke: {_words(error)}") from error

    def close(self) -> None:
        """End it."""
        self.closed = True
        self._opened.close()


class KubeClient:
    """One API server. *authorization* gives the header's value, or nothing, and is asked for each request: a token of a pod is
    replaced while its process runs. Raises `Refused` if *tier* does not reach it.
    """

    def __init__(self, tier: Tier, way: ClusterWay, authorization: Callable[[], str], *, connections: int = 8) -> None:
        refuse_unreached(tier)
        permitted(tier, way.server, _PURPOSE)
        refuse_without(("kubernetes",))
        self._way: Way
        if way.proxy and not way.direct:
            from foundation.egress.by_proxy import ByProxy

            self._way = ByProxy(way, most=connections)
        else:
            from foundation.egress.kept_open import KeptOpen

            self._way = KeptOpen(way.server, way.tls, name=way.tls_name, most=connections)
        self._prefix, self._authorization = urlsplit(way.server).path.rstrip("/"), authorization

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
        fields = self._fields(accept)
        if body is not None:
            fields["Content-Type"] = form
        try:
            return self._way.ask(method, self._target(path, query), fields, body, seconds=seconds, most=_MOST_ANSWER)
        except OSError as error:
            raise Unavailable(f"the API server does not answer: {_words(error)}") from error

    def stream(
        self, path: str, query: Query, *, accept: str = JSON, seconds: float, silent_seconds: float
    ) -> Stream | Answered:
        """The lines of an answer that stays open, or the answer if it is not 200. A stream that says nothing for
        *silent_seconds* is broken. Raises `Unavailable`.
        """
        target, fields = self._target(path, query), self._fields(accept)
        try:
            opened = self._way.opened(target, fields, seconds=seconds, silent_seconds=silent_seconds)
            if opened.status == 200:
                return Stream(opened)
            data = b""
            for part in opened:
                data += part
                if len(data) > _MOST_LINE:
                    opened.close()
                    break
        except OSError as error:
            raise Unavailable(f"the API server does not answer: {_words(error)}") from error
        return Answered(status=opened.status, body=data)

    def _target(self, path: str, query: Query) -> str:
        return f"{self._prefix}{path}?{_encoded(query)}" if query else f"{self._prefix}{path}"

    def _fields(self, accept: str) -> dict[str, str]:
        fields = {"Accept": accept, "User-Agent": "arcops-operator"}
        if authorization := self._authorization():
            fields["Authorization"] = authorization
        return fields

    def close(self) -> None:
        """Close its connections."""
        self._way.close()


@lru_cache(maxsize=64)
def _encoded(query: Query) -> str:
    return urlencode(query)


def _words(error: OSError) -> str:
    return " ".join(str(error).split())[:200]
