"""From an invitation to a first server: a real name server, a real mail server, and everything that is refused on the way."""

from __future__ import annotations

import json
import re
import sqlite3
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from unittest import mock

import pytest

from arcops.errors import Refused
from arcops.identity import Identity
from capabilities.server.joining import HostJoinFinish, host_join_finish
from capabilities.server.putting import NOTHING_ELSE
from foundation.authorization.sharing import named
from foundation.database.opening import opened
from foundation.identity.api_keys import ApiKeys
from services.host import sharing
from services.host.figures.records import Kind, recorded
from services.host.onboarding.domains import FREE_MAIL, read_email, refuse_public
from services.host.onboarding.invitations import MOST_TRIES, By, Invitations
from services.host.sharing import Sharing
from tests.adapters.test_host_runbooks import Site, deploying
from tests.adapters.test_host_serve import FOLDERS, Home
from tests.simulators.names_and_mail import Mails, Names, mail_server, name_server

pytestmark = pytest.mark.requirement("HOST-024/guided-onboarding")
REFUSED, NOT_YET = 2, 3
RECORD = "_arcops-challenge.example.org"


class Guests(Home):
    """A site that serves one server and invites people to it."""

    more: dict[str, str]

    @property
    def environment(self) -> dict[str, str]:
        return {**super().environment, **MORE}


MORE: dict[str, str] = {}


