"""People log in with a second factor at a SAML 2.0 identity provider that stands behind the OpenID Connect one."""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from tests.adapters.logging_in import URL, fronted
from tests.models import Bench, bench
from tests.simulators.oidc import RealProvider, real_provider
from tests.simulators.provider import Provider

pytestmark = [
    pytest.mark.requirement("BASE-10/second-factors-and-saml"),
    pytest.mark.site,
    pytest.mark.xdist_group("oidc"),
]

PASSWORD = "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport"
MFA = "https://refeds.org/profile/mfa"
SECRET = "a secret of more than 32 characters, or so"
CLIENT = {"client_id": "arcops-pages", "client_secret": SECRET, "redirect_uris": [f"{URL}/login/callback"]}
TOTP = "3132333435363738393031323334353637383930"
PEOPLE: Mapping[str, Mapping[str, Any]] = {
    "ada": {"name": "Ada Lovelace", "roles": ["arcops:read"], "totp": TOTP},
    "bob": {"name": "Bob", "roles": ["arcops:read"]},
}
STRONG = {"ARCOPS_LOGIN_ACR": MFA, "ARCOPS_LOGIN_AMR": "mfa"}


@dataclass(frozen=True, kw_only=True)
class Site:
    here: Bench
    provider: RealProvider
    database: str

    def logged_in(self, person: str, code: str = "", **environment: str) -> tuple[Any, Any]:
        """The browser of *person* here, and what it was answered when it came back."""
        known = Provider(url=self.provider.url, client="arcops-pages", secret=SECRET)
        front = fronted(self.here, known, time.time, environment={"ARCOPS_DATABASE": self.database, **environment})
        browser = front.browser()
        while not self.provider.told.empty():
            self.provider.told.get()
        back, _ = self.provider.logged_in(front.sent(browser), person, URL, code)
        return browser, browser.get(back)

    def said(self) -> dict[str, str]:
        """The next thing that the provider said of an assertion."""
        return self.provider.told.get(timeout=600)


@contextmanager
def site(folder: Path, *, trusted: str = "") -> Iterator[Site]:
    here = bench(folder)
    key, cert = _made()
    database = f"sqlite:///{folder / 'database' / 'a.sqlite'}"
    with real_provider([CLIENT], PEOPLE, saml={"key": key, "cert": cert, "trusts": trusted or cert}) as provider:
        yield Site(here=here, provider=provider, database=database)


@pytest.fixture(scope="module")
def saml(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with site(tmp_path_factory.mktemp("saml")) as found:
        yield found


def test_a_person_of_the_saml_provider_reads_the_pages_with_its_roles(saml: Site) -> None:
    browser, came = saml.logged_in("ada")
    assert saml.said() == {"saml": PASSWORD, "who": "ada"}
    assert (came.status_code, came.headers["location"]) == (303, f"{URL}/"), came.text
    page = browser.get("/")
    assert page.status_code == 200
    assert "Ada Lovelace" in page.text


def test_who_showed_a_second_factor_is_let_in_where_one_is_required(saml: Site) -> None:
    browser, came = saml.logged_in("ada", _code(), **STRONG)
    assert saml.said() == {"saml": MFA, "who": "ada"}
    assert came.status_code == 303, came.text
    assert browser.get("/").status_code == 200


@pytest.mark.parametrize("person", ["ada", "bob"])
def test_a_password_alone_is_refused_where_a_second_factor_is_required(saml: Site, person: str) -> None:
    """The identity provider was asked for one, and let the person go on without: what it says was shown counts."""
    browser, came = saml.logged_in(person, **STRONG)
    assert saml.said()["saml"] == PASSWORD
    assert came.status_code == 403
    assert f"{MFA} as acr" in came.text
    assert browser.get("/").status_code == 303, "no one is logged in"


def test_each_way_to_require_it_holds_alone(saml: Site) -> None:
    for name, value in STRONG.items():
        _, came = saml.logged_in("ada", **{name: value})
        assert came.status_code == 403, name


def test_an_assertion_that_another_key_signed_logs_no_one_in(tmp_path: Path) -> None:
    _, other = _made()
    with site(tmp_path, trusted=other) as strange, pytest.raises(AssertionError, match="the assertion does not count"):
        strange.logged_in("ada")
    assert "signature" in strange.said()["why"].lower()


def _code() -> str:
    """The code of now, by RFC 6238."""
    step = int(time.time()) // 30
    mac = hmac.digest(bytes.fromhex(TOTP), step.to_bytes(8, "big"), hashlib.sha1)
    at = mac[19] & 0xF
    return f"{(int.from_bytes(mac[at : at + 4], 'big') & 0x7FFFFFFF) % 1_000_000:06}"


def _made() -> tuple[str, str]:
    """A new key of an identity provider and its certificate, in PEM."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name, now = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "identity provider")]), datetime.now(UTC)
    built = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    built = built.serial_number(x509.random_serial_number()).not_valid_before(now).not_valid_after(now + timedelta(days=1))
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return private.decode(), built.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()
