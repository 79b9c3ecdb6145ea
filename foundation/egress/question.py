"""One request and its whole answer, to an address that the tier reaches: bounded in bytes and in time, and followed nowhere.

It is for asking with a secret: what it sends never goes in the clear to another machine, and no error quotes it.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from arcops.errors import Refused, Unavailable
from arcops.extras import lacking
from arcops.tier import Tier
from foundation.egress.permission import Purpose, permitted
from foundation.egress.tls import NotUsable, context

if TYPE_CHECKING:
    from httpx2 import Client

_BOTH = 2
"""``socket.SHUT_RDWR``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """``status``, ``body`` and ``headers`` (by small names) of an answer, which may hold secrets, so that it is never shown."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"Answer({self.status})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """How *url*s of one service are asked: in which ``tier``, trusting which ``authorities`` (PEM; the system's if empty).

    ``seconds`` is what a whole question may take, ``most`` the most bytes of an answer.
    """

    tier: Tier
    purpose: Purpose
    authorities: str = ""
    seconds: float = 10.0
    most: int = 256 * 1024

    def ask(self, method: str, url: str, headers: Mapping[str, str], body: bytes = b"") -> Answer:
        """The answer of *url*, whatever its status. Raises `Unavailable` if there is no answer.

        Raises `Refused` for an address out of the tier's reach, in the clear to another machine, or in which a certificate is
        refused, and for a header that cannot be sent.
        """
        to = permitted(self.tier, url, self.purpose)
        if to.in_the_clear:
            raise Refused(f"{self.purpose.what} names {to.host} without encryption, and a secret would be sent; use https")
        for name, value in headers.items():
            if not (value.isascii() and value.isprintable() and value == value.strip()):  # the library's error would quote it
                raise Refused(
                    f"the header {name} would have characters that a header must not have; check the credential's source"
                )
        with self._client(direct=to.here, tls=to.scheme == "https") as client:
            return _exchanged(client, method, url, headers, body, self)

    def _client(self, *, direct: bool, tls: bool) -> Client:
        try:
            from httpx2 import Client, Timeout
        except ModuleNotFoundError as error:
            raise lacking(error) or error from None
        try:
            verify = context(self.authorities) if tls else False
        except NotUsable:
            raise Refused(f"the authorities of {self.purpose.what} are not readable certificates (PEM)") from None
        timeout = Timeout(self.seconds / 2)
        return Client(verify=verify, timeout=timeout, trust_env=not direct, follow_redirects=False)


def _exchanged(client: Client, method: str, url: str, headers: Mapping[str, str], body: bytes, way: Way) -> Answer:
    from httpx2 import HTTPError, InvalidURL

    told = {"Accept": "application/json", **headers, "Accept-Encoding": "identity"}
    read = bytearray()
    with _Deadline(way.seconds) as deadline:
        try:
            traced = {"trace": deadline.connected}
            with client.stream(method, url, headers=told, content=body or None, extensions=traced) as answer:
                for part in answer.iter_raw():
                    read += part
                    if len(read) > way.most:
                        raise Refused(f"the answer has more than {way.most:,} bytes, so it is not what was asked for")
                if not deadline.passed:
                    return Answer(status=answer.status_code, body=bytes(read), headers=dict(answer.headers))
        except (HTTPError, InvalidURL) as error:
            # Not from the error: what the library says may quote a header, and a log shows what an error came from.
            if "CERTIFICATE_VERIFY_FAILED" in str(error):
                raise Refused("its certificate is refused; name its authorities, or check its name") from None
            if not deadline.passed:
                raise Unavailable(f"it does not answer ({type(error).__name__})") from None
    raise Unavailable(f"it did not answer whole within {way.seconds:g} seconds")


class _Deadline:
    """Ends the connections of one question after *seconds*. The client's own limits are for each part that it reads, so a side
    that sends a byte now and then would hold the question, and all who wait for it, for ever.
    """

    def __init__(self, seconds: float) -> None:
        self.passed = False
        self._lock = threading.Lock()
        self._streams: list[Any] = []
        self._timer = threading.Timer(seconds, self._end)
        self._timer.daemon = True

    def __enter__(self) -> _Deadline:
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()

    def connected(self, event: str, about: Mapping[str, Any]) -> None:
        """The client says what it does (httpcore's extension ``trace``)."""
        if event.endswith((".connect_tcp.complete", ".start_tls.complete")):
            with self._lock:
                self._streams.append(about["return_value"])
            if self.passed:
                self._end()

    def _end(self) -> None:
        self.passed = True
        with self._lock:
            streams = list(self._streams)
        for one in streams:
            with suppress(OSError):
                one.get_extra_info("socket").shutdown(_BOTH)