@contextmanager
def guests(folder: Path, **more: str) -> Iterator[Site]:
    """A site that serves one server and invites people to it; *more* are variables of its commands."""
    MORE.update(more)
    (folder / "source").mkdir()
    small = Path(__file__).resolve().parents[1] / "services" / "host" / "small.py"
    (folder / "source" / "server.py").write_bytes(small.read_bytes())
    home = Guests(folder)
    home.arcops("keys", "new")
    home.arcops("keys", "trust", str(folder / "home" / "keys" / "arcops.pub"))
    (folder / "folders.yaml").write_text(FOLDERS)
    home.arcops("policy", "register", str(folder / "folders.yaml"))
    made = Site(home)
    assert made.run(made.new("deploy", *deploying(made))).ended
    with name_server() as names, mail_server() as mails:
        made.names, made.mails = names, mails  # type: ignore[attr-defined]  # for this module
        MORE.update(ARCOPS_DNS=names.address, ARCOPS_MAIL=mails.url, ARCOPS_MAIL_FROM="arcops@plant.example")
        yield made
    MORE.clear()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One site for all tests here: each has invitations of its own."""
    with guests(tmp_path_factory.mktemp("guests")) as made:
        yield made


@pytest.fixture
def names(site: Site) -> Names:
    found: Names = site.names  # type: ignore[attr-defined]
    found.records.clear()
    found.code = ""
    return found


@pytest.fixture
def mails(site: Site) -> Mails:
    found: Mails = site.mails  # type: ignore[attr-defined]
    found.taken.clear()
    found.full = False
    return found


def asked(site: Site, *line: str) -> dict[str, object]:
    found = json.loads(site.home.arcops(*line, "--format", "json"))
    assert isinstance(found, dict)
    return found


def invited(site: Site, email: str = "ann@example.org", *more: str) -> str:
    return str(asked(site, "host", "invite", email, "--to", "small", *more)["token"])


def accepted(site: Site, by: str = "dns", email: str = "ann@example.org") -> dict[str, str]:
    return {name: str(value) for name, value in asked(site, "host", "join", "accept", invited(site, email), "--by", by).items()}


def endings(site: Site) -> Counter[str]:
    with opened(site.place.settings) as database:
        return Counter(one.outcome.value for one in recorded(database, [Kind.ONBOARDING]))


def age(site: Site, column: str, value: str) -> None:
    """Change *column* of every invitation that is not finished, as if time had passed."""
    with closing(sqlite3.connect(site.home.folder / "home" / "database" / "arcops.sqlite")) as database, database:
        database.execute(f"UPDATE arcops_invitation SET {column} = {value} WHERE ended = 0")  # noqa: S608


def test_a_person_joins_unaided_by_a_dns_record(site: Site, names: Names) -> None:
    before = endings(site)
    begun = accepted(site)
    assert (begun["record"], begun["domain"]) == (RECORD, "example.org")
    arcops = site.home.arcops
    assert "does not say" in arcops("host", "join", "verify", begun["ticket"], expect=NOT_YET)
    assert "is not verified yet" in arcops("host", "join", "finish", begun["ticket"], expect=REFUSED)
    names.records[RECORD] = ["v=spf1 -all", begun["value"] + "x"]
    assert "does not say" in arcops("host", "join", "verify", begun["ticket"], expect=NOT_YET)
    names.records[RECORD] = ["v=spf1 -all", begun["value"]]
    assert "example.org is verified" in arcops("host", "join", "verify", begun["ticket"])
    assert set(names.asked) == {RECORD}
    joined = asked(site, "host", "join", "finish", begun["ticket"])
    assert (joined["issuer"], joined["tenant"], joined["domain"]) == ("arcops", "", "example.org")
    key = str(joined["key"])
    assert key not in str(joined["servers"])
    with opened(site.place.settings) as database:
        caller = ApiKeys(database).caller(key, site.place.now())
        assert caller.scopes == {NOTHING_ELSE}, "the key opens more than what is shared with it"
        assert Invitations(database).mapped(caller) is not None
        assert named(caller) in [one.share.who for one in Sharing(database).of("small")]
    assert endings(site)["done"] == before["done"] + 1
    assert "finished already" in arcops("host", "join", "finish", begun["ticket"], expect=REFUSED)
    assert "joined by dns: ann@example.org" in arcops("host", "invitation", "list")


def test_a_person_joins_by_a_code_and_five_wrong_ones_end_it(site: Site, mails: Mails) -> None:
    begun = accepted(site, "mail")
    arcops = site.home.arcops
    (mail,) = mails.taken
    assert (mail["To"], mail["From"]) == ("ann@example.org", "arcops@plant.example")
    code = re.findall(r"[0-9]{8}", mail.get_content())[0]
    assert "not the code" in arcops("host", "join", "verify", begun["ticket"], "--code", "x" * 8, expect=NOT_YET)
    arcops("host", "join", "verify", begun["ticket"], expect=NOT_YET)
    assert len(mails.taken) == 2
    assert "not the code" in arcops("host", "join", "verify", begun["ticket"], "--code", code, expect=NOT_YET)
    code = re.findall(r"[0-9]{8}", mails.taken[1].get_content())[0]
    assert "is verified" in arcops("host", "join", "verify", begun["ticket"], "--code", f" {code} ")

    begun = accepted(site, "mail")
    for _ in range(MOST_TRIES):
        arcops("host", "join", "verify", begun["ticket"], "--code", "0", expect=NOT_YET)
    code = re.findall(r"[0-9]{8}", mails.taken[-1].get_content())[0]
    assert f"wrong {MOST_TRIES} times" in arcops("host", "join", "verify", begun["ticket"], "--code", code, expect=REFUSED)


def test_a_code_ends(site: Site, mails: Mails) -> None:
    begun = accepted(site, "mail")
    code = re.findall(r"[0-9]{8}", mails.taken[0].get_content())[0]
    age(site, "proof_until", "1")
    told = site.home.arcops("host", "join", "verify", begun["ticket"], "--code", code, expect=NOT_YET)
    assert "the code has ended" in told


def test_an_invitation_opens_once_also_for_two_at_a_time(site: Site) -> None:
    token = invited(site)
    opens_once(site, token)
    assert "was used already" in site.home.arcops("host", "join", "accept", token, expect=REFUSED)


def opens_once(site: Site, token: str) -> None:
    """Eight try it at a time, and one succeeds."""
    with opened(site.place.settings) as database:
        kept, start = Invitations(database), threading.Barrier(8)
        outcomes: list[str] = []

        def try_it(number: int) -> None:
            start.wait()
            try:
                kept.accept(token, f"ticket-{number}", By.DNS, "proof")
                outcomes.append("opened")
            except Refused as error:
                outcomes.append(str(error))

        threads = [threading.Thread(target=try_it, args=(number,)) for number in range(8)]
        for one in threads:
            one.start()
        for one in threads:
            one.join()
    assert outcomes.count("opened") == 1
    assert all("was used already" in one for one in outcomes if one != "opened")


def test_what_does_not_count_is_refused_and_changes_nothing(site: Site, mails: Mails, names: Names) -> None:
    arcops = site.home.arcops
    token = invited(site)
    age(site, "until", "1")
    assert "has expired" in arcops("host", "join", "accept", token, expect=REFUSED)
    made = asked(site, "host", "invite", "bob@example.org", "--to", "small")
    id_ = str(made["invitation"]["id"])  # type: ignore[index]
    arcops("host", "invitation", "revoke", id_)
    assert "was revoked" in arcops("host", "join", "accept", str(made["token"]), expect=REFUSED)
    for wrong in ("x", f"{made['token']}x", "' OR 1=1 --"):
        assert "is not known" in arcops("host", "join", "accept", wrong, expect=REFUSED)
        assert "is not known" in arcops("host", "join", "verify", wrong, expect=REFUSED)
    assert "no way 'post'" in arcops("host", "join", "accept", invited(site), "--by", "post", expect=REFUSED)
    for line, why in (
        (("ann@gmail.com", "--to", "small"), "anyone gets an address at gmail.com"),
        (("ann@team.gmail.com", "--to", "small"), "anyone gets an address at gmail.com"),
        (("ann@example.org",), "name at least one hosted server"),
        (("ann@example.org", "--to", "none"), "there is no hosted server"),
        (("ann@example.org\nBcc: x@example.org", "--to", "small"), "is not an e-mail address"),
    ):
        assert why in arcops("host", "invite", *line, expect=REFUSED)
    names.code = "SERVFAIL"
    ticket = accepted(site)["ticket"]
    assert "SERVFAIL; try again later" in arcops("host", "join", "verify", ticket, expect=1)
    age(site, "used", "1")
    assert "it has ended" in arcops("host", "join", "verify", ticket, expect=REFUSED)
    mails.full = True
    told = arcops("host", "join", "accept", invited(site), "--by", "mail", expect=1)
    mails.full = False
    assert "did not take the message" in told
    ticket = re.findall(r"arcops_join_[\w-]+", told)[0]
    arcops("host", "join", "verify", ticket, expect=NOT_YET)  # sends the code that could not be sent
    assert len(mails.taken) == 1


def test_a_person_with_an_issuer_stays_who_they_are_and_help_is_counted(site: Site) -> None:
    begun = accepted(site)
    ids = [line.split()[0] for line in site.home.arcops("host", "invitation", "list").splitlines() if " accepted " in line]
    site.home.arcops("host", "invitation", "confirm", ids[0])
    assert "cannot be confirmed" in site.home.arcops("host", "invitation", "confirm", ids[0], expect=REFUSED)
    ann = Identity(issuer="https://login.example.org", tenant="acme", id="7f3")
    at = replace(site.place, caller=ann)
    joined = host_join_finish(HostJoinFinish(ticket=begun["ticket"]), at)
    assert (joined.issuer, joined.tenant, joined.id, joined.key) == (ann.issuer, ann.tenant, ann.id, "")
    assert endings(site)["aided"] == 1
    other = accepted(site, email="ann@other.example")
    age(site, "verified", "1")
    with pytest.raises(Refused, match="is known already as one of example"):
        host_join_finish(HostJoinFinish(ticket=other["ticket"]), at)
    with opened(at.settings) as database:
        kept = Invitations(database)
        assert (kept.mapped(ann) or ("",))[0] == "example.org"
        assert kept.mapped(replace(ann, tenant="other")) is None, "an id in another tenant is another person"
        assert kept.begun(other["ticket"]).ended == 0


def test_the_way_ends_at_a_server_or_says_why_not(site: Site) -> None:
    begun = accepted(site)
    age(site, "verified", "1")
    site.home.arcops("host", "stop", "small")
    before = len(json.loads(site.home.arcops("access", "key", "list", "--format", "json"))["keys"])
    told = site.home.arcops("host", "join", "finish", begun["ticket"], expect=1)
    assert "no server that you were invited to runs now" in told
    assert len(json.loads(site.home.arcops("access", "key", "list", "--format", "json"))["keys"]) == before
    site.home.arcops("host", "start", "small")
    assert asked(site, "host", "join", "finish", begun["ticket"])["key"]


def live(site: Site) -> int:
    """How many API keys count now."""
    with opened(site.place.settings) as database:
        return sum(one.live(site.place.now()) for one in ApiKeys(database).listed())


def test_joining_is_whole_or_did_not_happen(site: Site) -> None:
    begun = accepted(site)
    age(site, "verified", "1")
    before = live(site)
    with mock.patch.object(sharing, "MOST_SHARES", 0), pytest.raises(Refused, match="are the most"):
        host_join_finish(HostJoinFinish(ticket=begun["ticket"]), site.place)
    with opened(site.place.settings) as database:
        assert Invitations(database).begun(begun["ticket"]).ended == 0, "it ended, and no server is shared"
    assert live(site) == before, "a key that no one saw still counts"
    assert asked(site, "host", "join", "finish", begun["ticket"])["key"]


def test_a_ticket_that_ended_leaves_no_state_open(site: Site) -> None:
    begun = accepted(site, email="eve@example.org")
    age(site, "verified", "1")
    assert "verified by dns: eve@example.org" in site.home.arcops("host", "invitation", "list")
    age(site, "used", "1")
    (line,) = [one for one in site.home.arcops("host", "invitation", "list").splitlines() if "eve@example.org" in one]
    assert " expired " in line
    age(site, "verified", "0")
    assert "has expired" in site.home.arcops("host", "invitation", "confirm", line.split()[0], expect=REFUSED)
    assert "it has ended" in site.home.arcops("host", "join", "finish", begun["ticket"], expect=REFUSED)


def test_the_settings_say_how_and_a_wrong_one_is_refused(site: Site, tmp_path: Path) -> None:
    arcops = site.home.arcops
    before = dict(MORE)
    try:
        MORE["ARCOPS_DNS"] = "192.0.2.1:53"
        assert "is not on this machine" in arcops("host", "join", "verify", accepted(site)["ticket"], expect=REFUSED)
        MORE["ARCOPS_DNS"] = "name.example:53"
        assert "write the address and port" in arcops("host", "join", "verify", accepted(site)["ticket"], expect=REFUSED)
        MORE["ARCOPS_MAIL"] = f"folder:{tmp_path}"
        accepted(site, "mail")
        assert b"ann@example.org" in next(tmp_path.glob("*.eml")).read_bytes()
        MORE["ARCOPS_MAIL"] = "smtp://mail.example.org"
        assert "does not reach" in arcops("host", "join", "accept", invited(site), "--by", "mail", expect=REFUSED)
        del MORE["ARCOPS_MAIL"]
        token = invited(site)
        assert "sends no e-mail" in arcops("host", "join", "accept", token, "--by", "mail", expect=REFUSED)
        arcops("host", "join", "accept", token)  # which is not used up by that
        (tmp_path / "list").write_text("# ours\nexample.org\n")
        MORE["ARCOPS_FREE_MAIL"] = str(tmp_path / "list")
        assert "anyone gets" in arcops("host", "invite", "ann@example.org", "--to", "small", expect=REFUSED)
        MORE["ARCOPS_FREE_MAIL"] = "allow"
        invited(site, "ann@gmail.com")
        MORE["ARCOPS_FREE_MAIL"] = "maybe"
        assert "write refuse" in arcops("host", "invite", "ann@example.org", "--to", "small", expect=REFUSED)
    finally:
        MORE.clear()
        MORE.update(before)


def test_an_invitation_that_no_one_finishes_is_counted_once(site: Site) -> None:
    invited(site)
    age(site, "until", "1")
    age(site, "used", "0")
    invited(site)
    count = endings(site)["abandoned"]
    assert count
    invited(site)
    assert endings(site)["abandoned"] == count


@pytest.mark.parametrize(
    "text",
    [
        *("", "ann", "@example.org", "ann@", "ann@example", "ann@exa mple.org", "ann@-example.org", "ann@example.org."),
        *("ann@127.0.0.1", "a@b@example.org", "ann@ex\u00e4mple.org", '"a b"@example.org', f"{'a' * 65}@example.org"),
        *("ann@example..org", "a\0@example.org"),
    ],
)
def test_only_a_plain_address_is_read(text: str) -> None:
    with pytest.raises(Refused):
        read_email(text)
    assert read_email("Ann.Lee+x@Example.ORG") == ("Ann.Lee+x@example.org", "example.org")
    for other in ("notgmail.com", "live.example", "hotmail.acme.com", "outlook.acme.de", "yahoo.com.acme.org"):
        refuse_public(other, FREE_MAIL)
    for public in ("hotmail.co.uk", "team.yahoo.com.br", "outlook.fr", "gmx.es", "live.nl", "mozmail.com"):
        with pytest.raises(Refused, match="anyone gets an address"):
            refuse_public(public, FREE_MAIL)
