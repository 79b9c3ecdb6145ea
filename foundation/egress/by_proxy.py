"""An API server behind an HTTP proxy that its kubeconfig names: urllib3 knows tunnels, and proxies that want TLS."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any, cast

from urllib3 import ProxyManager, Retry
from urllib3.exceptions import HTTPError
from urllib3.util import Timeout

from foundation.egress.answered import Answered
from foundation.egress.cluster import ClusterWay

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse

_PART = 64 * 1024


class ByProxy:
    """One server, by ``way.proxy``."""

    def __init__(self, way: ClusterWay, *, most: int) -> None:
        # Retries are the controller's, and a token never follows a redirect.
        given: dict[str, Any] = {
            "retries": Retry(total=0, redirect=0),
            "maxsize": most,
            "block": False,
            "ssl_context": way.tls,
        }
        if way.tls_name:
            given |= {"server_hostname": way.tls_name, "assert_hostname": way.tls_name}
        if not way.verify:
            given |= {"assert_hostname": False}
        scheme, _, rest = way.server.partition("://")
        self._origin = f"{scheme}://{rest.partition('/')[0]}"
        self._pool = ProxyManager(way.proxy, **given)

    def ask(
        self, method: str, target: str, fields: dict[str, str], body: bytes | None, *, seconds: float, most: int
    ) -> Answered:
        """As `kept_open.KeptOpen.ask`; *seconds* are for each wait."""
        try:
            with self._asked(method, target, fields, body, seconds, seconds) as response:
                data = response.read(most + 1, decode_content=True)
                after = response.headers.get("Retry-After", "")
                response.release_conn()
        except HTTPError as error:
            raise OSError(str(error)) from error
        if len(data) > most:
            raise OSError(f"the answer has more than {most:,} bytes")
        return Answered(status=response.status, body=data, retry_after=float(after) if after.isdigit() else 0.0)

    def opened(self, target: str, fields: dict[str, str], *, seconds: float, silent_seconds: float) -> _Opened:
        """As `kept_open.KeptOpen.opened`."""
        try:
            return _Opened(self._asked("GET", target, fields, None, seconds, silent_seconds))
        except HTTPError as error:
            raise OSError(str(error)) from error

    def close(self) -> None:
        """Close its connections."""
        self._pool.clear()

    def _asked(
        self, method: str, target: str, fields: dict[str, str], body: bytes | None, connect: float, read: float
    ) -> BaseHTTPResponse:
        return self._pool.request(
            method,
            f"{self._origin}{target}",
            body=body,
            headers=fields,
            timeout=Timeout(connect=connect, read=read),
            redirect=False,
            preload_content=False,
        )


class _Opened:
    def __init__(self, response: BaseHTTPResponse) -> None:
        self._response = response

    @property
    def status(self) -> int:
        return self._response.status

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from self._response.stream(_PART, decode_content=False)
        except (HTTPError, ValueError, AttributeError) as error:  # the last two: it was closed meanwhile
            raise OSError(str(error)) from error
        finally:
            self._response.close()

    def close(self) -> None:
        with suppress(Exception):
            cast(Any, self._response).shutdown()
