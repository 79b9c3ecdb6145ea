"""Assessment results of the Open Security Controls Assessment Language 1.1.3 (NIST), made of what speaks to controls. Pure.

Every observation says what there is evidence for, and links to it. There are no findings: in OSCAL these say whether an
objective is satisfied, which an assessor decides. If a framework has no OSCAL catalog, an id is made of the number.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid5

OSCAL_VERSION = "1.1.3"
NAMESPACE = "https://arcops.dev/ns/oscal"
"""Of our own properties; nothing is read from there."""
_OURS = UUID("5b0f0c5e-6a86-5f8e-9d8f-7f7a1f4d6b21")
_RECORD = re.compile(r"[^\s:]+:[0-9]+")
_PLAN = (
    "What was looked at: the records of the audit logs that verify, and the artifacts in the store whose signer counts here. "
    "There is no assessment plan; the assessor's own one takes this place."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """One row: what there is ``evidence`` for, by which ``method`` (``EXAMINE`` of records, ``TEST`` by a gate), how many
    ``times``, and the ``links``: records as ``log:line``, artifacts as ``sha256:…``.
    """

    framework: str
    control: str
    method: str
    evidence: str
    times: int
    links: tuple[str, ...]


def assessment(
    observed: Iterable[Observed], *, site: str, begin: datetime, end: datetime, at: datetime, left_out: Sequence[str]
) -> Mapping[str, object]:
    """The document, of what was seen from *begin* until *end*, made *at*; rows without a link are left out.

    The same rows at the same moment give the same bytes: each UUID is made of what it names (RFC 9562, version 5).
    """
    rows = [one for one in observed if one.links]
    made = _uuid("results", site, at.isoformat())
    plan = _uuid("plan", made)
    artifacts = sorted({link for one in rows for link in one.links if not _RECORD.fullmatch(link)})
    remarks = [f"Not counted, since nothing vouches for it here: {one}." for one in left_out]
    result = {
        "uuid": _uuid("result", made),
        "title": "Evidence that ArcOps collected",
        "description": "Evidence for controls, with links to what can be verified. It does not say that a control is met.",
        "start": _moment(begin),
        "end": _moment(end),
        "reviewed-controls": {"control-selections": _selections(rows)},
        **({"observations": [_observation(one, made, end) for one in rows]} if rows else {}),
        **({"remarks": "\n\n".join(remarks)} if remarks else {}),
    }
    return {
        "assessment-results": {
            "uuid": made,
            "metadata": {
                "title": f"Assessment results of {site}" if site else "Assessment results",
                "last-modified": _moment(at),
                "version": _moment(at),
                "oscal-version": OSCAL_VERSION,
            },
            "import-ap": {"href": f"#{plan}"},
            "results": [result],
            "back-matter": {
                "resources": [
                    {"uuid": plan, "title": "In the place of an assessment plan", "description": _PLAN},
                    *(_resource(one, made) for one in artifacts),
                ]
            },
        }
    }


def control_id(framework: str, number: str) -> str:
    """The id of a control, as NIST's catalog in OSCAL writes it: ``AC-6(9)`` is ``ac-6.9``. Another framework's looks alike."""
    plain = re.sub(r"[^a-z0-9.-]+", "-", re.sub(r"\((\w+)\)", r".\1", number.lower())).strip("-.")
    plain = re.sub(r"-?\.[-.]*", ".", plain)
    return plain if plain[:1].isalpha() else f"{re.sub(r'[^a-z]+', '-', framework.lower()).strip('-')}-{plain}"


def _selections(rows: Sequence[Observed]) -> list[Mapping[str, object]]:
    found: dict[str, list[str]] = {}
    for one in rows:
        ids = found.setdefault(one.framework, [])
        if (name := control_id(one.framework, one.control)) not in ids:
            ids.append(name)
    if not found:
        return [{"description": "There is no evidence for any control in this time."}]
    return [
        {"description": f"Controls of {framework}", "include-controls": [{"control-id": one} for one in ids]}
        for framework, ids in found.items()
    ]


def _observation(one: Observed, made: str, end: datetime) -> Mapping[str, object]:
    return {
        "uuid": _uuid("observation", made, one.framework, one.control, one.method, one.evidence),
        "title": f"{one.framework} {one.control}",
        "description": f"Evidence: {one.evidence}. It was seen {one.times:,} time(s).",
        "props": [
            {"name": "framework", "ns": NAMESPACE, "value": one.framework},
            {"name": "control", "ns": NAMESPACE, "value": control_id(one.framework, one.control)},
            {"name": "seen", "ns": NAMESPACE, "value": str(one.times)},
        ],
        "methods": [one.method],
        "relevant-evidence": [_evidence(link, made) for link in one.links],
        "collected": _moment(end),
    }


def _evidence(link: str, made: str) -> Mapping[str, object]:
    if _RECORD.fullmatch(link):
        said = f"Record {link} of the audit log; 'arcops audit verify' checks it."
        return {"description": said, "props": [{"name": "record", "ns": NAMESPACE, "value": link}]}
    return {"href": f"#{_uuid('artifact', made, link)}", "description": f"Artifact {link}; 'arcops verify' checks it."}


def _resource(artifact: str, made: str) -> Mapping[str, object]:
    digest = artifact.removeprefix("sha256:")
    named = base64.urlsafe_b64encode(bytes.fromhex(digest)).decode().rstrip("=")  # RFC 6920, section 3
    return {
        "uuid": _uuid("artifact", made, artifact),
        "title": f"Artifact {artifact}",
        "rlinks": [{"href": f"ni:///sha-256;{named}", "hashes": [{"algorithm": "SHA-256", "value": digest}]}],
    }


def _uuid(*names: str) -> str:
    return str(uuid5(_OURS, "\n".join(names)))


def _moment(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")
