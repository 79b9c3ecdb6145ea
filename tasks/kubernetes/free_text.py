"""Kinds of objects in which people write text of any kind, also secrets, and what a snapshot keeps of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Object = dict[str, Any]


def _plugin(spec: Mapping[str, Any]) -> Object:
    """Of a WasmPlugin all but its own settings and variables."""
    return {name: value for name, value in spec.items() if name not in ("pluginConfig", "vmConfig")}


def _filter(spec: Mapping[str, Any]) -> Object:
    """Of an EnvoyFilter all but what its patches write."""
    patches = [
        {name: {"operation": value.get("operation")} if name == "patch" else value for name, value in one.items()}
        for one in spec.get("configPatches") or ()
    ]
    return {**spec, "configPatches": patches}


def _resources(spec: Mapping[str, Any]) -> Object:
    """Of a configuration of Cilium's Envoy all but what Envoy gets."""
    return {**spec, "resources": []}


def _headers_set(spec: Mapping[str, Any]) -> Object:
    """A route of the Gateway API without the values of headers that it sets: its filters have no other field ``value``."""
    kept: Object = _hidden(spec, within="filters", names=("value",))
    return kept


def _headers(spec: Mapping[str, Any]) -> Object:
    """A VirtualService without the values of headers that it sets or asks for."""
    kept: Object = _hidden(spec, names=("headers", "withoutHeaders"))
    return kept


FREE: Mapping[str, Callable[[Mapping[str, Any]], Object]] = {
    "WasmPlugin": _plugin,
    "EnvoyFilter": _filter,
    "CiliumEnvoyConfig": _resources,
    "CiliumClusterwideEnvoyConfig": _resources,
    "HTTPRoute": _headers_set,
    "GRPCRoute": _headers_set,
    "VirtualService": _headers,
}
"""Kinds with text of any kind, which nothing reads, and what is kept of them; definitions of their groups still accept it."""
_HIDDEN = "-"


def _hidden(value: Any, *, names: tuple[str, ...], within: str = "") -> Any:
    """*value* with other text instead of all text in fields called *names*, if they are in a field called *within*."""
    if isinstance(value, list):
        return [_hidden(one, names=names, within=within) for one in value]
    if not isinstance(value, dict):
        return value
    return {
        name: _without_text(one)
        if not within and name in names
        else _hidden(one, names=names, within="" if name == within else within)
        for name, one in value.items()
    }


def _without_text(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_text(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_without_text(one) for one in value]
    return _HIDDEN if isinstance(value, str) else value
