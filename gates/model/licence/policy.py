"""What a policy decides for the gate ``licence``: which licences may be used."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from fnmatch import fnmatchcase

from arcops.errors import Refused
from arcops.late_dataclass import dataclass
from arcops.licence import NOTHING, UNSAID, Licence, canonical_name, holds, named, parse_licence
from arcops.seen.card import Fact


class Breach(Enum):
    """What a breach becomes: RED or AMBER."""

    FAIL = "fail"
    WARN = "warn"


class ComponentLicences(Enum):
    """The licences of an SBOM that are checked: of every component, of its root alone, or none."""

    ALL = "all"
    ROOT_ONLY = "root-only"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class LicencePolicy:
    """Which licences may be used.

    ``allowed`` and ``denied`` hold SPDX identifiers, ``LicenseRef-…`` or hub names (``llama3.1``). Case does not matter, and
    they may end in ``*`` (``CC-BY-*``). ``denied`` overrides ``allowed``. ``X WITH exception`` needs its own entry.
    ``disagreement`` is for card, files and SBOM that name different licences, ``unrecognised_files`` for licence files whose
    text is not known, ``components_without_licence`` for components that state no licence.
    """

    allowed: tuple[str, ...] = ()
    denied: tuple[str, ...] = ()
    component_licences: ComponentLicences = ComponentLicences.ALL
    components_without_licence: Breach = Breach.FAIL
    disagreement: Breach = Breach.FAIL
    unrecognised_files: Breach = Breach.FAIL
    required_card_facts: tuple[Fact, ...] = (
        Fact.DATASETS,
        Fact.EVALUATION,
        Fact.INTENDED_USE,
        Fact.LANGUAGE,
        Fact.LICENCE,
    )

    def __post_init__(self) -> None:
        for pattern in self.allowed:
            if not pattern.strip("*? ") or set(pattern.rstrip("*")) & set("*?["):
                raise Refused(
                    f"allowed licence {pattern!r} would allow licences that are not named; write an identifier or 'FAMILY-*'"
                )

    def permits(self, licence: Licence) -> bool:
        """Is *licence* on the allowed and not on the denied list? "X or later" is a choice that holds X itself."""
        if self._listed(self.denied, licence):
            return False
        choices = [licence]
        if not licence.exception and licence.name.endswith(("-or-later", "+")):
            choices.append(Licence(name=canonical_name(licence.name.removesuffix("-or-later").removesuffix("+"))))
        return any(self._listed(self.allowed, choice) and not self._listed(self.denied, choice) for choice in choices)

    @staticmethod
    def _listed(patterns: Iterable[str], licence: Licence) -> bool:
        said = str(licence).lower()
        return any(fnmatchcase(said, canonical_name(pattern).lower()) for pattern in patterns)


def refusal(text: str, policy: LicencePolicy) -> str:
    """Why *text* may not be used, as the end of a sentence; empty if it may be used."""
    try:
        expression = parse_licence(text)
    except Refused as error:
        return f"cannot be judged: {error}"
    names = {licence.name for licence in named(expression)}
    if NOTHING in names:
        return "says that there is no licence"
    if UNSAID in names:
        return "makes no statement about the licence"
    if holds(expression, policy.permits):
        return ""
    denied = sorted({str(licence) for licence in named(expression) if not policy.permits(licence)})
    return f"is not allowed by the policy: {', '.join(denied)}"
