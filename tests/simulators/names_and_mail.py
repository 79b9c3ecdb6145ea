"""A real name server and a real mail server on this machine, for a test: what they say and what they took is in its hands."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller
from dnslib import QTYPE, RCODE, RR, TXT, DNSRecord
from dnslib.server import BaseResolver, DNSLogger, DNSServer


@dataclass
class Names(BaseResolver):  # type: ignore[misc]  # dnslib has no types
    """The TXT records by name. ``code`` is what it answers instead, if it is set; ``asked`` are the names in questions."""

    records: dict[str, list[str]] = field(default_factory=dict)
    code: str = ""
    asked: list[str] = field(default_factory=list)
    address: str = ""

    def resolve(self, request: DNSRecord, handler: Any) -> DNSRecord:
        name = str(request.q.qname).rstrip(".").lower()
        self.asked.append(name)
        reply = request.reply()
        if self.code:
            reply.header.rcode = getattr(RCODE, self.code)
        elif name not in self.records:
            reply.header.rcode = RCODE.NXDOMAIN
        for text in self.records.get(name, []) if request.q.qtype == QTYPE.TXT else []:
            parts = [text[at : at + 200] for at in range(0, len(text), 200)]
            reply.add_answer(RR(request.q.qname, QTYPE.TXT, rdata=TXT(parts)))
        return reply


@contextmanager
def name_server() -> Iterator[Names]:
    """A name server over TCP."""
    names = Names()
    server = DNSServer(names, address="127.0.0.1", port=0, tcp=True, logger=DNSLogger("-request,-reply,-truncated,-error"))
    names.address = f"127.0.0.1:{server.server.server_address[1]}"
    server.start_thread()
    try:
        yield names
    finally:
        server.stop()
        server.server.server_close()


@dataclass
class Mails:
    """What the mail server took; with ``full`` it takes nothing."""

    taken: list[EmailMessage] = field(default_factory=list)
    full: bool = False
    url: str = ""

    async def handle_DATA(self, server: object, session: object, envelope: Any) -> str:  # its name at aiosmtpd
        if self.full:
            return "452 Requested action not taken: insufficient system storage"
        found = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(found, EmailMessage)
        self.taken.append(found)
        return "250 OK"


class _AnyPort(Controller):
    """Its first connection goes to the port that it got, and not to the 0 that it asked for."""

    def _trigger_server(self) -> None:
        assert self.server is not None
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


@contextmanager
def mail_server() -> Iterator[Mails]:
    """A mail server."""
    mails = Mails()
    server = _AnyPort(mails, hostname="127.0.0.1", port=0)
    server.start()
    assert server.server is not None
    mails.url = f"smtp://127.0.0.1:{server.server.sockets[0].getsockname()[1]}"
    try:
        yield mails
    finally:
        server.stop()
