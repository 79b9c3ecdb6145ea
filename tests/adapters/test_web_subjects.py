"""The pages by subject: the newest state of each, what it never hides, search by digest, JSON, and the run in Prefect."""

from __future__ import annotations

import re
import shutil
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from starlette.testclient import TestClient

from adapters.web.app import site
from adapters.web.replies import prefers_json
from arcops.finding import Outcome
from arcops.result import Report
from arcops.verdict import Verdict
from artifacts import index_file, remembered
from artifacts.bundle import seal
from artifacts.index import Filter, Index
from artifacts.objects import digest_of, object_path
from artifacts.private_key import create
from artifacts.remembered import Remembered
from artifacts.searched import digest_part
from artifacts.store import Store
from artifacts.vouch import Standing
from capabilities.artifact.review import Reviewer, review_artifacts
from capabilities.keys.keys import RevokeKey, revoke_key
from tasks.signing.grounds import grounds as trusted
from tests.kept import emptied, finding, fresh, keep, report, result
from tests.models import CLOCK, Bench, bench

pytestmark = pytest.mark.requirement("ARC-D3/artifacts-are-reviewed-in-a-browser")

GOOD = result("signatures", finding("signatures/signed"))
WARNED = result("licence", finding("licence/allowed", Outcome.WARN, "Allowed with a notice.", fix="Ship the notice."))
BAD = result("weights", finding("weights/imports", Outcome.FAIL, "It imports os.system.", about="evil.pkl", fix="Remove it."))
JSON = {"Accept": "application/json"}
RUN = "0b6a1c1e-6f0e-4a51-9a3e-1f7c2f6f7a10"
HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return bench(tmp_path_factory.mktemp("keys"))


@pytest.fixture
def here(keys: Bench, tmp_path: Path) -> Bench:
    return fresh(keys, tmp_path)


@pytest.fixture
def web(here: Bench) -> Iterator[TestClient]:
    with TestClient(site(lambda: here.place(now=CLOCK + 12 * HOUR)), follow_redirects=False) as client:
        yield client


def words(page: str) -> str:
    """What a reader reads: no tags, one space between words."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", page.split("<main", 1)[1].split("</main>")[0])).split())


def rows(page: str) -> list[str]:
    """The rows of the page's table, each as its words."""
    return [words(f"<main{row}") for row in page.split("<tr")[2:]]


class TestOddities:
    """What `arcops store check` calls wrong about the whole store shows on the first page, in numbers."""

    def test_a_sound_store_shows_no_notice(self, here: Bench, web: TestClient) -> None:
        keep(here, report("mini", GOOD, at=CLOCK))
        assert "store check" not in web.get("/").text

    def test_backdated_entries_and_files_of_others_are_counted_each_time(self, here: Bench, web: TestClient) -> None:
        keep(here, report("mini", GOOD, at=CLOCK + 3 * HOUR))
        web.get("/")
        keep(here, report("mini", GOOD, at=CLOCK))
        said = words(web.get("/").text)
        assert "In this store, 1 entry has a time that contradicts the log. arcops store check says which." in said
        keep(here, report("mini", GOOD, at=CLOCK + HOUR))
        (here.settings.store / "notes.txt").write_text("mine")
        said = words(web.get("/").text)
        assert "2 entries have times that contradict the log, and 1 file or folder does not belong to it." in said
        assert web.get("/", headers=JSON).json()["odd"] == {"untimely": 2, "unexpected": 1}
        (here.settings.store / "notes.txt").unlink()
        assert "not belong" not in words(web.get("/").text)

    def test_another_log_is_counted_by_itself(self, here: Bench, web: TestClient, tmp_path: Path) -> None:
        for hour in (3, 0):
            keep(here, report("mini", GOOD, at=CLOCK + hour * HOUR))
        assert "1 entry has" in words(web.get("/").text)
        for folder in (here.settings.store, here.settings.memory):
            shutil.rmtree(folder, ignore_errors=True)
        for hour in (0, 3):
            keep(here, report("mini", GOOD, at=CLOCK + hour * HOUR))
        assert "store check" not in web.get("/").text


