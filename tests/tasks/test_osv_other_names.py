"""Packages under another name than the one that advisories use: an alias, a signed build, a group that a generator made up, a
part of Go, a folder of an action, a product of SUSE, a second package URL. Each once was compared with nothing, and passed.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from arcops.seen.sboms import Component
from tasks.model.osv.importing import import_osv
from tasks.model.osv.matching import match
from tests.tasks.test_osv import NOW, document, export
from tests.tasks.test_osv_names import UNKNOWN, YES, about, answers, asked
from tests.tasks.test_sboms_spdx import seen, spdx2, spdx3

pytestmark = pytest.mark.requirement("ARC-A4/advisories-match-offline")

LODASH, SCOPED = about("npm", "lodash", "4.17.21"), about("npm", "@a/b", "2.0.0")


class TestAliasesOfNpm:
    @pytest.mark.parametrize(
        ("purl", "version"),
        [
            ("pkg:npm/alias@npm%3Alodash%404.17.20", ""),
            ("pkg:npm/alias", "npm:lodash@4.17.20"),
            ("pkg:npm/alias@4.17.20", "npm:lodash@4.17.20"),
            ("pkg:npm/%40mine/alias@npm%3Alodash%404.17.20", "npm:lodash@4.17.20"),
        ],
    )
    def test_the_package_that_is_installed_is_asked(self, tmp_path: Path, purl: str, version: str) -> None:
        assert answers(asked(tmp_path, [LODASH], purl=purl, version=version)) == YES
        fixed = purl.replace("4.17.20", "4.17.21"), version.replace("4.17.20", "4.17.21")
        assert answers(asked(tmp_path, [LODASH], purl=fixed[0], version=fixed[1])) == []

    def test_it_may_have_a_scope(self, tmp_path: Path) -> None:
        assert answers(asked(tmp_path, [SCOPED], purl="pkg:npm/alias@npm%3A%40a%2Fb%401.0.0")) == YES

    def test_without_a_version_it_is_not_compared(self, tmp_path: Path) -> None:
        assert asked(tmp_path, [LODASH], purl="pkg:npm/alias@npm%3Alodash").compared == 0

    def test_an_alias_of_two_packages_is_not_compared(self, tmp_path: Path) -> None:
        found = asked(tmp_path, [LODASH], purl="pkg:npm/alias@npm%3Aother%401.0.0", version="npm:lodash@1.0.0")
        assert "two npm packages" in found.unmatched[0].reason


class TestSignedBuilds:
    """Debian and Ubuntu sign kernels and loaders in source packages of their own, which few advisories name."""

    @pytest.mark.parametrize(
        ("ecosystem", "source", "purl"),
        [
            ("Debian:12", "linux", "linux-image-6.1-amd64@6.1.55-1?distro=debian-12&upstream=linux-signed-amd64%406.1.55%2B1"),
            ("Debian:11", "linux-6.1", "linux-image-6.1-arm64@6.1.55-1?distro=debian-11&upstream=linux-signed-6.1-arm64"),
            ("Ubuntu:22.04:LTS", "linux-aws-6.5", "linux-image-aws@6.1.55-1?distro=ubuntu-22.04&upstream=linux-signed-aws-6.5"),
            ("Ubuntu:22.04:LTS", "linux", "linux-image-generic@6.1.55-1?distro=ubuntu-22.04&upstream=linux-signed"),
        ],
    )  # fmt: skip
    def test_a_signed_kernel_is_its_unsigned_source(self, tmp_path: Path, ecosystem: str, source: str, purl: str) -> None:
        purl = f"pkg:deb/{ecosystem.partition(':')[0].lower()}/{purl}"
        assert answers(asked(tmp_path, [about(ecosystem, source, "6.1.99-1")], purl=purl)) == YES
        assert asked(tmp_path, [about(ecosystem, source, "6.1.55-1")], purl=purl).matches == ()

    def test_what_has_another_version_than_its_source_is_not_compared(self, tmp_path: Path) -> None:
        purl = "pkg:deb/debian/grub-efi-amd64-signed@1%2B2.06%2B13?distro=debian-12"
        found = asked(tmp_path, [about("Debian:12", "grub2", "2.06-14")], purl=purl, source="grub-efi-amd64-signed")
        assert found.compared == 0
        assert "signed build" in found.unmatched[0].reason

    def test_advisories_may_name_it_themselves(self, tmp_path: Path) -> None:
        purl = "pkg:deb/ubuntu/grub-efi-amd64-signed@1.187.2?distro=ubuntu-22.04&upstream=grub2-signed"
        assert answers(asked(tmp_path, [about("Ubuntu:22.04:LTS", "grub2-signed", "1.187.3")], purl=purl)) == YES


LOG4J = about("Maven", "org.apache.logging.log4j:log4j-core", "2.17.1")


class TestGroupsOfMaven:
    """Syft 1.18.1 writes the artifact's id as the group if a jar does not say its group."""

    @pytest.mark.parametrize("group", ["log4j-core", "apache", "org.apache.logging.log4j.core", "org.apache", "x.tools.Main"])
    def test_a_group_that_may_be_made_up_is_never_safe(self, tmp_path: Path, group: str) -> None:
        found = asked(tmp_path, [LOG4J], purl=f"pkg:maven/{group}/log4j-core@2.14.1")
        assert answers(found) == UNKNOWN
        assert "org.apache.logging.log4j:log4j-core" in found.matches[0].reason

    @pytest.mark.parametrize(
        "purl",
        ["maven/log4j-core/log4j-core@2.17.1", "maven/com.example/log4j-core@2.14.1", "maven/aopalliance/aopalliance@1.0"],
    )
    def test_others_are_compared(self, tmp_path: Path, purl: str) -> None:
        found = asked(tmp_path, [LOG4J], purl=f"pkg:{purl}")
        assert (answers(found), found.compared) == ([], 1)

    def test_it_is_no_safer_after_advisories_of_another_ecosystem_were_imported(self, tmp_path: Path) -> None:
        for number, entry in enumerate((LOG4J, LODASH)):
            import_osv(export(tmp_path, entry, name=f"{number}.zip"), tmp_path, ecosystem=None, now=NOW)
        component = Component(ref="c", name="c", kind="library", purl="pkg:maven/log4j-core/log4j-core@2.14.1")
        assert answers(match([document(component)], tmp_path)) == UNKNOWN

    def test_a_group_that_may_be_made_up_is_not_safe_if_the_advisory_cannot_be_read(self, tmp_path: Path) -> None:
        unread = {**LOG4J, "modified": "yesterday"}
        found = asked(tmp_path, [about("Maven", "x:y", "1"), unread], purl="pkg:maven/log4j-core/log4j-core@2.14.1")
        assert answers(found) == UNKNOWN

    def test_a_package_that_advisories_name_is_asked_by_its_name_only(self, tmp_path: Path) -> None:
        entries = [about("Maven", "log4j-core:log4j-core", "1.0"), {**LOG4J, "id": "X-2"}]
        found = asked(tmp_path, entries, purl="pkg:maven/log4j-core/log4j-core@2.14.1")
        assert (answers(found), found.compared) == ([], 1)


