"""A person who is logged in, as pages show them."""

from __future__ import annotations

from dataclasses import dataclass, field

PERSON = "arcops.person"
"""The key of the `Person` in an ASGI scope."""
MAY = "arcops.may"
"""The key of what decides which buttons a person is shown: from a tool and what is asked of it to why they may not call it, or
nothing. What a button does is decided again when it is pressed.
"""


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
