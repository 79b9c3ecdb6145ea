"""The client for one API server, made of what was read of a kubeconfig: no file but for a moment, no proxy by accident."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from arcops.errors import Refused
from tasks.kubernetes.config import Access, bearer
from tasks.kubernetes.program import run

if TYPE_CHECKING:
    from kubernetes.client import ApiClient  # type: ignore[import-untyped]  # the package brings no types


def client_of(access: Access, environment: Mapping[str, str], tick: Callable[[], None]) -> ApiClient:
    """A client that asks as *access* says; its program, where there is one, is run first. Raises `Refused` where it cannot."""
    try:
        from kubernetes.client import ApiClient as Client
        from kubernetes.client import Configuration
        from urllib3 import Retry
    except ImportError as error:
        raise Refused("reading a cluster needs the package 'kubernetes'; install arcops[cluster]") from error
    if access.program is not None:
        gave = run(access.program, environment, tick)
        header = bearer(gave.token, access.program.user)
        access = replace(access, program=None, authorization=header, certificate=gave.certificate, key=gave.key)
    configuration = Configuration()
    configuration.host = access.server
    configuration.verify_ssl = access.verify
    configuration.tls_server_name = access.tls_name or None
    # The client takes a proxy from the environment; where an operator named the only hosts to ask, there is none between.
    configuration.proxy = None if access.direct else access.proxy or configuration.proxy
    if access.authorization:
        configuration.api_key["BearerToken"] = access.authorization
    context = _context(access)
    client: Client = Client(configuration)
    told = client.rest_client.pool_manager.connection_pool_kw
    told["ssl_context"] = context
    # Once more and no oftener, so that a server which hangs costs two waits and not four; and a token follows no redirect.
    told["retries"] = Retry(total=1, redirect=0)
    return client


def _context(access: Access) -> ssl.SSLContext:
    """TLS as *access* says. OpenSSL takes a client's key only from a file: it lies in a private folder while it is read."""
    try:
        context = ssl.create_default_context(cadata=access.authority or None)
        if not access.verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if access.certificate:
            with TemporaryDirectory(prefix="arcops-client-") as folder:  # for this user alone, by its mode
                file = Path(folder) / "pair.pem"
                file.touch(mode=0o600)
                file.write_text(f"{access.key.strip()}\n{access.certificate.strip()}\n", encoding="ascii")
                context.load_cert_chain(file, password=_no_password)
    except (ssl.SSLError, ValueError, OSError):
        raise Refused("the certificates or the key of the kubeconfig are none that TLS can use; write them anew") from None
    return context


def _no_password() -> bytes:
    """An encrypted key is refused: OpenSSL would ask for its password at the terminal, in the middle of a run."""
    raise ValueError("encrypted")
