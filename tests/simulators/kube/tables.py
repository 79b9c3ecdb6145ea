"""Tables, as ``kubectl get`` asks for them (API Concepts, "Receiving resources as Tables")."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from tests.simulators.kube.kinds import PRINTED, Column, Resource
from tests.simulators.kube.selecting import path_of

_AGE = Column(name="Age", path=".metadata.creationTimestamp", form="date")


def wanted(accept: str) -> bool:
    """Does the client want a table? It names what it takes, the best first."""
    return "as=Table" in accept.split(",")[0] or ("as=Table" in accept and "as=PartialObjectMetadata" not in accept)


def table(
    kind: Resource, version: str, items: list[dict[str, Any]], metadata: dict[str, Any], *, whole: bool
) -> dict[str, Any]:
    """The table of *items*; each row has the *whole* object or its metadata alone."""
    columns = kind.columns.get(version) or (*PRINTED.get(kind.name, ()), _AGE)
    heads = [{"name": "Name", "type": "string", "format": "name", "description": "", "priority": 0}]
    heads += [
        {"name": one.name, "type": one.form, "format": "", "description": "", "priority": one.priority} for one in columns
    ]
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": metadata,
        "columnDefinitions": heads,
        "rows": [_row(one, columns, whole) for one in items],
    }


def _row(obj: dict[str, Any], columns: tuple[Column, ...], whole: bool) -> dict[str, Any]:
    cells: list[Any] = [obj["metadata"]["name"]]
    for one in columns:
        found = path_of(obj, one.path)
        if one.form == "date" and isinstance(found, str):
            found = _ago(found)
        elif one.form == "string" and found is not None:
            found = str(found) if not isinstance(found, str) else found
        cells.append(found)
    meta = dict(obj["metadata"])
    held = obj if whole else {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": meta}
    return {"cells": cells, "object": held}


def _ago(text: str) -> str:
    seconds = int((datetime.now(UTC) - datetime.fromisoformat(text)).total_seconds())
    for size, letter in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= 2 * size:
            return f"{seconds // size}{letter}"
    return f"{max(0, seconds)}s"
