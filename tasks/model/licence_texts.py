"""The licence texts that are known, as data for `tasks.model.licence_text`."""

from __future__ import annotations

from collections.abc import Iterator

from arcops.late_dataclass import dataclass

HEADING = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownText:
    """One licence text: its first and last words, and what shows that the text is unchanged.

    ``sha256`` are digests of the words from ``start`` to ``end`` inclusive. Without any, ``holds``, ``lacks`` and ``length``
    (words, from ``start`` to the end of the file or of ``end``) decide. At most ``heading`` words may be before it, and
    if the licence has its own ``preamble``, they hold that phrase;
    ``appendix`` is how the words after it begin, of which there may be at most ``tail``.
    """

    name: str
    start: str
    end: str = ""
    sha256: tuple[str, ...] = ()
    holds: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()
    length: tuple[int, int] = (0, 0)
    heading: int = HEADING
    preamble: str = ""
    appendix: str = ""
    tail: int = 0


_GNU_END = "end of terms and conditions"
_GNU_TAIL = "how to apply these terms to your new"
_BSD_HOLDS = (
    "redistributions of source code must retain the above copyright notice this list of conditions and the following",
    "redistributions in binary form must reproduce the above copyright notice this list of conditions and the following",
    "are disclaimed in no event shall",
)
_BSD_START = "redistribution and use in source and binary forms with or without modification are permitted provided that"
_BSD_END = "even if advised of the possibility of such damage"


def _creative_commons() -> Iterator[KnownText]:
    for name, words in (
        ("BY", "attribution"),
        ("BY-SA", "attribution sharealike"),
        ("BY-ND", "attribution noderivatives"),
        ("BY-NC", "attribution noncommercial"),
        ("BY-NC-SA", "attribution noncommercial sharealike"),
        ("BY-NC-ND", "attribution noncommercial noderivatives"),
    ):
        yield KnownText(
            name=f"CC-{name}-4.0",
            start=f"creative commons {words} 4 0 international public license by exercising the licensed rights",
            holds=("section 2 scope", "section 5 disclaimer of warranties"),
            lacks=() if "noncommercial" in words else ("commercial", "noncommercial"),
            length=(1900, 2700),
            heading=480,
            preamble="using creative commons public licenses",
        )


def _llama() -> Iterator[KnownText]:
    for name, words in (
        ("llama2", "llama 2"),
        ("llama3", "meta llama 3"),
        ("llama3.1", "llama 3 1"),
        ("llama3.2", "llama 3 2"),
        ("llama3.3", "llama 3 3"),
        ("llama4", "llama 4"),
    ):
        yield KnownText(
            name=name,
            start=f"{words} community license agreement {words} version",
            holds=("700 million monthly active users", "grant of rights", "acceptable use policy", "term and termination"),
            length=(900, 3000),
        )


