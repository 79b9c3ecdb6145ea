"""Does an object as the API server has it already say all that we want it to say?

The API server adds defaults, and others add fields of their own (a restart is an annotation); both stay. A field that we no
longer want shows by the digest of what was applied.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from manifests.objects import Json


def covers(live: Json, wanted: Json) -> bool:
    """Has *live* every field of *wanted*? Items of a list that have a name are compared by it, others in their order."""
    if isinstance(wanted, Mapping):
        return isinstance(live, Mapping) and all(name in live and covers(live[name], one) for name, one in wanted.items())
    if isinstance(wanted, Sequence) and not isinstance(wanted, str):
        if not isinstance(live, Sequence) or isinstance(live, str):
            return False
        named = _by_name(live)
        if named and (asked := _by_name(wanted)):
            return all(name in named and covers(named[name], one) for name, one in asked.items())
        return len(live) == len(wanted) and all(covers(*pair) for pair in zip(live, wanted, strict=True))
    return live == wanted and type(live) is type(wanted)


def _by_name(items: Sequence[Json]) -> Mapping[str, Json]:
    """*items* by their names; empty if one has none."""
    found = {str(one["name"]): one for one in items if isinstance(one, Mapping) and "name" in one}
    return found if len(found) == len(items) else {}
