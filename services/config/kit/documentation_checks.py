"""AC-5: schema references, the policy model and the runbook are there."""

from __future__ import annotations

from datetime import datetime

import jsonschema_rs

from services.config.kit.asking import Failed, Service
from services.config.kit.declaring import check


@check("AC-5/documentation", "Are schema references, the policy model and an operator's runbook published?")
def documentation(at: Service, now: datetime) -> str:
    links = at.discovery.get("documentation")
    if not isinstance(links, dict):
        raise Failed("the discovery document names no documentation")
    for name in ("schemas", "policyModel", "runbook"):
        if not links.get(name):
            raise Failed(f"the documentation has no {name}")
        found = at.ask("GET", str(links[name]))
        if found.status != 200 or len(found.body) < 200:
            raise Failed(f"{name} at {links[name]} is answered {found.status} with {len(found.body)} bytes")
    return ", ".join(links)


@check("AC-5/runbook", "Does the runbook say how to revert, to rotate keys and to mirror?")
def runbook(at: Service, now: datetime) -> str:
    text = at.ask("GET", str((at.discovery.get("documentation") or {}).get("runbook"))).body.decode("utf-8", "replace").lower()
    for word in ("revert", "rotat", "mirror"):
        if word not in text:
            raise Failed(f"the runbook does not say anything of {word!r}")
    return "revert, rotation, mirror"


@check("AC-5/schemas", "Is every schema that is listed a schema?")
def schemas(at: Service, now: datetime) -> str:
    count = 0
    for one in at.clients():
        for each in one["schemas"]:
            schema = at.good("GET", at.path("GetSchema", str(one["clientId"]), str(each.get("version") or each["schemaRef"])))
            try:
                jsonschema_rs.validator_for(schema, offline=True)
            except (ValueError, TypeError) as error:
                raise Failed(f"{each['schemaRef']} is no schema: {str(error)[:100]}") from None
            if schema in ({}, True):
                raise Failed(f"{each['schemaRef']} allows everything")
            count += 1
    return f"{count} schemas"
