"""Reviews of MCPServer and ClusterMCPServer resources: an image needs a verdict that counts, and policies that can decide."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from adapters.admission.review import AdmissionAsked, decided, refusal, taken
from capabilities.operator.images import JudgedImages
from capabilities.place import Place
from manifests.objects import Json, frozen
from services.operator.admitting import admission


@dataclass(frozen=True, slots=True, kw_only=True)
class Judges:
    """Who may judge images: the ids of their keys; empty for the key of the place that decides. ``amber_passes``: AMBER is let
    through. ``prefixes`` are those of labels and annotations that a podTemplateSpec may set.
    """

    signers: tuple[str, ...] = ()
    amber_passes: bool = False
    prefixes: tuple[str, ...] = ()


def answering(judges: Judges) -> Callable[[AdmissionAsked, Callable[[], Place]], dict[str, object]]:
    """What answers reviews; all of them share what was vouched for."""
    return partial(answer_servers, judges, JudgedImages(signers=judges.signers, amber_passes=judges.amber_passes))


def answer_servers(
    judges: Judges, images: JudgedImages, asked: AdmissionAsked, place: Callable[[], Place]
) -> dict[str, object]:
    """The AdmissionReview that answers *asked*; never an exception."""

    def decide(at: Place) -> dict[str, object]:
        request = json.loads(asked.text)["request"]
        found = admission(
            str(request.get("operation", "")),
            _object(request.get("object")),
            _object(request.get("oldObject")),
            lambda: images.at(at),
            at.now(),
            prefixes=judges.prefixes,
        )
        if found.refused:
            return refusal(asked.uid, 403, "; ".join(found.refused))
        return taken(asked.uid, found.told)

    if asked.deletes:  # whatever is lost or wrong here, a resource can be deleted
        return taken(asked.uid)
    return decided(asked, decide, place)


def _object(value: Any) -> Mapping[str, Json] | None:
    found = frozen(value) if isinstance(value, dict) else None
    return found if isinstance(found, Mapping) else None
