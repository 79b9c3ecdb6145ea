"""Keras: the ``.keras`` zip of version 3, and what its configuration would have loaded by name.

Source: ``keras/src/saving/saving_lib.py`` and ``serialization_lib.py``.
"""

from __future__ import annotations

from tasks.model.content import hdf5, zips
from tasks.model.content.bounded_json import Json, parse
from tasks.model.content.draft import Draft, printable
from tasks.model.content.window import Malformed, Window

CONFIG_LIMIT = 32 * 1024 * 1024

PLAIN_MODULES = frozenset(
    f"keras{source}.{kind}"
    for source in ("", ".src")
    for kind in (
        "layers",
        "initializers",
        "regularizers",
        "constraints",
        "optimizers",
        "losses",
        "metrics",
        "activations",
        "models",
    )
) | {"keras"}
"""Modules of Keras' own classes; a class of another module is an import that a policy must allow by name."""


def is_keras(members: list[zips.Member]) -> bool:
    names = {member.name for member in members}
    return "config.json" in names and bool(names & {"metadata.json", "model.weights.h5", "model.weights.npz"})


def read_members(window: Window, members: list[zips.Member], draft: Draft) -> list[zips.Member]:
    """Read what Keras reads; returns the assets, which layers open by themselves."""
    draft.format = "keras"
    assets: list[zips.Member] = []
    for member in members:
        if member.name == "config.json":
            if member.size > CONFIG_LIMIT:
                raise Malformed(f"its config.json has {member.size} bytes; at most {CONFIG_LIMIT} are read")
            content = zips.content_of(window, member, draft, CONFIG_LIMIT)
            built_by(parse(content.read(0, content.size)), draft)
        elif member.name == "metadata.json" or member.name.endswith("/"):
            continue
        elif member.name == "model.weights.h5":
            if zips.first_bytes(window, member, 8) != hdf5.SIGNATURE:
                draft.problem("its weights are not HDF5")
        elif member.name.startswith("assets/"):
            assets.append(member)
        else:
            draft.problem(f"it holds {printable(member.name)!r}, which Keras does not write")
    return assets


def built_by(config: Json, draft: Draft) -> None:
    """Note every class and function that a configuration names. Works through a list, not by recursion."""
    waiting: list[Json] = [config]
    while waiting:
        value = waiting.pop()
        if isinstance(value, list):
            waiting += value
        elif isinstance(value, dict):
            waiting += value.values()
            named(value, draft)


def named(value: dict[str, Json], draft: Draft) -> None:
    """Note the class or function that one mapping of a configuration names."""
    name, module, registered = value.get("class_name"), value.get("module"), value.get("registered_name")
    if name in ("Lambda", "__lambda__") or "__lambda__" in value:
        draft.code = True
        draft.problem("it carries a Lambda layer, whose Python bytecode runs when the model is loaded")
    if not isinstance(name, str):
        return
    if isinstance(registered, str) and ">" in registered and registered.split(">")[0] != "keras":
        draft.imported(f"registered.{registered}")
    if name == "function":
        draft.imported(f"{module}.{value.get('config')}")
    elif module is not None and module not in PLAIN_MODULES:
        draft.imported(f"{module}.{name}")
