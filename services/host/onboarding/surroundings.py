"""The settings of onboarding, read from the environment: the name server, the way of mail, and the domains that are refused."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from arcops.errors import Refused
from artifacts.reading import read_file
from services.host.onboarding.domains import FREE_MAIL

_MOST_BYTES = 1024 * 1024
_SENDER = re.compile(r"[!-~]{1,64}@[a-z0-9.-]{1,253}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Onboarding:
    """``dns`` is the name server, empty for this machine's own. ``mail`` is a mail server's URL, ``folder:/PATH``, or empty;
    ``password`` a reference to its password, ``sender`` the address that mails are from. ``refused`` are domains of free mail.
    """

    dns: str
    mail: str
    password: str
    sender: str
    refused: Collection[str]


def read_onboarding(environment: Mapping[str, str]) -> Onboarding:
    """The settings in *environment*. Raises `Refused` naming the variable that cannot be understood."""
    mail = environment.get("ARCOPS_MAIL", "")
    sender = environment.get("ARCOPS_MAIL_FROM", "")
    if mail and not _SENDER.fullmatch(sender):
        raise Refused("ARCOPS_MAIL_FROM is not an e-mail address; with ARCOPS_MAIL, say from which address mails are")
    if mail and not mail.startswith(("smtp://", "smtps://", "folder:/")):
        raise Refused("ARCOPS_MAIL is not smtp://HOST, smtps://HOST or folder:/PATH")
    password = "env:ARCOPS_MAIL_PASSWORD" if environment.get("ARCOPS_MAIL_PASSWORD") else ""
    return Onboarding(
        dns=environment.get("ARCOPS_DNS", ""),
        mail=mail,
        password=password or environment.get("ARCOPS_MAIL_PASSWORD_REF", ""),
        sender=sender,
        refused=_refused(environment.get("ARCOPS_FREE_MAIL", "")),
    )


def _refused(text: str) -> Collection[str]:
    """The domains that are refused: the shipped list if nothing is said, none for ``allow``, or those in a file."""
    if text in ("", "refuse"):
        return FREE_MAIL
    if text == "allow":
        return frozenset()
    if not text.startswith("/"):
        raise Refused(f"ARCOPS_FREE_MAIL is {text[:80]!r}; write refuse (the default), allow, or the absolute path of a list")
    lines = read_file(Path(text), _MOST_BYTES).decode("utf-8", "replace").splitlines()
    return frozenset(line.strip().lower() for line in lines if line.strip() and not line.startswith("#"))
