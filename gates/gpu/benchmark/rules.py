"""The questions of the gate `benchmark`."""

from __future__ import annotations

from arcops.finding import Rule

MEASURED = Rule(
    id="benchmark/measured",
    asks="Was every planned figure measured often enough, at full size?",
    fix="Give a larger budget, leave --size away, and look why a device could not do its drill.",
)
CORRECT = Rule(
    id="benchmark/correct",
    asks="Was every result that was looked at right?",
    fix="Take the device out of service: it corrupts data in silence. Run its vendor's field diagnosis, and have it replaced.",
)
BASELINE = Rule(
    id="benchmark/baseline",
    asks="Is every figure as good as in the site's signed baseline, within the tolerance?",
    fix="Look at cooling, power, clocks and what else runs; then measure again.",
)
CANARY = Rule(
    id="benchmark/canary",
    asks="Was the machine left alone while it was measured?",
    fix="Stop what else runs on the machine, and measure again.",
)
SUSTAINED = Rule(
    id="benchmark/sustained",
    asks="Does a load that is kept up run as fast at its end as at its beginning, without being slowed down?",
    fix="Look at cooling and power: the finding says what slowed the device down.",
)
RULES = (MEASURED, CORRECT, BASELINE, CANARY, SUSTAINED)
