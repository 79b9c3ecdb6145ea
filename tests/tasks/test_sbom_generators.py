"""SBOMs in the shapes that generators give them: the source package, lock files and operating systems are understood.

The shapes are those of Trivy 0.76.0 and Syft 1.18.1, which `make test-deep` runs for real, of Microsoft's sbom-tool 2 and of
cargo-cyclonedx 0.5, which it does not.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from arcops.finding import Outcome
from arcops.seen.sboms import Component, Dependency, SbomSeen
from arcops.subject import Digest
from arcops.verdict import Verdict
from gates.model.sbom.elements import Demand, ElementLevel
from gates.model.sbom.examples import DOCUMENT
from gates.model.sbom.gate import SbomPolicy
from gates.model.sbom.others import Other
from tasks.model.osv.package_urls import package_of
from tasks.model.sboms._document import Document
from tasks.model.sboms._reading import read
from tests.gates.test_sbom import outcomes
from tests.tasks.test_sboms_spdx import spdx2

pytestmark = pytest.mark.requirement("ARC-A3/cyclonedx-is-read")

LIBSSL = "pkg:deb/debian/libssl3@3.0.11-1~deb12u2?arch=amd64&distro=debian-12.5"


def seen(content: bytes | dict[str, Any]) -> SbomSeen:
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    found = read(Document(path="sbom", sha256="a" * 64, data=data))
    assert found is not None
    assert found.problems == ()
    return found


def cyclonedx(*components: dict[str, Any]) -> dict[str, Any]:
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "timestamp": "2026-11-20T09:00:00Z",
            "component": {"bom-ref": "root", "type": "container", "name": "serve", "purl": "pkg:oci/serve@sha256%3Aab"},
        },
        "components": [{"type": "library", "name": f"c{number}", **one} for number, one in enumerate(components)],
    }


def with_properties(prefix: str = "aquasecurity:trivy:", /, **properties: str) -> dict[str, Any]:
    return {"properties": [{"name": prefix + name, "value": value} for name, value in properties.items()]}


def only(content: dict[str, Any]) -> Component:
    (component,) = seen(content).components
    return component


@pytest.mark.parametrize(
    ("properties", "source", "version"),
    [
        ({"SrcName": "openssl", "SrcVersion": "3.0.11", "SrcRelease": "1~deb12u2"}, "openssl", "3.0.11-1~deb12u2"),
        ({"SrcName": "zlib", "SrcVersion": "1.2", "SrcRelease": "1", "SrcEpoch": "1"}, "zlib", "1:1.2-1"),
        ({"SrcName": "musl", "SrcVersion": "1.2.4-r2"}, "musl", "1.2.4-r2"),
        ({"SrcName": "a"}, "a", ""),
        ({"SrcVersion": "1"}, "", ""),
    ],
)
def test_trivy_names_the_source_in_properties(properties: dict[str, str], source: str, version: str) -> None:
    found = only(cyclonedx({"purl": LIBSSL, **with_properties(**properties)}))
    assert (found.source, found.source_version) == (source, version)


@pytest.mark.parametrize(
    ("kind", "properties", "source"),
    [
        ("dpkg-db-entry", {"metadata:source": "openssl", "metadata:sourceVersion": "3.0.11-1"}, ("openssl", "3.0.11-1")),
        ("dpkg-db-entry", {}, ("c0", "")),
        ("apk-db-entry", {"metadata:originPackage": "openssl"}, ("openssl", "")),
        ("apk-db-entry", {}, ("c0", "")),
        ("rpm-db-entry", {}, ("", "")),
        ("python-package", {}, ("", "")),
    ],
)
def test_syft_leaves_the_source_out_if_it_has_the_same_name(
    kind: str, properties: dict[str, str], source: tuple[str, str]
) -> None:
    found = only(cyclonedx({"purl": LIBSSL, **with_properties("syft:", **{"package:metadataType": kind}, **properties)}))
    assert (found.source, found.source_version) == source


def test_xml_has_the_same_properties() -> None:
    found = seen(
        b'<bom xmlns="http://cyclonedx.org/schema/bom/1.6" version="1"><components><component type="library">'
        b"<name>libssl3</name><version>3</version><properties>"
        b'<property name="aquasecurity:trivy:SrcName">openssl</property></properties></component></components></bom>'
    )
    assert found.components[0].source == "openssl"


def spdx(**package: Any) -> dict[str, Any]:
    document = spdx2()
    one = {"SPDXID": "SPDXRef-Own", "name": "own", "downloadLocation": "NONE", "filesAnalyzed": False, **package}
    document["packages"] = [*document["packages"], one]
    return document


def own(content: dict[str, Any]) -> Component:
    return next(one for one in seen(content).components if one.ref == "SPDXRef-Own")


@pytest.mark.requirement("ARC-A3/spdx-is-read")
@pytest.mark.parametrize(
    ("info", "purl", "source"),
    [
        ("built package from: openssl 3.0.11-1~deb12u2", LIBSSL, ("openssl", "3.0.11-1~deb12u2")),
        ("acquired package info from DPKG DB: /var/lib/dpkg/status", LIBSSL, ("own", "")),
        ("acquired package info from APK DB: /lib/apk/db/installed", "pkg:apk/alpine/own@1", ("own", "")),
        ("acquired package info from DPKG DB: /var/lib/dpkg/status", f"{LIBSSL}&upstream=openssl", ("", "")),
        ("acquired package info from RPM DB: /var/lib/rpm/Packages", "pkg:rpm/rocky/own@1", ("", "")),
        ("built package from: two words here", LIBSSL, ("", "")),
    ],
)
def test_spdx_names_the_source_in_its_source_info(info: str, purl: str, source: tuple[str, str]) -> None:
    reference = {"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": purl}
    found = own(spdx(sourceInfo=info, externalRefs=[reference]))
    assert (found.source, found.source_version) == source


def test_syft_says_which_repository_is_an_action() -> None:
    purl = "pkg:github/actions/checkout@v4"
    component = {"purl": purl, **with_properties("syft:", **{"package:type": "github-action"})}
    assert only(cyclonedx(component)).kind == "github-action"
    assert only(cyclonedx({"purl": purl})).kind == "library"
    info = "acquired package info from GitHub Actions workflow file or composite action file: /.github/workflows/a.yml"
    assert own(spdx(sourceInfo=info)).kind == "github-action"


LOCK = {"type": "application", "name": "package-lock.json", **with_properties(Class="lang-pkgs", Type="npm")}
SYSTEM = {"type": "operating-system", "name": "debian", "version": "12.5", **with_properties(Class="os-pkgs", Type="debian")}


def test_a_lock_file_is_no_package() -> None:
    assert only(cyclonedx(LOCK)).kind == "lock-file"
    assert only(cyclonedx({**LOCK, "purl": "pkg:npm/a@1"})).kind == "application"
    assert only(cyclonedx({"type": "application", "name": "package-lock.json"})).kind == "application"


@pytest.mark.requirement("ARC-A3/spdx-is-read")
def test_a_lock_file_in_spdx() -> None:
    note = {"annotator": "Tool: trivy", "annotationDate": "2026-11-20T09:00:00Z", "annotationType": "OTHER"}
    lock = spdx(primaryPackagePurpose="APPLICATION", annotations=[{**note, "comment": "Class: lang-pkgs"}])
    assert own(lock).kind == "lock-file"
    unnoted = spdx(primaryPackagePurpose="APPLICATION")
    assert own(unnoted).kind == "application"
    unnoted["packages"].append({
        "SPDXID": "SPDXRef-In", "name": "in", "downloadLocation": "NONE", "filesAnalyzed": False,
        "sourceInfo": "package found in: own",
    })  # fmt: skip
    assert own(unnoted).kind == "lock-file"


@pytest.mark.requirement("ARC-A3/spdx-is-read")
@pytest.mark.parametrize("spelling", ["OPERATING-SYSTEM", "OPERATING_SYSTEM"])
def test_both_spellings_of_an_operating_system_are_valid(spelling: str) -> None:
    assert own(spdx(primaryPackagePurpose=spelling)).kind == "operating-system"


@pytest.mark.requirement("ARC-A3/spdx-is-read")
def test_sbom_tool_encodes_the_version_into_the_name() -> None:
    """Microsoft's sbom-tool: SPDX 2.2, ``%40`` before the version, one root with its supplier, and all files by hash."""
    document = spdx2("2.2")
    document["creationInfo"]["creators"] = ["Organization: Acme", "Tool: Microsoft.SBOMTool-2.2.9"]
    more = {"licenseConcluded": "NOASSERTION", "licenseDeclared": "NOASSERTION", "copyrightText": "NOASSERTION"}
    reference = {
        "referenceCategory": "PACKAGE-MANAGER",
        "referenceType": "purl",
        "referenceLocator": "pkg:nuget/Some.Thing%401.2.3",
    }
    package = {"SPDXID": "SPDXRef-Own", "name": "Some.Thing", "versionInfo": "1.2.3", "supplier": "NOASSERTION", **more}
    document["packages"].append(
        {**package, "downloadLocation": "NOASSERTION", "filesAnalyzed": False, "externalRefs": [reference]}
    )
    asked = package_of(own(document)).asked
    assert [(one.ecosystem, one.key, one.version) for one in asked] == [("NuGet", "some.thing", "1.2.3")]


