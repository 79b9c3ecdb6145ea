"""The package that a component names by its package URL, as questions for the advisories.

Package URL specification (ECMA-427) for the types and the qualifiers; OSV schema, "Defined ecosystems", for the names. A name
that no package of its ecosystem can have was derived wrongly, and is not asked.
"""

from __future__ import annotations

from urllib.parse import unquote

from arcops.errors import Refused
from arcops.seen.sboms import Component
from tasks.model.osv.ecosystems import REGISTRIES, ecosystem_of, release_of
from tasks.model.osv.modules import NO_MODULE, module_of
from tasks.model.osv.packages import Package, package_of_key, simple_key
from tasks.model.osv.registry_names import aliased, full_name, registry_questions
from tasks.model.osv.source_packages import NAMES, questions, sources_of
from tasks.model.osv.stated_versions import one_version


def package_of(component: Component) -> Package:
    """The package that *component* names, at the version in its package URL or else at its own.

    Raises `Refused`, with one clause without a subject, if no advisory can be looked up for it.
    """
    text, listed = component.purl, component.version
    if (key := simple_key(text, listed)) is not None:
        return package_of_key(text, key)
    if not text:
        raise Refused("has no package URL")
    if len(text) > 2048:
        raise Refused("has a package URL of more than 2048 characters")
    from packageurl import PackageURL

    try:
        url = PackageURL.from_string(text)
    except ValueError as error:
        raise Refused("has a package URL that does not follow the specification") from error
    namespace, name, stated = url.namespace or "", url.name, url.version or ""
    if not stated and listed and name.endswith(f"@{listed}"):  # Microsoft's sbom-tool encodes the @ before the version
        name, stated = name.removesuffix(f"@{listed}"), listed
        url = url._replace(name=name, version=listed)
    if url.type == "npm":
        (namespace, name), (stated, listed) = aliased((namespace, name), (stated, listed))
    if url.type == "github" and component.kind == "github-action":
        url = url._replace(type="githubactions")
    if url.type == "conan":
        namespace = ""  # the user who built it, whose recipe has the name of the library all the same
    ecosystem = ecosystem_of(url.type, namespace)
    if not ecosystem:
        raise Refused(
            f"is of the package URL type {'/'.join(filter(None, (url.type, namespace)))}, for which ArcOps has no advisories"
        )
    qualifiers = url.qualifiers if isinstance(url.qualifiers, dict) else {}
    version = one_version(ecosystem, stated, listed, qualifiers.get("epoch", ""))
    if not stated and version:
        url = url._replace(version=version)
    if url.type in REGISTRIES:
        full = full_name(url.type, namespace, name)
        asked = registry_questions(ecosystem, full, url.subpath or "", version)
        return Package(purl=url.to_string(), ecosystem=ecosystem, asked=asked)
    if not NAMES[url.type].fullmatch(name):
        raise Refused(f"has the name {name!r}, which no {ecosystem} package can have")
    sources, doubt = sources_of(component, url.type, name, version, qualifiers)
    return Package(
        purl=url.to_string(),
        ecosystem=ecosystem,
        asked=questions(ecosystem, sources, (name, version)),
        release=release_of(ecosystem, qualifiers.get("distro", "")),
        doubt=doubt,
        module=module_of(qualifiers, (version, unquote(qualifiers.get("upstream", "")))) if url.type == "rpm" else NO_MODULE,
    )
