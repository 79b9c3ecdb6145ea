"""E-mail addresses and their domains: read strictly, and those of public mail services told apart."""

from __future__ import annotations

import re
from collections.abc import Collection

from arcops.errors import Refused

_LISTED = """
126.com 163.com aol.com fastmail.com free.fr gmail.com gmx.at gmx.ch gmx.com gmx.de gmx.net googlemail.com hey.com
hotmail.com hushmail.com icloud.com inbox.lv laposte.net libero.it live.com mac.com mail.com mail.ru mailbox.org me.com
msn.com naver.com orange.fr outlook.com outlook.de pm.me posteo.de proton.me protonmail.com qq.com rediffmail.com
seznam.cz sina.com t-online.de tuta.io tutanota.com web.de wp.pl yahoo.com yahoo.co.jp yahoo.co.uk yahoo.de yahoo.fr
yandex.com yandex.ru ymail.com zoho.com
"""
FREE_MAIL = frozenset(_LISTED.split())
"""Domains at which anyone gets an address: to have one says nothing about an organisation. Sources: the services' own sites."""
_LOCAL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_LABEL = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)")
_MOST, _MOST_LOCAL, _MOST_DOMAIN = 254, 64, 253


def read_email(text: str) -> tuple[str, str]:
    """The address *text* with its domain in small letters, and that domain. Raises `Refused` for any other text."""
    local, at, domain = text.rpartition("@")
    domain = domain.lower()
    if (
        not at
        or len(text) > _MOST
        or len(local) > _MOST_LOCAL
        or not _LOCAL.fullmatch(local)
        or len(domain) > _MOST_DOMAIN
        or "." not in domain
        or not all(_LABEL.fullmatch(one) for one in domain.split("."))
        or domain.rpartition(".")[2].isdecimal()
    ):
        raise Refused(f"{text[:80]!r} is not an e-mail address; write one as ann@example.org (other letters as xn--…)")
    return f"{local}@{domain}", domain


def refuse_public(domain: str, refused: Collection[str]) -> None:
    """Raise `Refused` if *domain*, or one above it, is in *refused*."""
    labels = domain.split(".")
    found = next((one for start in range(len(labels)) if (one := ".".join(labels[start:])) in refused), "")
    if found:
        raise Refused(
            f"anyone gets an address at {found}, so it says nothing about an organisation; invite one of their own domain "
            "(ARCOPS_FREE_MAIL says which domains are refused)"
        )