def test_cargo_cyclonedx_puts_targets_into_the_root() -> None:
    """cargo-cyclonedx: the targets are components of the root, with a package URL of a folder on the maker's machine."""
    content = cyclonedx(
        {"bom-ref": "registry+https://x.example#serde@1.0.1", "version": "1.0.1", "purl": "pkg:cargo/serde@1.0.1"}
    )
    here = "pkg:cargo/app@0.1.0?download_url=file:///home/me/app"
    target = {"type": "application", "bom-ref": "t", "name": "app", "version": "0.1.0", "purl": f"{here}#src/main.rs"}
    content["metadata"]["component"] |= {"type": "application", "name": "app", "version": "0.1.0", "purl": here}
    content["metadata"]["component"]["components"] = [target]
    content["metadata"]["tools"] = [{"vendor": "CycloneDX", "name": "cargo-cyclonedx", "version": "0.5.7"}]
    found = seen(content)
    assert {package_of(one).key for one in found.components} == {"app", "serde"}
    assert Dependency(ref="root", on=("t",)) in found.dependencies


PACKAGE = {"bom-ref": "p", "version": "1", "purl": "pkg:npm/c2@1"}
MADE = seen(cyclonedx(LOCK, SYSTEM, PACKAGE))
SERVING = replace(
    MADE,
    path="serve.cdx.json",
    created=DOCUMENT.created,
    dependencies=(Dependency(ref="root", on=tuple(one.ref for one in MADE.components)),),
)


