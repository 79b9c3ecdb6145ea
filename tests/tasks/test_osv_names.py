"""The names under which a component's package is asked for: a vulnerable package is found however its generator writes it, and
a package whose name cannot be one counts as not compared.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arcops.errors import Refused
from arcops.seen.sboms import Component
from arcops.seen.vulnerabilities import Certainty, Vulnerabilities
from tasks.model.osv.ecosystems import reached, release_of, split_ecosystem
from tasks.model.osv.importing import import_osv
from tasks.model.osv.matching import match
from tasks.model.osv.package_urls import package_of
from tasks.model.osv.packages import fold
from tasks.model.versions import SCHEMES
from tests.tasks.test_osv import NOW, advisory, document, export

pytestmark = pytest.mark.requirement("ARC-A4/advisories-match-offline")


def about(ecosystem: str, name: str, fixed: str, *, introduced: str = "0", id: str = "X-1") -> dict[str, object]:
    package = {"ecosystem": ecosystem, "name": name}
    ranges = [{"type": "ECOSYSTEM", "events": [{"introduced": introduced}, {"fixed": fixed}]}]
    return advisory(id, affected=[{"package": package, "ranges": ranges}])


def asked(folder: Path, advisories: list[dict[str, object]], **component: str) -> Vulnerabilities:
    """The comparison of one component with *advisories*, which are about one ecosystem."""
    (folder / "data").mkdir(exist_ok=True)
    import_osv(export(folder, *advisories), folder / "data", ecosystem=None, now=NOW)
    parts: dict[str, Any] = {"ref": "c", "name": "c", "kind": "library", **component}
    return match([document(Component(**parts))], folder / "data")


def answers(found: Vulnerabilities) -> list[Certainty]:
    return [one.affected for one in found.matches]


YES, UNKNOWN = [Certainty.YES], [Certainty.UNKNOWN]
DBUS = about("Rocky Linux:8", "dbus", "1:1.12.8-18.el8")
OPENSSL = about("Debian:12", "openssl", "3.0.13-1~deb12u1")
ROCKY = "pkg:rpm/rocky/dbus-libs@{}?arch=x86_64&distro=rocky-8.5"


class TestSourcePackages:
    @pytest.mark.parametrize(
        "purl",
        [
            ROCKY.format("1.12.8-12.el8") + "&epoch=1&upstream=dbus-1.12.8-12.el8.src.rpm",
            ROCKY.format("1.12.8-12.el8") + "&epoch=1&upstream=dbus-1.12.8-12.el8.nosrc.rpm",
            ROCKY.format("1:1.12.8-12.el8") + "&upstream=dbus-1.12.8-12.el8.src.rpm",
            ROCKY.format("1.12.8-12.el8") + "&upstream=dbus-1.12.8-12.el8.src",
            ROCKY.format("1.12.8-12.el8") + "&upstream=dbus-1.12.8-12.el8",
            ROCKY.format("1.12.8-12.el8") + "&upstream=dbus",
            ROCKY.format("1.12.8-12.el8") + "&upstream=dbus%401:1.12.8-12.el8",
            ROCKY.format("1.12.8-12.el8") + "&upstream=dbus-1.12.8",
            "pkg:rpm/rocky/dbus@1.12.8-12.el8?arch=src&distro=rocky-8.5",
        ],
    )
    def test_every_spelling_leads_to_the_source(self, tmp_path: Path, purl: str) -> None:
        found = asked(tmp_path, [DBUS], purl=purl)
        assert (answers(found), found.compared) == (YES, 1)

    def test_a_property_of_the_generator_leads_to_the_source(self, tmp_path: Path) -> None:
        purl = "pkg:deb/debian/libssl3@3.0.11-1~deb12u2?arch=amd64&distro=debian-12.5"
        assert answers(asked(tmp_path, [OPENSSL], purl=purl, source="openssl")) == YES
        assert answers(asked(tmp_path, [OPENSSL], purl=purl, source="openssl", source_version="3.0.13-1~deb12u1")) == []
        unsaid = asked(tmp_path, [OPENSSL], purl=purl)
        assert unsaid.compared == 0
        assert "source package" in unsaid.unmatched[0].reason

    def test_both_sources_are_asked_if_the_purl_and_the_property_differ(self, tmp_path: Path) -> None:
        purl = "pkg:deb/debian/libssl3@3.0.11-1~deb12u2?distro=debian-12&upstream=other"
        assert answers(asked(tmp_path, [OPENSSL], purl=purl, source="openssl")) == YES

    def test_the_binary_package_is_asked_too(self, tmp_path: Path) -> None:
        entry = about("Red Hat:enterprise_linux:8::baseos", "dbus-libs", "1:1.12.8-18.el8")
        purl = "pkg:rpm/redhat/dbus-libs@1.12.8-12.el8?distro=rhel-8.5&epoch=1&upstream=dbus-1.12.8-12.el8.src.rpm"
        assert answers(asked(tmp_path, [entry], purl=purl)) == YES

    @pytest.mark.parametrize(
        "upstream",
        ["dbus-1.12.8-13.el8", "dbus_1.12.8.dsc%20x", "-", "dbus/1.12.8", "dbus-1.12.8-12.el8.src.rpm.zip", "none", "UNKNOWN"],
    )
    def test_what_no_package_is_called_is_not_asked(self, tmp_path: Path, upstream: str) -> None:
        found = asked(tmp_path, [DBUS], purl=ROCKY.format("1.12.8-12.el8") + f"&upstream={upstream}")
        assert found.compared == 0
        assert "no package can be called" in found.unmatched[0].reason

    def test_an_epoch_that_only_the_binary_gives_is_not_surely_the_sources(self, tmp_path: Path) -> None:
        purl = "pkg:rpm/rocky/perl-Foo@1:2.0-1.el8?distro=rocky-8.5&upstream=perl-5.26-1.el8.src.rpm"
        assert answers(asked(tmp_path, [about("Rocky Linux:8", "perl", "4:5.26-2.el8")], purl=purl)) == YES
        assert answers(asked(tmp_path, [about("Rocky Linux:8", "perl", "5.26-2.el8")], purl=purl)) == UNKNOWN
        assert answers(asked(tmp_path, [about("Rocky Linux:8", "perl", "5.20-2.el8")], purl=purl)) == []

    @pytest.mark.parametrize("kind", ["wolfi", "chainguard", "minimos", "alpine"])
    def test_every_distribution_has_source_packages(self, tmp_path: Path, kind: str) -> None:
        ecosystem = {"wolfi": "Wolfi", "chainguard": "Chainguard", "minimos": "MinimOS", "alpine": "Alpine:v3.18"}[kind]
        entries = [about(ecosystem, "openssl", "3.1.4-r6")]
        assert answers(asked(tmp_path, entries, purl=f"pkg:apk/{kind}/libssl3@3.1.4-r1?upstream=openssl&distro=3.18.4")) == YES
        assert asked(tmp_path, entries, purl=f"pkg:apk/{kind}/libssl3@3.1.4-r1?distro=3.18.4").compared == 0

    def test_a_key_in_the_database_of_rpm_is_no_package(self, tmp_path: Path) -> None:
        found = asked(tmp_path, [DBUS], name="gpg-pubkey", purl="pkg:rpm/rocky/gpg-pubkey@6d745a60-60287f36?distro=rocky-8.5")
        assert (found.compared, len(found.not_applicable), found.unmatched) == (0, 1, ())


class TestVersions:
    @pytest.mark.parametrize(
        ("purl", "version", "expected"),
        [
            ("pkg:rpm/rocky/dbus@1.12.8-18.el8?arch=src&distro=rocky-8.5", "1:1.12.8-18.el8", []),
            ("pkg:rpm/rocky/dbus@1.12.8-18.el8?arch=src&distro=rocky-8.5", "1.12.8-18.el8", YES),
            ("pkg:rpm/rocky/dbus@1.12.8-18.el8?arch=src&distro=rocky-8.5&epoch=1", "", []),
            ("pkg:rpm/rocky/dbus@1.12.8?arch=src&distro=rocky-8.5&epoch=1", "1:1.12.8-18.el8", []),
            ("pkg:rpm/rocky/dbus?arch=src&distro=rocky-8.5", "1:1.12.8-12.el8", YES),
        ],
    )
    def test_an_epoch_may_stand_in_either_place(self, tmp_path: Path, purl: str, version: str, expected: object) -> None:
        found = asked(tmp_path, [DBUS], purl=purl, version=version)
        assert (answers(found), found.compared) == (expected, 1)

    @pytest.mark.parametrize(
        ("purl", "version"),
        [
            ("pkg:rpm/rocky/dbus@1.12.8-18.el8?arch=src&epoch=1", "2:1.12.8-18.el8"),
            ("pkg:rpm/rocky/dbus@1.12.8-18.el8?arch=src", "1.12.9-18.el8"),
            ("pkg:deb/debian/a1@1:2-1?arch=source", "3:2-1"),
            ("pkg:pypi/a@1.0", "1.1"),
            ("pkg:golang/stdlib@1.21.0", "go1.22.0"),
        ],
    )
    def test_two_versions_are_a_contradiction(self, purl: str, version: str) -> None:
        with pytest.raises(Refused, match="two versions"):
            package_of(Component(ref="a", name="a", kind="library", purl=purl, version=version))

    @pytest.mark.parametrize(
        ("purl", "version", "compared"),
        [
            ("pkg:golang/stdlib@1.21.0", "go1.21.0", "1.21.0"),
            ("pkg:golang/stdlib@go1.21.0", "v1.21.0", "1.21.0"),
            ("pkg:golang/x.example/m@v1.2.3", "1.2.3", "1.2.3"),
            ("pkg:pypi/a@1.0", "1.0.0", "1.0"),
            ("pkg:maven/g/a@1.0", "1.0.0", "1.0"),
            ("pkg:nuget/A@1.0.0.0", "1.0.0", "1.0.0.0"),
            ("pkg:npm/a@1.2.3", "v1.2.3", "1.2.3"),
            ("pkg:golang/x.example/m@(devel)", "(devel)", ""),
            ("pkg:golang/x.example/m", "", ""),
        ],
    )
    def test_two_spellings_of_one_version_are_one(self, purl: str, version: str, compared: str) -> None:
        package = package_of(Component(ref="a", name="a", kind="library", purl=purl, version=version))
        assert {one.version for one in package.asked} == {compared}

    def test_without_a_version_only_a_package_that_no_advisory_names_is_compared(self, tmp_path: Path) -> None:
        entries = [about("Go", "x.example/known", "1.2.3")]
        assert asked(tmp_path, entries, purl="pkg:golang/x.example/own").compared == 1
        named = asked(tmp_path, entries, purl="pkg:golang/x.example/Known")
        assert (named.compared, len(named.unmatched)) == (0, 1)


class TestNames:
    @pytest.mark.parametrize(
        ("ecosystem", "name", "purl"),
        [
            ("npm", "Haraka", "pkg:npm/Haraka@1.0.0"),
            ("npm", "Haraka", "pkg:npm/haraka@1.0.0"),
            ("npm", "@Scope/Thing", "pkg:npm/%40scope/thing@1.0.0"),
            ("Go", "github.com/Masterminds/goutils", "pkg:golang/github.com/masterminds/goutils@v1.0.0"),
            ("Go", "x.example/m/sub", "pkg:golang/x.example/m@v1.0.0#sub"),
            ("Kubernetes", "k8s.io/apiserver", "pkg:golang/k8s.io/apiserver@v1.0.0"),
            ("RubyGems", "RedCloth", "pkg:gem/redcloth@1.0.0"),
            ("Hackage", "HTTP", "pkg:hackage/http@1.0.0"),
            ("CRAN", "Rcpp", "pkg:cran/rcpp@1.0.0"),
            ("Maven", "Org.X:Y", "pkg:maven/org.x/y@1.0.0"),
            ("crates.io", "Inflector_x", "pkg:cargo/inflector-x@1.0.0"),
            ("Bitnami", "PostgreSQL", "pkg:bitnami/postgresql@1.0.0"),
            ("Hex", "Phoenix", "pkg:hex/phoenix@1.0.0"),
            ("Pub", "http", "pkg:pub/HTTP@1.0.0"),
            ("Packagist", "Drupal/Core", "pkg:composer/drupal/core@1.0.0"),
            ("NuGet", "Newtonsoft.Json", "pkg:nuget/newtonsoft.json@1.0.0"),
            ("PyPI", "My_Thing", "pkg:pypi/my.thing@1.0.0"),
            ("Julia", "HTTP", "pkg:julia/http@1.0.0?uuid=1"),
            ("SwiftURL", "https://github.com/Apple/Swift-NIO.git", "pkg:swift/github.com/apple/swift-nio@1.0.0"),
            ("NuGet", "Some.Thing", "pkg:nuget/Some.Thing%401.0.0"),
            ("VSCode", "Publisher.Name", "pkg:vscode-extension/publisher/name@1.0.0"),
        ],
    )
    def test_case_and_spelling_hide_nothing(self, tmp_path: Path, ecosystem: str, name: str, purl: str) -> None:
        go = [about("Go", "x.example/other", "9")] if ecosystem == "Kubernetes" else []
        if go:
            asked(tmp_path, go, purl="pkg:golang/x.example/nothing@1.0.0")
        found = asked(tmp_path, [about(ecosystem, name, "2.0.0")], purl=purl, version="1.0.0")
        assert (answers(found), found.compared) == (YES, 1)

    @pytest.mark.parametrize(
        "purl",
        [
            "pkg:maven/commons-io@1", "pkg:composer/monolog@1", "pkg:npm/angular/core@1", "pkg:pypi/team/thing@1",
            "pkg:cargo/team/thing@1", "pkg:githubactions/checkout@4", "pkg:swift/swift-nio@2", "pkg:deb/debian/Foo_1.dsc@1",
            "pkg:rpm/rocky/a%20b@1", "pkg:nuget/team/thing@1", "pkg:nuget/Thing%401.0", "pkg:pypi/a%20b@1", "pkg:npm/a%3Db@1",
        ],
    )  # fmt: skip
    def test_a_name_that_cannot_be_is_refused(self, purl: str) -> None:
        with pytest.raises(Refused, match="can have"):
            package_of(Component(ref="a", name="a", kind="library", purl=purl))

    @given(
        name=st.text("abcXYZ019-_.@/:", max_size=30),
        ecosystem=st.sampled_from(sorted(SCHEMES)),
    )
    def test_a_key_does_not_depend_on_case_and_is_its_own_key(self, name: str, ecosystem: str) -> None:
        key = fold(ecosystem, name)
        assert fold(ecosystem, name.upper()) == fold(ecosystem, name.swapcase()) == key
        assert fold(ecosystem, key) == key or key.startswith("https://") or key.endswith(".git")


RELEASES = [
    ("Red Hat:enterprise_linux:9::appstream", "pkg:rpm/redhat/x", "rhel-9.4"),
    ("Red Hat:rhel_eus:9.2::baseos", "pkg:rpm/redhat/x", "redhat-9.2"),
    ("Red Hat:openshift:4.16::el9", "pkg:rpm/rhel/x", "rhel-9.4"),
    ("SUSE:Linux Enterprise Server 15 SP4", "pkg:rpm/suse/x", "sles-15.4"),
    ("SUSE:Linux Enterprise Module for Python 3 15 SP6", "pkg:rpm/sles/x", "sles-15.6"),
    ("SUSE:Linux Enterprise Server 15", "pkg:rpm/suse/x", "suse linux enterprise server-15.0"),
    ("SUSE:Linux Micro 6.0", "pkg:rpm/suse/x", "sl-micro-6.0"),
    ("openSUSE:Leap 15.6", "pkg:rpm/opensuse/x", "opensuse-leap-15.6"),
    ("openSUSE:Leap 15.6", "pkg:rpm/opensuse-leap/x", "opensuse-leap-15.6"),
    ("openSUSE:Tumbleweed", "pkg:rpm/opensuse/x", "opensuse.tumbleweed-20240607"),
    ("Azure Linux:3", "pkg:rpm/azurelinux/x", "azurelinux-3.0"),
    ("Azure Linux:2", "pkg:rpm/mariner/x", "mariner-2.0"),
    ("AlmaLinux:8", "pkg:rpm/alma/x", "alma-8.10"),
    ("Rocky Linux:9", "pkg:rpm/rockylinux/x", "rocky-9.3"),
    ("Mageia:9", "pkg:rpm/mageia/x", "mageia-9"),
    ("Photon OS:5.0", "pkg:rpm/photon/x", "photon-5.0"),
    ("openEuler:22.03-LTS-SP3", "pkg:rpm/openEuler/x", "openEuler-22.03-LTS-SP3"),
    ("Alpine:v3.18", "pkg:apk/alpine/x", "alpine-3.18.4"),
    ("Alpaquita:stream", "pkg:apk/alpaquita/x", "alpaquita-stream"),
    ("Debian:12", "pkg:deb/debian/xx", "bookworm"),
    ("Ubuntu:Pro:22.04:LTS", "pkg:deb/ubuntu/xx", "ubuntu-22.04"),
    ("Echo", "pkg:deb/echo/xx", ""),
]


@pytest.mark.parametrize(("ecosystem", "purl", "distro"), RELEASES, ids=[entry[0] + " " + entry[2] for entry in RELEASES])
def test_every_distribution_is_reached_in_its_release(tmp_path: Path, ecosystem: str, purl: str, distro: str) -> None:
    name = purl.rpartition("/")[2]
    entries = [about(ecosystem, name, "2-1")]
    at = f"{purl}@1-1?distro={distro.replace(' ', '%20')}&arch=source" if "apk" not in purl else f"{purl}@1-r1?distro={distro}"
    if "apk" in purl:
        entries = [about(ecosystem, name, "2-r1")]
    assert answers(asked(tmp_path, entries, purl=at, source=name)) == YES
    plain, release = split_ecosystem(ecosystem)
    assert reached(plain)
    assert release_of(plain, distro) == release


def test_another_release_is_not_compared(tmp_path: Path) -> None:
    entries = [about("SUSE:Linux Enterprise Server 15 SP4", "x", "2-1")]
    found = asked(tmp_path, entries, purl="pkg:rpm/suse/x@1-1?distro=sles-15.5", source="x")
    assert (found.compared, len(found.unmatched)) == (0, 1)


def test_an_unknown_release_is_never_safe(tmp_path: Path) -> None:
    entries = [about("openEuler:22.03-LTS-SP3", "x", "2-1")]
    assert answers(asked(tmp_path, entries, purl="pkg:rpm/openeuler/x@1-1?distro=openEuler-22.03", source="x")) == UNKNOWN


@pytest.mark.parametrize("purl", ["pkg:rpm/fedora/x@1-1", "pkg:rpm/amazon/x@1-1", "pkg:rpm/amzn/x@1", "pkg:rpm/centos/x@1"])
def test_a_distribution_without_advisories_in_osv_is_named(purl: str) -> None:
    with pytest.raises(Refused, match="no advisories"):
        package_of(Component(ref="a", name="a", kind="library", purl=purl))


def _all_of_osv() -> Iterator[str]:
    """OSV schema 1.7.3, "Defined ecosystems"."""
    yield from (
        "AlmaLinux", "Alpaquita", "Alpine", "Azure Linux", "BellSoft Hardened Containers", "Bioconductor", "Bitnami",
        "Chainguard", "CleanStart", "ConanCenter", "CRAN", "crates.io", "Debian", "Docker Hardened Images", "Echo",
        "GitHub Actions", "Go", "Hackage", "Hex", "Julia", "Kubernetes", "Mageia", "Maven", "MinimOS", "npm", "NuGet", "opam",
        "openEuler", "openSUSE", "Packagist", "Photon OS", "Pub", "PyPI", "Red Hat", "Rocky Linux", "RubyGems", "SUSE",
        "SwiftURL", "Ubuntu", "VSCode", "Wolfi",
    )  # fmt: skip


@pytest.mark.parametrize("ecosystem", list(_all_of_osv()))
def test_a_package_url_leads_to_every_ecosystem_that_has_one(ecosystem: str) -> None:
    assert reached(ecosystem)


@pytest.mark.parametrize("ecosystem", ["Android", "FreeBSD", "GHC", "GIT", "Linux", "OSS-Fuzz", "Root"])
def test_an_import_says_that_nothing_leads_to_its_ecosystem(tmp_path: Path, ecosystem: str) -> None:
    (tmp_path / "data").mkdir()
    made = import_osv(export(tmp_path, about(ecosystem, "x", "2")), tmp_path / "data", ecosystem=None, now=NOW)
    assert made.reached is False


RHEL_8 = "Red Hat:enterprise_linux:8"


def of_module(
    fixed: str, *, id: str = "X-1", purl: str = "", name: str = "nodejs", ecosystem: str = "Red Hat:enterprise_linux:8"
) -> dict[str, object]:
    package = {"ecosystem": ecosystem, "name": name, **({"purl": purl} if purl else {})}
    ranges = [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": fixed}]}]
    return advisory(id, affected=[{"package": package, "ranges": ranges}])


IN_18 = "pkg:rpm/redhat/nodejs@18.12.1-2.module%2Bel8.7.0%2B17306%2Bfc023f99?arch=x86_64&distro=rhel-8.7&epoch=1{}"
IN_18_UPSTREAM = "&upstream=nodejs-18.12.1-2.module%2Bel8.7.0%2B17306%2Bfc023f99.src.rpm"
OLD_16, NEW_18 = "1:16.19.1-1.module+el8.7.0+18373+704f5cef", "1:18.14.2-2.module+el8.7.0+18445+9493b6ea"
FIXED_BEFORE_18 = "1:18.12.1-1.module+el8.7.0+17200+aaaaaaaa"
STREAM_18, STREAM_16 = "pkg:rpm/redhat/nodejs?rpmmod=nodejs:18", "pkg:rpm/redhat/nodejs?rpmmod=nodejs:16:8070020230301:abc"


class TestModuleStreams:
    """A package of a module is compared with the advisories of its stream, and is else unknown; never "not affected"."""

    @pytest.mark.parametrize(
        "said",
        [
            "&rpmmod=nodejs:18",
            "&rpmmod=nodejs%3A18%3A8070020230301%3Aabc%3Ax86_64",
            "&modularitylabel=nodejs%3A18%3A8070%3Aabc",
        ],
    )
    @pytest.mark.parametrize(
        ("entry", "expected"),
        [
            (of_module(NEW_18, purl=STREAM_18), YES),
            (of_module(NEW_18, name="nodejs:18::nodejs"), YES),
            (of_module(NEW_18, name="nodejs:18/nodejs"), YES),
            (of_module(FIXED_BEFORE_18, purl=STREAM_18), []),
            (of_module(OLD_16, purl=STREAM_16), []),
            (of_module("1:20.1.0-1.module+el8", purl="pkg:rpm/redhat/nodejs?rpmmod=nodejs:20"), []),
            (of_module("1:20.1.0-1.module+el8", name="nodejs:20::nodejs"), []),
            (of_module(NEW_18), YES),
            (of_module(FIXED_BEFORE_18), []),
            (of_module(OLD_16), UNKNOWN),
            (of_module("1:20.1.0-1.module+el8"), UNKNOWN),
            (of_module("1:16.19.1-1.el8"), UNKNOWN),
            (of_module(OLD_16, purl="pkg:rpm/redhat/nodejs?rpmmod=nodejs"), UNKNOWN),
        ],
    )  # fmt: skip
    def test_the_stream_decides(self, tmp_path: Path, said: str, entry: dict[str, object], expected: list[Certainty]) -> None:
        found = asked(tmp_path, [entry], purl=IN_18.format(said + IN_18_UPSTREAM))
        assert answers(found) == expected
        assert found.compared == 1

    @pytest.mark.parametrize("fixed", [OLD_16, NEW_18, FIXED_BEFORE_18, "1:16.19.1-1.el8"])
    @pytest.mark.parametrize("said", ["", "&rpmmod=nodejs"])
    def test_a_package_of_an_unknown_stream_is_unknown(self, tmp_path: Path, said: str, fixed: str) -> None:
        for purl in ("", STREAM_18, STREAM_16):
            found = asked(tmp_path, [of_module(fixed, purl=purl)], purl=IN_18.format(said + IN_18_UPSTREAM))
            assert answers(found) == UNKNOWN

    def test_a_stream_whose_name_is_no_version_shows_nothing(self, tmp_path: Path) -> None:
        entry = of_module("4:1.24-1.module_el8.7.0+1", name="podman", ecosystem="AlmaLinux:8")
        purl = "pkg:rpm/almalinux/podman@4:4.2-1.module_el8.7.0+2?distro=almalinux-8.7&rpmmod=container-tools:rhel8"
        purl += "&upstream=podman-4.2-1.module_el8.7.0%2B2.src.rpm"
        assert answers(asked(tmp_path, [entry], purl=purl)) == UNKNOWN

    def test_a_package_of_no_module_is_compared_as_before(self, tmp_path: Path) -> None:
        purl = "pkg:rpm/redhat/nodejs@1:{}.el9?distro=rhel-8.7&upstream=nodejs-{}.el9.src.rpm"
        assert answers(asked(tmp_path, [of_module(OLD_16)], purl=purl.format("16.1.0-1", "16.1.0-1"))) == YES
        assert answers(asked(tmp_path, [of_module(OLD_16)], purl=purl.format("18.1.0-1", "18.1.0-1"))) == []

    def test_an_unreadable_advisory_of_a_stream_is_about_the_package(self, tmp_path: Path) -> None:
        entry = of_module(NEW_18, name="nodejs:18::nodejs")
        entry["affected"][0]["ranges"][0]["type"] = "LUNAR"  # type: ignore[index]  # raw JSON
        sound = about(RHEL_8, "other", "1", id="X-2")
        assert answers(asked(tmp_path, [entry, sound], purl=IN_18.format("&rpmmod=nodejs:18" + IN_18_UPSTREAM))) == UNKNOWN


@pytest.mark.parametrize(
    ("ecosystem", "name", "fixed", "purl"),
    [
        ("Go", "stdlib", "1.21.1", "pkg:golang/std@1.21.0"),
        ("Go", "stdlib", "1.21.1", "pkg:golang/std@go1.21.0"),
        ("Go", "github.com/foo/bar", "2.0.9", "pkg:golang/github.com/foo/bar/v2@v2.0.5"),
        ("Go", "github.com/foo/bar/sub", "2.0.9", "pkg:golang/github.com/foo/bar@v2.0.5#sub/v2"),
        ("Go", "github.com/foo/bar", "11.0.1", "pkg:golang/github.com/foo/bar/v11@v11.0.0"),
        ("Go", "github.com/foo/bar/v2", "2.0.9", "pkg:golang/github.com/foo/bar@v2.0.5+incompatible"),
        ("Go", "github.com/Azure/foo", "1.2.4", "pkg:golang/github.com/%21azure/foo@v1.2.3"),
        ("Go", "stdlib", "1.21.1", "pkg:golang/golang.org/toolchain@v0.0.1-go1.21.0.linux-amd64"),
        ("Go", "stdlib", "1.21.0", "pkg:golang/stdlib@go1.21rc2"),
        ("Go", "toolchain", "1.21.1", "pkg:golang/golang.org/toolchain@v0.0.1-go1.21rc2.darwin-arm64"),
        ("Hex", "phoenix", "1.6.0", "pkg:hex/hexpm/phoenix@1.5.0"),
        ("SwiftURL", "https://github.com/apple/swift-nio/", "2.40.0", "pkg:swift/github.com/apple/swift-nio@2.39.0"),
        ("SwiftURL", "http://www.github.com/apple/swift-nio.git", "2.40.0", "pkg:swift/github.com/apple/swift-nio@2.39.0"),
        ("SwiftURL", "ssh://git@github.com/apple/swift-nio", "2.40.0", "pkg:swift/github.com/apple/swift-nio@2.39.0"),
        ("GitHub Actions", "github/codeql-action/init", "4.1.3", "pkg:githubactions/github/codeql-action@v4.1.0#init"),
    ],
)
def test_another_spelling_of_registries_hides_no_package(
    tmp_path: Path, ecosystem: str, name: str, fixed: str, purl: str
) -> None:
    assert answers(asked(tmp_path, [about(ecosystem, name, fixed)], purl=purl)) == YES


@pytest.mark.parametrize(
    "platform",
    [
        "", "-java", "-x86_64-linux", "-x86_64-linux-musl", "-arm64-darwin", "-x86_64-darwin-20", "-x64-mingw32",
        "-x64-mingw-ucrt", "-aarch64-linux-gnu", "-universal-darwin",
    ],
)  # fmt: skip
def test_the_platform_of_a_gem_is_no_part_of_its_version(tmp_path: Path, platform: str) -> None:
    """RubyGems itself would read ``1.13.0-java`` as a prerelease of 1.13.0."""
    since = about("RubyGems", "nokogiri", "1.13.2", introduced="1.13.0")
    assert answers(asked(tmp_path, [since], purl=f"pkg:gem/nokogiri@1.13.0{platform}")) == YES
    assert answers(asked(tmp_path, [since], purl="pkg:gem/nokogiri@1.13.0", version=f"1.13.0{platform}")) == YES
    assert answers(asked(tmp_path, [about("RubyGems", "nokogiri", "1.13.0")], purl=f"pkg:gem/nokogiri@1.13.0{platform}")) == []


def test_a_source_whose_name_ends_in_the_version_is_asked_whole_too(tmp_path: Path) -> None:
    entry = about("Rocky Linux:8", "gcc-toolset-12", "12.9-1.el8")
    purl = "pkg:rpm/rocky/gcc-toolset-12-runtime@12-5.el8?distro=rocky-8.5&upstream=gcc-toolset-12"
    assert answers(asked(tmp_path, [entry], purl=purl)) == YES


def test_a_go_module_is_not_judged_by_another_major_if_the_advisory_names_its_own(tmp_path: Path) -> None:
    entry = about("Go", "github.com/foo/bar/v2", "2.0.3")
    entry["affected"] = [
        *entry["affected"],  # type: ignore[misc]  # raw JSON
        {
            "package": {"ecosystem": "Go", "name": "github.com/foo/bar"},
            "ranges": [{"type": "SEMVER", "events": [{"introduced": "0"}]}],
        },
    ]
    found = asked(tmp_path, [entry], purl="pkg:golang/github.com/foo/bar/v2@v2.0.5")
    assert answers(found) == []
    assert found.compared == 1
    assert answers(asked(tmp_path, [entry], purl="pkg:golang/github.com/foo/bar/v2@v2.0.1")) == YES
    assert answers(asked(tmp_path, [entry], purl="pkg:golang/github.com/foo/bar@v1.0.1")) == YES
