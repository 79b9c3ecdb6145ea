"""Does an object as the API server has it already say all that we want it to say?

The API server adds defaults, and others add fields of their own (a restart is an annotation); what may stay of them is said in
`adding`. A field that we no longer want shows by the digest of what was applied.

The API server does not give back what it was sent: it writes amounts in one form (``1000m`` is ``1``), and leaves out of its
own kinds what is empty (API conventions, "Optional vs. Required": ``omitempty``). Neither is a difference.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from arcops.seen.cluster import quantity
from manifests.objects import Json

_KEYS = {"volumeMounts": "mountPath"}
"""By what items of a list are told apart, if that is not their name."""
_AMOUNTS = ("limits", "requests")
_ONE_AMOUNT = ("sizeLimit", "divisor")
_ANY_NAMES = ("data", "labels", "annotations", "matchLabels", "nodeSelector", "selector", *_AMOUNTS)
"""Maps whose members are not fields: none of them is left out, however empty."""
_FALSE = frozenset(("hostNetwork", "hostPID", "hostIPC", "readOnly", "publishNotReadyAddresses"))
"""Fields that are left out if they are false, and mean the same then; the absence of others means true, or something else."""
_ZERO = frozenset(("initialDelaySeconds", "minReadySeconds"))
_BUILT_IN = ("", "apps", "policy", "autoscaling", "networking.k8s.io")


def covers(live: Json, wanted: Mapping[str, Json]) -> bool:
    """Has *live* every field of *wanted*? Items of a list that have a name are compared by it, others in their order."""
    group = str(wanted.get("apiVersion", "")).rpartition("/")[0]
    return _covers(live, wanted, "", typed=group in _BUILT_IN)


def _covers(live: Json, wanted: Json, field: str, *, typed: bool) -> bool:
    if wanted is None or isinstance(wanted, str | int | float):
        if field in _AMOUNTS or field in _ONE_AMOUNT:
            return _amount(live) is not None and _amount(live) == _amount(wanted)
        return live == wanted and type(live) is type(wanted)
    if live == wanted:  # most of it, and soon told
        return True
    if isinstance(wanted, Mapping):
        return isinstance(live, Mapping) and all(
            _covers(live[name], one, field if field in _AMOUNTS else name, typed=typed)
            if name in live
            else one is None or (typed and field not in _ANY_NAMES and _is_nothing(name, one))
            for name, one in wanted.items()
        )
    if not isinstance(live, Sequence) or isinstance(live, str):
        return False
    if asked := by_key(wanted, field):
        there = keyed(live, field)
        return all(name in there and _covers(there[name], one, "", typed=typed) for name, one in asked.items())
    return len(live) == len(wanted) and all(_covers(*pair, field, typed=typed) for pair in zip(live, wanted, strict=True))


def _is_nothing(name: str, value: Json) -> bool:
    """Does the API server leave out the field *name* with this *value*, so that its absence means the same?"""
    if isinstance(value, bool):
        return not value and name in _FALSE
    if isinstance(value, int):
        return value == 0 and name in _ZERO
    if isinstance(value, Mapping):
        return not value and name in _ANY_NAMES
    return isinstance(value, Sequence) and not value


def _amount(value: Json) -> object:
    return quantity(str(value)) if isinstance(value, int | str) and not isinstance(value, bool) else None


def by_key(items: Sequence[Json], field: str) -> Mapping[str, Json]:
    """The *items* of the list *field* by what tells them apart; empty if one of them has nothing of that kind."""
    found = keyed(items, field)
    return found if len(found) == len(items) else {}


def keyed(items: Sequence[Json], field: str) -> Mapping[str, Json]:
    """Those of *items* that have something by which they are told apart."""
    key = _KEYS.get(field, "name")
    return {str(one[key]): one for one in items if isinstance(one, Mapping) and key in one}
