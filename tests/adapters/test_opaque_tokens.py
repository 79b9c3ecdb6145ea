"""Opaque tokens at a real server: its issuer is asked, once, and what is revoked here is refused in spite of it."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path

import pytest

from tests.adapters.serving import served
from tests.adapters.test_front_policy import AUDIENCE, Front
from tests.models import bench
from tests.simulators.introspecting import CLIENT, SECRET, introspecting
from tests.simulators.issuer import Issuer
from tests.waiting import until

pytestmark = [pytest.mark.requirement("BASE-2/tokens-are-bound-to-the-audience"), pytest.mark.xdist_group("access")]


def test_an_opaque_token_from_its_issuer_to_its_revocation(tmp_path: Path) -> None:
    here = bench(tmp_path / "home")
    with introspecting() as issuer:
        active = {"active": True, "iss": issuer.url, "sub": "ada", "exp": time.time() + 600, "scope": "arcops:read"}
        issuer.known = {"mine": {**active, "aud": AUDIENCE}, "theirs": {**active, "aud": "https://other.example"}}
        own = {
            "ARCOPS_OIDC_ISSUER": issuer.url, "ARCOPS_OIDC_AUDIENCE": AUDIENCE, "ARCOPS_OIDC_INTROSPECTION": "yes",
            "ARCOPS_OIDC_INTROSPECTION_CLIENT": CLIENT, "ARCOPS_OIDC_INTROSPECTION_SECRET": "env:OWN_SECRET",
            "OWN_SECRET": SECRET,
        }  # fmt: skip
        with served("mcp", "--http", env={**here.environment, **own}) as server:
            front = Front(server=server, issuer=Issuer(url=issuer.url), here=here)
            for _ in range(3):
                assert front.call("mine", "list_policies").status_code == 200
            for wrong in ("theirs", "garbage", "no token"):
                refused = front.call(wrong, "list_policies")
                assert refused.status_code == 401
                assert 'error="invalid_token"' in refused.headers["www-authenticate"]
            assert issuer.asked == ["mine", "theirs", "garbage"]
            issuer.status = 500
            assert front.call("another", "list_policies").status_code == 503
            assert front.call("mine", "list_policies").status_code == 200, "what it said before counts for a while"
            front.typed("access", "revoke", "--token", hashlib.sha256(b"mine").hexdigest())
            until(lambda: front.call("mine", "list_policies").status_code == 401, "it is refused")
            until(lambda: front.records("list_policies"), "the record")
            assert {one["actor"]["id"] for one in front.records("list_policies")} == {"ada"}