class TestSubjects:
    def test_each_subject_has_one_row_with_its_newest_state(self, here: Bench, web: TestClient) -> None:
        for hour, results in enumerate(((GOOD, BAD), (GOOD, WARNED), (GOOD,))):
            keep(here, report("mini", *results, at=CLOCK + hour * HOUR))
        newest = keep(here, report("other", GOOD, BAD, at=CLOCK + 4 * HOUR))
        page = web.get("/").text
        other, mini = rows(page)
        assert re.match(r".*RED other .*weights", other)
        assert f"/artifacts/{newest}" in page
        assert re.match(r".*GREEN mini .*none.* 3 ", mini)
        assert re.search(r"RED AMBER GREEN 21 Nov", mini), "its last judgements, the newest last"
        assert "1 RED 1 GREEN" in words(page)

    @pytest.mark.parametrize(
        ("sort", "order"),
        [
            ("", "cab"), ("-judged", "bac"), ("verdict", "bca"), ("-verdict", "acb"),
            ("subject", "abc"), ("-subject", "cba"), ("kept", "abc"), ("-kept", "bca"),
        ],
    )  # fmt: skip
    def test_it_is_sorted_as_asked(self, here: Bench, web: TestClient, sort: str, order: str) -> None:
        keep(here, report("b", BAD, at=CLOCK))
        keep(here, report("a", GOOD, at=CLOCK))
        keep(here, report("a", GOOD, at=CLOCK + HOUR))
        keep(here, report("c", WARNED, at=CLOCK + 2 * HOUR))
        page = web.get(f"/?sort={sort}").text
        assert "".join(re.findall(r"<bdi>([abc])</bdi></a>", page)) == order
        assert page.count("aria-sort=") == 1

    def test_an_order_that_is_not_known_is_refused(self, web: TestClient) -> None:
        page = web.get("/?sort=colour")
        assert page.status_code == 400
        assert "use judged, verdict" in words(page.text)

    def test_pages_go_on_and_keep_the_order(self, here: Bench, web: TestClient) -> None:
        for number in range(27):
            keep(here, report(f"model-{number:02}", GOOD, at=CLOCK + timedelta(minutes=number)))
        first = web.get("/?sort=subject")
        assert "27 subjects, page 1 of 2" in words(first.text)
        following = unescape(re.search(r'rel="next" href="([^"]+)"', first.text)[1])  # type: ignore[index]  # a missing link fails
        second = web.get(following).text
        assert re.findall(r"<bdi>(model-..)</bdi></a>", second) == ["model-25", "model-26"]
        assert web.get("/?page=3").status_code == 404

    def test_the_same_name_of_another_kind_is_another_subject(self, here: Bench, web: TestClient) -> None:
        keep(here, report("shop", GOOD, kind="model"))
        keep(here, report("shop", BAD, kind="manifests", digest="ab" * 32))
        assert len(rows(web.get("/").text)) == 2
        assert len(rows(web.get("/subject?name=shop&kind=model").text)) == 1
        assert len(rows(web.get("/subject?name=shop").text)) == 2

    def test_another_site_is_not_hidden_by_a_newer_judgement(self, here: Bench, web: TestClient) -> None:
        keep(here, report("m", BAD, site="north"))
        keep(here, report("m", GOOD, site="south", at=CLOCK + HOUR))
        (row,) = rows(web.get("/").text)
        assert row.split("RED m ")[1].startswith("model, by policy sovereign , at north GREEN at south")
        assert [one["newest"]["listed"]["site"] for one in web.get("/?verdict=RED", headers=JSON).json()["subjects"]] == [
            "north"
        ]

    def test_another_policy_is_named_beside_it(self, here: Bench, web: TestClient) -> None:
        keep(here, report("m", BAD, policy="strict"))
        keep(here, report("m", GOOD, policy="pilot", at=CLOCK + HOUR))
        (row,) = rows(web.get("/").text)
        assert row.startswith(("GREEN m ", "> GREEN m ")) or "GREEN m model, by policy pilot" in row
        assert "RED by policy strict" in row

    def test_an_older_judgement_that_was_imported_later_hides_no_red(self, here: Bench, web: TestClient) -> None:
        keep(here, report("m", BAD, at=CLOCK + HOUR))
        keep(here, report("m", GOOD, at=CLOCK))
        (row,) = rows(web.get("/").text)
        assert "RED m " in row

    def test_what_no_signer_vouches_for_is_never_good(self, here: Bench, web: TestClient) -> None:
        keep(here, report("m", GOOD))
        keep(here, report("m", GOOD, at=CLOCK + HOUR), signer=create())
        page = web.get("/").text
        (row,) = rows(page)
        assert "NOT VERIFIED it says GREEN" in row
        assert "GREEN NOT VERIFIED 21 Nov" in row, "in the last judgements"
        assert "badge good" not in page
        assert "badge good" not in web.get("/subject?name=m").text.split("History")[0]