@pytest.mark.parametrize(
    ("ecosystem", "name", "purl"),
    [
        ("Go", "stdlib", "pkg:golang/std/net/http@1.20.0"),
        ("Go", "stdlib", "pkg:golang/github.com/golang/go@go1.20.0"),
        ("Go", "toolchain", "pkg:golang/cmd@1.20.0"),
        ("Go", "toolchain", "pkg:golang/cmd/go@1.20.0"),
        ("Go", "toolchain", "pkg:golang/go@1.20.0"),
        ("SwiftURL", "https://github.com/vapor/vapor", "pkg:swift/github.com/vapor/vapor.git/vapor@1.20.0"),
        ("SwiftURL", "https://github.com/vapor/vapor.git", "pkg:swift/github.com/vapor/vapor@1.20.0"),
        ("GitHub Actions", "github/codeql-action", "pkg:githubactions/github/codeql-action%2Finit@1.20.0"),
        ("GitHub Actions", "github/codeql-action", "pkg:githubactions/github/codeql-action/init@1.20.0"),
        ("GitHub Actions", "github/codeql-action/init", "pkg:githubactions/github/codeql-action/init@1.20.0"),
    ],
)
def test_a_part_is_asked_as_the_whole(tmp_path: Path, ecosystem: str, name: str, purl: str) -> None:
    assert answers(asked(tmp_path, [about(ecosystem, name, "1.21.0")], purl=purl)) == YES


