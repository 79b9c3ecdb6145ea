"""The keys of an issuer that a resource names: asked where a resource may send the operator, and nowhere else."""

from __future__ import annotations

import json
from typing import Any

import pytest

from arcops.errors import Refused, Unavailable
from arcops.tier import Tier
from foundation.egress.outside import Outside
from services.operator.issuers import MOST_BYTES, fetched_keys, kept_keys
from services.operator.settings import read_settings
from services.operator.sidecar import TrustedIssuer
from tests.simulators.issuer import issuing, new_key

pytestmark = pytest.mark.requirement("OPER-5/keys-are-brought-by-the-operator")
HERE = Outside(named=("127.0.0.0/8",))
LEAST = 'network: {cni: calico}\nkubernetes: "1.36"\nsidecarImage: registry.example/relay@sha256:' + "0" * 64


def test_keys_come_from_where_the_discovery_document_says_or_from_their_own_address() -> None:
    with issuing() as issuer:
        found = fetched_keys(TrustedIssuer(issuer=issuer.url), Tier.RESTRICTED, HERE)
        assert json.loads(kept_keys(found))["keys"][0]["kid"] == "first"
        assert issuer.asked == ["/.well-known/openid-configuration", "/keys"]
        fetched_keys(TrustedIssuer(issuer="https://far.example", jwks_url=f"{issuer.url}/keys"), Tier.RESTRICTED, HERE)
        assert issuer.asked[2:] == ["/keys"]
        issuer.down = True
        with pytest.raises(Unavailable, match="answers 500"):
            fetched_keys(TrustedIssuer(issuer=issuer.url), Tier.RESTRICTED, HERE)


def test_a_resource_leads_the_operator_to_nothing_inside() -> None:
    with issuing() as issuer:
        with pytest.raises(Refused, match="which is this machine"):
            fetched_keys(TrustedIssuer(issuer=issuer.url), Tier.RESTRICTED, Outside())
        assert not issuer.asked
    with pytest.raises(Refused, match="metadata service"):
        fetched_keys(TrustedIssuer(issuer="https://169.254.169.254"), Tier.RESTRICTED, Outside())


def test_an_air_gapped_operator_asks_no_issuer() -> None:
    with pytest.raises(Refused, match="air-gapped"):
        fetched_keys(TrustedIssuer(issuer="https://login.example.com"), Tier.AIR_GAPPED, Outside())


def _set(*keys: dict[str, Any]) -> bytes:
    return json.dumps({"keys": keys}).encode()


def test_the_same_keys_in_another_order_are_the_same_text() -> None:
    first, second = (new_key(name).as_dict(private=False) for name in ("a", "b"))
    assert kept_keys(_set(first, second)) == kept_keys(_set(second, first))
    assert kept_keys(_set(first)) != kept_keys(_set(second))
    with pytest.raises(Unavailable, match="more than"):
        kept_keys(_set(first, {"kty": "x", "pad": "x" * MOST_BYTES}))


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("egress: [0.0.0.0/0]", "every address"),
        ("egress: [10.0.0.1/8]", "is no network"),
        ("egress: [login.example.com]", "is no network"),
        ("otherwise: {rotateSecrets: true}", "by name"),
        ('kubernetes: "1.29"', "1.30 or newer"),
        ("kubernetes: 1.36", "quotation marks"),
        ("kubernetes: [1, 36]", "quotation marks"),
    ],
)
def test_settings_that_would_open_too_much_are_refused(more: str, said: str) -> None:
    text = "\n".join(line for line in LEAST.splitlines() if not more.startswith(line.partition(":")[0])) + f"\n{more}\n"
    with pytest.raises(Refused, match=said):
        read_settings(text.encode(), "operator.yaml")


def test_networks_inside_are_reached_only_if_the_settings_name_them() -> None:
    site = read_settings(f"{LEAST}\negress: [10.7.0.0/16, 203.0.113.0/24, 8.0.0.0/5]\n".encode(), "operator.yaml")
    assert site.outside.named == ("10.7.0.0/16", "203.0.113.0/24"), "a public network opens nothing inside"
