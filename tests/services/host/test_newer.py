"""What a proposal is made of: a newer image of the same server, and the first fixed version of a package."""

from __future__ import annotations

from pathlib import Path

import pytest

from arcops.errors import Refused
from services.host.known_since import Fix
from services.host.spec import read_package
from services.host.updating.fixed_versions import fixed_version
from services.host.updating.newer_images import Newer, newer
from tests.simulators.image import Layout, files

pytestmark = pytest.mark.requirement("HOST-001-004/images-are-patched")

OLD, NEW, NEWEST = (f"2026-1{month}-01T00:00:00Z" for month in (0, 1, 2))
BASE = "org.opencontainers.image.base."


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(tmp_path)


def asked(layout: Layout, digest: str) -> Newer:
    return newer(read_package(f"oci:{layout.folder}@{digest}"))


def test_the_newest_image_of_the_same_program_is_first(layout: Layout) -> None:
    def image(created: str, data: bytes, **config: object) -> str:
        return layout.image([files({"a": data})], created=created, **{"Cmd": ["/a"], **config})

    mine, newest, new = image(OLD, b"1"), image(NEWEST, b"3"), image(NEW, b"2")
    older, undated = image("2026-09-01T00:00:00Z", b"0"), image("", b"4")
    other = image(NEWEST, b"5", Cmd=["/a", "other"])
    labelled = image(NEWEST, b"6", Labels={"org.opencontainers.image.title": "other"})
    layout.lists(new, newest, older, undated, other, labelled, f"sha256:{'0' * 64}")
    assert asked(layout, mine).digests == (newest, new), "the image that runs need not be in the index any more"
    assert asked(layout, newest).digests == ()


def test_a_newer_base_of_the_name_that_the_image_says(layout: Layout) -> None:
    base, newer_base = (layout.image([files({"b": one})], created=when) for one, when in ((b"1", OLD), (b"2", NEW)))
    said = {f"{BASE}name": "registry.example/debian:trixie-slim", f"{BASE}digest": base}
    mine = layout.image([files({"a": b"1"})], created=OLD, annotations=said, Cmd=["/a"])
    layout.lists(mine, base)
    told = f"registry.example/debian:trixie-slim@{base}"
    assert asked(layout, mine) == Newer(base=told)
    layout.lists(mine, **{"debian:trixie-slim": newer_base})
    assert asked(layout, mine) == Newer(base=told, newer_base=newer_base)


def test_a_layout_without_an_index_says_so(layout: Layout) -> None:
    mine = layout.image([files({"a": b"1"})], Cmd=["/a"])
    with pytest.raises(Refused, match=r"index\.json does not exist"):
        asked(layout, mine)


@pytest.mark.parametrize(
    ("package", "fixes", "wanted"),
    [
        ("pypi:Made_Server==1.0", [("pkg:pypi/made-server@1.0", ("0.9.1", "1.0.1", "2.0"))], "1.0.1"),
        ("pypi:made==1.9", [("pkg:pypi/made@1.9", ("1.10",)), ("pkg:pypi/made@1.9", ("1.9.1",))], "1.10"),
        ("npm:@a/b@1.0.0", [("pkg:npm/%40a/b@1.0.0", ("1.0.1",))], "1.0.1"),
        ("npm:b@1.0.0", [("pkg:npm/%40a/b@1.0.0", ("1.0.1",))], ""),
        ("pypi:made==1.0", [("pkg:pypi/other@1.0", ("1.1",))], ""),
        ("pypi:made==1.0", [("pkg:pypi/made@1.0", ()), ("pkg:pypi/made@1.0", ("1.1",))], ""),
        ("pypi:made==1.0", [("pkg:pypi/made@1.0", ("not a version",))], ""),
        ("folder:/srv/made", [("pkg:pypi/made@1.0", ("1.1",))], ""),
    ],
)
def test_the_first_version_with_every_fix(package: str, fixes: list[tuple[str, tuple[str, ...]]], wanted: str) -> None:
    made = [Fix(advisory="X", purl=purl, fixed=fixed) for purl, fixed in fixes]
    assert fixed_version(read_package(package), made) == wanted
