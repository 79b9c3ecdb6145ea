"""How often one address may begin, at this front, what takes no account: to log in, or to join."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.types import Scope

from adapters.http.bound import Bound
from adapters.http.quotas import logins_per_address
from foundation.limits.beginnings import Beginnings, beginnings
from foundation.settings import is_loopback


def begun_at(bound: Bound, environment: Mapping[str, str]) -> Beginnings:
    """The limit at *bound*, as the operator set it. Behind a proxy, and on this machine alone, all callers have one address."""
    return beginnings(logins_per_address(environment), together=bound.behind_proxy or is_loopback(bound.host))


def address_of(scope: Scope) -> str:
    """The address that a request came from."""
    return str((scope.get("client") or ("",))[0])