TEXTS = (
    KnownText(
        name="Apache-2.0",
        start="terms and conditions for use reproduction and distribution 1 definitions",
        end=_GNU_END,
        sha256=("d8221a4f10c01c6fa5390685929a5ce31d7264a024162fd3dd4d805c57ce0f43",),
        appendix="appendix how to apply the apache license to your work",
        tail=200,
    ),
    KnownText(
        name="MIT",
        start="permission is hereby granted free of charge to any person obtaining a copy",
        end="use or other dealings in the software",
        sha256=(
            "0cf21bdfd1964a97a8615e128534845826afbc887edc95aa5c925cbf64386b5c",
            "d14bd9df053b786a733de4e81ef68219233b1aa52ebbea5e86ed85440ea5439f",
        ),
    ),
    KnownText(
        name="MIT-0",
        start="permission is hereby granted free of charge to any person obtaining a copy",
        end="use or other dealings in the software",
        sha256=("a181c333030f65ebcf2eabeca3493225b6b03fce6907bdd3e59e7a8a37180fbd",),
    ),
    KnownText(
        name="ISC",
        start="permission to use copy modify and or distribute this software for any purpose",
        end="use or performance of this software",
        sha256=("217da0747cec63a2e734185db11cbaa819bcd9e5b83cd12f812128fffe66e26a",),
    ),
    KnownText(
        name="0BSD",
        start="permission to use copy modify and or distribute this software for any purpose with or without fee",
        end="use or performance of this software",
        sha256=("25a274d52b3014d9bd64e0f3362fd279ac1655f163d5c518f6b9f6c43354802c",),
    ),
    KnownText(
        name="Unlicense",
        start="this is free and unencumbered software released into the public domain",
        end="unlicense org",
        sha256=("7a4d92cdb11d254973a073803be1148a5402f1b2ca67808cdb3ef78b596102cd",),
    ),
    KnownText(
        name="Zlib",
        start="this software is provided as is without any express or implied warranty in no event will the authors",
        end="may not be removed or altered from any source distribution",
        sha256=("1b8c5cd52eceb19ab0bc3cb40be110b1c0e7fa2671a3fe5866e59dd1502e69c7",),
    ),
    KnownText(
        name="GPL-2.0-only",
        start="gnu general public license version 2 june 1991",
        end=_GNU_END,
        sha256=(
            "8607b1cff63e9a9dc468bf76327bdd0bb2d2abe09d6e8076427fd49236f46f29",
            "e4da5ba0ed1f545575582dc4b2e775702ccebae1ef3bfd21379df99763e4f198",
        ),
        appendix=_GNU_TAIL,
        tail=520,
    ),
    KnownText(
        name="GPL-3.0-only",
        start="gnu general public license version 3 29 june 2007",
        end=_GNU_END,
        sha256=("4daf25711475345bba3326eb65ac074ad13b96798bf4bd295a284f56837f3ac0",),
        appendix=_GNU_TAIL,
        tail=520,
    ),
    KnownText(
        name="LGPL-2.1-only",
        start="gnu lesser general public license version 2 1 february 1999",
        end=_GNU_END,
        sha256=("f13ce8aa4b0cc0de7c3b73a95e705f217972ef8710e7c0a463342682e2e523de",),
        appendix=_GNU_TAIL,
        tail=400,
    ),
    KnownText(
        name="LGPL-3.0-only",
        start="gnu lesser general public license version 3 29 june 2007",
        end="permanent authorization for you to choose that version for the library",
        sha256=("ab1202917a49a52eb4671fc091c00933076c119053fff6e8b5849ca93d6b53b3",),
    ),
    KnownText(
        name="AGPL-3.0-only",
        start="gnu affero general public license version 3 19 november 2007",
        holds=("remote network interaction use with the gnu general public license", "13 remote network interaction", _GNU_END),
        length=(5000, 5900),
    ),
    KnownText(
        name="MPL-2.0",
        start="1 definitions 1 1 contributor",
        end="incompatible with secondary licenses as defined by the mozilla public license v 2 0",
        sha256=("c0f855aacb6ac1c86bcdd1334db61014d14898798ae14888fea5446cbb9d32e3",),
    ),
    KnownText(
        name="CC0-1.0",
        start="statement of purpose the laws of most jurisdictions",
        end="with respect to this cc0 or use of the work",
        sha256=("4f8ab63ace774f37529081c81e2730a88143bf70e67392bd3c3701bd0a175152",),
        heading=100,
    ),
    KnownText(
        name="BSD-2-Clause",
        start=_BSD_START,
        end=_BSD_END,
        holds=_BSD_HOLDS,
        lacks=("neither the name", "the name of", "all advertising materials", "endorse"),
        length=(175, 195),
    ),
    KnownText(
        name="BSD-3-Clause",
        start=_BSD_START,
        end=_BSD_END,
        holds=(
            *_BSD_HOLDS,
            "used to endorse or promote products derived from this software without specific prior written permission",
        ),
        lacks=("all advertising materials", "patent"),
        length=(195, 235),
    ),
    *_creative_commons(),
    *_llama(),
    KnownText(
        name="gemma",
        start="gemma terms of use",
        holds=(
            "by using reproducing modifying distributing performing or displaying any portion or element of gemma",
            "model derivatives",
        ),
        length=(700, 4000),
    ),
    KnownText(
        name="creativeml-openrail-m",
        start="creativeml open rail m",
        holds=("section i preamble", "attachment a", "use based restrictions", "grant of copyright license"),
        length=(1500, 4000),
    ),
    KnownText(
        name="LicenseRef-openrail-plus-plus",
        start="creativeml open rail plus plus m license",
        holds=("section i preamble", "attachment a", "use based restrictions", "grant of copyright license"),
        length=(1500, 4000),
    ),
    KnownText(
        name="bigscience-openrail-m",
        start="bigscience open rail m license",
        holds=("section i preamble", "attachment a", "use based restrictions", "grant of copyright license"),
        length=(1500, 4000),
    ),
    KnownText(
        name="bigscience-bloom-rail-1.0",
        start="bigscience rail license v1 0",
        holds=("attachment a", "use based restrictions", "grant of copyright license"),
        length=(1500, 4000),
    ),
    KnownText(
        name="bigcode-openrail-m",
        start="bigcode open rail m",
        holds=("section i preamble", "attachment a", "use based restrictions", "grant of copyright license"),
        length=(1500, 4000),
    ),
)
