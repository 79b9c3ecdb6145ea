"""Connections are opened in one room, and clients of the network are imported there alone."""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from arcops.rooms import ROOMS

HOUSE = Path(__file__).resolve().parents[2]
ROOM = "foundation/egress/"

pytestmark = pytest.mark.requirement("ARC-0/code-keeps-to-its-place", "ARC-2/only-named-hosts-are-reached")

_MODULES = (
    "aiohttp", "asyncpg", "boto3", "botocore", "dns", "ftplib", "grpc", "http.client", "httpcore", "httpcore2", "httpx",
    "httpx2", "hvac", "imaplib", "kubernetes", "poplib", "psycopg", "redis", "requests", "smtplib", "socket", "socketserver",
    "ssl", "telnetlib", "urllib.request", "urllib3", "websocket", "websockets", "xmlrpc", "mcp.client.auth", "mcp.client.sse",
    "mcp.client.streamable_http", "mcp.client.websocket", "mcp.shared._httpx_utils", "opentelemetry.exporter.otlp.proto.grpc",
    "opentelemetry.exporter.otlp.proto.http", "securesystemslib.signer", "sigstore.oidc", "sigstore.sign", "tuf.ngclient",
)  # fmt: skip
_CALLED = {
    "create_connection", "open_connection", "open_unix_connection", "create_datagram_endpoint", "create_unix_connection",
    "connect", "connect_ex", "connect_tcp", "connect_unix", "sock_connect", "start_tls", "wrap_socket", "urlopen",
    "urlretrieve", "streamable_http_client", "sse_client", "create_default_context", "SSLContext", "getaddrinfo",
    "gethostbyname", "socketpair", "open_tcp_stream",
}  # fmt: skip
_FETCHING = frozenset(("production", "staging"))
"""Of a class: sigstore's ways to a verifier or a signer that begins by fetching its trust root."""
_LISTENS = "it listens, or names the type of what does"
_ALLOWED = {
    "adapters/cli/address.py": ({"socket"}, _LISTENS),
    "adapters/cli/serving.py": ({"socket"}, _LISTENS),
    "adapters/http/reloading.py": ({"socket"}, _LISTENS),
    "adapters/http/certificates.py": ({"socket", "socket.socket", "ssl", "ssl.SSLContext"}, _LISTENS),
    "adapters/http/serve.py": ({"socket", "socket.socket"}, _LISTENS),
    "adapters/mcp/sessions.py": ({"transport.connect"}, "two streams in memory, as the SDK calls them"),
    "foundation/sandbox/index.py": ({"sqlite3.connect"}, "a database in a file, or in memory"),
    "artifacts/index_place.py": ({"sqlite3.connect"}, "a database in a file"),
    "tasks/server/rpm_list.py": ({"sqlite3.connect"}, "a database in memory: the list of RPM in an image"),
    "tasks/model/osv/database.py": ({"sqlite3.connect"}, "a database in a file, or in memory"),
    "flows/prefect/api.py": ({"httpx", "httpx.HTTPError"}, "the type of an error that Prefect's own client raises"),
    "artifacts/remote_key.py": (
        {f"securesystemslib.signer.{one}" for one in ("_hsm_signer", "_hsm_signer.HSMSigner", "_key", "_key.SSlibKey")}
        | {"securesystemslib.signer._signer", "securesystemslib.signer._signer.Signer"},
        "the service of a key that the operator named by its URI; this room lies below the one that asks the tier",
    ),
    "foundation/processes/seccomp.py": ({"socket"}, "the numbers of what it forbids"),
    "foundation/processes/keeper.py": ({"socket", "socket.socket"}, "it is handed the socket to the process that started it"),
    "foundation/processes/keeping.py": (
        {"socket", "socket.socket", "socket.socketpair"},
        "a pair of sockets to the keeper that it starts",
    ),
    "foundation/processes/watched.py": (
        {"socket", "socket.socket", "socket.socketpair"},
        "a pair of sockets to the box that it starts, which hands over its watch",
    ),
    "foundation/processes/warm.py": ({"socket", "socket.socket"}, "it listens at a file of this user alone"),
    "foundation/processes/zygote.py": (
        {"socket", "socket.socket", "socket.socketpair"},
        "a pair of sockets to the process that it forks",
    ),
    "foundation/processes/zygote_program.py": ({"socket", "socket.socket"}, "the socket that it was started with"),
    "foundation/processes/handed.py": ({"socket", "socket.socket", "asked.connect"}, "a file of this user, on this machine"),
}


def opens(source: str) -> set[str]:
    """What in *source* opens a connection, makes a socket, or is a module that does."""
    return set(_opens(ast.parse(source)))


