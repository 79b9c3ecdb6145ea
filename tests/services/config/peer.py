"""A second, tiny configuration service: it shares no code with the product's, and can be made wrong in one way at a time."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from services.config.kit.asking import Answer

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
KIND = "application/vnd.in-toto+json"
SCHEMA = {
    "type": "object",
    "required": ["servers"],
    "properties": {"servers": {"type": "object"}},
    "additionalProperties": False,
}
STEPS = ("payload-hash", "signature", "subject", "fields", "roles", "log", "schema", "time")
DRAFT = "version: 1.0.0\nprofile: dev\nclients: [tiny]\nservers:\n  - {name: a, package: 'npm:a@1.0.0'}\n"
SECOND = f"sha256:{'2' * 64}"
"""The artifact of another client."""
PAGE = "# Runbook\n\nHow to revert a release, how to rotate a key, and how to mirror what is released.\n" + "More words. " * 30
PATHS = {
    "ListClients": "/c", "ListProfiles": "/c/{}/p", "GetSchema": "/s/{}/{}", "GetKeys": "/keys", "GetConfig": "/a/{}/{}",
    "DiffConfig": "/d/{}/{}", "PollChanges": "/changes", "GetAudit": "/audit", "Publish": "/publish", "Revert": "/revert",
    "ValidateDraft": "/validate", "Approve": "/approve", "GetFreshness": "/tuf/{}",
}  # fmt: skip


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def sha(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


@dataclass
class Peer:
    """The service. ``fault`` is the one thing that it does wrong."""

    fault: str = ""
    key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    artifacts: list[dict[str, Any]] = field(default_factory=list)
    lines: list[bytes] = field(default_factory=list)
    served: int = 0
    approvals: bool = False
    """Does a release wait for an approval?"""
    waiting: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.publish(DRAFT, "First.")

    @property
    def der(self) -> bytes:
        return self.key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)

    @property
    def pem(self) -> str:
        form = serialization.PublicFormat.SubjectPublicKeyInfo
        return self.key.public_key().public_bytes(serialization.Encoding.PEM, form).decode()

    def publish(self, text: str, changelog: str) -> None:
        draft = yaml.safe_load(text)
        servers: dict[str, Any] = {one["name"]: one.get("package", "") for one in draft["servers"]}
        payload = json.dumps({"nonsense" if self.fault == "payload breaks its schema" else "servers": servers}) + "\n"
        years = {"expired": -1, "for ten years": 3650}.get(self.fault, 30)
        issued = NOW - timedelta(days=5)
        words = {
            "client": "other" if self.fault == "signed for another client" else "tiny",
            "profile": "dev",
            "schema": "urn:unlisted" if self.fault == "schema not listed" else "urn:tiny:1",
            "artifact": sha(payload.encode()),
            "version": draft["version"],
            "issuedAt": issued.isoformat(),
            "validUntil": (NOW + timedelta(days=years)).isoformat(),
            "policySet": "p@1",
            "changelog": changelog,
        }
        statement = {"subject": [{"digest": {"sha256": words["artifact"][7:]}}], "predicate": words}
        body = json.dumps(statement).encode()
        signer = Ed25519PrivateKey.generate() if self.fault == "signed by another key" else self.key
        signature = signer.sign(b"DSSEv1 %d %s %d %s" % (len(KIND), KIND.encode(), len(body), body))
        envelope = {"payload": b64(body), "payloadType": KIND, "signatures": [{"sig": b64(signature)}]}
        sealed = json.dumps(envelope).encode()
        self.lines.append(json.dumps({"artifact": sha(sealed)}).encode())
        key_id = sha(self.der)
        said: dict[str, Any] = {
            "artifactId": words["artifact"],
            "clientId": "tiny",
            "profile": "dev",
            "payload": payload.replace("npm:", "evil:") if self.fault == "payload changed" else payload,
            "mediaType": "application/json",
            "schemaRef": words["schema"],
            "version": draft["version"],
            "issuedAt": words["issuedAt"],
            "validUntil": words["validUntil"],
            "policySetId": "p@1",
            "changelog": changelog,
            "signature": {"alg": "Ed25519", "value": b64(signature), "keyId": key_id},
            "provenance": {"publisherId": key_id, "toolingVersion": "peer 1"},
            "auditLogUri": "/audit",
            "release": {"record": sha(sealed), "sealed": b64(sealed), "envelope": envelope, "log": self.proof()},
            "verification": {"steps": [{"check": one} for one in STEPS if self.fault != f"no step {one}"]},
        }
        for name in ("auditLogUri", "changelog"):
            if self.fault == f"no {name}":
                said.pop(name)
        if self.fault == "no alg":
            said["signature"].pop("alg")
        if self.fault == "no toolingVersion":
            said["provenance"].pop("toolingVersion")
        self.artifacts.append(said)

    def proof(self) -> dict[str, Any]:
        """The proof that the last line is in the log of all lines."""
        leaves = [hashlib.sha256(b"\0" + one).digest() for one in self.lines]
        root, path = _tree(leaves, len(leaves) - 1)
        text = f"peer.example/log\n{len(leaves)}\n{b64(root)}\n"
        raw = self.key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        hint = hashlib.sha256(b"peer.example/log\n\x01" + raw).digest()[:4]
        note = f"{text}\n\u2014 peer.example/log {b64(hint + self.key.sign(text.encode()))}\n"
        if self.fault == "proof of another entry":
            path = [bytes(32), *path]
        return {
            "position": len(leaves) - 1,
            "line": b64(self.lines[-1]),
            "path": [one.hex() for one in path],
            "checkpoint": note,
        }

    def __call__(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        self.served += 1
        url = urlsplit(path)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        status, value, more = self.answer(method, url.path.strip("/").split("/"), query, headers, body)
        data = value if isinstance(value, bytes) else json.dumps(value).encode()
        return Answer(status=status, headers=more, body=data)

    def answer(self, method: str, steps: list[str], query: Mapping[str, str], headers: Mapping[str, str], body: bytes) -> Any:
        fault, none = self.fault, dict[str, str]()
        if steps[0] == ".well-known":
            docs = {"schemas": "/doc", "policyModel": "/doc", "runbook": "/doc"}
            if fault == "no policy model":
                docs.pop("policyModel")
            if fault == "runbook is gone":
                docs["schemas"] = "/gone"
            return 200, {"operations": {name: {"path": one} for name, one in PATHS.items()}, "documentation": docs}, none
        if steps == ["doc"]:
            return 200, PAGE.replace("rotate", "keep" if fault == "runbook without rotation" else "rotate").encode(), none
        if method in ("PUT", "PATCH", "DELETE"):
            return (200 if fault == "DELETE is answered" and method == "DELETE" else 405), {}, none
        if steps == ["publish"]:
            return (*self.published(json.loads(body), headers), none)
        if steps == ["validate"]:
            return 200, self.validated(json.loads(body)["draft"]), none
        if steps == ["approve"]:
            if fault == "a publisher approves it":
                self.publish(self.waiting.pop(), "Approved.")
                return 201, {"state": "released"}, none
            return 422, {"error": "the one who published it"}, none
        if steps == ["revert"]:
            if headers.get("Authorization") != "Bearer p" and self.fault != "a reader reverts":
                return 403, {"error": "you may only read"}, none
            return (*self.reverted(json.loads(body)["to"]), none)
        if steps[0] == "tuf":
            version = 1 if fault == "metadata stays" else len(self.artifacts)
            ends = NOW + timedelta(days=-1 if fault == "metadata is expired" else 7)
            signatures = [] if fault == "metadata is not signed" else [{"sig": "x"}]
            return 200, {"signed": {"version": version, "expires": ends.isoformat()}, "signatures": signatures}, none
        if steps == ["keys"]:
            return 200, {"keys": [{"pem": self.pem}]}, none
        if steps == ["c"]:
            schemas = [{"schemaRef": "urn:tiny:1", "versionRange": "*", "version": "1"}]
            if fault == "no versionRange":
                schemas[0].pop("versionRange")
            one: dict[str, Any] = {"clientId": "tiny", "schemas": schemas, "capabilities": ["stdio"], "profiles": ["dev"]}
            if fault == "no capabilities":
                one.pop("capabilities")
            second = {**one, "clientId": "second", "capabilities": ["stdio"], "schemas": [dict(schemas[0], versionRange="*")]}
            return 200, {"clients": [one, second]}, none
        if steps[0] == "c":
            return 200, {"profiles": [] if fault == "profile not listed" else ["dev"]}, none
        if steps[0] == "s":
            return 200, {} if fault == "schema allows everything" else SCHEMA, none
        if steps[0] == "a":
            return self.config(steps, query, headers)
        if steps[0] == "d":
            return 200, self.diff(query.get("current", "")), none
        if steps == ["changes"]:
            return (*self.changes(query.get("since", "")), none)
        found = [
            {
                "artifactId": one["artifactId"],
                "publisherId": one["provenance"]["publisherId"],
                "policySetId": one["policySetId"],
            }
            for one in self.artifacts
            if self.asked_for(one, query)
        ]
        if fault == "audit without it":
            found = found[:-1]
        if fault == "audit names another":
            found = [one | {"publisherId": "x"} for one in found]
        return (200 if steps == ["audit"] else 404), {"releases": found}, none

    def config(self, steps: list[str], query: Mapping[str, str], headers: Mapping[str, str]) -> Any:
        if steps[1:] == ["second", "dev"]:
            return 200, dict(self.artifacts[0]) | {"artifactId": SECOND, "clientId": "second"}, {"ETag": "x"}
        known = steps[1:] == ["tiny", "dev"]
        if not known and self.fault != "any client is served":
            return 404, {"error": "unknown"}, {}
        if "=" in query.get("inputs", ""):
            if self.fault == "value is said back":
                return 422, {"error": query["inputs"]}, {}
            if self.fault != "value is accepted":
                return 422, {"error": "names only"}, {}
        said = dict(self.artifacts[-1])
        if self.fault == "other bytes each time":
            said["number"] = self.served
        tag = f'"{said["version"]}"'
        if headers.get("If-None-Match") == tag and self.fault != "tag is not asked":
            return 304, b"", {"ETag": tag}
        return 200, said, {} if self.fault == "no tag" else {"ETag": tag}

    def diff(self, current: str) -> dict[str, Any]:
        last = self.artifacts[-1]
        known = [one["artifactId"] for one in self.artifacts]
        status = "up-to-date" if current == known[-1] else "outdated" if current in known else "unknown"
        wrong = {
            ("newest is outdated", "up-to-date"): "outdated",
            ("older is current", "outdated"): "up-to-date",
            ("unknown is current", "unknown"): "up-to-date",
        }
        status = wrong.get((self.fault, status), status)
        if self.fault == "another client's is current" and current == SECOND:
            status = "up-to-date"
        if self.fault == "reverted is still current" and last.get("reverted") and current == known[-2]:
            status = "up-to-date"
        found = {"status": status, "latestArtifactId": last["artifactId"], "changelog": last.get("changelog")}
        if self.fault == "no changelog of a difference":
            found.pop("changelog")
        if self.fault == "another latest":
            found["latestArtifactId"] = "sha256:x"
        return found

    def changes(self, since: str) -> tuple[int, Any]:
        if since and not since.isdigit() and self.fault != "any token is taken":
            return 422, {"error": "no token"}
        first = 0 if self.fault == "changes come twice" or not since.isdigit() else int(since)
        events = [
            {
                "artifactId": one["artifactId"],
                "changelog": one.get("changelog"),
                "publisherId": one["provenance"]["publisherId"],
                "policySetId": None if self.fault == "change without policy" else one["policySetId"],
            }
            for one in self.artifacts[first:]
        ]
        if self.fault == "newest is no change":
            events = events[:-1]
        return 200, {"events": events, "next": str(len(self.artifacts))}

    def asked_for(self, one: dict[str, Any], query: Mapping[str, str]) -> bool:
        """Does the audit's *query* ask for this artifact?"""
        if self.fault == "audit ignores the query":
            return True
        if self.fault == "audit ignores the time":
            query = {name: value for name, value in query.items() if name not in ("since", "until")}
        named = {"client": "clientId", "profile": "profile", "version": "version"}
        return (
            all(query.get(name, one[field]) == one[field] for name, field in named.items())
            and query.get("since", "0") <= one["issuedAt"]
            and query.get("until", "9") > one["issuedAt"]
        )

    def validated(self, text: str) -> dict[str, Any]:
        """The report on a draft."""
        bad = "ghp_" in text and self.fault != "report is empty"
        if self.fault == "validating publishes" and not bad:
            self.publish(text + f"# {len(self.artifacts)}\nmore: x", "Oh.")
        said = text if self.fault == "report with the secret" else "a secret"
        return {"findings": [{"outcome": "FAIL", "text": said}] if bad else []}

    def reverted(self, to: str) -> tuple[int, Any]:
        """Issue an earlier artifact again."""
        if self.fault == "revert does nothing":
            return 201, {"state": "released"}
        again = next(one for one in self.artifacts if one["artifactId"] == to)
        self.artifacts.append({**again, "reverted": True})
        return 201, {"state": "released"}

    def published(self, asked: dict[str, str], headers: Mapping[str, str]) -> tuple[int, Any]:
        shown = headers.get("Authorization", "")
        lets = {
            "a reader publishes": shown == "Bearer r",
            "no one publishes": not shown,
            "any token publishes": shown.endswith("n"),
        }
        if shown != "Bearer p" and not lets.get(self.fault):
            if self.fault == "refused and published":
                self.publish(asked["draft"] + f"# {len(self.artifacts)}\nmore: {len(self.artifacts)}\n", "Oh.")
            return 403, {"error": "you may only read"}
        draft = yaml.safe_load(asked["draft"])
        if "ghp_" in asked["draft"]:
            if self.fault == "secret is said back":
                return 422, {"error": asked["draft"]}
            if self.fault == "refused without a reason":
                return 422, b""
            if self.fault != "secret is published":
                return 422, {"error": "a secret"}
        if "nonsense" in draft and self.fault != "unknown field is published":
            return 422, {"error": "an unknown field"}
        if self.fault == "good draft is refused":
            return 422, {"error": "no"}
        if self.approvals:
            self.waiting.append(asked["draft"])
            return 201, {"state": "waiting", "id": "0123456789"}
        if self.fault != "said to be published and is not":
            self.publish(asked["draft"] + f"# {len(self.artifacts)}\n", asked["changelog"])
        return 201, {"state": "released"}


def _tree(leaves: list[bytes], index: int) -> tuple[bytes, list[bytes]]:
    """RFC 6962: the root of *leaves*, and the path of the leaf at *index*."""
    if len(leaves) == 1:
        return leaves[0], []
    half = 1 << (len(leaves) - 1).bit_length() - 1
    left, right = leaves[:half], leaves[half:]
    if index < half:
        root, path = _tree(left, index)
        other, _ = _tree(right, 0)
        return hashlib.sha256(b"\1" + root + other).digest(), [*path, other]
    root, path = _tree(right, index - half)
    other, _ = _tree(left, 0)
    return hashlib.sha256(b"\1" + other + root).digest(), [*path, other]
