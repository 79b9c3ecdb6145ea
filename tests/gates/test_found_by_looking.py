"""What this room and the collectors declare is found by discovery, without a list."""

from __future__ import annotations

import pytest

from arcops.collector import Collector
from arcops.discovery import declared
from arcops.gate import Gate


@pytest.mark.requirement("ARC-0/a-subject-is-added-in-its-own-folders")
def test_gates_and_collectors_of_attestations_and_licences_are_found() -> None:
    assert {"licence", "provenance"} <= {gate.id for gate in declared("gates", Gate)}
    assert {"card", "attestations"} <= {collector.body.KIND for collector in declared("tasks", Collector)}