class TestTrustIsNeverStale:
    """The content of artifacts is remembered; what it is worth is asked for each page."""

    PATHS = ("/", "/artifacts", "/subject?name=m")

    def good(self, web: TestClient) -> list[bool]:
        return ["badge good" in web.get(path).text for path in self.PATHS]

    def test_a_revoked_key_shows_on_the_next_request(self, here: Bench, web: TestClient) -> None:
        keep(here, report("m", GOOD))
        assert self.good(web) == [True] * 3
        revoke_key(RevokeKey(key=here.signer.public.id, reason="lost"), here.place())
        assert self.good(web) == [False] * 3
        assert "it was revoked" in words(web.get("/").text)

    def test_a_key_that_is_no_longer_trusted_shows(self, here: Bench, web: TestClient) -> None:
        keep(here, report("m", GOOD))
        assert self.good(web) == [True] * 3
        for key in (here.settings.trust / "keys").iterdir():
            key.unlink()
        assert self.good(web) == [False] * 3

    def test_another_key_is_asked_again(self, here: Bench, web: TestClient) -> None:
        keep(here, report("m", GOOD), signer=(other := create()))
        assert self.good(web) == [False] * 3
        (here.settings.trust / "keys" / "other.pub").write_bytes(other.public.pem)
        assert self.good(web) == [True] * 3

    def test_a_changed_object_shows(self, here: Bench, web: TestClient) -> None:
        kept = keep(here, report("m", GOOD))
        assert self.good(web) == [True] * 3
        path = object_path(here.settings.store, kept)
        path.chmod(0o644)
        path.write_bytes(path.read_bytes().replace(b"1", b"2", 1))
        assert self.good(web) == [False] * 3
        assert "its bytes were changed" in words(web.get("/").text)

    def test_an_object_in_the_place_of_another_shows(self, here: Bench, web: TestClient) -> None:
        good, bad = keep(here, report("m", GOOD)), keep(here, report("m", BAD, at=CLOCK + HOUR))
        assert [row[:1] for row in rows(web.get("/artifacts").text)]
        target = object_path(here.settings.store, bad)
        target.chmod(0o644)
        target.write_bytes(object_path(here.settings.store, good).read_bytes())
        assert "NOT VERIFIED it says RED" in rows(web.get("/").text)[0]

    def test_the_clock_is_asked_again(self, here: Bench) -> None:
        keep(here, report("m", GOOD))
        now = [CLOCK]
        web = TestClient(site(lambda: here.place(now=now[0])))
        assert self.good(web) == [True] * 3
        now[0] = CLOCK + timedelta(days=8)
        assert self.good(web) == [False] * 3

    @pytest.mark.parametrize(
        "change",
        [
            "UPDATE entry SET verdict = 'GREEN'", "UPDATE entry SET until = '2099-01-01T00:00:00Z'",
            "UPDATE gate SET verdict = 'GREEN'", "UPDATE entry SET kind = 'other'", "UPDATE entry SET site = 'there'",
        ],
    )  # fmt: skip
    @pytest.mark.parametrize("settled", [2 * 10**9, -(10**15)], ids=["young", "settled"])
    def test_an_edited_index_is_never_believed(
        self, here: Bench, web: TestClient, change: str, settled: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(index_file, "_SETTLED", settled)
        keep(here, report("m", BAD))
        assert "RED m" in rows(web.get("/").text)[0]
        with sqlite3.connect(here.settings.store / "index.sqlite") as database:
            database.execute(change)
        database.close()
        assert "RED m model" in rows(web.get("/").text)[0]

    @pytest.mark.parametrize(
        "change",
        [
            {"verdict": Verdict.GREEN}, {"valid_until": CLOCK + timedelta(days=99)}, {"judged_at": CLOCK + HOUR}, {"gates": ()},
            {"kind": "other"}, {"site": "there"}, {"policy": "lax"}, {"subject": "n"}, {"verdict": None},
        ],
        ids=repr,
    )  # fmt: skip
    def test_a_row_that_says_something_else_is_never_verified(self, here: Bench, change: dict[str, Any]) -> None:
        """Also if the one who edited it made the chain over the rows fit."""
        keep(here, report("m", BAD))
        with Store.at(here.settings) as store:
            (listed,) = store.list(Filter())
            review = Reviewer(store, trusted(here.settings.trust), CLOCK)
            assert review(listed).signature.standing is Standing.VERIFIED
            review = Reviewer(store, trusted(here.settings.trust), CLOCK)
            assert review(replace(listed, **change)).signature.standing is Standing.CHANGED


def test_the_rows_of_an_unchanged_index_are_read_once(here: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index_file, "_SETTLED", -(10**15))  # as if the file were old already
    read, rows_of = [], Index.rows
    monkeypatch.setattr(Index, "rows", lambda index: (read.append(1), rows_of(index))[1])
    for number in range(3):
        keep(here, report(f"n{number}", GOOD))
        read.clear()
        for _ in range(3):
            assert review_artifacts(Filter(), here.place()).total == number + 1
        assert len(read) == 1, "once after each change"


def test_the_content_of_an_artifact_is_read_once(here: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    keep(here, report("m", GOOD))
    memory, read, verified = Remembered(), [], remembered.signed_by
    monkeypatch.setattr("capabilities.artifact.review.REMEMBERED", memory)
    monkeypatch.setattr(remembered, "signed_by", lambda *given: (read.append(1), verified(*given))[1])
    for _ in range(3):
        (one,) = review_artifacts(Filter(), here.place()).artifacts
        assert one.signature.standing is Standing.VERIFIED
    assert len(read) == 1


def test_only_so_much_is_remembered(here: Bench) -> None:
    memory, keys = Remembered(most=2), trusted(here.settings.trust).keys
    sealed = [seal(report(name, GOOD), here.signer) for name in "abc"]
    for data in sealed:
        memory.content(digest_of(data), data, keys)
    assert len(memory) == 2


class TestSearch:
    @pytest.mark.parametrize(
        ("typed", "part"),
        [
            ("sha256:2c26b46b68ff…", "sha256:2c26b46b68ff"), ("2C26B4", "2c26b4"), (" sha256:a ", "sha256:a"), ("abc", ""),
            ("model-1", ""), ("sha256:", ""), ("sha256:xyz", ""), ("", ""), ("a" * 129, ""), ("deadbeef", "deadbeef"),
        ],
    )  # fmt: skip
    def test_the_beginning_of_a_digest_is_known(self, typed: str, part: str) -> None:
        assert digest_part(typed) == part

    @pytest.mark.parametrize("length", [12, 64])
    @pytest.mark.parametrize("before", ["", "sha256:"])
    @pytest.mark.parametrize("of", ["artifact", "subject"])
    @pytest.mark.parametrize("path", ["/", "/artifacts"])
    def test_an_artifact_is_found_by_its_digest(
        self, here: Bench, web: TestClient, length: int, before: str, of: str, path: str
    ) -> None:
        said = report("m", GOOD)
        kept = keep(here, said)
        keep(here, report("other", GOOD))
        digest = kept if of == "artifact" else str(said.subject.digests[0])
        page = web.get(path, params={"q": before + digest.removeprefix("sha256:")[:length]})
        assert page.status_code == 200
        assert f"/artifacts/{kept}" in page.text
        assert "other" not in words(page.text)

    def test_an_older_artifact_is_found_although_its_subject_has_a_newer_one(self, here: Bench, web: TestClient) -> None:
        old = keep(here, report("m", BAD))
        keep(here, report("m", GOOD, at=CLOCK + HOUR))
        page = web.get("/", params={"q": old[:19]}).text
        assert f"/artifacts/{old}" in page
        assert "By digest" in words(page)

    @pytest.mark.parametrize("before", ["", "sha256:"])
    def test_the_digest_of_evidence_leads_to_it(self, here: Bench, web: TestClient, before: str) -> None:
        said = report("m", GOOD, evidence={"tree": {"n": 1}})
        keep(here, said, evidence={"tree": {"n": 1}})
        digest = said.evidence[0].digest
        page = web.get("/", params={"q": before + digest.removeprefix("sha256:")}).text
        assert f'href="/evidence/{digest}"' in page
        assert "/evidence/" not in web.get("/", params={"q": "sha256:" + "0" * 64}).text

    def test_signs_of_sql_are_only_text(self, here: Bench, web: TestClient) -> None:
        keep(here, report("100%_m'", GOOD))
        for typed, count in (("%", 1), ("_m'", 1), ("0%_", 1), ("1_0", 0), ("' OR 1=1 --", 0)):
            assert web.get("/", params={"q": typed}, headers=JSON).json()["total"] == count


class TestHistory:
    def test_it_says_what_changed_and_compares_with_the_one_before(self, here: Bench, web: TestClient) -> None:
        first = keep(here, report("m", GOOD))
        second = keep(here, report("m", GOOD, BAD, at=CLOCK + HOUR))
        page = web.get("/subject?name=m&kind=model").text
        newest, oldest = rows(page)
        assert "weights: not asked → RED" in newest
        assert "nothing before it" in oldest
        assert f"/compare?a={first}&amp;b={second}" in page
        assert "2 artifacts: 1 says RED, 1 says GREEN." in words(page)

    def test_only_a_site_is_compared_with_itself(self, here: Bench, web: TestClient) -> None:
        first = keep(here, report("m", GOOD, site="north"))
        keep(here, report("m", BAD, site="south", at=CLOCK + HOUR))
        third = keep(here, report("m", GOOD, site="north", at=CLOCK + 2 * HOUR))
        page = web.get("/subject?name=m&kind=model").text
        assert f"/compare?a={first}&amp;b={third}" in page
        assert len(rows(web.get("/subject?name=m&site=south").text)) == 1

    @pytest.mark.parametrize(
        "name", ["../..", "a/b?c#d", "..", "<b>&amp;", "e\u0301 \u202e", "sha256:" + "a" * 64, "+ %20"], ids=ascii
    )
    def test_any_name_has_a_page(self, here: Bench, web: TestClient, name: str) -> None:
        keep(here, report(name, GOOD))
        link = unescape(re.search(r'href="(/subject\?name=[^"]+)"', web.get("/").text)[1])  # type: ignore[index]  # a missing link fails
        assert web.get(link).status_code == 200
        assert web.get("/subject", params={"name": name, "kind": "model"}, headers=JSON).json()["subject"] == name

    @pytest.mark.parametrize(("query", "status"), [("", 400), ("name=", 400), ("name=n", 404), ("name=m&kind=x", 404)])
    def test_what_is_not_there_is_said(self, here: Bench, web: TestClient, query: str, status: int) -> None:
        keep(here, report("m", GOOD))
        assert web.get(f"/subject?{query}").status_code == status


class TestFindings:
    def test_findings_of_a_rule_stand_together_and_tell_their_fix_once(self, here: Bench, web: TestClient) -> None:
        found = [
            finding("weights/imports", Outcome.FAIL, f"It imports os.x{n}.", about=f"{n}.pkl", fix="Remove them all.")
            for n in range(20)
        ]
        own = finding("weights/imports", Outcome.FAIL, "It imports os.y.", fix="Do something else.")
        kept = keep(here, report("m", result("weights", *found, own, finding("weights/formats", Outcome.FAIL, "A pickle."))))
        page = web.get(f"/artifacts/{kept}").text
        said = words(page)
        assert said.count("Remove them all.") == 1
        assert said.count("Do something else.") == 1
        assert said.count("Does loading import only names that the policy allows?") == 1
        assert all(one.text in said for one in (*found, own))
        assert "21 FAIL" in said
        assert "12 more" in said

    def test_a_waiver_and_a_patch_stay_with_their_finding(self, here: Bench, web: TestClient) -> None:
        patched = finding("g/a", Outcome.FAIL, "One.", fix="Fix it.", patch="--- a\n+++ b\n")
        kept = keep(here, report("m", result("g", patched, finding("g/a", Outcome.FAIL, "Two.", fix="Fix it."))))
        page = web.get(f"/artifacts/{kept}").text
        assert page.index("One.") < page.index("+++ b") < page.index("Two.")


class TestJson:
    @pytest.mark.parametrize(
        ("accept", "json"),
        [
            ("application/json", True), ("Application/JSON", True), ("application/json, text/html;q=0.9", True),
            ("text/html;q=0.5, application/json;q=0.6", True), ("application/json, text/plain, */*", True),
            ("application/*", True), ("application/json;q=0.1", True),
            ("", False), ("*/*", False), ("text/html", False), ("application/json;q=0", False), ("application/jsonx", False),
            ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", False), ("text/html, application/json", False),
            ("application/json;q=0.5, text/html", False), ("application/json;q=x", False), ("image/*", False),
        ],
    )  # fmt: skip
    def test_the_accept_field_is_read_as_its_rfc_says(self, accept: str, json: bool) -> None:
        assert prefers_json(accept) is json

    def test_every_page_has_its_answer_as_json_at_the_same_address(self, here: Bench, web: TestClient) -> None:
        body = {"n": 1}
        said = report("m", BAD, evidence={"tree": body})
        kept = keep(here, said, evidence={"tree": body})
        other = keep(here, report("m", GOOD, at=CLOCK + HOUR))
        evidence = f"/evidence/{said.evidence[0].digest}?of={kept}"
        found = {}
        for path in ("/", "/artifacts", "/subject?name=m", f"/artifacts/{kept}", evidence, "/figures",
                     f"/compare?a={kept}&b={other}"):  # fmt: skip
            answer = web.get(path, headers=JSON)
            assert answer.status_code == 200
            assert answer.headers["content-type"] == "application/json"
            assert "Accept" in answer.headers["vary"]
            page = web.get(path)
            assert page.headers["content-type"].startswith("text/html")
            assert page.headers["etag"] != answer.headers["etag"]
            assert web.get(path, headers={**JSON, "If-None-Match": answer.headers["etag"]}).status_code == 304
            found[path] = answer.json()
        assert found["/"]["subjects"][0]["newest"]["listed"]["artifact"] == other
        assert found["/artifacts"]["total"] == 2
        assert found[f"/artifacts/{kept}"]["report"]["verdict"] == "RED"
        assert found[f"/artifacts/{kept}"]["signature"]["standing"] == "verified"
        assert found[evidence]["body"] == body
        assert found[evidence]["record"]["kind"] == "tree"

    @pytest.mark.parametrize(
        ("path", "status"), [("/artifacts/x", 404), ("/?page=0", 400), ("/compare", 400), ("/nothing", 404), ("/subject", 400)]
    )
    def test_a_problem_is_json_too(self, web: TestClient, path: str, status: int) -> None:
        answer = web.get(path, headers=JSON)
        assert (answer.status_code, answer.json()["status"]) == (status, status)
        assert answer.json()["nextStep"]

    def test_downloads_are_the_exact_bytes_whatever_is_accepted(self, here: Bench, web: TestClient) -> None:
        kept = keep(here, report("m", GOOD))
        exact = object_path(here.settings.store, kept).read_bytes()
        assert web.get(f"/artifacts/{kept}/download", headers=JSON).content == exact


class TestRun:
    @pytest.mark.parametrize(
        ("runner", "engine", "api", "link"),
        [
            (f"prefect/{RUN}/{'a' * 32}", "/prefect", "", f"/prefect/runs/flow-run/{RUN}"),
            (f"prefect/{RUN}/{'a' * 32}", "", "http://127.0.0.1:4200/api", f"http://127.0.0.1:4200/runs/flow-run/{RUN}"),
            (f"prefect/{RUN}", "/prefect/", "", f"/prefect/runs/flow-run/{RUN}"),
            (f"prefect/{RUN}/{'a' * 32}", "", "", ""),
            (f"prefect/{RUN}/{'a' * 32}", "", "https://api.prefect.cloud/api/accounts/1", ""),
            ("direct", "/prefect", "", ""),
            ("prefect", "/prefect", "", ""),
            (f"prefect/{RUN}/../../evil", "/prefect", "", ""),
            ("prefect/javascript:alert(1)", "/prefect", "", ""),
        ],
    )
    def test_an_artifact_links_to_its_run(self, here: Bench, runner: str, engine: str, api: str, link: str) -> None:
        said: Report = replace(report("m", GOOD), runner=runner)
        kept = keep(here, said)
        at = replace(here, settings=replace(here.settings, prefect_api=api)).place()
        page = TestClient(site(lambda: at, engine=engine)).get(f"/artifacts/{kept}").text
        assert re.findall(r'href="([^"]*flow-run[^"]*)"', page) == ([link, link] if link else [])


@pytest.mark.requirement("ARC-D4/figures-come-from-the-store")
def test_a_figure_that_was_not_measured_says_how_to(keys: Bench, tmp_path: Path) -> None:
    here = emptied(keys, tmp_path)
    page = words(TestClient(site(here.place)).get("/figures").text)
    assert page.count("To measure it:") == 4
    for command in ("arcops inference check", "arcops admit", "arcops network check", "arcops gpu check", "ARCOPS_SITE"):
        assert command in page
    keep(
        here, report("manifest", result("admission", finding("admission/cleared", about="sha256:" + "0" * 64)), kind="workload")
    )
    assert words(TestClient(site(here.place)).get("/figures").text).count("To measure it:") == 3


def test_filters_fold_without_scripts_and_stand_open_if_one_applies(here: Bench, web: TestClient) -> None:
    keep(here, report("m", GOOD))
    for path in ("/", "/artifacts"):
        assert '<details class="more">' in web.get(f"{path}?q=m").text
        assert '<details class="more" open>' in web.get(f"{path}?verdict=GREEN").text
    assert urlencode({"verdict": "GREEN"}) in web.get("/?q=m&verdict=GREEN").text
