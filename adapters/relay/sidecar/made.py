"""The sidecar as its configuration says it: made once, and changed while it runs, without the end of a session."""

from __future__ import annotations

import hashlib
import logging
import time
from dataclasses import dataclass, replace
from pathlib import Path

from adapters.http.access import Door
from adapters.http.accounts import Accounts
from adapters.http.quotas import ALONE, Quotas, Shares
from adapters.relay.app import Relay, relay
from adapters.relay.sidecar import spoken
from adapters.relay.sidecar.callers import tokens_of
from arcops.errors import ArcOpsError, Refused
from arcops.tier import Tier
from artifacts.reading import read_file
from foundation.audit.telling import Tells
from foundation.authorization.cedar_tools import ANYONE, CedarTools, EveryCall, read_rules
from foundation.authorization.given import GivenAuthorization
from foundation.egress.destination import read_destination
from foundation.identity.accepting import Accepting
from foundation.identity.asking import Asked
from foundation.tokens import Tokens
from services.host.alone import Alone, Behind
from services.host.elsewhere import Address
from services.host.hosted import Row
from services.operator.keeping_its_word import unlike
from services.operator.sidecar import KEYS_FILE, SIDECAR_FILE, CedarPolicies, Reach, SidecarConfig, Target, read_config

MOST_BYTES = 2 * 1024 * 1024
_TRANSPORTS = {Reach.HTTP: "remote", Reach.SSE: "sse"}
_log = logging.getLogger(__name__)


def config_in(folder: Path) -> tuple[SidecarConfig, str]:
    """The configuration in *folder*, and its text. Raises `ArcOpsError`."""
    text = read_file(folder / SIDECAR_FILE, MOST_BYTES).decode("utf-8", "replace")
    return read_config(text), text


def name_of(config: SidecarConfig) -> str:
    """The server's own name, as policies and records have it."""
    return config.server.rpartition("/")[2]


def url_of(config: SidecarConfig) -> str:
    """The address of the server for clients in the cluster, without its path."""
    if config.url:
        return config.url.rstrip("/").removesuffix("/mcp")
    namespace, _, name = config.server.rpartition("/")
    host = f"{name}.{namespace}.svc" if namespace else name
    return f"{'https' if config.tls is not None else 'http'}://{host}:{config.port}"


@dataclass(slots=True, kw_only=True)
class Sidecar:
    """The one server, its relay, and who decides about its callers. ``wrong`` says why the newest configuration is not used."""

    folder: Path
    config: SidecarConfig
    alone: Alone
    relay: Relay
    accepting: Accepting
    authorization: GivenAuthorization
    tells: Tells
    text: str = ""
    keys: bytes = b""
    wrong: str = ""
    draining: bool = False

    def problem(self) -> str:
        """Why no caller should be sent here now; empty if one may."""
        if self.draining:
            return "this replica is ending"
        if self.wrong:
            return f"its configuration cannot be used: {self.wrong}"
        if why := self.tells.healthy() or self.alone.wrong():
            return why
        heard = self.alone.spoken
        return unlike(
            spoken.versions(heard),
            spoken.capabilities(heard),
            wanted=self.config.protocol_versions,
            promised=self.config.capabilities,
        )

    def look(self) -> bool:
        """Read the configuration again. Was it another one? One that cannot be used denies every call until it can."""
        try:
            config, text = config_in(self.folder)
            if text == self.text and not self.wrong:
                self._look_at_keys()
                return False
            self.use(config)
            self.text, self.wrong = text, ""
        except ArcOpsError as error:
            if str(error) != self.wrong:
                _log.error("the configuration cannot be used, so every call is denied: %s", error)
            self.wrong = str(error)
            self.authorization.deny(self.wrong)
            return False
        _log.info("the configuration of %s is in use", self.config.server)
        return True

    def _look_at_keys(self) -> None:
        """Check every token again by the keys in the file if they are others: one may be new, and one withdrawn."""
        keys = seen(self.folder / KEYS_FILE)
        if keys != self.keys and self.config.oidc is not None:
            self._let_in(self.config)
            _log.info("the keys of the issuer are others, and every token is checked again")

    def _let_in(self, config: SidecarConfig) -> None:
        self.keys = seen(self.folder / KEYS_FILE)
        self.accepting.tokens = issuers_of(config, self.folder)
        self.accepting.forget()

    def use(self, config: SidecarConfig) -> None:
        """Serve by *config* from now on: tools, policies, issuers. Raises `Refused`; then nothing has changed."""
        engine = engine_of(config.authz, name_of(config))
        issuers_of(config, self.folder)
        for what, before, now in (
            ("the place of its server", self.config.target, config.target),
            ("which server it is of", self.config.server, config.server),
            ("whether callers say who they are", self.config.oidc is None, config.oidc is None),
            ("its certificates", self.config.tls, config.tls),
        ):
            if before != now:
                raise Refused(f"{what} changed, which takes another pod")
        same = config.oidc == self.config.oidc and config.authz == self.config.authz and bool(self.text)
        self.alone.changed(row_of(config))
        self.authorization.give((engine,), f"{config.authz}")
        if not same:  # who was let in has to show it again with the next request; sessions go on
            self._let_in(config)
        self.config = config


