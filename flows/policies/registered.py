"""Which policies may be named: those that ship with ArcOps and those that the operator registered, by name or by digest.

For remote callers only these count: a caller who may ask for a check cannot also bring the policy that judges it. On one's own
command line a file counts, too (`named_here`).
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from arcops.errors import Refused, Unavailable
from arcops.late_dataclass import dataclass
from arcops.late_pattern import late
from arcops.policy import Policy
from artifacts.reading import read_file
from artifacts.writing import write_new
from flows.policies.reading import MOST_BYTES, load_policy, own_name, parse_policy, read_policy, shipped_policies

MOST_REGISTERED = 1000
"""Policies in the folder. All of them are read each time a policy that does not ship is named; known bytes are parsed once."""
_DIGEST = late(r"sha256:[0-9a-f]{64}\Z")
_PLAIN = late(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,99}\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Registered:
    """A policy that remote callers may name. ``path`` is its file; a shipped one has no file."""

    policy: Policy
    path: Path | None = None


def registered_policies(folder: Path) -> tuple[Registered, ...]:
    """The shipped policies and those in *folder*, by name. Every file there is read strictly.

    Raises `Refused` if a file is not a policy, if two have one name, or if one has the name of a shipped policy.
    """
    found = {name: Registered(policy=load_policy(name)) for name in shipped_policies()}
    for path in _files(folder):
        policy = _plainly_named(_parsed(read_file(path, MOST_BYTES), f"policy {path}"), f"policy {path}")
        earlier = found.get(policy.name)
        if earlier is not None and earlier.path is not None:
            raise Refused(
                f"{path.name} and {earlier.path.name} in the folder of registered policies are both named {policy.name!r}; "
                "rename or remove one of them"
            )
        if earlier is None:  # else it is a copy of the shipped one, byte for byte
            found[policy.name] = Registered(policy=policy, path=path)
    return tuple(found[name] for name in sorted(found))


def registered_policy(named: str, folder: Path) -> Policy:
    """The policy that *named* means for a remote caller: the name or the digest (``sha256:…``) of a registered one.

    Raises `Refused` if there is no such policy. A caller's own file never counts.
    """
    for name in shipped_policies():  # first, whatever is in the folder
        if named in (name, f"sha256:{hashlib.sha256(read_policy(name)).hexdigest()}"):
            return load_policy(name)
    for one in registered_policies(folder):
        if named in (one.policy.name, one.policy.digest):
            return one.policy
    raise Refused(
        f"no policy {named[:100]!r} is registered here, and only registered policies count for remote callers; give a name or "
        "digest that 'arcops policy list' shows; the operator registers a file with 'arcops policy register FILE'"
    )


def named_here(named: str, folder: Path) -> Policy:
    """The policy that *named* means on one's own command line: a registered one's name or digest, or a file.

    Raises `Refused` if there is no such policy, or if a file has the name of a shipped policy.
    """
    if named in shipped_policies() or (named and not _DIGEST.match(named) and os.path.lexists(named)):
        return load_policy(named)
    known = registered_policies(folder)
    for one in known:
        if named in (one.policy.name, one.policy.digest):
            return one.policy
    from difflib import get_close_matches  # only needed for wrong names

    names = [one.policy.name for one in known]
    near = get_close_matches(named[:200], names, n=1)
    meant = f" (did you mean {near[0]}?)" if near else ""
    raise Refused(f"there is no policy {named[:4096]!r}{meant}: give a file, or one of {', '.join(names)}")


def register(data: bytes, folder: Path) -> Registered:
    """Put the policy *data* into *folder*. Registering the same bytes again changes nothing.

    Raises `Refused` if they are not a policy, or if another policy has the name: what a name means never changes silently.
    """
    policy = _plainly_named(parse_policy(data, where="the policy"), "the policy")
    for one in registered_policies(folder):
        if one.policy.digest == policy.digest:
            return one
        if one.policy.name == policy.name:
            where = one.path.name if one.path is not None else "it comes with ArcOps"
            raise Refused(
                f"a policy named {policy.name!r} is registered with the digest {one.policy.digest} ({where}); "
                "rename the new one, or remove that file first"
            )
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    slug = re.sub(r"[^a-z0-9]+", "-", policy.name.lower())[:60].strip("-")
    path = folder / f"{slug}-{policy.digest.removeprefix('sha256:')[:12]}.yaml"
    write_new(path, data, mode=0o600)
    return Registered(policy=policy, path=path)


@lru_cache(maxsize=MOST_REGISTERED)
def _parsed(data: bytes, where: str) -> Policy:
    return parse_policy(data, where=where)


def _plainly_named(policy: Policy, where: str) -> Policy:
    if not _PLAIN.match(policy.name):
        raise Refused(
            f"{where} is named {policy.name[:100]!r}; callers name a registered policy, so use at most 100 of A-Z a-z 0-9, "
            "space, '.', '_' and '-'"
        )
    return own_name(policy, where)


def _files(folder: Path) -> Iterator[Path]:
    """Every file of *folder* except hidden ones, which mounts and editors make for themselves."""
    try:
        files = sorted(one for one in folder.iterdir() if not one.name.startswith("."))
    except FileNotFoundError:
        return
    except OSError as error:
        raise Unavailable(f"the folder of registered policies {folder} cannot be read: {error.strerror}") from error
    if len(files) > MOST_REGISTERED:
        raise Refused(f"{folder} holds {len(files)} files; at most {MOST_REGISTERED} policies are registered")
    yield from files
