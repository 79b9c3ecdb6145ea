"""What the operator asks the API server, typed, and what the answers mean for it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

import msgspec

from adapters.kube.kinds import EVENT, Kind
from arcops.errors import Refused, Unavailable
from foundation.egress.kube import JSON, Answered, KubeClient, Query, Stream
from manifests.objects import Json
from manifests.operator.rights import KEYS_URL

MANAGER = "arcops-operator"
"""The field manager of all that the operator applies."""
SECONDS = 10.0
_PAGE = 500
_MOST_REST = 60.0
_WATCH_SECONDS = 290
_SILENT_SECONDS = 330.0
_APPLY = "application/apply-patch+yaml"
_MERGE = "application/merge-patch+json"
_METADATA = "application/json;as={};g=meta.k8s.io;v=v1"
"""The metadata of objects alone (API Concepts, "Metadata-only fetches")."""
_KEY_SET = "application/jwk-set+json, application/json;q=0.5"


class NotDone(Exception):
    """The API server answered that it did not do it. ``status`` and ``reason`` are its own."""

    def __init__(self, answered: Answered) -> None:
        said = answered.said()
        self.status = answered.status
        self.reason = str(said.get("reason") or "")
        self.retry_after = answered.retry_after
        super().__init__(str(said.get("message") or f"the API server answers {answered.status}")[:500])


class Denied(NotDone):
    """It may not be: a right, a quota, an admission policy or a webhook, or the object itself is not valid."""


class Absent(NotDone):
    """There is no such object, or no such kind."""


class Changed(NotDone):
    """It is not what was thought: another one wrote meanwhile, or it is another object of this name."""


class Expired(NotDone):
    """What was asked from is not known any more: list again."""


_KINDS: dict[int, type[NotDone]] = {403: Denied, 422: Denied, 404: Absent, 409: Changed, 410: Expired}


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """The object as it is after an apply, and whether it was not there before."""

    value: Mapping[str, Json]
    created: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A part of a list; ``following`` is empty for the last."""

    items: tuple[dict[str, Json], ...]
    version: str
    following: str


