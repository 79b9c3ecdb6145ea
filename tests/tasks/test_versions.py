"""Version order: the cases of other projects line by line, and the properties of every order."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arcops.errors import Refused
from tasks.model.versions import LONGEST, SCHEMES, ZERO, Unparsable, compare, scheme
from tasks.model.versions.pypi import PYPI
from tests.examples import share
from tests.vectors import vectors

CORPORA = {
    "alpine": "Alpine",
    "cran": "CRAN",
    "debian": "Debian",
    "hackage": "Hackage",
    "maven": "Maven",
    "nuget": "NuGet",
    "packagist": "Packagist",
    "pub": "Pub",
    "pypi": "PyPI",
    "redhat": "Red Hat",
    "rubygems": "RubyGems",
    "semver": "npm",
}
SIGNS = {"<": -1, "=": 0, ">": 1}

# Maven's reference says ".qualifier" = "-qualifier", and "_" is before "s"; the lines were made by a Maven that put every
# dotted qualifier before every hyphenated one (changed by MNG-7559).
EXCEPTIONS = {"1.1.31.sec10 < 1.1.31_noneautotype", "1.1.34.sec10 < 1.1.34_noneautotype"}

# Lines of bare version_compare that Composer decides otherwise: it pads numbers to four and reads stages in any case.
COMPOSER = {"1.0.0 > 1.0", "v1.9.0-ALPHA.2 = v1.9.0-BETA.2", "v4.4 < v4.4.0-beta", "v6.5 < v6.5.0-beta-0"}


def lines(name: str) -> list[tuple[str, str, str]]:
    found = []
    for path in sorted(vectors("versions").glob(f"{name}-versions*.txt")):
        for line in path.read_text("utf-8").splitlines():
            if line.strip() and not line.startswith(("#", "//")):
                left, sign, right = line.split()
                found.append((left, sign, right))
    assert found, f"no lines for {name}"
    return found


@pytest.mark.requirement("ARC-A4/versions-are-ordered-exactly")
@pytest.mark.parametrize("name", sorted(CORPORA))
def test_every_line_of_the_corpus_comes_out_right(name: str) -> None:
    wrong = {
        f"{left} {sign} {right}" for left, sign, right in lines(name) if compare(CORPORA[name], left, right) != SIGNS[sign]
    }
    assert wrong == (EXCEPTIONS if name == "maven" else set())


@pytest.mark.requirement("ARC-A4/versions-are-ordered-exactly")
@pytest.mark.parametrize("name", sorted(CORPORA))
def test_keys_agree_with_the_corpus_or_say_that_they_do_not_know(name: str) -> None:
    found = scheme(CORPORA[name])
    assert found is not None
    wrong, unknown, all_lines = set(), 0, lines(name)
    for left, sign, right in all_lines:
        try:
            a, b = found.key(left), found.key(right)
        except Unparsable:
            unknown += 1
            continue
        assert a > ZERO
        assert hash(a) == hash(found.key(left))
        if (a > b) - (a < b) != SIGNS[sign]:
            wrong.add(f"{left} {sign} {right}")
    assert wrong == {"maven": EXCEPTIONS, "packagist": COMPOSER}.get(name, set())
    assert unknown <= max(8, len(all_lines) // 100)


@pytest.mark.requirement("ARC-A4/versions-are-ordered-exactly")
@pytest.mark.parametrize(
    ("ecosystem", "left", "sign", "right"),
    [
        ("Debian:12", "1.0~rc1", "<", "1.0"),
        ("Debian:12", "2:0.1", ">", "1:9.9"),
        ("Debian:12", "1.0-1", "<", "1.0-1+b1"),
        ("Debian:12", "1.0", "=", "1.0-0"),
        ("Ubuntu:24.04:LTS", "1.0a", "<", "1.0+"),
        ("Red Hat:enterprise_linux:9", "1.0~rc1", "<", "1.0"),
        ("Rocky Linux:9", "1.0^git1", ">", "1.0"),
        ("AlmaLinux:9", "1.0^git1", "<", "1.0.1"),
        ("SUSE:Linux Enterprise Server 15", "1.a", "<", "1.1"),
        ("Alpine:v3.18", "1.2_rc1", "<", "1.2"),
        ("Alpine:v3.18", "1.2", "<", "1.2_p1"),
        ("Wolfi", "1.2.3-r9", "<", "1.2.3-r10"),
        ("Alpine:v3.18", "1.02", "<", "1.1"),
        ("Go", "v0.0.0-20230101000000-abcdefabcdef", "<", "v0.0.0-20230102000000-000000000000"),
        ("Go", "1.2.3+incompatible", "=", "v1.2.3"),
        ("Go", "go1.21rc2", "<", "1.21.0"),
        ("Go", "v1.2", "=", "1.2.0"),
        ("npm", "1.0.0-alpha.1", "<", "1.0.0-alpha.beta"),
        ("npm", "1.0.0-9", "<", "1.0.0-a"),
        ("npm", "1.0.0+a", "=", "1.0.0+b"),
        ("Pub", "1.0.0+1", "<", "1.0.0+2"),
        ("Maven", "1.0-alpha-1", "=", "1.0.0.a1"),
        ("Maven", "1-sp", ">", "1.ga"),
        ("Maven", "1.0.RC2", "<", "1.0-RC3"),
        ("Maven", "1-foo", "<", "1-1"),
        ("Maven", "1-1", "<", "1.1"),
        ("PyPI", "1.0.dev1", "<", "1.0a1"),
        ("PyPI", "1.0", "=", "v1.0.0"),
        ("PyPI", "1!0.1", ">", "2024.1"),
        ("PyPI", "1.0.post1", ">", "1.0+local"),
        ("RubyGems", "1.0.a", "<", "1.0"),
        ("RubyGems", "1.0-1", "<", "1.0"),
        ("RubyGems", "1.a.0.b", "<", "1.a"),
        ("NuGet", "1.0.0-Beta", "=", "1.0-beta"),
        ("NuGet", "1.2.3.4", ">", "1.2.3"),
        ("Packagist", "1.0.0-RC1", "<", "1.0"),
        ("Packagist", "1.0", "=", "1.0.0"),
        ("Packagist", "1.0-p1", ">", "1.0.0"),
        ("CRAN", "1.2-3", "=", "1.2.3"),
        ("Hackage", "1.2", "<", "1.2.0"),
    ],
)
def test_documented_cases(ecosystem: str, left: str, sign: str, right: str) -> None:
    found = scheme(ecosystem)
    assert found is not None
    a, b = found.key(left), found.key(right)
    assert (a > b) - (a < b) == SIGNS[sign]


@pytest.mark.requirement("ARC-A4/versions-are-ordered-exactly")
@pytest.mark.parametrize(
    ("ecosystem", "version"),
    [
        ("PyPI", "1.0-eevee"),
        ("PyPI", "latest"),
        ("npm", "^1.0.0"),
        ("npm", "1.2"),
        ("npm", "1.2.3.4"),
        ("Go", "(devel)"),
        ("Go", "master"),
        ("Maven", "${project.version}"),
        ("Maven", "[1.0,2.0)"),
        ("Maven", "LATEST"),
        ("Maven", "latest.release"),
        ("Maven", "SNAPSHOT"),
        ("Maven", "1.+"),
        ("Debian", "a1"),
        ("Debian", "x:1.0"),
        ("Debian", "1.0_1"),
        ("Alpine", "1.2_blah"),
        ("Alpine", "1.2-r"),
        ("Red Hat", "a:1"),
        ("RubyGems", "1..2"),
        ("NuGet", "1.2.3.4.5"),
        ("Packagist", "dev-main"),
        ("Packagist", "1.x-dev"),
        ("CRAN", "1"),
        ("Hackage", "1.2-3"),
        ("PyPI", "1.0 "),
        ("PyPI", "1.\u0660"),
        ("npm", "1.2.3\n"),
        ("npm", ""),
        ("PyPI", "1" * (LONGEST + 1)),
    ],
)
def test_what_is_no_version_is_unknown(ecosystem: str, version: str) -> None:
    found = scheme(ecosystem)
    assert found is not None
    with pytest.raises(Unparsable, match="it is unknown whether"):
        found.key(version)
    assert issubclass(Unparsable, Refused)


@pytest.mark.requirement("ARC-A4/versions-are-ordered-exactly")
@pytest.mark.parametrize("ecosystem", ["GIT", "Android", "OSS-Fuzz", "", "pypi", "ConanCenter"])
def test_an_ecosystem_without_a_known_order_has_no_scheme(ecosystem: str) -> None:
    assert scheme(ecosystem) is None
    with pytest.raises(Unparsable):
        compare(ecosystem, "1", "2")


DIGITS = ("0", "1", "2", "10", "01", "00")
MARKS = (".", ".", "-", "_", "~", "^", "+", ":", "!", "#", "-r", "_p", "_rc")
NAMED = ("a", "b", "m", "p", "r", "v", "x", "rc", "alpha", "dev", "pl", "final", "ga", "sp", "SNAPSHOT", "post")
WORDS = st.sampled_from((*DIGITS, *MARKS, *NAMED))
ALMOST = st.lists(WORDS, min_size=1, max_size=9).map("".join)
NAMES = sorted({found.name: name for name, found in SCHEMES.items()}.values())


@pytest.mark.requirement("ARC-A4/versions-are-ordered-exactly")
@pytest.mark.parametrize("ecosystem", NAMES)
@pytest.mark.parametrize("level", ["key", "lenient"])
@share(0.3)
@given(versions=st.lists(ALMOST, min_size=3, max_size=3))
def test_keys_are_a_total_order(ecosystem: str, level: str, versions: list[str]) -> None:
    found = scheme(ecosystem)
    assert found is not None
    keys = []
    for version in versions:
        try:
            keys.append(getattr(found, level)(version))
        except Unparsable:
            return
    a, b, c = sorted(keys)
    assert a <= b <= c
    assert a <= c
    for left in keys:
        for right in keys:
            assert (left < right) + (left == right) + (left > right) == 1
            assert left != right or hash(left) == hash(right)
    assert a > ZERO


@pytest.mark.requirement("ARC-A4/versions-are-ordered-exactly")
@pytest.mark.parametrize("ecosystem", NAMES)
@share(0.3)
@given(version=st.text(max_size=40))
def test_any_text_has_a_key_or_is_unparsable(ecosystem: str, version: str) -> None:
    found = scheme(ecosystem)
    assert found is not None
    for make in (found.key, found.lenient):
        try:
            key = make(version)
        except Unparsable:
            continue
        assert key > ZERO


@pytest.mark.requirement("ARC-A4/versions-are-ordered-exactly")
@pytest.mark.parametrize("ecosystem", NAMES)
def test_no_version_is_slow(ecosystem: str) -> None:
    found = scheme(ecosystem)
    assert found is not None
    began = time.process_time()
    for piece in ("1", "1.", "0.", "-1", "a", "a1", "~", "_p1", "1a", ".-", "-", "p1-"):
        for tail in ("", "!", "-", "#"):
            for start in ("", "1.0-p", "1.0-"):
                text = start + (piece * LONGEST)[: LONGEST - len(start) - len(tail)] + tail
                for make in (found.key, found.lenient):
                    try:
                        make(text)
                    except Unparsable:
                        continue
    assert time.process_time() - began < 3.0


@given(
    st.from_regex(
        r"[0-9]{1,3}(\.[0-9]{1,3}){0,4}((a|b|rc|c|alpha)[0-9]{1,2})?(\.?post[0-9]{0,2})?(\.dev[0-9]{0,2})?", fullmatch=True
    )
)
def test_common_python_versions_are_ordered_as_packaging_orders_them(text: str) -> None:
    from packaging.version import Version

    mine, theirs = PYPI.key(text), Version(text)
    for other in (
        "0",
        "1",
        "1.0a1",
        "1.0.dev1",
        "1.0.post1",
        "1.0a1.dev1",
        "1.0.post1.dev2",
        "2.0rc1",
        "0!1.0",
        "1!0",
        "1.0+a",
    ):
        key = PYPI.key(other)
        assert (mine < key, mine == key) == (theirs < Version(other), theirs == Version(other))