@pytest.mark.parametrize("purl", ["pkg:golang/./local", "pkg:golang/../fork@v1.0.0", "pkg:npm/..@1.0.0"])
def test_a_path_on_the_machine_that_built_it_is_no_name(tmp_path: Path, purl: str) -> None:
    found = asked(tmp_path, [about("Go", "x.example/m", "2.0.0")], purl=purl)
    assert found.compared == 0
    assert "can have" in found.unmatched[0].reason


def test_an_action_of_github_is_known_by_what_its_generator_says(tmp_path: Path) -> None:
    """A repository may be anything else, too: then advisories about actions say nothing of it."""
    entry = about("GitHub Actions", "tj-actions/changed-files", "46.0.0")
    purl = "pkg:github/tj-actions/changed-files@v45"
    assert answers(asked(tmp_path, [entry], purl=purl, kind="github-action")) == YES
    assert asked(tmp_path, [entry], purl=purl).compared == 0


def test_a_library_that_a_user_of_conan_built_is_that_library(tmp_path: Path) -> None:
    entry = about("ConanCenter", "zlib", "1.2.12")
    assert answers(asked(tmp_path, [entry], purl="pkg:conan/user/zlib@1.2.11?channel=stable")) == UNKNOWN


@pytest.mark.parametrize(
    ("ecosystem", "distro"),
    [
        ("SUSE:Enterprise Storage 7.1", "sles-15.3"),
        ("SUSE:Manager Server 4.3", "sles-15.4"),
        ("SUSE:Manager Server 5.0", "sles-15.6"),
        ("SUSE:OpenStack Cloud Crowbar 9", "sles-12.4"),
        ("SUSE:Linux Enterprise Module for Web and Scripting 12", "sles-12.5"),
        ("SUSE:Manager Tools 12", "sles-12.5"),
        ("SUSE:Linux Enterprise Server 15 SP4", "sles-15-sp4"),
        ("SUSE:Linux Enterprise Server 15 SP4", "sles-15SP4"),
    ],
)
def test_products_of_suse_lead_to_the_system_that_they_run_on(tmp_path: Path, ecosystem: str, distro: str) -> None:
    """Fixes for an older service pack stand under the products that still use it."""
    system = f"SUSE:Linux Enterprise Server {'12' if '-12' in distro else '15'} SP{distro[-1]}"
    entries = [about(ecosystem, "x", "2-1"), about(system, "y", "2-1", id="X-2")]
    assert answers(asked(tmp_path, entries, purl=f"pkg:rpm/suse/x@1-1?distro={distro}", source="x")) == YES


def test_a_service_pack_is_not_another(tmp_path: Path) -> None:
    entries = [about("SUSE:Manager Server 4.2", "x", "2-1"), about("SUSE:Linux Enterprise Server 15 SP4", "y", "2-1", id="X-2")]
    assert answers(asked(tmp_path, entries, purl="pkg:rpm/suse/x@1-1?distro=sles-15.4", source="x")) == []


