"""Versions that are lists of numbers: CRAN and Bioconductor (R's ``package_version``), Hackage and GHC (Haskell's PVP).

Number by number, and the longer one is later: 1.8 comes before 1.8.0.
"""

from __future__ import annotations

import re

from tasks.model.versions.scheme import Scheme, SortKey, unparsable


def _scheme(name: str, valid: str, loose: str, shown: str) -> Scheme:
    strict_form, loose_form = re.compile(valid), re.compile(loose)

    def order(form: re.Pattern[str], version: str) -> SortKey:
        if not form.fullmatch(version):
            raise unparsable(name, version, f"write it like {shown}")
        return tuple(int(number) for number in re.split(r"[.-]", version))

    return Scheme(
        name=name, strict=lambda version: order(strict_form, version), order=lambda version: order(loose_form, version)
    )


CRAN = _scheme("CRAN", r"[0-9]+(?:[.-][0-9]+)+", r"[0-9]+(?:[.-][0-9]+)*", "1.2.3 or 1.2-3")
HACKAGE = _scheme("Hackage", r"[0-9]+(?:\.[0-9]+)*", r"[0-9]+(?:\.[0-9]+)*", "1.2.3.4")
