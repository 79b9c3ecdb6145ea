"""E-mail addresses and their domains: read strictly, and those of public mail services told apart."""

from __future__ import annotations

import re
from collections.abc import Collection

from arcops.errors import Refused

_LISTED = """
10minutemail.com 126.com 139.com 163.com 189.cn abv.bg aliyun.com arcor.de att.net bbox.fr bellsouth.net bigpond.com bk.ru
bluewin.ch bol.com.br btinternet.com centrum.cz comcast.net cox.net daum.net docomo.ne.jp duck.com email.cz email.com
fastmail.com foxmail.com free.fr freemail.hu freenet.de gazeta.pl guerrillamail.com hanmail.net hey.com hushmail.com i.ua
icloud.com ig.com.br interia.pl kakao.com keemail.me laposte.net libero.it list.ru mac.com mail.com mail.ru mailbox.org
mailinator.com me.com mozmail.com naver.com nate.com neuf.fr ntlworld.com o2.pl onet.pl optonline.net orange.fr passmail.net
planet.nl pm.me posteo.de privaterelay.appleid.com proton.me qq.com rambler.ru rediffmail.com rogers.com runbox.com
sapo.pt sbcglobal.net seznam.cz sfr.fr sharklasers.com shaw.ca sina.cn sina.com skynet.be sohu.com sympatico.ca t-online.de
telenet.be telus.net temp-mail.org terra.com.br tin.it tiscali.it trashmail.com tuta.com tuta.io tutamail.com ukr.net
uol.com.br verizon.net virgilio.it virginmedia.com wanadoo.fr web.de wp.pl xs4all.nl yeah.net yopmail.com ziggo.nl zoho.com
zohomail.com
"""
_EVERYWHERE = "aol gmail gmx googlemail hotmail inbox live msn outlook protonmail rocketmail tutanota yahoo yandex ymail"
_ENDS = "com net org eu"
_COUNTRIES = """
ar at au be bg bo br by ca ch cl cn co cz de dk ee es fi fr gr hk hr hu id ie il in is it jp kr kz lt lu lv ma mx my nl no nz
pe ph pk pl pt ro rs ru sa se sg sk th tr tw ua uk us uy uz ve vn za
"""
_COMMERCIAL = ("co", "com")
"""What some countries have before their own end: ``co.uk``, ``com.br``."""
FREE_MAIL = frozenset(_LISTED.split()) | frozenset(
    f"{name}.{end}"
    for name in _EVERYWHERE.split()
    for country in (*_ENDS.split(), *_COUNTRIES.split())
    for end in (country, *(f"{one}.{country}" for one in _COMMERCIAL if len(country) == 2))
)
"""Domains at which anyone gets an address: to have one says nothing about an organisation. Sources: the services' own sites.
Some services give addresses under the ends of many countries, so their names count under each of these.
"""
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