def issuers_of(config: SidecarConfig, folder: Path) -> list[Tokens | Asked]:
    """What checks the tokens of callers; nothing if they have none. Raises `Refused` for an issuer that cannot be trusted."""
    if config.oidc is None:
        return []
    return [tokens_of(config.oidc, f"{url_of(config)}/mcp", folder / KEYS_FILE)]


def seen(file: Path) -> bytes:
    """A digest of *file*; nothing if it cannot be read."""
    try:
        return hashlib.sha256(read_file(file, MOST_BYTES)).digest()
    except ArcOpsError:
        return b""


def engine_of(authz: CedarPolicies | None, server: str) -> CedarTools | EveryCall:
    """What decides about calls. Raises `Refused` for policies that are not sound."""
    if authz is None:
        return EveryCall()
    named = [(f"policy {number}", text) for number, text in enumerate(authz.policies, 1)]
    return CedarTools(read_rules(named, authz.entities, server=server, actions=authz.actions))


def row_of(config: SidecarConfig) -> Row:
    """What the relay must know of the server."""
    return Row(
        name=name_of(config),
        stateless=config.stateless,
        call_seconds=config.call_seconds,
        tools=frozenset(config.tools) if config.tools is not None else None,
        elsewhere=True,
    )


def behind_of(target: Target, most: int) -> Behind:
    """Where the server is. Raises `Refused` for what is no place of one."""
    if target.reach is Reach.SOCKET:
        if not target.socket.startswith("/"):
            raise Refused("the server's socket is not an absolute path")
        return Behind(at=Path(target.socket), most=most)
    here = read_destination(target.url).here
    at = Address(transport=_TRANSPORTS[target.reach], url=target.url, headers={})
    return Behind(at=at, tier=Tier.AIR_GAPPED if here else Tier.RESTRICTED, most=max(most, 200))


def made(folder: Path, tells: Tells) -> Sidecar:
    """The sidecar that the configuration in *folder* says. Raises `ArcOpsError` if it cannot be used."""
    config, text = config_in(folder)
    alone = Alone(row_of(config), behind_of(config.target, config.most))
    accepting = Accepting(tokens=[], now=time.time)
    authorization = GivenAuthorization()
    quotas = ALONE if config.oidc is None else Quotas()
    if config.target.reach is Reach.SOCKET:
        quotas = replace(quotas, sessions=config.most)
    door = Door(
        accepting=accepting,
        authorization=authorization,
        accounts=Accounts(audit=tells, tier=Tier.RESTRICTED, door="relay"),
        quotas=quotas,
        requests=Shares(quotas.requests, "requests in progress"),
    )
    anyone = ANYONE if config.oidc is None else None
    app = relay(alone, door, origin=url_of(config), only=name_of(config), anyone=anyone)
    sidecar = Sidecar(
        folder=folder,
        config=config,
        alone=alone,
        relay=app,
        accepting=accepting,
        authorization=authorization,
        tells=tells,
    )
    sidecar.use(config)
    sidecar.text = text
    return sidecar
