"""Ways to mail a code: by a mail server, or into a folder from which the site's own mail system takes it."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path
from typing import Protocol

from arcops.errors import Refused
from arcops.tier import Tier
from artifacts.writing import write_new
from services.host.onboarding.surroundings import Onboarding


class Mailer(Protocol):
    """What sends a message. Raises `Unavailable` if it is not taken."""

    def send(self, message: EmailMessage) -> None: ...


class Smtp:
    """A mail server."""

    def __init__(self, how: Onboarding, tier: Tier, environment: Mapping[str, str]) -> None:
        self._how, self._tier, self._environment = how, tier, environment

    def send(self, message: EmailMessage) -> None:
        from foundation.egress.mail import send
        from foundation.secrets import referred

        how = self._how
        password = ""
        if how.password:
            password = referred(self._environment, how.password, "password of the mail server", tier=self._tier)
        send(self._tier, how.mail, message, password=password)


class MailFolder:
    """A folder: each message is a file, complete under its name."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def send(self, message: EmailMessage) -> None:
        write_new(self._folder / f"{secrets.token_hex(8)}.eml", bytes(message), mode=0o600)


def mailer(how: Onboarding, tier: Tier, environment: Mapping[str, str] = os.environ) -> Mailer:
    """What sends mails here. Raises `Refused` if nothing does."""
    if not how.mail:
        raise Refused("this site sends no e-mail (ARCOPS_MAIL is not set); verify the domain by a DNS record (--by dns)")
    if how.mail.startswith("folder:"):
        return MailFolder(Path(how.mail.removeprefix("folder:")))
    return Smtp(how, tier, environment)


def code_message(code: str, *, to: str, sender: str, site: str, minutes: int, now: datetime) -> EmailMessage:
    """The mail with a *code*."""
    message = EmailMessage()
    message["From"], message["To"] = sender, to
    message["Subject"] = f"Your code for {site}" if site else "Your code"
    message["Date"] = format_datetime(now)
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(
        f"Your code is {code}. It counts for {minutes} minutes.\n\n"
        f"Someone who has an invitation to {site or 'an ArcOps site'} gave your address. If that was not you, do nothing.\n"
    )
    return message
