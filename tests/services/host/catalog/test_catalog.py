"""The catalog in the database: versions, decisions, tags, ratings, and its search by words. On a whole site also PostgreSQL."""

# The fixture `address` has a second database on a whole site: mark.site.
from __future__ import annotations

import pytest

from arcops.errors import Refused
from arcops.identity import Identity
from foundation.database.engine import Database
from foundation.database.migrating import ready
from foundation.database.moving import move
from services.host.catalog.catalog import Catalog
from services.host.catalog.document import Kind, Status
from services.host.catalog.entry import State
from services.host.catalog.registry_schema import OFFICIAL
from tests.foundation.database.conftest import address, open_, server
from tests.foundation.database.open_here import Open, at_server, hurried
from tests.services.host.catalog.documents import CARD, NAME, document

__all__ = ["address", "open_", "server"]

pytestmark = pytest.mark.requirement("HOST-OPS/catalog-with-approvals")

ANN, BOB = (Identity(issuer="https://i", tenant="t", id=one) for one in ("ann", "bob"))


@pytest.fixture
def database(open_: Open) -> Database:
    return ready(open_())


@pytest.fixture
def catalog(database: Database) -> Catalog:
    return Catalog(database)


def take(catalog: Catalog, *documents: object) -> None:
    catalog.take(documents, author="ann", source="test")  # type: ignore[arg-type]  # documents


def approve(catalog: Catalog, name: str = NAME, version: str = "") -> None:
    catalog.decide(name, version, State.APPROVED, decider="bob", reason="")


def test_what_is_imported_is_only_proposed(catalog: Catalog) -> None:
    found = catalog.take([document(), document(version="1.1.0")], author="ann", source="registry.json")
    assert (found.new, found.same, found.conflicts) == (2, 0, ())
    entry, versions = catalog.one(NAME)
    assert entry.offered == ""
    assert {one.state for one in versions} == {State.PROPOSED}
    assert {one.source for one in versions} == {"registry.json"}
    assert catalog.found("time", every=False, most=9) == ()
    assert [one.name for one in catalog.found("time", every=True, most=9)] == [NAME]
    assert catalog.count() == (1, 0)


def test_a_version_never_changes(catalog: Catalog) -> None:
    take(catalog, document())
    found = catalog.take([document(), document(description="Tells other things.")], author="eve", source="x")
    assert (found.new, found.same) == (0, 1)
    assert found.conflicts == (f"{NAME} 1.0.0 is there with another document; a version never changes",)
    assert catalog.one(NAME)[0].description == "Tells the time in every zone."
    twice = catalog.take([document("a.b/c"), document("a.b/c", title="Two")], author="eve", source="x")
    assert (twice.new, len(twice.conflicts)) == (1, 1)


def test_the_newest_version_that_is_approved_is_offered(catalog: Catalog) -> None:
    take(catalog, document(version="1.9.0"), document(version="1.10.0", title="Newer"), document(version="2.0.0-rc.1"))
    approve(catalog, version="1.9.0")
    assert catalog.one(NAME)[0].offered == "1.9.0"
    approve(catalog, version="1.10.0")
    entry = catalog.one(NAME)[0]
    assert (entry.offered, entry.title) == ("1.10.0", "Newer")
    catalog.decide(NAME, "1.10.0", State.REFUSED, decider="bob", reason="it phones home")
    entry, versions = catalog.one(NAME)
    assert entry.offered == "1.9.0"
    refused = next(one for one in versions if one.version == "1.10.0")
    assert (refused.state, refused.decider, refused.reason, refused.was_offered) == (
        State.REFUSED,
        "bob",
        "it phones home",
        True,
    )


def test_what_its_publisher_deleted_is_not_offered(catalog: Catalog) -> None:
    take(catalog, document())
    approve(catalog)
    found = catalog.take([document(meta={OFFICIAL: {"status": "deleted"}})], author="ann", source="x")
    assert (found.new, found.status, found.same) == (0, 1, 0)
    entry, (kept,) = catalog.one(NAME)
    assert (entry.offered, kept.status, kept.state) == ("", Status.DELETED, State.APPROVED)
    with pytest.raises(Refused, match="was deleted by its publisher"):
        approve(catalog)