def others(*given: Other, **more: Any) -> SbomPolicy:
    return SbomPolicy(others=given, **more)


@pytest.mark.requirement("ARC-A3/minimum-elements-are-judged")
class TestOthers:
    def test_the_sbom_of_an_image_stands_beside_the_models_own(self) -> None:
        assert outcomes(DOCUMENT, SERVING, policy=others(Other(name="serve", elements=ElementLevel.OFF)))[0] is Verdict.GREEN
        assert outcomes(DOCUMENT, SERVING, policy=others(Other(name="serve")))[0] is Verdict.AMBER
        assert outcomes(DOCUMENT, SERVING, policy=others(Other(name="serve", elements=ElementLevel.FAIL)))[0] is Verdict.RED

    def test_what_the_policy_does_not_name_is_refused(self) -> None:
        for policy in (others(), others(Other(name="server"))):
            verdict, answers = outcomes(DOCUMENT, SERVING, policy=policy)
            assert verdict is Verdict.RED
            assert answers["sbom/subject"] is Outcome.FAIL

    def test_a_digest_binds_it(self) -> None:
        policy = others(Other(name="serve", elements=ElementLevel.OFF, digest=f"sha256:{'a' * 64}"))
        assert outcomes(DOCUMENT, SERVING, policy=policy)[1]["sbom/subject"] is Outcome.FAIL
        assert SERVING.root is not None
        for root in (
            replace(SERVING.root, version=f"sha256:{'a' * 64}"),
            replace(SERVING.root, purl=f"pkg:oci/serve@sha256%3A{'a' * 64}?arch=amd64"),
            replace(SERVING.root, digests=(Digest(algorithm="sha256", value="a" * 64),)),
        ):
            assert outcomes(DOCUMENT, replace(SERVING, root=root), policy=policy)[0] is Verdict.GREEN

    def test_one_sbom_must_be_about_the_subject(self) -> None:
        verdict, answers = outcomes(SERVING, policy=others(Other(name="serve", elements=ElementLevel.OFF)))
        assert verdict is Verdict.RED
        assert answers["sbom/subject"] is answers["sbom/files-described"] is Outcome.FAIL

    def test_the_models_own_name_makes_no_other(self) -> None:
        lenient = others(Other(name="model", elements=ElementLevel.OFF))
        bare = replace(DOCUMENT, authors=())
        assert outcomes(bare, policy=lenient)[1]["sbom/author"] is Outcome.FAIL

    def test_its_files_are_not_those_of_the_subject(self) -> None:
        listed = replace(SERVING.components[0], kind="file", path="etc/passwd", ref="f")
        document = replace(SERVING, components=(*SERVING.components, listed))
        policy = others(Other(name="serve", elements=ElementLevel.OFF))
        assert outcomes(DOCUMENT, document, policy=policy)[0] is Verdict.GREEN

    def test_its_age_and_validity_are_judged_in_full(self) -> None:
        policy = others(Other(name="serve", elements=ElementLevel.OFF))
        for worse in (
            replace(SERVING, spec_version="1.2"),
            replace(SERVING, problems=("wrong.",)),
            replace(SERVING, created=None),
        ):
            assert outcomes(DOCUMENT, worse, policy=policy)[0] is Verdict.RED


