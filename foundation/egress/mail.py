"""One message to a mail server (SMTP) that the tier reaches: with TLS, unless the server is on this machine."""

from __future__ import annotations

import re
from email.message import EmailMessage
from typing import TYPE_CHECKING

from arcops.errors import Refused, Unavailable
from arcops.tier import Tier
from foundation.egress.destination import Destination
from foundation.egress.permission import Purpose, permit
from foundation.egress.tls import context

if TYPE_CHECKING:
    from smtplib import SMTP

PURPOSE = Purpose(
    what="ARCOPS_MAIL",
    form="use one like smtps://mail.example.org, smtp://user@mail.example.org:587 or folder:/PATH",
    instead="use a mail server of this machine or folder:/PATH, or set ARCOPS_TIER to restricted",
)
_URL = re.compile(r"(smtps?)://(?:([!-~]{1,200})@)?(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9.-]{1,253})(?::([0-9]{1,5}))?")
_PORTS = {"smtps": 465, "smtp": 587}
_SECONDS = 30.0


def send(tier: Tier, url: str, message: EmailMessage, *, password: str = "") -> None:
    """Send *message* by the server at *url*. Raises `Refused` if it is not reached or not one, `Unavailable` if it does not
    take the message; the text quotes nothing of what the server said.
    """
    import smtplib
    import ssl

    found = _URL.fullmatch(url)
    if found is None:
        raise Refused(f"{PURPOSE.what} is not the address of a mail server; {PURPOSE.form}")
    scheme, user, host, port = found.groups()
    plain = "https" if scheme == "smtps" else "http"
    to = Destination(scheme=plain, host=host.strip("[]").lower(), port=int(port or _PORTS[scheme]))
    permit(tier, to, PURPOSE)
    try:
        with _server(scheme, to) as server:
            if scheme == "smtp" and not to.here:
                server.starttls(context=context(""))  # raises if it is not offered
            if user:
                server.login(user, password)
            server.send_message(message)
    except (smtplib.SMTPException, ssl.SSLError, OSError) as error:
        why = f"the mail server {to.host} did not take the message ({type(error).__name__})"
        raise Unavailable(f"{why}; try again later") from None


def _server(scheme: str, to: Destination) -> SMTP:
    import smtplib

    address = to.addresses[0]
    if scheme == "smtps":
        return smtplib.SMTP_SSL(to.host, to.port, timeout=_SECONDS, context=context(""))
    return smtplib.SMTP(address, to.port, timeout=_SECONDS)
