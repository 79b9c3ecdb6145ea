"""Module streams of rpm: two streams of one module (``nodejs:16``, ``nodejs:18``) hold packages of the same names, each with
its own fixes, so a version says nothing about the advisories of another stream.

Sources: modulemd's names (name, stream, version, context, architecture); the qualifiers of package URLs ``rpmmod`` (Syft, Red
Hat) and ``modularitylabel`` (Trivy), which hold rpm's MODULARITYLABEL; Red Hat's names of packages in a module
(``nodejs:18::npm``). The build system writes ``.module+el8`` or ``.module_el8`` into the release of every package of a module.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from arcops.late_pattern import late

NO_MODULE, SOME_MODULE = "", "?"
"""A package that is of no module, and one of a module whose stream is unknown. Else it is ``NAME:STREAM``."""

_LABEL = late(r"([A-Za-z0-9][\w.+-]*):([\w.+-]+)(?::.*)?")
_NAMED = late(r"([A-Za-z0-9][\w.+-]*:[\w.+-]+?)(?:::|/)([A-Za-z0-9_][\w.+-]*)")
_BUILT = late(r"\.module[+_]")


def module_of(qualifiers: Mapping[str, str], versions: Iterable[str]) -> str:
    """The stream that the *qualifiers* of a package URL name; if they name none, whether one of *versions* is of a module."""
    said = qualifiers.get("rpmmod") or qualifiers.get("modularitylabel") or ""
    if found := _LABEL.fullmatch(said):
        return f"{found[1]}:{found[2]}"
    return SOME_MODULE if said or any(map(_BUILT.search, versions)) else NO_MODULE


def split_name(name: str) -> tuple[str, str]:
    """An advisory's ``nodejs:18::npm`` (or ``nodejs:18/npm``) as stream and package; any other name has no stream."""
    found = _NAMED.fullmatch(name)
    return (found[1], found[2]) if found else ("", name)


def concerns(package: str, advisory: str, version: str, bounds: Iterable[str]) -> bool | None:
    """Is an advisory about the stream *advisory* about a package of *package*, at *version*? `None`: this is unknown.

    If the advisory does not name its stream, but the stream is called by the software's version, the *bounds* of its ranges
    show it: ``18.14`` is of the stream ``18``.
    """
    if package in (NO_MODULE, advisory):
        return None if advisory == package == SOME_MODULE else True
    if SOME_MODULE not in (package, advisory) and advisory != NO_MODULE:
        return False
    stream = package.partition(":")[2]
    everything = [version, *bounds]
    if advisory == SOME_MODULE and stream[:1].isdecimal() and len(everything) > 1:
        return True if all(_is_of(one, stream) for one in everything) else None
    return None


def _is_of(version: str, stream: str) -> bool:
    upstream = version.partition(":")[2] or version
    return upstream.startswith((f"{stream}.", f"{stream}-"))
