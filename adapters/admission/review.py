"""AdmissionReview (``admission.k8s.io/v1``): reading one, and its answer, which is no unless a tool says yes."""

from __future__ import annotations

import json
import logging
import re
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from arcops.errors import ArcOpsError, Refused
from capabilities.cluster.admit import Admit, admit_workload
from capabilities.place import Place
from foundation.messages import one_reading
from foundation.settings import without_folders

VERSION = "admission.k8s.io/v1"
_MOST_UID = 256
_MOST_MESSAGE = 4000
_LOG = logging.getLogger("arcops.admission")
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,99}")


class NoReview(ArcOpsError):
    """The request is not a review, so the protocol has no answer to it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AdmissionAsked:
    """A review with a uid. ``problem`` says why it cannot be decided; ``text`` is the review as it came. ``deletes``: something
    is to be deleted.
    """

    uid: str
    text: str
    name: str = ""
    problem: str = ""
    deletes: bool = False


def read_review(data: bytes) -> AdmissionAsked:
    """The review in *data*. Raises `NoReview` if the uid, which every answer must repeat, cannot be read."""
    try:
        document = one_reading(data, "the review")
    except Refused as error:
        raise NoReview(str(error)) from error
    request = document.get("request") if isinstance(document, dict) else None
    uid = request.get("uid") if isinstance(request, dict) else None
    if not isinstance(document, dict) or not isinstance(request, dict) or not isinstance(uid, str) or not uid:
        raise NoReview("this is not an AdmissionReview: it has no request with a uid")
    if len(uid) > _MOST_UID or not uid.isprintable():
        raise NoReview("the uid of the request is not one that an API server makes")
    asked = AdmissionAsked(uid=uid, text=data.decode(), name=_name(request))
    if document.get("kind") != "AdmissionReview" or document.get("apiVersion") != VERSION:
        return AdmissionAsked(uid=uid, text="", problem=f"only AdmissionReview of {VERSION} is supported here")
    if not isinstance(request.get("object"), dict):
        none = "the request has no object, so there is nothing to decide about"
        return AdmissionAsked(uid=uid, text="", problem=none, deletes=request.get("operation") == "DELETE")
    return asked


def _name(request: dict[str, object]) -> str:
    """The subject's name in the artifact of the decision: kind, namespace and name, if these have only plain characters."""
    kind = request.get("kind")
    parts = (kind.get("kind") if isinstance(kind, dict) else None, request.get("namespace"), request.get("name"))
    words = [part for part in parts if isinstance(part, str) and part]
    return ".".join(words) if words and all(_PLAIN.fullmatch(word) for word in words) else "manifest"


def answer(asked: AdmissionAsked, policy: str, place: Callable[[], Place]) -> dict[str, object]:
    """The AdmissionReview that answers *asked* by *policy*; never an exception."""

    def decide(at: Place) -> dict[str, object]:
        said = admit_workload(Admit(manifest=asked.text, policy=policy, review=True, name=asked.name), at)
        found: dict[str, object] = json.loads(said.review)
        return found

    return decided(asked, decide, place)


def decided(
    asked: AdmissionAsked, decide: Callable[[Place], dict[str, object]], place: Callable[[], Place]
) -> dict[str, object]:
    """The AdmissionReview that answers *asked*, as *decide* says it at a place; never an exception."""
    if asked.problem:
        return refusal(asked.uid, 400, asked.problem)
    at: Place | None = None
    try:
        at = place()
        return decide(at)
    except ArcOpsError as error:
        _LOG.warning("a review could not be decided: %s", json.dumps(str(error)))
        return refusal(asked.uid, 500, f"this could not be decided: {_without_folders(str(error), at)}")
    except Exception as error:
        # Whatever went wrong, a workload that was not judged is not admitted. The error itself is only for the operator.
        _LOG.error("a review could not be decided: %s: %s", type(error).__name__, json.dumps(str(error)))
        return refusal(asked.uid, 500, f"this could not be decided ({type(error).__name__}); the operator's log says more")


def taken(uid: str, warnings: Sequence[str] = ()) -> dict[str, object]:
    """The AdmissionReview that says yes, with *warnings* for the person who applied the object."""
    response: dict[str, object] = {"uid": uid, "allowed": True}
    if warnings:
        response["warnings"] = [f"arcops: {one}"[:_MOST_MESSAGE] for one in warnings]
    return {"apiVersion": VERSION, "kind": "AdmissionReview", "response": response}


def refusal(uid: str, code: int, why: str) -> dict[str, object]:
    """The AdmissionReview that says no, with *why* for the person who applied the object."""
    status = {"code": code, "message": f"arcops: {why}"[:_MOST_MESSAGE]}
    return {
        "apiVersion": VERSION,
        "kind": "AdmissionReview",
        "response": {"uid": uid, "allowed": False, "status": status},
    }


def _without_folders(text: str, at: Place | None) -> str:
    """*text* without the names of folders here: the person who applies an object need not know them."""
    if at is not None:
        text = without_folders(text, at.settings)
    return text.replace(tempfile.gettempdir(), "(temporary)")