class Cluster:
    """One API server. All methods raise `NotDone`, and `Unavailable` if there is no answer: then it may have been done."""

    def __init__(self, client: KubeClient, clock: Callable[[], float] = time.monotonic) -> None:
        self._client, self._clock = client, clock
        self._rests_until = 0.0

    def resting(self) -> float:
        """For how many seconds the server asked to be left alone (``Retry-After``)."""
        return max(0.0, self._rests_until - self._clock())

    def page(self, kind: Kind, namespace: str, labels: str, following: str, *, metadata: bool = False) -> Page:
        """A part of the list of *kind* with *labels*, in all namespaces if *namespace* is empty; *metadata* alone, or all."""
        query: Query = (("limit", str(_PAGE)),)
        if labels:
            query = (*query, ("labelSelector", labels))
        if following:
            query = (*query, ("continue", following))
        accept = _METADATA.format("PartialObjectMetadataList") if metadata else JSON
        said = self._asked("GET", kind.path(namespace), query, accept=accept, seconds=60.0).said()
        items, of = said.get("items"), said.get("metadata")
        if not isinstance(items, list) or not isinstance(of, dict):
            raise Unavailable(f"the list of {kind.plural} is not a list")
        return Page(
            items=tuple(one for one in items if isinstance(one, dict)),
            version=str(of.get("resourceVersion") or ""),
            following=str(of.get("continue") or ""),
        )

    def watch(self, kind: Kind, namespace: str, labels: str, version: str, *, metadata: bool = False) -> Stream:
        """What happens to *kind*, or to its *metadata*, from *version* on; the server ends it after some minutes."""
        query: Query = (
            ("watch", "true"),
            ("allowWatchBookmarks", "true"),
            ("resourceVersion", version),
            ("timeoutSeconds", str(_WATCH_SECONDS)),
        )
        if labels:
            query = (*query, ("labelSelector", labels))
        found = self._client.stream(
            kind.path(namespace),
            query,
            accept=_METADATA.format("PartialObjectMetadata") if metadata else JSON,
            seconds=SECONDS,
            silent_seconds=_SILENT_SECONDS,
        )
        if isinstance(found, Answered):
            raise _failure(found)
        return found

    def read(self, kind: Kind, namespace: str, name: str) -> dict[str, Json] | None:
        """One object, `None` if it is not there."""
        try:
            return self._asked("GET", kind.path(namespace, name)).said()
        except Absent:
            return None

    def apply(
        self,
        kind: Kind,
        namespace: str,
        name: str,
        body: Mapping[str, object] | bytes,
        *,
        force: bool,
        below: str = "",
        seconds: float = SECONDS,
    ) -> Applied:
        """Apply *body*, whose fields are ours from then on; without *force* another owner's field is a conflict."""
        query = (("fieldManager", MANAGER), ("force", "true" if force else "false"), ("fieldValidation", "Strict"))
        path = kind.path(namespace, name, below)
        answered = self._asked(
            "PATCH", path, query, body if isinstance(body, bytes) else _bytes(body), form=_APPLY, seconds=seconds
        )
        return Applied(value=answered.said(), created=answered.status == 201)

    def create(self, kind: Kind, namespace: str, body: Mapping[str, object], *, seconds: float = SECONDS) -> dict[str, Json]:
        """Create *body*."""
        query = (("fieldManager", MANAGER),)
        return self._asked("POST", kind.path(namespace), query, _bytes(body), seconds=seconds).said()

    def replace(
        self, kind: Kind, namespace: str, name: str, body: Mapping[str, object], *, seconds: float = SECONDS
    ) -> dict[str, Json]:
        """Put *body* in the place of the object with the resource version that it names, and of no other."""
        query = (("fieldManager", MANAGER),)
        return self._asked("PUT", kind.path(namespace, name), query, _bytes(body), seconds=seconds).said()

    def patch(
        self, kind: Kind, namespace: str, name: str, body: Mapping[str, object], *, seconds: float = SECONDS
    ) -> dict[str, Json]:
        """Change what *body* says, a JSON merge patch; with a uid only the object that has it."""
        query = (("fieldManager", MANAGER),)
        path = kind.path(namespace, name)
        return self._asked("PATCH", path, query, _bytes(body), form=_MERGE, seconds=seconds).said()

    def delete(self, kind: Kind, namespace: str, name: str, uid: str, *, seconds: float = SECONDS) -> None:
        """Delete the object with this *uid*, with what it owns. One that is gone is gone."""
        body = {"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": {"uid": uid}, "propagationPolicy": "Background"}
        try:
            self._asked("DELETE", kind.path(namespace, name), (), _bytes(body), seconds=seconds)
        except Absent:
            return

    def tell(self, namespace: str, body: Mapping[str, object], *, seconds: float = SECONDS) -> None:
        """Create an event."""
        self._asked("POST", EVENT.path(namespace), (), _bytes(body), seconds=seconds)

    def tell_again(self, namespace: str, name: str, count: int, now: datetime, *, seconds: float = SECONDS) -> None:
        """Say of an event that it happened *count* times by now."""
        series = {"count": count, "lastObservedTime": f"{now:%Y-%m-%dT%H:%M:%S.%fZ}"}
        path = EVENT.path(namespace, name)
        self._asked("PATCH", path, (), _bytes({"series": series}), form=_MERGE, seconds=seconds)

    def token_keys(self) -> bytes:
        """The keys of the cluster's own tokens (a JSON Web Key Set)."""
        return self._asked("GET", KEYS_URL, accept=_KEY_SET).body

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _asked(
        self,
        method: str,
        path: str,
        query: Query = (),
        body: bytes | None = None,
        *,
        form: str = JSON,
        accept: str = JSON,
        seconds: float = SECONDS,
    ) -> Answered:
        answered = self._client.ask(method, path, query, body, form=form, accept=accept, seconds=seconds)
        if not answered.ok:
            if answered.retry_after:
                self._rests_until = self._clock() + min(answered.retry_after, _MOST_REST)
            raise _failure(answered)
        return answered


def _failure(answered: Answered) -> Exception:
    if answered.status == 401:
        return Refused("the API server does not accept the operator's credentials (401); check its token or certificate")
    return _KINDS.get(answered.status, NotDone)(answered)


def _bytes(body: Mapping[str, object]) -> bytes:
    return msgspec.json.encode(body)


def lines(stream: Stream) -> Iterator[tuple[str, dict[str, Json]]]:
    """Type and object of each event of a watch. Raises `Expired`, and `Unavailable` if the stream breaks."""
    for line in stream:
        try:
            event = msgspec.json.decode(line)
            what, value = event["type"], event["object"]
        except (ValueError, KeyError, TypeError):
            raise Unavailable("the API server's watch holds a line that is no event") from None
        if what == "ERROR":
            code = value.get("code") if isinstance(value, dict) else None
            answered = Answered(status=code if isinstance(code, int) else 500, body=msgspec.json.encode(value))
            raise _KINDS.get(answered.status, NotDone)(answered)
        yield what, value
