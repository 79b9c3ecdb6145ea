"""Requests and answers, and the ``Status`` of what is refused (API conventions, "Response Status Kind")."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """Who asks, as authentication found."""

    name: str
    groups: tuple[str, ...] = ()
    uid: str = ""


@dataclass(slots=True, kw_only=True)
class Request:
    """One request. ``headers`` have names in small letters."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes = b""

    def object(self) -> dict[str, Any]:
        """The body, JSON or YAML (as an apply patch may be)."""
        text = self.body.decode()
        if "yaml" in self.headers.get("content-type", "") and not text.lstrip().startswith("{"):
            import yaml

            found = yaml.safe_load(text)
        else:
            try:
                found = json.loads(text)
            except ValueError:
                raise Refusal(400, "BadRequest", "the body is not JSON") from None
        if not isinstance(found, dict):
            raise Refusal(400, "BadRequest", "the body is not an object")
        return found


@dataclass(slots=True, kw_only=True)
class Answer:
    """One answer: ``body``, or ``stream`` that gives parts until it ends; `None` in it cuts the connection."""

    status: int = 200
    body: bytes = b""
    form: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)
    stream: AsyncIterator[bytes | None] | None = None


def of(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Answer:
    return Answer(status=status, body=json.dumps(value, separators=(",", ":")).encode(), headers=headers or {})


class Refusal(Exception):
    """An answer that is a ``Status`` of failure."""

    def __init__(
        self, code: int, reason: str, message: str, *, details: dict[str, Any] | None = None, retry_after: int = 0
    ) -> None:
        super().__init__(message)
        self.code, self.reason, self.message, self.details, self.retry_after = code, reason, message, details, retry_after

    def status(self) -> dict[str, Any]:
        found: dict[str, Any] = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
            "reason": self.reason,
            "code": self.code,
        }
        details = dict(self.details or {})
        if self.retry_after:
            details["retryAfterSeconds"] = self.retry_after
        if details:
            found["details"] = details
        return found

    def answer(self) -> Answer:
        return of(self.status(), self.code, {"Retry-After": str(self.retry_after)} if self.retry_after else None)


def not_found(group: str, plural: str, name: str) -> Refusal:
    whole = f"{plural}.{group}" if group else plural
    return Refusal(404, "NotFound", f'{whole} "{name}" not found', details={"name": name, "group": group, "kind": plural})
