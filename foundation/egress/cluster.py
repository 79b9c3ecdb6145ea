"""Requests to the API server of a Kubernetes cluster: one at a time, no redirect, no proxy by accident."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from arcops.errors import Unavailable
from arcops.extras import refuse_without
from arcops.tier import Tier
from foundation.egress.permission import Purpose, permit_unread, permitted
from foundation.egress.remotes import HERE, retried

if TYPE_CHECKING:
    from ssl import SSLContext

_PART = 16 * 1024
_INSTEAD = "say --tier restricted"
_PURPOSE = Purpose(what="the server of the kubeconfig", form="write it like https://cluster.example.org:6443", instead=_INSTEAD)


class NotGiven(Exception):
    """The API server answered, but not with what was asked for."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(f"{status} {reason}")
        self.status = status
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterWay:
    """How to get there: through ``proxy``, or the environment's if it is empty; ``direct`` means without a proxy."""

    server: str
    tls: SSLContext
    verify: bool
    tls_name: str
    proxy: str
    direct: bool


def refuse_unreached(tier: Tier) -> None:
    """Raise `Refused` unless *tier* allows reading a cluster."""
    permit_unread(tier, "reading a cluster", _INSTEAD)


class ApiServer:
    """One API server, at ``server``; *authorization* is the header's value, or empty.

    Raises `Refused` if *tier* does not reach it.
    """

    def __init__(self, tier: Tier, way: ClusterWay, *, authorization: str) -> None:
        refuse_unreached(tier)
        self._to = permitted(tier, way.server, _PURPOSE)
        refuse_without(("kubernetes",))
        from kubernetes.client import ApiClient, Configuration  # type: ignore[import-untyped]  # the package brings no types
        from urllib3 import Retry

        self.server = way.server
        configuration = Configuration()
        configuration.host = way.server
        configuration.verify_ssl = way.verify
        configuration.tls_server_name = way.tls_name or None
        # The client takes a proxy from the environment. If an operator named the only hosts to ask, no proxy is used.
        configuration.proxy = None if way.direct else way.proxy or configuration.proxy
        if authorization:
            configuration.api_key["BearerToken"] = authorization
        self._client = ApiClient(configuration)
        told = self._client.rest_client.pool_manager.connection_pool_kw
        told["ssl_context"] = way.tls
        # Retries are ours (`remotes`), and a token never follows a redirect.
        told["retries"] = Retry(total=0, redirect=0)
        self._to = permitted(tier, way.server, _PURPOSE)

    def get(
        self, path: str, query: list[tuple[str, str]], form: str, *, seconds: tuple[float, float]
    ) -> tuple[Any, Mapping[str, str]]:
        """The answer to one GET, as *form* (``object`` or ``str``), and the headers. *seconds* to connect, and to wait.

        It is made once more if that fails at once, so that a server that hangs costs one wait. Raises `NotGiven`, and
        `Unavailable` if there is no answer, or the server is left alone because it did not answer before.
        """
        from kubernetes.client import ApiException
        from urllib3.exceptions import HTTPError

        def ask() -> tuple[Any, Mapping[str, str]]:
            with HERE.asking(self._to, (HTTPError,)):
                data, _, headers = self._client.call_api(
                    path,
                    "GET",
                    query_params=query,
                    header_params={"Accept": "application/json" if form == "object" else "text/plain"},
                    response_types_map={200: form},
                    auth_settings=["BearerToken"],
                    _request_timeout=seconds,
                )
                return data, headers

        try:
            return retried(ask, (HTTPError,), deadline=time.monotonic() + seconds[0])
        except HTTPError as error:
            raise Unavailable(f"the API server does not answer: {' '.join(str(error).split())}") from error
        except ApiException as error:
            raise NotGiven(error.status, error.reason) from error

    def post(self, path: str, body: Mapping[str, object], *, most: int, seconds: float) -> bytes:
        """The answer to *body*, as JSON: at most *most* bytes, within *seconds* in all.

        Raises `NotGiven`, and `Unavailable` if there is no answer, or one that is too long.
        """
        from kubernetes.client import ApiException
        from urllib3.exceptions import HTTPError

        ends = time.monotonic() + seconds
        headers = {"Accept": "application/json", "Accept-Encoding": "identity", "Content-Type": "application/json"}
        self._client.update_params_for_auth(headers, [], ["BearerToken"])
        try:
            response = self._client.rest_client.request(
                "POST", f"{self.server}{path}", headers=headers, body=body, _preload_content=False, _request_timeout=seconds
            )
            with closing(response):
                if response.status not in (200, 201):
                    raise NotGiven(response.status, str(response.reason))
                data = b""
                while part := response.read1(_PART):
                    data += part
                    if len(data) > most:
                        raise Unavailable(f"the answer of the API server has more than {most} bytes")
                    if time.monotonic() > ends:
                        raise Unavailable(f"the API server does not end its answer within {seconds:g} seconds")
                return data
        except HTTPError as error:
            raise Unavailable(f"the API server does not answer: {' '.join(str(error).split())}") from error
        except ApiException as error:
            raise NotGiven(error.status, str(error.reason)) from error

    def close(self) -> None:
        """Close its connections."""
        self._client.close()
