"""The claims of the requirements: one plain sentence each, shown by the tests that carry its mark, or deferred with a reason.

A test shows a claim with ``@pytest.mark.requirement("ARC-A1/keys-are-kept-safe")``. `tests/house/test_requirements.py` checks
that this list and the marks agree, both ways. ``docs/requirements.md`` is written from both (`tests.requirements.page`).
"""

from __future__ import annotations

from tests.requirements.base import BASE
from tests.requirements.configuration import CONFIGURATION
from tests.requirements.hosting import HOSTING
from tests.requirements.operator import OPERATOR
from tests.requirements.readiness import READINESS
from tests.requirements.spine import SPINE

FAMILIES = {
    "ARC: the spine": SPINE,
    "ARC: what is judged": READINESS,
    "BASE: the foundation": BASE,
    "HOST: hosting MCP servers": HOSTING,
    "OPER: Kubernetes resources for MCP servers": OPERATOR,
    "CONF: configuration of MCP clients": CONFIGURATION,
}

CLAIMS = tuple(claim for family in FAMILIES.values() for claim in family)