def test_tags_that_the_site_demands(catalog: Catalog) -> None:
    take(catalog, document())
    with pytest.raises(Refused, match="has no tag env and no tag owner, which this site demands"):
        catalog.decide(NAME, "", State.APPROVED, decider="bob", reason="", demanded=("env", "owner"))
    catalog.tag(NAME, {"env": "production", "owner": "platform"})
    catalog.decide(NAME, "", State.APPROVED, decider="bob", reason="", demanded=("env", "owner"))
    with pytest.raises(Refused, match="its tag env is not removed"):
        catalog.tag(NAME, {}, remove=["env"])
    entry, _ = catalog.tag(NAME, {"env": "test"})
    assert entry.tags == {"env": "test", "owner": "platform"}
    assert [one.name for one in catalog.found("platform", every=False, most=9)] == [NAME]


def test_each_caller_rates_once(catalog: Catalog) -> None:
    take(catalog, document())
    catalog.rate(NAME, ANN, 5)
    catalog.rate(NAME, BOB, 2)
    entry, _ = catalog.rate(NAME, ANN, 4)
    assert (entry.stars, entry.ratings) == (6, 2)
    entry, _ = catalog.rate(NAME, BOB, 0)
    assert (entry.stars, entry.ratings) == (4, 1)
    with pytest.raises(Refused, match="no entry"):
        catalog.rate("no/such", ANN, 5)


def test_an_agent_is_no_server(catalog: Catalog) -> None:
    from services.host.catalog.agent_card import read_card

    card = read_card(CARD, "it")
    take(catalog, card)
    found = catalog.take([document(card.name, "9.0.0")], author="ann", source="x")
    assert found.conflicts == (f"{card.name} is an entry of the kind agent, not server",)
    assert [one.kind for one in catalog.found("trains", every=True, most=9)] == [Kind.AGENT]


def test_search_by_words(catalog: Catalog) -> None:
    """Stems and beginnings; a name counts more than a description; some words are enough if no entry has all."""
    take(
        catalog,
        document("io.example/postgres", description="Runs queries on a database."),
        document("io.example/notes", description="Keeps notes; it can export them to postgres."),
        document("io.example/files", description="Reads and moves files."),
    )

    def names(words: str) -> list[str]:
        return [one.name.partition("/")[2] for one in catalog.found(words, every=True, most=9)]

    assert names("postgres") == ["postgres", "notes"]
    assert names("query") == ["postgres"]
    assert names("moving file") == ["files"]
    assert names("postg") == ["postgres", "notes"]
    assert set(names("queries about whales")) == {"postgres"}
    assert names("mcp-server-time") != []
    for odd in ('"', "*", "a:*", "NOT", "' OR 1=1 --", "(((", "\\", "é\u202e", "-", "NEAR(a b)"):
        names(odd)


def test_a_search_of_a_state_misses_none(catalog: Catalog) -> None:
    """The one entry in a state is found, however many better matches are in another one."""
    names = [f"io.example/clock-{number:03}" for number in range(450)]
    take(catalog, *(document(one, description="A clock.") for one in names), document("io.example/old", description="clock"))
    catalog.decide("io.example/old", "", State.REFUSED, decider="bob", reason="")
    found = catalog.found("clock", every=True, most=9, state=State.REFUSED)
    assert [one.name for one in found] == ["io.example/old"]
    assert catalog.found("clock", every=True, most=9, state=State.APPROVED) == ()
    assert catalog.found("clock", every=False, most=9, state=State.REFUSED) == (), "it is not offered"


def test_the_index_of_words_comes_along(catalog: Catalog, database: Database, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A database that is moved has its index made again."""
    take(catalog, document())
    folder = tmp_path_factory.mktemp("other")
    with hurried(at_server(f"sqlite:///{folder}/database/arcops.sqlite")) as target:
        move(database, target)
        assert [one.name for one in Catalog(target).found("zones", every=True, most=9)] == [NAME]
