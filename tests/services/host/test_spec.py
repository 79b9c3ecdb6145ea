"""A row says exactly what runs; what could mean another thing tomorrow, or reach what is ours, is refused."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arcops.errors import Refused
from services.host.spec import Package, Source, Spec, bound_for, checked, filled, launching, read_package

pytestmark = pytest.mark.requirement("HOST-015/onboarding-by-a-row")

GOOD = Spec(package="pypi:mcp-server-time==2026.10.10")


@pytest.mark.parametrize(
    ("text", "package"),
    [
        ("pypi:mcp-server-time==2026.10.10", Package(source=Source.PYPI, name="mcp-server-time", version="2026.10.10")),
        ("pypi:a[b,c]==1!2.0rc1+x", Package(source=Source.PYPI, name="a", version="1!2.0rc1+x", extras="[b,c]")),
        ("npm:@scope/name@2026.8.31", Package(source=Source.NPM, name="@scope/name", version="2026.8.31")),
        ("npm:name@1.0.0-beta.1", Package(source=Source.NPM, name="name", version="1.0.0-beta.1")),
        ("folder:/opt/server", Package(source=Source.FOLDER, name="/opt/server")),
    ],
)
def test_one_exact_version_is_read_and_written_alike(text: str, package: Package) -> None:
    assert read_package(text) == package
    assert str(package) == text


@pytest.mark.parametrize(
    "text",
    [
        *("", "time", "pypi:time", "pypi:time>=1", "pypi:time==1,<2", "pypi:time==*", "pypi:time==1.*", "pypi:time == 1"),
        *("pypi:-r/etc/passwd==1", "pypi:a==1 --index-url=x", "pypi:a==1;os_name", "pypi:a@https://x/a.whl", "pypi:a==1\n"),
        *("npm:x", "npm:x@latest", "npm:x@^1.0.0", "npm:x@~1", "npm:x@>=1", "npm:../x@1.0.0", "npm:@s/../x@1.0.0"),
        *("npm:git+https://x@1.0.0", "npm:-g@1.0.0 ", "npm:X@1.0.0", "folder:server", "folder:", "image:x@sha256:0"),
    ],
)
def test_what_is_not_one_exact_version_is_refused(text: str) -> None:
    with pytest.raises(Refused, match="names no package of one exact version"):
        read_package(text)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (replace(GOOD, package="folder:/opt/server"), "needs --command"),
        (replace(GOOD, command="/bin/sh"), "not a program inside"),
        (replace(GOOD, command="../sh"), "not a program inside"),
        (replace(GOOD, command="a/../../sh"), "not a program inside"),
        (replace(GOOD, environment=("ARCOPS_KEY=x",)), "may be given"),
        (replace(GOOD, environment=("PYTHONPATH=/tmp",)), "may be given"),
        (replace(GOOD, environment=("ld_preload=/tmp/x.so",)), "may be given"),
        (replace(GOOD, environment=("NODE_OPTIONS=-r x",)), "may be given"),
        (replace(GOOD, environment=("A B=x",)), "may be given"),
        (replace(GOOD, environment=("A",)), "is not NAME=VALUE"),
        (replace(GOOD, secrets=("=x",)), "is not NAME=VALUE"),
        (replace(GOOD, bound=("project",)), "is not NAME=VALUE"),
        (replace(GOOD, environment=("A=1",), secrets=("A=env:B",)), "given twice"),
        (replace(GOOD, arguments=("a\0b",)), "holds a NUL"),
    ],
)
def test_a_row_that_cannot_be_is_refused(changed: Spec, said: str) -> None:
    assert checked(GOOD) is GOOD
    with pytest.raises(Refused, match=said):
        checked(changed)


def test_a_tenant_has_its_own_value_and_no_other_ones() -> None:
    bound = ("region=eu", "acme:project=alpha", "other:project=beta", "acme:region=us", "https://two,acme:project=gamma")
    assert bound_for(bound, "https://one", "acme") == {"region": "us", "project": "alpha"}
    assert bound_for(bound, "https://two", "acme") == {"region": "us", "project": "gamma"}
    assert bound_for(bound, "https://one", "other") == {"region": "eu", "project": "beta"}
    assert bound_for(bound, "https://one", "third") == {"region": "eu"}
    assert bound_for((*bound, ":project=delta"), "", "") == {"region": "eu"}  # no one has no tenant's values
    assert filled("--project={project} {region} {unknown}", bound_for(bound, "", "acme")) == "--project=alpha us {unknown}"


@given(st.dictionaries(st.sampled_from("abc"), st.text("{abc}x", max_size=6)), st.text("{abc}x", max_size=12))
def test_a_value_is_never_read_again(bound: dict[str, str], text: str) -> None:
    expected, rest = "", text
    while rest:
        name = rest[1:2]
        if rest[0] == "{" and rest[2:3] == "}" and name in bound:
            expected, rest = expected + bound[name], rest[3:]
        else:
            expected, rest = expected + rest[0], rest[1:]
    assert filled(text, bound) == expected


@pytest.mark.requirement("HOST-020/only-green-servers-start")
@pytest.mark.parametrize(
    ("row", "said"),
    [
        (replace(GOOD, network="index.example"), "cannot be enforced here"),
        (replace(GOOD, network=""), "cannot be enforced here"),
        (replace(GOOD, reads=("relative",)), "is no path"),
        (replace(GOOD, reads=("/",)), "is no path"),
        (replace(GOOD, writes=("/etc/",)), "is no path"),
        *((replace(GOOD, reads=(one,)), "is no path") for one in ("//etc", "///", "/./etc", "/etc/.//", "//", "/./home/.")),
        *((replace(GOOD, writes=(one,)), "is no path") for one in ("/proc/self/root", "//proc//1/cwd/", "/dev/./fd/3")),
        (replace(GOOD, writes=("/srv/../etc/shadow",)), "is no path"),
        (replace(GOOD, reads=("/srv/a\0b",)), "is no path"),
    ],
)
def test_what_no_box_can_hold_is_no_row(row: Spec, said: str) -> None:
    with pytest.raises(Refused, match=said):
        checked(row)


@pytest.mark.requirement("HOST-020/only-green-servers-start")
def test_the_verdict_is_about_all_that_changes_what_runs_and_nothing_else() -> None:
    other = {
        "package": "pypi:x==1", "command": "x", "arguments": ("x",), "environment": ("A=x",), "secrets": ("A=env:X",),
        "bound": ("a=b",), "network": "open", "reads": ("/srv/x",), "writes": ("/srv/x",),
    }  # fmt: skip
    for name in (one.name for one in fields(Spec)):
        changed = replace(GOOD, **{name: other.get(name, 7)})  # type: ignore[arg-type]  # of the field's type, or a number
        assert (launching(changed) != launching(GOOD)) is (name in other), name
