"""AWS Secrets Manager as far as GetSecretValue goes (JSON 1.1), with the signature checked the way the service does it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.simulators.answering import Answer, Asked, Simulator, answering

_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(?P<key>[^/]+)/(?P<day>\d{8})/(?P<region>[^/]+)/secretsmanager/aws4_request, "
    r"SignedHeaders=(?P<names>[a-z0-9;-]+), Signature=(?P<signature>[0-9a-f]{64})"
)


@dataclass(kw_only=True)
class SecretsManagerServer(Simulator):
    """``kept`` maps a name or ARN to a text or bytes; ``keys`` an access key to its secret and its session's token.

    ``fails`` is the type of error for every question that is signed right.
    """

    region: str = "eu-central-1"
    kept: dict[str, str | bytes] = field(default_factory=dict)
    keys: dict[str, tuple[str, str]] = field(default_factory=dict)
    fails: str = ""

    def answer(self, asked: Asked) -> Answer:
        if asked.headers.get("X-Amz-Target") != "secretsmanager.GetSecretValue":
            return _error("UnknownOperationException")
        if asked.headers.get("Content-Type") != "application/x-amz-json-1.1":
            return _error("SerializationException")
        refusal = self._refusal(asked)
        if refusal or self.fails:
            return _error(refusal or self.fails)
        kept = self.kept.get(str(asked.json().get("SecretId")))
        if kept is None:
            return _error("ResourceNotFoundException")
        body: dict[str, object] = {"Name": "n", "VersionId": "v", "VersionStages": ["AWSCURRENT"], "CreatedDate": 1.5e9}
        body |= {"SecretString": kept} if isinstance(kept, str) else {"SecretBinary": base64.b64encode(kept).decode()}
        return 200, body

    def _refusal(self, asked: Asked) -> str:
        found = _AUTHORIZATION.fullmatch(asked.headers.get("Authorization", ""))
        if found is None:
            return "MissingAuthenticationTokenException"
        secret, session = self.keys.get(found["key"], ("", ""))
        if not secret or asked.headers.get("X-Amz-Security-Token", "") != session:
            return "UnrecognizedClientException"
        headers = {name.lower(): value for name, value in asked.headers.items()}
        names = found["names"].split(";")
        must = {"host", *(name for name in headers if name.startswith("x-amz-"))}
        if not must <= set(names) or found["region"] != self.region or found["day"] != headers["x-amz-date"][:8]:
            return "InvalidSignatureException"
        lines = "".join(f"{name}:{headers[name].strip()}\n" for name in names)
        request = f"POST\n{asked.path}\n\n{lines}\n{found['names']}\n{hashlib.sha256(asked.body).hexdigest()}"
        scope = f"{found['day']}/{found['region']}/secretsmanager/aws4_request"
        text = f"AWS4-HMAC-SHA256\n{headers['x-amz-date']}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
        key = b"AWS4" + secret.encode()
        for part in (*scope.split("/"), text):
            key = hmac.digest(key, part.encode(), "sha256")
        return "" if key.hex() == found["signature"] else "InvalidSignatureException"


def _error(kind: str) -> Answer:
    status = 500 if kind.startswith("Internal") else 400
    return status, {"__type": f"com.amazonaws.secretsmanager#{kind}", "message": "the key AKIDEXAMPLE is at fault: hunter2"}


@contextmanager
def secrets_manager() -> Iterator[SecretsManagerServer]:
    server = SecretsManagerServer()
    with answering(server):
        yield server
