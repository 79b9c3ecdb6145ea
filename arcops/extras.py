"""What a plain installation leaves out: each extra, what it adds, and what to say if it is missing.

`pyproject.toml` lists the packages of each extra; a test holds the two together.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from importlib.util import find_spec

from arcops.errors import Refused


@dataclass(frozen=True, slots=True, kw_only=True)
class Extra:
    """``adds`` completes the sentence "It adds …". ``modules`` are what our code imports of it."""

    name: str
    adds: str
    modules: tuple[str, ...]


EXTRAS = (
    Extra(name="bench", adds="benchmarks of the processor", modules=("numpy",)),
    Extra(
        name="cloud",
        adds="signing with a key in AWS KMS, Azure Key Vault, Google Cloud KMS or HashiCorp Vault",
        modules=("azure", "boto3", "google.cloud.kms", "hvac"),
    ),
    Extra(name="costs", adds="counting tokens as a model does, for what calls of hosted servers cost", modules=("tokenizers",)),
    Extra(name="gpu", adds="benchmarks of NVIDIA GPUs", modules=("cuda", "numpy")),
    Extra(name="kubernetes", adds="reading a live cluster", modules=("httptools", "kubernetes", "msgspec", "urllib3")),
    Extra(
        name="network",
        adds="checks of network policies, and the questions 'arcops network' answers about them",
        modules=("cel_expr_python", "google.protobuf", "numpy"),
    ),
    Extra(name="pkcs11", adds="signing with a key in a PKCS #11 token", modules=("pkcs11",)),
    Extra(name="postgresql", adds="the database on a PostgreSQL server, for many hosts", modules=("psycopg",)),
    Extra(
        name="prefect",
        adds="running checks as Prefect flows",
        modules=("httpx", "prefect", "pydantic", "websockets"),
    ),
    Extra(name="redis", adds="limits that are counted in Redis, for many hosts", modules=("redis",)),
    Extra(
        name="relay",
        adds="hosting MCP servers of others ('arcops host')",
        modules=("httptools", "msgspec", "uv", "uvloop"),
    ),
    Extra(
        name="server",
        adds="the MCP server and client, the evidence pages, the admission webhook, the database and stores of secrets",
        modules=(
            "alembic", "anyio", "casbin", "cedarpy", "dns", "httpcore2", "httpx2", "joserfc", "markupsafe", "mcp", "mcp_types",
            "prometheus_client", "pydantic", "sqlalchemy", "starlette", "uvicorn",
        ),
    ),
    Extra(name="telemetry", adds="traces (OpenTelemetry)", modules=("google.protobuf", "opentelemetry", "requests")),
)  # fmt: skip


def without(module: str) -> str | None:
    """What to tell a user if *module* could not be imported; `None` if no extra brings it."""
    bring = [
        one.name
        for one in EXTRAS
        if any(f"{name}.".startswith(f"{module}.") or f"{module}.".startswith(f"{name}.") for name in one.modules)
    ]
    return _sentence(module, bring) if bring else None


def lacking(error: ModuleNotFoundError) -> Refused | None:
    """What to raise for *error*, so that a user learns which extra is missing; `None` if no extra brings the module."""
    sentence = without(error.name or "")
    return Refused(sentence) if sentence else None


def of(extra: str) -> str:
    """The command that installs *extra*, and what it adds."""
    return f"pip install 'arcops[{extra}]' adds {_named(extra).adds}"


def refuse_without(extras: Iterable[str]) -> None:
    """Raise `Refused`, with the command that installs it, for the first of *extras* that is not installed whole."""
    for extra in extras:
        for module in _named(extra).modules:
            if not _there(module):
                raise Refused(_sentence(module, (extra,)))


def lacks(extra: str) -> bool:
    """Is a module of *extra* not installed?"""
    return not all(map(_there, _named(extra).modules))


def _named(extra: str) -> Extra:
    return next(one for one in EXTRAS if one.name == extra)


def _sentence(module: str, extras: Iterable[str]) -> str:
    return f"the Python package {module.partition('.')[0]!r} is not installed: {'; '.join(map(of, extras))}"


def _there(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # the package around it is not there either
        return False
