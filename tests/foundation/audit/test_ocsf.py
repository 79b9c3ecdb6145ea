"""Events of the Open Cybersecurity Schema Framework 1.3.0, held to what it requires of the class API Activity (6003)."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from jsonschema_rs import ValidationError, validate

from foundation.audit.asking import Found
from foundation.audit.ocsf import event
from foundation.audit.record import Outcome, Record
from tests.foundation.audit.home import CALL

pytestmark = pytest.mark.requirement("BASE-4/audit-log")


def some(*names: str, **more: Any) -> dict[str, Any]:
    """An object with text members, of which it must have one at least (the framework's constraint ``at_least_one``)."""
    return {
        "type": "object",
        "properties": {name: {"type": "string", "minLength": 1} for name in names} | more,
        "anyOf": [{"required": [name]} for name in (*names, *more)],
        "additionalProperties": False,
    }


SHAPE: dict[str, Any] = {
    "type": "object",
    "required": [
        *("activity_id", "actor", "api", "category_uid", "class_uid", "metadata"),
        *("severity_id", "src_endpoint", "time", "type_uid"),
    ],
    "properties": {
        "activity_id": {"enum": [0, 1, 2, 3, 4, 99]},
        "activity_name": {"type": "string"},
        "category_uid": {"const": 6},
        "category_name": {"const": "Application Activity"},
        "class_uid": {"const": 6003},
        "class_name": {"const": "API Activity"},
        "type_uid": {"enum": [600300, 600301, 600302, 600303, 600304, 600399]},
        "type_name": {"type": "string"},
        "severity_id": {"enum": [0, 1, 2, 3, 4, 5, 6, 99]},
        "severity": {"type": "string"},
        "status_id": {"enum": [0, 1, 2, 99]},
        "status": {"type": "string"},
        "status_detail": {"type": "string"},
        "time": {"type": "integer", "minimum": 0},
        "duration": {"type": "integer", "minimum": 0},
        "message": {"type": "string"},
        "metadata": {
            "type": "object",
            "required": ["product", "version"],
            "properties": {
                "version": {"const": "1.3.0"},
                "product": {
                    "type": "object",
                    "required": ["name", "vendor_name"],
                    "properties": {name: {"type": "string"} for name in ("name", "vendor_name", "version")},
                    "additionalProperties": False,
                },
                "uid": {"type": "string"},
                "log_name": {"type": "string"},
                "correlation_uid": {"type": "string"},
                "sequence": {"type": "integer"},
            },
            "additionalProperties": False,
        },
        "actor": some("app_name", user=some("uid", "name", domain={"type": "string"}), idp=some("name", "uid")),
        "api": {
            "type": "object",
            "required": ["operation"],
            "properties": {
                "operation": {"type": "string", "minLength": 1},
                "service": some("name", "uid"),
                "request": {"type": "object", "required": ["uid"], "properties": {"uid": {"type": "string"}}},
                "response": {"type": "object", "properties": {"code": {"type": "integer"}, "message": {"type": "string"}}},
            },
            "additionalProperties": False,
        },
        "src_endpoint": some("ip", "uid", "name", "hostname", "svc_name"),
        "resources": {"type": "array", "items": some("uid", "name"), "minItems": 1},
        "unmapped": {"type": "object"},
    },
    "additionalProperties": False,
}
"""Written from the schema's published requirements; members that ArcOps never writes are left out, so a new one is seen."""


def made(record: Record) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(json.dumps(event(Found(log="host-0001", line=7, verified=True, record=record), "0.1.0")))
    validate(SHAPE, found)
    return found


@pytest.mark.parametrize("outcome", Outcome)
@pytest.mark.parametrize("tool", ["check_model", "trust_key", "new_key", "remove_server", "anything", ""])
def test_every_record_is_an_event(outcome: Outcome, tool: str) -> None:
    found = made(replace(CALL, outcome=outcome, tool=tool))
    assert found["type_uid"] == found["class_uid"] * 100 + found["activity_id"]
    assert found["status_id"] == {Outcome.DONE: 1, Outcome.ALLOWED: 99}.get(outcome, 2)


def test_a_record_with_nothing_but_an_action_is_an_event() -> None:
    found = made(Record(at=datetime(2026, 11, 29, tzinfo=UTC), action="audit/begun", outcome=Outcome.ALLOWED))
    assert found["actor"] == {"app_name": "unknown"}
    assert found["src_endpoint"] == {"svc_name": "arcops"}


def test_what_is_known_is_in_its_place() -> None:
    found = made(CALL)
    assert found["time"] == int(CALL.at.timestamp()) * 1000
    assert found["duration"] == 1
    assert found["actor"] == {"user": {"uid": "0f1e", "domain": "t-1"}, "idp": {"name": "https://issuer.example"}}
    assert found["api"]["operation"] == "check_model"
    assert found["metadata"]["uid"] == "host-0001:7"
    assert found["metadata"]["correlation_uid"] == "a" * 32
    assert (found["activity_id"], found["src_endpoint"], found["resources"]) == (2, {"ip": "127.0.0.1"}, [{"uid": CALL.object}])


@pytest.mark.parametrize("missing", SHAPE["required"])
def test_the_shape_refuses_an_event_without_what_is_required(missing: str) -> None:
    found = made(CALL)
    del found[missing]
    with pytest.raises(ValidationError):
        validate(SHAPE, found)
