"""What the capabilities of clients' configuration share: the publisher of this place, its rows, and its rules."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from amend.client.rules import Claim
from arcops.errors import ArcOpsError, Refused
from arcops.identity import Identity
from artifacts.reading import read_file
from flows.place import Place

if TYPE_CHECKING:
    from datetime import datetime

    from amend.client.families import Families
    from services.config.freshness import Covered, Freshness
    from services.config.publishing import Publisher
    from services.config.rows import Rows
    from services.config.validating import RulesHere

MOST_DRAFT = 1024 * 1024


def tooling() -> str:
    """The name and version of this program, as release records have it."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return f"arcops {version('arcops')}"
    except PackageNotFoundError:  # run from a checkout without an installation
        return "arcops 0.0.0"


def families_here(at: Place) -> Families:
    """The families that are known here. Raises `Refused` if a description in the trust folder cannot be used."""
    from tasks.client.families import families_in

    return families_in(at.settings.trust)


def rules_here(at: Place) -> RulesHere:
    """The organisation's policy set. Raises `Refused` if there is no such set: then nothing is released."""
    from services.config.roles import RULES
    from services.config.validating import rules_from

    path = at.settings.trust / RULES
    if not path.exists():
        raise Refused(f"there is no {RULES} in the trust folder, so nothing is released; 'arcops conf rules FILE' sets it")
    return rules_from(read_file(path, MOST_DRAFT), RULES)


@contextmanager
def rows_here(at: Place) -> Iterator[Rows]:
    """The rows of releases, in this place's database. Raises as `opened` does."""
    from foundation.database.opening import opened

    with opened(at.settings) as database:
        from services.config.rows import Rows

        yield Rows(database)


def freshness_here(at: Place) -> Freshness:
    """The metadata that says what is newest; it lies beside the store."""
    from services.config.freshness import Freshness

    return Freshness(at.settings.store.parent / "configuration-metadata")


def freshen(at: Place, rows: Rows) -> int:
    """Sign what is released now as the newest, if it is due; how many files that wrote.

    What it reads grows with what was released since the last time; all is read if it is not known when that was, or if
    releases came in late.
    """
    from services.config.heads import heads_after

    made, now = freshness_here(at), at.now()
    position, count = rows.extent()
    if position < 0 or not _behind(made.covered(), position, count, now):
        return 0
    with made.held():  # what is newest is read inside, so that no other process writes a newer state meanwhile
        position, count = rows.extent()
        known = made.covered()
        if not _behind(known, position, count, now):
            return 0
        new = rows.count_after(known.position) if known is not None else -1
        some = known is not None and known.count + new == count
        heads = heads_after(rows, known.position if some and known is not None else -1)
        return made.write(heads, at.signer(), now, position=position, count=count, some=some)


def _behind(known: Covered | None, position: int, count: int, now: datetime) -> bool:
    return known is None or (known.position, known.count) != (position, count) or now >= known.again


@contextmanager
def publisher(at: Place) -> Iterator[Publisher]:
    """What publishes here. Raises `Refused` if there are no rules or no roles."""
    from artifacts.store import Store
    from services.config.publishing import Publisher
    from services.config.roles import read_roles
    from tasks.signing.grounds import grounds

    rules, roles = rules_here(at), read_roles(at.settings.trust)
    with rows_here(at) as rows, Store.at(at.settings) as store:
        yield Publisher(
            rows=rows,
            store=store,
            ground=grounds(at.settings.trust),
            roles=roles,
            rules=rules,
            now=at.now,
            tier=at.settings.tier,
            tooling=tooling(),
            families=families_here(at),
            claims=_claims(at.caller),
        )
        try:
            freshen(at, rows)  # what a crash here leaves undone, the next one or the service does
        except ArcOpsError as error:  # the release is made; that it is the newest can be signed later
            at.say(f"it is released, but that it is the newest could not be signed yet: {error}")


def _claims(caller: Identity | None) -> tuple[Claim, ...]:
    """What the door knows of the caller: an organisation's rules may ask for it."""
    if caller is None:
        return ()
    known = {
        "user": (caller.id,),
        "issuer": (caller.issuer,),
        "tenant": (caller.tenant,),
        "roles": tuple(sorted(caller.roles)),
    }
    return tuple(Claim(name=name, values=values) for name, values in known.items() if any(values))