class TestSeveralPackageUrls:
    """SPDX allows several package URLs for one package: each is compared, and counts."""

    def test_each_is_asked(self, tmp_path: Path) -> None:
        import_osv(export(tmp_path, LODASH), tmp_path, ecosystem=None, now=NOW)
        component = Component(
            ref="c", name="c", kind="library", purl="pkg:npm/harmless@1.0.0", also=("pkg:npm/lodash@4.17.20", "pkg:generic/x@1")
        )
        found = match([document(component)], tmp_path)
        assert (answers(found), found.compared) == (YES, 2)
        assert [one.purl for one in found.unmatched] == ["pkg:generic/x@1"]

    def test_the_subject_of_the_document_is_no_package_under_any_of_them(self, tmp_path: Path) -> None:
        import_osv(export(tmp_path, LODASH), tmp_path, ecosystem=None, now=NOW)
        root = Component(
            ref="r", name="r", kind="application", purl="pkg:oci/r@1", also=("pkg:generic/r@1", "pkg:npm/lodash@4.17.20")
        )
        found = match([replace(document(), root=root)], tmp_path)
        assert [one.purl for one in found.not_applicable] == ["pkg:generic/r@1", "pkg:oci/r@1"]
        assert (answers(found), found.compared, found.unmatched) == (YES, 1, ())

    def test_spdx_2_lists_them(self) -> None:
        content = spdx2()
        content["packages"][0]["externalRefs"] = [
            {"referenceCategory": "PACKAGE-MANAGER", "referenceType": kind, "referenceLocator": purl}
            for kind, purl in (
                ("purl", "pkg:npm/a@1"),
                ("http://spdx.org/rdf/references/purl", "pkg:npm/b@1"),
                ("purl", "pkg:npm/a@1"),
            )
        ]
        found = seen(content)
        one = next(one for one in (found.root, *found.components) if one is not None and one.purl == "pkg:npm/a@1")
        assert one.also == ("pkg:npm/b@1",)

    def test_spdx_3_lists_them(self) -> None:
        content = spdx3()
        package = next(one for one in content["@graph"] if one["type"] in ("software_Package", "ai_AIPackage"))
        package["software_packageUrl"] = "pkg:npm/a@1"
        package["externalIdentifier"] = [
            {"type": "ExternalIdentifier", "externalIdentifierType": "packageUrl", "identifier": f"pkg:npm/{name}@1"}
            for name in "ab"
        ]
        found = seen(content)
        one = next(one for one in (found.root, *found.components) if one is not None and one.purl == "pkg:npm/a@1")
        assert one.also == ("pkg:npm/b@1",)


class TestEpochs:
    """Some databases take versions from the names of RPM files, in which there is no epoch: openEuler's openssl has epoch 1."""

    OPENSSL = about("openEuler:22.03-LTS-SP3", "openssl", "1.1.1m-30.oe2203sp3")
    PURL = "pkg:rpm/openeuler/openssl@1.1.1m-{}.oe2203sp3?epoch=1&arch=src&distro=openEuler-22.03-LTS-SP3"

    def test_an_advisory_without_epochs_is_never_safe_by_the_epoch_of_the_package(self, tmp_path: Path) -> None:
        found = asked(tmp_path, [self.OPENSSL], purl=self.PURL.format(20))
        assert answers(found) == UNKNOWN
        assert "epoch" in found.matches[0].reason

    def test_what_is_newer_without_the_epoch_too_is_not_affected(self, tmp_path: Path) -> None:
        found = asked(tmp_path, [self.OPENSSL], purl=self.PURL.format(31))
        assert (answers(found), found.compared) == ([], 1)

    @pytest.mark.parametrize("fixed", ["0:1.1.1m-30.oe2203sp3", "1:1.1.1m-10.oe2203sp3"])
    def test_an_advisory_with_epochs_is_compared_with_them(self, tmp_path: Path, fixed: str) -> None:
        entry = about("openEuler:22.03-LTS-SP3", "openssl", fixed)
        assert answers(asked(tmp_path, [entry], purl=self.PURL.format(20))) == []


@pytest.mark.parametrize("revision", ["", "-1", "-r12"])
def test_the_revision_of_bitnami_is_no_prerelease(tmp_path: Path, revision: str) -> None:
    purl = f"pkg:bitnami/postgresql@15.3.0{revision}?arch=amd64"
    assert answers(asked(tmp_path, [about("Bitnami", "postgresql", "15.4.0", introduced="15.3.0")], purl=purl)) == YES
    assert answers(asked(tmp_path, [about("Bitnami", "postgresql", "15.3.0")], purl=purl)) == []
