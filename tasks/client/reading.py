"""Drafts and policy sets from their YAML, strictly: an unknown field is an error, not something that is passed over."""

from __future__ import annotations

import hashlib
from typing import TypeVar

from amend.client.materialising import refuse_wrong
from amend.client.rules import PolicySet
from arcops.errors import Refused
from arcops.seen.client import Draft
from artifacts.wire import from_values
from foundation.strict_yaml import load_all

MOST_BYTES = 1024 * 1024
_EXAMPLE = "'arcops conf draft new' writes an example"
T = TypeVar("T")


def read_draft(data: bytes, what: str = "the draft") -> Draft:
    """The draft in *data*. Raises `Refused`, naming *what* was read and the place, if it is not one."""
    draft = read_mapping(Draft, data, what, hint=_EXAMPLE)
    refuse_wrong(draft)
    return draft


def read_policy_set(data: bytes, what: str = "the policy set") -> tuple[PolicySet, str]:
    """The policy set in *data*, and the digest of its bytes (``sha256:…``). Raises `Refused` as `read_draft` does."""
    return read_mapping(PolicySet, data, what, hint=_EXAMPLE), f"sha256:{hashlib.sha256(data).hexdigest()}"


def read_mapping(kind: type[T], data: bytes, what: str, *, hint: str) -> T:
    """The value of *kind* in *data*, which is one YAML mapping. Raises `Refused`, naming *what* was read, with the *hint*."""
    if len(data) > MOST_BYTES:
        raise Refused(f"{what} has {len(data)} bytes; at most {MOST_BYTES} are read")
    documents = load_all(data, what=what)
    if len(documents) != 1 or not isinstance(documents[0], dict):
        raise Refused(f"{what} is not one YAML mapping; {hint}")
    return from_values(kind, documents[0])
