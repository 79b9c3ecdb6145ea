"""Asking a registry: one request and its answer, with the credential that the operator named and for nothing more than needed.

A registry says with 401 what it wants: the credential itself (RFC 7617), or a token that its login gives for it (Distribution
project, "Token Authentication Specification"). The login is another address, which the registry chooses; so the credential goes
there only if it is the same host, or what the operator named.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlencode, urljoin, urlsplit

from arcops.errors import Refused, Unavailable
from artifacts.envelope import strict_json
from foundation.egress.permission import plain
from foundation.egress.question import Answer, Way
from foundation.registry.naming import PURPOSE, Registry

SECONDS = 60.0
"""For one question: a piece of a blob goes with it."""
MOST_ANSWER = 4 * 1024 * 1024
_PARAMETER = re.compile(r'([A-Za-z_]+)\s*=\s*"([^"\\]*)"')
_MOST_SAID = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """Who asks: ``user`` and their ``password``."""

    user: str
    password: Callable[[], str] = field(repr=False)


class Asking:
    """The *registry*, asked by *way* as the user of *credential*, or as no one. *login* is the address of its login that
    the operator named; empty for one at the registry's own host.
    """

    def __init__(self, registry: Registry, way: Way, credential: Credential | None, login: str = "") -> None:
        self.registry = registry
        self._way = way
        self._credential = credential
        self._login = login
        self._shown: dict[str, str] = {}

    def ask(
        self, method: str, path: str, repository: str, headers: Mapping[str, str] | None = None, body: bytes = b""
    ) -> Answer:
        """The answer to *method* at *path*, which may be an address at the registry, about *repository*.

        Raises `Refused` if the registry does not let us in, `Unavailable` if it cannot answer now.
        """
        url = urljoin(f"{self.registry.url}/", path)
        if plain(url, PURPOSE) != plain(self.registry.url, PURPOSE):
            raise Refused(
                f"the registry {self.registry.host} sends on to {_host(url)}, which the operator did not name; nothing was "
                "sent there. If a proxy is before the registry, let it tell the registry its address (X-Forwarded-Proto, Host)"
            )
        told = dict(headers or {})
        for again in (False, True):
            shown = self._shown.get(repository, "")
            answer = self._way.ask(method, url, told | ({"Authorization": shown} if shown else {}), body)
            if answer.status != 401 or again:
                break
            self._shown[repository] = self._show(answer, repository)
        if answer.status in (401, 403):
            who = f"the user {self._credential.user!r}" if self._credential is not None else "no one in particular"
            raise Refused(
                f"the registry {self.registry.host} does not let {who} write to {repository}{said(answer)}; check "
                "ARCOPS_REGISTRY_USER and its password, and what that user may do there"
            )
        if answer.status == 429 or answer.status >= 500:
            raise Unavailable(f"the registry {self.registry.host} answers {answer.status}{said(answer)}; run the same again")
        return answer

    def _show(self, answer: Answer, repository: str) -> str:
        """What the registry wants to see, as its *answer* says."""
        challenge = answer.headers.get("www-authenticate", "")
        scheme, _, rest = challenge.partition(" ")
        wanted = dict(_PARAMETER.findall(rest))
        if scheme.lower() == "basic":
            return self._basic()
        if scheme.lower() != "bearer" or not wanted.get("realm"):
            raise Refused(
                f"the registry {self.registry.host} asks for a credential in a way that ArcOps does not know "
                f"({scheme[:40]!r}); it takes Basic and Bearer with a realm"
            )
        login = wanted["realm"]
        if login != self._login and _host(login) != _host(self.registry.url):
            raise Refused(
                f"the registry {self.registry.host} sends us to log in at {login[:200]!r}, which is another host; it was not "
                "asked, and got no password. If it is the registry's own login, set ARCOPS_REGISTRY_LOGIN to this address"
            )
        asked = urlencode({"service": wanted.get("service", ""), "scope": f"repository:{repository}:pull,push"})
        headers = {"Authorization": self._basic()} if self._credential is not None else {}
        given = self._way.ask("GET", f"{login}{'&' if urlsplit(login).query else '?'}{asked}", headers)
        found = strict_json(given.body, "the answer of the login") if given.status == 200 else {}
        token = (found.get("token") or found.get("access_token")) if isinstance(found, dict) else None
        if not isinstance(token, str):
            raise Refused(
                f"the login of the registry, at {_host(login)}, gives no token (status {given.status}); check "
                "ARCOPS_REGISTRY_USER and its password"
            )
        return f"Bearer {token}"

    def _basic(self) -> str:
        one = self._credential
        if one is None:
            raise Refused(
                f"the registry {self.registry.host} asks who we are; set ARCOPS_REGISTRY_USER, and "
                "ARCOPS_REGISTRY_PASSWORD_FILE or ARCOPS_REGISTRY_PASSWORD_REF"
            )
        return "Basic " + base64.b64encode(f"{one.user}:{one.password()}".encode()).decode("ascii")


def said(answer: Answer) -> str:
    """What the registry says of an error, for a sentence: its code and message, or nothing."""
    try:
        found = strict_json(answer.body, "the answer")
    except Refused:
        return ""
    errors = found.get("errors") if isinstance(found, dict) else None
    first = errors[0] if isinstance(errors, list) and errors and isinstance(errors[0], dict) else {}
    text = " ".join(str(first[one]) for one in ("code", "message") if isinstance(first.get(one), str))
    plain_text = re.sub(r"[^ -~]+", " ", text)[:_MOST_SAID].strip()
    return f" ({plain_text})" if plain_text else ""


def _host(url: str) -> str:
    return plain(url, PURPOSE).host
