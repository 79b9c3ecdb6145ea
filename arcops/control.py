"""A control of a framework of security or privacy rules, and what speaks to it. The judging of controls is an auditor's.

Numbers only; the titles and texts are the frameworks' own: NIST SP 800-53 Revision 5, the Trust Services Criteria of the AICPA
(2017, points of focus 2022), 45 CFR 164.308 and 164.312 (HIPAA), Regulation (EU) 2016/679 (GDPR).
"""

from __future__ import annotations

from enum import Enum
from functools import partial

from arcops.late_dataclass import dataclass


class Framework(Enum):
    """The set of rules that a control is from, as a report writes it."""

    NIST = "NIST SP 800-53 r5"
    SOC = "SOC 2 (TSC)"
    HIPAA = "HIPAA 45 CFR"
    GDPR = "GDPR"


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """One control, by its ``number`` in its framework: ``AC-6(9)``, ``CC6.1``, ``164.312(b)``, ``Art. 32(1)(d)``."""

    framework: Framework
    number: str

    def __str__(self) -> str:
        return f"{self.framework.value} {self.number}"


def _of(framework: Framework, *numbers: str) -> tuple[Control, ...]:
    return tuple(Control(framework=framework, number=number) for number in numbers)


nist, soc, hipaa, gdpr = (partial(_of, one) for one in Framework)
"""The controls of these numbers, such as ``nist("RA-5", "SI-2")``."""
