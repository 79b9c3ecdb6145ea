"""A person who is logged in, as pages show them."""

from __future__ import annotations

from dataclasses import dataclass, field

PERSON = "arcops.person"
"""The key of the `Person` in an ASGI scope."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """``name`` is for people to read; ``id`` at ``issuer`` is who they are.

    ``leave`` is the path at which they log out, and ``form`` the word that the form for it sends.
    """

    name: str
    id: str
    issuer: str
    leave: str
    form: str = field(repr=False)