def test_a_system_and_a_lock_file_need_no_package_url() -> None:
    lenient = SbomPolicy(
        supplier=Demand(level=ElementLevel.OFF), author=ElementLevel.OFF, licence=Demand(level=ElementLevel.OFF)
    )
    document = replace(DOCUMENT, components=(*DOCUMENT.components, *SERVING.components))
    on = (*DOCUMENT.dependencies[0].on, *(one.ref for one in SERVING.components))
    edges = (Dependency(ref="root", on=on),)
    assert outcomes(replace(document, dependencies=edges), policy=lenient)[0] is Verdict.GREEN
    for kind in ("application", "library"):
        worse = tuple(replace(one, kind=kind) if one.kind == "lock-file" else one for one in document.components)
        answers = outcomes(replace(document, components=worse, dependencies=edges), policy=lenient)[1]
        assert answers["sbom/identifier"] is Outcome.FAIL


SPDX = {"spdxVersion": "SPDX-2.3", "packages": []}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"sbom": SPDX}, "jq .sbom FILE"),
        ({"SPDX": SPDX}, "jq .SPDX FILE"),
        ({"_type": "https://in-toto.io/Statement/v1", "predicate": {"bomFormat": "CycloneDX"}}, "jq .predicate FILE"),
        ({"artifacts": [], "descriptor": {"name": "syft", "version": "1.18.1"}}, "syft convert FILE"),
        ({"SchemaVersion": 2, "ArtifactName": "x", "Results": []}, "--format cyclonedx"),
        ({"sbom": {"name": "another thing"}}, "neither CycloneDX"),
        ({"sbom": "a text", "artifacts": {}, "descriptor": []}, "neither CycloneDX"),
    ],
)
def test_what_is_no_sbom_says_what_it_is_and_how_to_make_one(content: dict[str, Any], said: str) -> None:
    found = read(Document(path="sbom", sha256="a" * 64, data=json.dumps(content).encode()))
    assert found is not None
    assert found.components == ()
    (problem,) = found.problems
    assert said in problem
