"""Records as events of the Open Cybersecurity Schema Framework 1.3.0, class API Activity (6003), for a SIEM. Pure.

What the framework requires of this class: the class, category, type and severity, the time in milliseconds, metadata with the
framework's version and the product, an actor, an API with its operation, and a source endpoint with at least one name or
address. What it has no field for is in ``unmapped``, which it keeps for that.
"""

from __future__ import annotations

from collections.abc import Mapping

from foundation.audit.asking import Found
from foundation.audit.record import Outcome

SCHEMA_VERSION = "1.3.0"
CLASS, CATEGORY = 6003, 6
_OTHER = 99
_CREATE, _READ, _UPDATE, _DELETE = 1, 2, 3, 4
_ACTIVITIES = {
    "Create": (_CREATE, ("new", "create", "import", "generate", "sign", "register", "draft")),
    "Read": (_READ, ("check", "verify", "show", "list", "explain", "review", "examine", "fetch", "read", "query", "compare")),
    "Update": (_UPDATE, ("trust", "revoke", "change", "update", "grant", "renew")),
    "Delete": (_DELETE, ("delete", "remove")),
}
_SUCCESS, _FAILURE, _STATUS_OTHER = 1, 2, 99
_STATUS = {
    Outcome.DONE: (_SUCCESS, "Success"),
    Outcome.ALLOWED: (_STATUS_OTHER, "Allowed"),
    Outcome.DENIED: (_FAILURE, "Failure"),
    Outcome.REFUSED: (_FAILURE, "Failure"),
    Outcome.FAILED: (_FAILURE, "Failure"),
    Outcome.LIMIT: (_FAILURE, "Failure"),
}
_INFORMATIONAL, _LOW, _MEDIUM = 1, 2, 3
_SEVERITY = {
    Outcome.DENIED: (_MEDIUM, "Medium"),
    Outcome.FAILED: (_LOW, "Low"),
    Outcome.LIMIT: (_LOW, "Low"),
    Outcome.REFUSED: (_LOW, "Low"),
}


def event(found: Found, product_version: str) -> Mapping[str, object]:
    """*found* as an event; *product_version* is ArcOps's own. What is empty in the record is left out."""
    record, name = found.record, found.record.tool or found.record.action
    activity, number = _activity(name)
    status, status_name = _STATUS[record.outcome]
    severity, severity_name = _SEVERITY.get(record.outcome, (_INFORMATIONAL, "Informational"))
    when = int(record.at.timestamp() * 1000)
    trace = record.trace.split("-")[1] if record.trace else ""
    return _filled(
        {
            "activity_id": number,
            "activity_name": activity,
            "category_uid": CATEGORY,
            "category_name": "Application Activity",
            "class_uid": CLASS,
            "class_name": "API Activity",
            "type_uid": CLASS * 100 + number,
            "type_name": f"API Activity: {activity}",
            "severity_id": severity,
            "severity": severity_name,
            "status_id": status,
            "status": status_name,
            "status_detail": record.reason,
            "time": when,
            "duration": record.latency_us // 1000,
            "message": " ".join(one for one in (record.action, record.tool, record.outcome.value, record.verdict) if one),
            "metadata": {
                "version": SCHEMA_VERSION,
                "product": {"name": "ArcOps", "vendor_name": "ArcOps", "version": product_version},
                "uid": f"{found.log}:{found.line}",
                "log_name": found.log,
                "correlation_uid": trace,
                "sequence": found.line,
            },
            "actor": _actor(found),
            "api": {
                "operation": name,
                "service": {"name": record.door},
                "request": {"uid": record.request},
                "response": {
                    "code": 0 if record.outcome in (Outcome.DONE, Outcome.ALLOWED) else 1,
                    "message": record.outcome.value,
                },
            },
            "src_endpoint": {"ip": record.source} if record.source else {"svc_name": record.door or "arcops"},
            "resources": [{"uid": record.object}] if record.object else [],
            "unmapped": {
                "action": record.action,
                "arguments": list(record.arguments),
                "arguments_digest": record.digest,
                "outcome": record.outcome.value,
                "verdict": record.verdict,
                "tier": record.tier,
                "traceparent": record.trace,
                "latency_us": record.latency_us,
                "record_version": record.version,
            },
        }
    )


def _actor(found: Found) -> Mapping[str, object]:
    actor = found.record.actor
    if not actor.id:
        return {"app_name": "arcops" if found.record.door == "audit" else "unknown"}
    return {"user": {"uid": actor.id, "domain": actor.tenant}, "idp": {"name": actor.issuer}}


def _activity(name: str) -> tuple[str, int]:
    word = name.rpartition("/")[2].partition("_")[0]
    return next(((said, number) for said, (number, words) in _ACTIVITIES.items() if word in words), ("Other", _OTHER))


def _filled(value: Mapping[str, object]) -> Mapping[str, object]:
    """*value* without what is empty, all the way down. A number is never empty."""
    kept = {key: _filled(one) if isinstance(one, Mapping) else one for key, one in value.items()}
    return {key: one for key, one in kept.items() if one not in ("", [], {})}
