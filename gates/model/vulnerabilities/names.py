"""The names of one vulnerability in one package, in several databases."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache

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
    return _upper(match.advisory, match.aliases)


@lru_cache(maxsize=16384)
def _upper(advisory: str, aliases: tuple[str, ...]) -> frozenset[str]:
    return frozenset(name.upper() for name in (advisory, *aliases))


def groups(matches: Iterable[Match]) -> list[list[Match]]:
    """Matches of one package that share a name, directly or through others."""
    by_purl: dict[str, list[Match]] = {}
    for match in matches:
        by_purl.setdefault(match.purl, []).append(match)
    found: list[list[Match]] = []
    for own in by_purl.values():
        found += [own] if len(own) == 1 else _joined(own)
    return found


def _joined(matches: list[Match]) -> list[list[Match]]:
    """The groups of one package's *matches*. ``owner`` says in which group a name is; a group has the number of its last."""
    owner: dict[str, int] = {}
    held: dict[int, tuple[frozenset[str], list[Match]]] = {}
    for number, match in enumerate(matches):
        names, members = names_of(match), [match]
        for other in sorted({owner[name] for name in names if name in owner}):
            theirs, before = held.pop(other)
            names, members = names | theirs, before + members
        held[number] = (names, members)
        owner.update(dict.fromkeys(names, number))
    return [members for _, members in held.values()]
