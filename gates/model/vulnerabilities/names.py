"""The names of one vulnerability in one package, in several databases."""

from __future__ import annotations

from collections.abc import Iterator

from arcops.seen.vulnerabilities import Match


def named(matches: tuple[Match, ...]) -> Iterator[tuple[Match, frozenset[str]]]:
    """Every match with the names, in upper case, under which its vulnerability is known.

    Aliases are transitive (OSV schema, ``aliases``), so the names are those of the whole group. But if a group spans two CVEs,
    a statement about one must not excuse the other, so each match keeps its own names.
    """
    for group in groups(matches):
        everything = frozenset().union(*(names_of(match) for match in group))
        one = len({name for name in everything if name.startswith("CVE-")}) <= 1
        for match in group:
            yield match, everything if one else names_of(match)


def names_of(match: Match) -> frozenset[str]:
    return frozenset(name.upper() for name in (match.advisory, *match.aliases))


def groups(matches: tuple[Match, ...]) -> list[list[Match]]:
    """Matches of one package that share a name, directly or through others."""
    by_purl: dict[str, list[tuple[set[str], list[Match]]]] = {}
    for match in matches:
        groups = by_purl.setdefault(match.purl, [])
        names, members = set(names_of(match)), [match]
        apart = []
        for group in groups:
            if names.isdisjoint(group[0]):
                apart.append(group)
            else:
                names |= group[0]
                members = group[1] + members
        by_purl[match.purl] = [*apart, (names, members)]
    return [members for groups in by_purl.values() for _, members in groups]