def _opens(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (one.name for one in node.names if _is_module(one.name))
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            if module.startswith("foundation.egress."):
                continue  # what is taken from there has asked
            if _is_module(module):
                yield module
            for one in node.names:
                if _is_module(f"{module}.{one.name}"):
                    yield f"{module}.{one.name}"
                elif one.name in _CALLED:
                    yield one.name
        elif isinstance(node, ast.Attribute):
            fetches = node.attr in _FETCHING and ast.unparse(node.value).rpartition(".")[2][:1].isupper()
            if fetches or node.attr in _CALLED or _of(node) == "socket.socket":
                yield _of(node)
        elif isinstance(node, ast.Call):
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            first = node.args[0] if node.args else None
            said = first.value if isinstance(first, ast.Constant) else None
            if name in ("import_module", "__import__") and _is_module(str(said)):
                yield str(said)
            if name == "Client" and (isinstance(said, str) or isinstance(first, ast.JoinedStr)):
                yield "Client"  # MCP's opens a connection by itself if it is given a URL


def _of(node: ast.Attribute) -> str:
    return f"{node.value.id}.{node.attr}" if isinstance(node.value, ast.Name) else node.attr


def _is_module(name: str) -> bool:
    return any(name == one or name.startswith(f"{one}.") for one in _MODULES) and name != "socket.socket"


def _used_as_a_type(source: str, name: str) -> bool:
    """Is *name* nowhere called, so that it stands for a type alone?"""
    return not any(isinstance(node, ast.Call) and ast.unparse(node.func) == name for node in ast.walk(ast.parse(source)))


def test_connections_are_opened_in_one_room() -> None:
    found = {}
    for room in ROOMS:
        for path in (HOUSE / room).rglob("*.py"):
            name = str(path.relative_to(HOUSE))
            if not name.startswith(ROOM):
                found[name] = opens(path.read_text()) - _ALLOWED.get(name, (set(), ""))[0]
    assert {name: what for name, what in found.items() if what} == {}


def test_every_exception_is_needed() -> None:
    for name, (what, why) in _ALLOWED.items():
        assert why
        assert opens((HOUSE / name).read_text()) >= what, name
    for name in ("adapters/cli/serving.py", "adapters/http/reloading.py"):
        assert _used_as_a_type((HOUSE / name).read_text(), "socket"), name
    serves = (HOUSE / "adapters" / "http" / "serve.py").read_text()
    assert "listening.bind(" in serves
    assert "listening.listen(" in serves


def test_the_room_is_seen_through_the_same_eyes() -> None:
    found = {what for path in (HOUSE / ROOM).glob("*.py") for what in opens(path.read_text())}
    assert found >= {
        "httpx2",
        "websockets.asyncio.client",
        "kubernetes.client",
        "requests",
        "ssl",
    }
    assert found >= {"asyncio.open_connection", "ssl.create_default_context"}
    assert "opentelemetry.exporter.otlp.proto.http.trace_exporter" in found


def test_the_contract_names_the_same_exceptions() -> None:
    contracts = tomllib.loads((HOUSE / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    ignored = {line for one in contracts for line in one.get("ignore_imports", ()) if not line.startswith("foundation.egress.")}
    assert ignored == {
        f"{name.removesuffix('.py').replace('/', '.')} -> {what}"
        for name, (known, _) in _ALLOWED.items()
        for what in known
        if "." not in what
    }


@pytest.mark.parametrize(
    "planted",
    [
        "import httpx2",
        "import httpx as h",
        "from httpx2 import get",
        "import requests.sessions",
        "import urllib.request",
        "from urllib import request",
        "from urllib.request import urlopen",
        "import http.client",
        "from http import client",
        "import socket",
        "from socket import create_connection",
        "import ssl",
        "import smtplib",
        "from kubernetes.client import ApiClient",
        "from kubernetes import config",
        "def later():\n    import websockets.sync.client",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from kubernetes.client import ApiClient",
        "import asyncio\nasyncio.open_connection('x', 1)",
        "from asyncio import open_connection",
        "import asyncio\nasyncio.get_running_loop().create_connection(None, 'x', 1)",
        "import asyncio\nopen = asyncio.open_unix_connection",
        "import anyio\nanyio.connect_tcp('x', 1)",
        "def f(made):\n    made.connect(('x', 1))",
        "def f(made):\n    made.connect_ex(('x', 1))",
        "from mcp.client.streamable_http import streamable_http_client",
        "from mcp.client import sse",
        "from mcp import Client\nClient('https://x')",
        "from mcp import Client\nClient(f'https://{x}')",
        "from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter",
        "from opentelemetry.exporter.otlp.proto import grpc",
        "from sigstore.verify import Verifier\nVerifier.production()",
        "from sigstore.oidc import Issuer",
        "from importlib import import_module\nimport_module('httpx2')",
        "__import__('urllib.request')",
    ],
)
def test_a_planted_connection_shows(planted: str) -> None:
    assert opens(planted)


@pytest.mark.parametrize(
    "harmless",
    [
        "from urllib.parse import urlsplit",
        "from mcp import Client\nClient(way)",
        "from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans",
        "from starlette.requests import Request",
        "from sigstore.verify import Verifier",
        "def f(ask):\n    ask.production.show()",
    ],
)
def test_what_opens_nothing_does_not(harmless: str) -> None:
    assert not opens(harmless)
