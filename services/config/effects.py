"""What new rules would do to what is released now, before anyone sets them."""

from __future__ import annotations

from datetime import datetime

from amend.client.families import Families
from arcops.errors import ArcOpsError
from arcops.seen.client import Made
from artifacts.client_release import release_from
from artifacts.envelope import strict_base64
from artifacts.store import Store
from foundation.database.late import is_made
from foundation.database.opening import opened
from foundation.settings import Settings
from services.config.documents import read_document
from services.config.reading import Reading
from services.config.rows import Rows
from services.config.validating import RulesHere, validated


def effects_on_released(
    settings: Settings, old: RulesHere | None, new: RulesHere, *, now: datetime, families: Families
) -> tuple[str, ...]:
    """A sentence for each thing that *new* takes out of, changes or refuses in the drafts that are out now, and *old* did
    not.
    """
    if not is_made(settings):
        return ()
    found: list[str] = []
    with opened(settings) as database, Store.at(settings) as store:
        reading = Reading(Rows(database), lambda: families)
        reading.refresh()
        drafts: dict[str, str] = {}
        for one in reading.heads():
            said = read_document(one.body)
            release = release_from(strict_base64(said["release"]["envelope"]["payload"], "the release"))
            drafts.setdefault(release.draft_digest, f"{release.profile} {release.version}")

        def judged(data: bytes, rules: RulesHere) -> set[str]:
            return _decided(validated(data, rules, at=now, tier=settings.tier, families=families).body.made)

        for digest, name in drafts.items():
            try:
                data = store.get(digest)
                had = judged(data, old) if old is not None else set()
                will = judged(data, new)
            except ArcOpsError as error:
                found.append(f"{name}: its draft cannot be judged again: {error}")
                continue
            found.extend(f"{name}: {sentence}" for sentence in sorted(will - had))
    return tuple(found)


def _decided(made: tuple[Made, ...]) -> set[str]:
    return {f"{one.client}: {decision.effect}" for one in made for decision in one.decisions}
