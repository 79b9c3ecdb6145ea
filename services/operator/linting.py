"""What is wrong with the Cedar policies of a resource, before a call meets them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from arcops.errors import Refused
from foundation.authorization.cedar_lint import slips
from foundation.authorization.cedar_tools import read_rules
from services.operator.sidecar import CedarPolicies


@dataclass(frozen=True, slots=True, kw_only=True)
class Linted:
    """``refused`` says why the policies may not be used, ``told`` what their author should know; each in a sentence."""

    refused: tuple[str, ...] = ()
    told: tuple[str, ...] = ()


def linted(authz: CedarPolicies, server: str) -> Linted:
    """What is wrong with *authz* of the resource named *server*."""
    return _linted(authz.policies, authz.entities, tuple(sorted(authz.actions.items())), server)


@lru_cache(maxsize=4096)  # each pass over a resource asks again
def _linted(policies: tuple[str, ...], entities: str, actions: tuple[tuple[str, str], ...], server: str) -> Linted:
    named = [(f"policy {number}", text) for number, text in enumerate(policies, 1)]
    try:
        found = slips(read_rules(named, entities, server=server, actions=dict(actions)))
    except Refused as error:
        return Linted(refused=(str(error),))
    return Linted(
        refused=tuple(str(one) for one in found if one.refused), told=tuple(str(one) for one in found if not one.refused)
    )
