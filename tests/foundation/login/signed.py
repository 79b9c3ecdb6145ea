"""ID tokens of an issuer whose keys are a file: judged without any connection."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from joserfc.jwk import ECKey

from arcops.tier import Tier
from foundation.login.id_token import SignedTokens
from foundation.login.settings import LoginSettings
from foundation.login.started import Started
from foundation.tokens import Issuer
from tests.simulators.issuer import new_key
from tests.simulators.provider import Provider

NOW = 1_800_000_000.0
CLIENT = "arcops-pages"


@dataclass(kw_only=True)
class Signing:
    """``login`` is what is asked for at the provider ``issuer``, whose keys are in ``folder``."""

    folder: Path
    issuer: str = "https://login.example"
    key: ECKey = field(default_factory=lambda: new_key("first"))
    started: Started = field(default_factory=lambda: Started(to="/", at=NOW))

    def settings(self, **more: Any) -> LoginSettings:
        keys = self.folder / "keys.json"
        keys.write_text(json.dumps({"keys": [self.key.as_dict(private=False)]}))
        believed = Issuer(name=self.issuer, audience="https://arcops.example/mcp", keys=str(keys), tier=Tier.RESTRICTED)
        return LoginSettings(issuer=believed, client=CLIENT, url="https://arcops.example", **more)

    def tokens(self, settings: LoginSettings) -> SignedTokens:
        return SignedTokens(issuer=settings.issuer, now=lambda: NOW, fetch=_nothing)

    def token(self, *, key: ECKey | None = None, header: dict[str, Any] | None = None, **claims: object) -> str:
        said = {"sub": "ada", "nonce": self.started.nonce, "iat": int(NOW), "exp": int(NOW) + 300, **claims}
        return Provider(url=self.issuer, client=CLIENT, key=self.key).token(key=key, header=header, **said)


def _nothing(url: str, tier: Tier) -> bytes:
    raise AssertionError(f"a connection to {url}")
