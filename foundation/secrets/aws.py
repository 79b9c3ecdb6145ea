"""AWS Secrets Manager: GetSecretValue, signed with Signature Version 4.

The protocol: AWS Secrets Manager API Reference, GetSecretValue (JSON 1.1); AWS Signature Version 4 for API requests, "Create a
signed AWS API request". Only a POST to ``/`` without a query is signed, so nothing needs the canonical forms of paths.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import urlsplit

from arcops.errors import Refused, Unavailable
from foundation.secrets.asking import Asks, Replied, member, replied
from foundation.secrets.reference import SecretRef
from foundation.secrets.source import Given

_SERVICE = "secretsmanager"
_LATER = frozenset(("InternalServiceError", "InternalServiceErrorException", "ThrottlingException", "RequestLimitExceeded"))
_PARTITIONS = (
    ("cn-", "amazonaws.com.cn"),
    ("eusc-", "amazonaws.eu"),
    ("us-iso-", "c2s.ic.gov"),
    ("us-isob-", "sc2s.sgov.gov"),
    ("us-isof-", "csp.hci.ic.gov"),
    ("eu-isoe-", "cloud.adc-e.uk"),
)
"""How the names of a partition's regions begin, and its domain (botocore's ``endpoints.json``); all others have AWS's own."""
_KIND = re.compile(r"(?:.*#)?([A-Za-z]{1,60})", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """An access key; ``session`` is the token of a temporary one, or empty."""

    key_id: str
    secret: str = field(repr=False)
    session: str = field(default="", repr=False)


class SecretsManager:
    """AWS Secrets Manager of any region. *endpoint* is its address if not AWS's own, such as one inside a VPC."""

    def __init__(
        self, ask: Asks, credentials: Callable[[], Credentials], now: Callable[[], datetime], endpoint: str = ""
    ) -> None:
        self._ask = ask
        self._credentials = credentials
        self._now = now
        self._endpoint = endpoint

    def read(self, ref: SecretRef) -> Given:
        """The newest version (``AWSCURRENT``). Raises as `SecretSource.read`."""
        url = self._endpoint or f"https://{_SERVICE}.{ref.store}.{_domain(ref.store)}/"
        body = json.dumps({"SecretId": ref.name}).encode()
        headers = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": f"{_SERVICE}.GetSecretValue"}
        signed = sign(url, headers, body, self._credentials(), region=ref.store, service=_SERVICE, at=self._now())
        found = replied(self._ask("POST", url, signed, body))
        if found.status != 200:
            raise _refusal(found)
        text = _text(found)
        return Given(value=member(text, ref.field) if ref.field else text)


def sign(
    url: str, headers: Mapping[str, str], body: bytes, by: Credentials, *, region: str, service: str, at: datetime
) -> dict[str, str]:
    """*headers* of a POST of *body* to *url*, whose path is ``/``, with the signature of *by* for the moment *at*."""
    moment = at.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    told = {**headers, "X-Amz-Date": moment, **({"X-Amz-Security-Token": by.session} if by.session else {})}
    signed = {name.lower(): " ".join(value.split()) for name, value in {**told, "Host": urlsplit(url).netloc}.items()}
    names = ";".join(sorted(signed))
    lines = [f"{name}:{signed[name]}" for name in sorted(signed)]
    request = "\n".join(("POST", "/", "", *lines, "", names, hashlib.sha256(body).hexdigest()))
    scope = f"{moment[:8]}/{region}/{service}/aws4_request"
    text = "\n".join(("AWS4-HMAC-SHA256", moment, scope, hashlib.sha256(request.encode()).hexdigest()))
    key = f"AWS4{by.secret}".encode()
    for part in (moment[:8], region, service, "aws4_request", text):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    said = f"AWS4-HMAC-SHA256 Credential={by.key_id}/{scope}, SignedHeaders={names}, Signature={key.hex()}"
    return {**told, "Authorization": said}


def _domain(region: str) -> str:
    """The domain of the partition to which *region* belongs."""
    return next((domain for begins, domain in _PARTITIONS if region.startswith(begins)), "amazonaws.com")


def _text(found: Replied) -> str:
    text = found.text("SecretString")
    if text is not None:
        return text
    try:
        return base64.b64decode(found.text("SecretBinary") or "", validate=True).decode("utf-8")
    except (binascii.Error, ValueError):  # its text would quote the secret
        raise Refused("the secret there is binary and not text in UTF-8") from None


def _refusal(found: Replied) -> Refused | Unavailable:
    """What the error's type means. The text of an error is not shown: it may name more than the one who reads may know."""
    said = _KIND.fullmatch(found.text("__type") or "")
    kind = said[1] if said else str(found.status)
    if kind in _LATER:
        return Unavailable(f"Secrets Manager answers {kind}; try again")
    if kind == "ResourceNotFoundException":
        return Refused("Secrets Manager of that region has no such secret; check the region, or name its ARN")
    if kind == "AccessDeniedException":
        return Refused("the credentials may not read it; allow them secretsmanager:GetSecretValue, and kms:Decrypt for its key")
    if kind in ("InvalidSignatureException", "SignatureDoesNotMatch"):
        return Refused("the signature is refused; check the secret access key and the clock of this machine")
    if kind in ("UnrecognizedClientException", "InvalidClientTokenId", "ExpiredTokenException", "ExpiredToken"):
        return Refused(f"the credentials are refused ({kind}); replace them")
    return Refused(f"Secrets Manager answers {kind}")
