"""The evidence pages over HTTP: what they say, what they escape, what may be kept, and what happens when something is wrong."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from html import unescape
from pathlib import Path
from typing import ClassVar
from urllib.parse import urlencode

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.testclient import TestClient

from adapters.web import showing
from adapters.web.app import site
from adapters.web.body import MOST_LEAVES, lay_out
from adapters.web.pages import HEADERS, routes
from arcops.evidence import Cause, Missing
from arcops.finding import Outcome
from artifacts.objects import object_path
from artifacts.private_key import create
from artifacts.store import Store
from capabilities.keys.keys import RevokeKey, revoke_key
from flows.place import Place
from tests.kept import checkpoint, finding, fresh, keep, report, result
from tests.models import CLOCK, Bench, bench, good_model

pytestmark = pytest.mark.requirement("ARC-D3/artifacts-are-reviewed-in-a-browser")

GOOD = result("signatures", finding("signatures/signed", text="One allowed signer signed all files."))
BAD = result(
    "weights",
    finding("weights/imports", Outcome.FAIL, "It imports os.system.", about="evil.pkl", fix="Remove it."),
    finding("weights/formats", text="All formats are allowed."),
)
NOWHERE = "sha256:" + "0" * 64


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return bench(tmp_path_factory.mktemp("keys"))


@pytest.fixture
def here(keys: Bench, tmp_path: Path) -> Bench:
    return fresh(keys, tmp_path)


@pytest.fixture
def web(here: Bench) -> Iterator[TestClient]:
    with TestClient(site(here.place), follow_redirects=False) as client:
        yield client


def later(here: Bench, **delta: float) -> TestClient:
    return TestClient(site(lambda: here.place(now=CLOCK + timedelta(**delta))))


def words(page: str) -> str:
    """What a reader reads: no tags, one space between words."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", page.split("<main", 1)[1].split("</main>")[0])).split())


def tamper(here: Bench, digest: str) -> None:
    path = object_path(here.settings.store, digest)
    path.chmod(0o644)
    path.write_bytes(path.read_bytes() + b" ")


class TestList:
    @pytest.mark.parametrize("path", ["/", "/artifacts"])
    def test_an_empty_store_says_what_to_do(self, web: TestClient, path: str) -> None:
        page = web.get(path)
        assert page.status_code == 200
        assert "arcops check MODEL" in words(page.text)

    def test_each_row_links_to_its_artifact_and_says_its_verdict(self, here: Bench, web: TestClient) -> None:
        good, bad = keep(here, report("good", GOOD, site="north")), keep(here, report("bad", GOOD, BAD))
        page = web.get("/artifacts")
        rows = page.text.split("<tr")[2:]
        assert [f"/artifacts/{digest}" in row for digest, row in zip((bad, good), rows, strict=True)] == [True, True]
        assert "RED" in words(f"<main{rows[0]}")
        assert "weights" in words(f"<main{rows[0]}")
        assert "GREEN" in words(f"<main{rows[1]}")
        assert "NOT VERIFIED" not in page.text

    @pytest.mark.parametrize(
        ("query", "shown"),
        [
            ("q=MINI", {"mini-a", "mini-b"}),
            ("subject=mini-a", {"mini-a"}),
            ("verdict=RED", {"mini-b"}),
            ("verdict=green", {"mini-a", "other"}),
            ("gate=weights", {"mini-b"}),
            ("gate=signatures&gate_verdict=GREEN", {"mini-a", "mini-b", "other"}),
            ("gate_verdict=RED", {"mini-b"}),
            ("site=north", {"mini-a"}),
            ("from=2026-11-22", {"mini-b", "other"}),
            ("to=2026-11-21", {"mini-a"}),
            ("from=2026-11-22&to=2026-11-22", {"mini-b"}),
            ("q=mini&site=nowhere", set()),
            ("q=&verdict=&site=", {"mini-a", "mini-b", "other"}),
        ],
    )
    def test_filters_find_what_they_name(self, here: Bench, web: TestClient, query: str, shown: set[str]) -> None:
        keep(here, report("mini-a", GOOD, site="north"))
        keep(here, report("mini-b", GOOD, BAD, at=CLOCK + timedelta(days=1)))
        keep(here, report("other", GOOD, at=CLOCK + timedelta(days=2)))
        for path in ("/", "/artifacts"):  # each subject has one artifact, so both find the same
            page = web.get(f"{path}?{query}")
            assert page.status_code == 200
            assert {name for name in ("mini-a", "mini-b", "other") if f"<bdi>{name}</bdi></a>" in page.text} == shown
            if not shown:
                assert "Nothing matches" in words(page.text)

    @pytest.mark.parametrize(
        ("query", "said"),
        [
            ("verdict=PURPLE", "use GREEN, AMBER or RED"),
            ("from=yesterday", "use a day like 2026-11-21"),
            ("to=2026-13-40", "use a day like"),
            ("page=0", "use a whole number from 1"),
            ("page=%C2%B2", "use a whole number from 1"),
            ("page=1e3", "use a whole number from 1"),
            (f"q={'x' * 301}", "has 301 characters"),
        ],
    )
    def test_what_cannot_be_understood_is_no_other_question(self, web: TestClient, query: str, said: str) -> None:
        for path in ("/", "/artifacts"):
            page = web.get(f"{path}?{query}")
            assert page.status_code == 400
            assert said in words(page.text)

    def test_pages_go_on_and_keep_the_filter(self, here: Bench, web: TestClient) -> None:
        for number in range(52):
            keep(here, report(f"model-{number:02}", GOOD))
        keep(here, report("else", GOOD))
        first = web.get("/artifacts?q=model")
        assert "52 artifacts, page 1 of 2" in words(first.text)
        assert "1\N{EN DASH}50 of 52" in words(first.text)
        older = unescape(re.search(r'rel="next" href="([^"]+)"', first.text)[1])  # type: ignore[index]  # a missing link fails
        second = web.get(older)
        assert "model-01" in second.text
        assert "model-02" not in second.text
        assert "else" not in second.text
        assert web.get("/artifacts?q=model&page=3").status_code == 404

    def test_the_list_says_what_no_signer_vouches_for(self, here: Bench, web: TestClient) -> None:
        keep(here, report("strange", GOOD), signer=create())
        tamper(here, keep(here, report("touched", GOOD)))
        for row in [row for path in ("/", "/artifacts") for row in web.get(path).text.split("<tr")[2:]]:
            said = words(f"<main{row}")
            assert "NOT VERIFIED" in said
            assert "it says GREEN" in said
            assert "badge good" not in row

    def test_a_green_that_ran_out_is_no_longer_shown_as_good(self, here: Bench) -> None:
        keep(here, report("old", GOOD))
        for path in ("/", "/artifacts", "/subject?name=old"):
            page = later(here, days=8).get(path).text
            assert "no longer valid" in words(page)
            assert "badge good" not in page


class TestArtifact:
    @pytest.mark.requirement("ARC-1/people-can-read-it")
    def test_a_real_check_is_shown_whole(self, here: Bench, web: TestClient) -> None:
        model = good_model(here)
        before = here.check(model).artifact
        (model / "config.json").write_text("{}")
        after = here.check(model, now=CLOCK + timedelta(hours=1))
        checkpoint(here)
        page = web.get(f"/artifacts/{after.artifact}")
        said = words(page.text)
        for gate in after.report.results:
            assert gate.gate in said
            for one in gate.findings:
                assert one.text in said
                assert one.fix in said
        for record in after.report.evidence:
            assert f"/evidence/{record.digest}?of={after.artifact}" in page.text
        for shown in ("Verified", "Proven", "RED", "Signed by", after.report.policy_digest, after.artifact, "RFC 6962"):
            assert shown in said
        assert f"/compare?a={before}&amp;b={after.artifact}" in page.text

    def test_what_a_rule_asks_stands_beside_its_finding(self, here: Bench, web: TestClient) -> None:
        kept = keep(here, report("m", BAD))
        assert "Does loading import only names that the policy allows?" in words(web.get(f"/artifacts/{kept}").text)

    def test_missing_evidence_is_shown(self, here: Bench, web: TestClient) -> None:
        gone = Missing(kind="trivy", collector="tasks.trivy.look", cause=Cause.DEADLINE, reason="no answer in 120 s")
        kept = keep(here, report("m", result("g", finding("g/judged", Outcome.UNKNOWN)), missing=[gone]))
        said = words(web.get(f"/artifacts/{kept}").text)
        assert "1 piece of evidence is missing" in said
        assert "DEADLINE" in said
        assert "no answer in 120 s" in said

    def test_a_tampered_artifact_is_not_verified_in_words(self, here: Bench, web: TestClient) -> None:
        kept = keep(here, report("m", GOOD))
        assert "NOT VERIFIED" not in web.get(f"/artifacts/{kept}").text
        tamper(here, kept)
        page = web.get(f"/artifacts/{kept}")
        assert page.status_code == 200
        assert "NOT VERIFIED: its bytes were changed" in words(page.text)
        assert "GREEN" not in words(page.text)
        download = web.get(f"/artifacts/{kept}/download")
        assert download.status_code == 409
        assert "so it is not shown" in words(download.text)

    @pytest.mark.parametrize("how", ["outsider", "revoked", "no trust"])
    def test_a_verdict_that_no_signer_vouches_for_is_not_shown_as_one(self, here: Bench, web: TestClient, how: str) -> None:
        kept = keep(here, report("m", GOOD), signer=create() if how == "outsider" else here.signer)
        if how == "revoked":
            revoke_key(RevokeKey(key=here.signer.public.id, reason="lost"), here.place())
        if how == "no trust":
            for key in (here.settings.trust / "keys").iterdir():
                key.unlink()
        page = web.get(f"/artifacts/{kept}").text
        assert "<title>NOT VERIFIED" in page
        assert "It says GREEN, but no trusted signature vouches for that" in words(page)
        assert "badge good" not in page

    def test_what_ran_out_is_not_to_be_relied_on(self, here: Bench) -> None:
        kept = keep(here, report("m", GOOD))
        page = later(here, days=8).get(f"/artifacts/{kept}").text
        assert "NO LONGER VALID" in words(page)
        assert "Do not rely on it" in words(page)
        assert "badge good large" not in page

    def test_a_changed_log_shows(self, here: Bench, web: TestClient) -> None:
        first, kept = keep(here, report("first", GOOD)), keep(here, report("m", GOOD))
        checkpoint(here)
        web.get("/")
        log = here.settings.store / "log"
        log.write_bytes(log.read_bytes().replace(first[7:].encode(), b"0" * 64, 1))
        assert "THE LOG WAS CHANGED" in words(web.get(f"/artifacts/{kept}").text)

    def test_a_shortened_log_is_told_on_every_page(self, here: Bench, web: TestClient) -> None:
        kept = keep(here, report("m", GOOD))
        keep(here, report("n", GOOD))
        web.get("/")
        log = here.settings.store / "log"
        log.write_bytes(b"".join(log.read_bytes().splitlines(keepends=True)[:1]))
        for path in ("/", f"/artifacts/{kept}", "/figures"):
            page = web.get(path)
            assert page.status_code == 409
            assert "cannot be relied on" in words(page.text)
            assert str(here.home) not in page.text

    def test_other_statements_are_shown_as_what_they_are(self, here: Bench, web: TestClient) -> None:
        from capabilities.model.check import Check, check_model

        checked = check_model(Check(target=good_model(here), policy=str(here.policy), summary=True), here.place())
        with Store(here.settings.store) as store:
            kept = store.put(checked.summary.encode(), {}, at=CLOCK).artifact
        page = web.get(f"/artifacts/{kept}")
        assert page.status_code == 200
        assert "not a consistent readiness report" in words(page.text)
        assert web.get("/").status_code == 200


class TestEscaping:
    EVIL = '<script>alert(1)</script>"><img src=x onerror=alert(2)>\u202egnp.exe\x1b[31m\x00\u200b{{7*7}}'

    def test_nothing_that_others_wrote_becomes_markup_or_stays_invisible(self, here: Bench, web: TestClient) -> None:
        evil = self.EVIL
        body = {evil: [{"path": evil, "n": 1}, {"path": "b", "n": 2}], "list": [evil]}
        bad = result("g", finding("g/a", Outcome.FAIL, evil, about=evil, fix=evil, patch=evil))
        said = report(evil, bad, evidence={"tree": body}, site="north", policy=evil)
        other = {"tree": {**body, "more": evil}}
        kept = keep(here, said, evidence={"tree": body})
        second = keep(here, report(evil, bad, GOOD, evidence=other, policy=evil), evidence=other)
        evidence = said.evidence[0].digest
        paths = ("/", f"/artifacts/{kept}", f"/evidence/{evidence}?of={kept}", f"/compare?a={kept}&b={second}", "/figures")
        about = f"/subject?{urlencode({'name': evil})}"
        for path in (
            *paths,
            "/artifacts",
            about,
            "/artifacts?q=%3Cscript%3E",
            "/?q=" + "%3Cscript%3E%22%E2%80%AE",
            "/?site=%3Cscript%3E",
            "/artifacts/%3Cscript%3E",
        ):
            page = web.get(path).text
            assert "<script>alert" not in page, path
            assert '<script>"' not in page, path
            assert "<img" not in page, path
            assert "49gnp" not in page, path
            assert not set("\u202e\x1b\x00\u200b") & set(page), path
        shown = words(web.get(f"/artifacts/{kept}").text)
        assert "<script>alert(1)</script>" in shown
        assert "\\u202egnp.exe\\x1b[31m\\x00\\u200b{{7*7}}" in shown

    def test_the_link_to_all_about_a_subject_finds_it(self, here: Bench, web: TestClient) -> None:
        kept = keep(here, report(self.EVIL, GOOD))
        keep(here, report("other", GOOD))
        link = unescape(re.search(r'href="(/subject\?name=[^"]+)"', web.get(f"/artifacts/{kept}").text)[1])  # type: ignore[index]  # a missing link fails
        assert "1 artifact, the newest first" in words(web.get(link).text)


class TestEvidence:
    BODY: ClassVar[dict[str, object]] = {
        "files": [{"path": "a.bin", "size": 7}, {"path": "b.bin", "size": 9}],
        "none": [],
        "root": "ab" * 32,
    }

    def kept(self, here: Bench) -> tuple[str, str]:
        said = report("m", GOOD, evidence={"tree": self.BODY})
        return keep(here, said, evidence={"tree": self.BODY}), said.evidence[0].digest

    def test_a_body_is_laid_out_with_who_saw_it(self, here: Bench, web: TestClient) -> None:
        owner, digest = self.kept(here)
        said = words(web.get(f"/evidence/{digest}?of={owner}").text)
        for shown in (
            "tree",
            "a.bin",
            "9",
            "ab" * 32,
            "tasks.tree.look",
            "A verified artifact names them",
            "Nothing in none",
        ):
            assert shown in said

    def test_an_artifact_that_does_not_name_it_lends_it_nothing(self, here: Bench, web: TestClient) -> None:
        _, digest = self.kept(here)
        other = keep(here, report("other", GOOD))
        for query in ("", f"?of={other}"):
            said = words(web.get(f"/evidence/{digest}{query}").text)
            assert "An artifact says which collector saw this" in said
            assert "other" not in said

    def test_an_unverified_owner_is_said_to_be_one(self, here: Bench, web: TestClient) -> None:
        said = report("m", GOOD, evidence={"tree": self.BODY})
        owner = keep(here, said, evidence={"tree": self.BODY}, signer=create())
        page = web.get(f"/evidence/{said.evidence[0].digest}?of={owner}").text
        assert "The artifact that names them is NOT VERIFIED" in words(page)

    def test_changed_bytes_are_not_shown(self, here: Bench, web: TestClient) -> None:
        _, digest = self.kept(here)
        tamper(here, digest)
        for path in (f"/evidence/{digest}", f"/evidence/{digest}/download"):
            page = web.get(path)
            assert page.status_code == 409
            assert "a.bin" not in page.text

    def test_a_huge_body_is_laid_out_in_part_and_says_so(self) -> None:
        deep: object = "x"
        for _ in range(200):
            deep = {"in": deep}
        assert "too deep" in repr(lay_out(deep))
        wide = lay_out([{"n": number} for number in range(3 * MOST_LEAVES)])
        assert 0 < len(wide.rows) <= MOST_LEAVES
        assert wide.left == 3 * MOST_LEAVES - len(wide.rows)


class TestCompare:
    def test_what_changed_stands_in_words(self, here: Bench, web: TestClient) -> None:
        a = keep(here, report("m", GOOD, evidence={"tree": {"n": 1}}), evidence={"tree": {"n": 1}})
        b = keep(here, report("m", GOOD, BAD, evidence={"tree": {"n": 2}}), evidence={"tree": {"n": 2}})
        said = words(web.get(f"/compare?a={a}&b={b}").text)
        for shown in ("From GREEN to RED", "2 findings appeared", "The content is the same", "The policy is the same",
                      "It imports os.system.", "asked on one side only", "differs in 1 place"):  # fmt: skip
            assert shown in said
        back = words(web.get(f"/compare?a={b}&b={a}").text)
        assert "From RED to GREEN" in back

    def test_an_unverified_side_is_named(self, here: Bench, web: TestClient) -> None:
        a, b = keep(here, report("m", GOOD)), keep(here, report("m", BAD), signer=create())
        said = words(web.get(f"/compare?a={a}&b={b}").text)
        assert "NOT VERIFIED: no trusted key signed it. It says RED; do not rely on it." in said

    def test_two_ticked_in_the_list_are_compared_oldest_first(self, here: Bench, web: TestClient) -> None:
        a, b = keep(here, report("m", GOOD)), keep(here, report("m", BAD))
        picks = re.findall(r'name="pick" value="([^"]+)"', web.get("/artifacts").text)
        assert picks == [b, a]
        assert "From GREEN to RED" in words(web.get(f"/compare?pick={b}&pick={a}").text)
        for wrong in (f"/compare?pick={a}", f"/compare?pick={a}&pick={b}&pick={a}"):
            assert web.get(wrong).status_code == 400

    def test_without_two_it_asks_for_them(self, here: Bench, web: TestClient) -> None:
        page = web.get("/compare")
        assert page.status_code == 200
        assert '<label for="a">' in page.text
        kept = keep(here, report("m", GOOD))
        for other in (NOWHERE, "latest"):
            assert web.get(f"/compare?a={kept}&b={other}").status_code == 404
        tamper(here, kept)
        assert web.get(f"/compare?a={kept}&b={keep(here, report('n', GOOD))}").status_code == 409


@pytest.mark.requirement("ARC-D4/figures-come-from-the-store")
def test_figures_come_with_their_definitions_and_never_guess(here: Bench, web: TestClient) -> None:
    said = words(web.get("/figures").text)
    assert said.count("not measured") == 4
    assert "Time to first inference" in said
    assert "median over models" in said
    cleared = result("admission", finding("admission/named"), finding("admission/cleared", about=NOWHERE))
    keep(here, report("manifest", cleared, kind="workload"))
    assert "1 of 1" in words(web.get("/figures?days=30&production=shop-*").text)
    assert web.get("/figures?days=0").status_code == 400


def test_many_who_ask_for_figures_leave_the_other_pages_alone(here: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(showing, "PATIENCE", 0.05)
    begun, done = threading.Semaphore(0), threading.Event()

    def slow() -> datetime:
        if "figures" in threading.current_thread().name:
            begun.release()
            assert done.wait(600)
        return CLOCK

    def measure() -> None:
        threading.current_thread().name = "figures"
        showing.figures(showing.Asked(at=replace(here.place(), now=slow), base="/", query={}))

    busy = [threading.Thread(target=measure) for _ in range(2)]
    for one in busy:
        one.start()
    try:
        for _ in busy:
            assert begun.acquire(timeout=600)
        client = TestClient(site(here.place))
        assert client.get("/figures").status_code == 503
        assert client.get("/").status_code == 200
    finally:
        done.set()
        for one in busy:
            one.join()
    assert TestClient(site(here.place)).get("/figures").status_code == 200


class TestHttp:
    def test_every_answer_carries_the_security_headers(self, here: Bench, web: TestClient) -> None:
        kept = keep(here, report("m", GOOD))
        css = re.search(r'href="(/static/arcops.css[^"]*)"', web.get("/").text)[1]  # type: ignore[index]  # a missing link fails
        for path in (
            "/",
            f"/artifacts/{kept}",
            f"/artifacts/{kept}/download",
            css,
            "/nothing",
            f"/artifacts/{NOWHERE}",
            "/?page=x",
        ):
            answer = web.get(path)
            assert {name: answer.headers[name] for name in HEADERS} == dict(HEADERS), path
            assert "unsafe" not in answer.headers["content-security-policy"]

    def test_pages_need_nothing_from_elsewhere_and_nothing_inline(self, here: Bench, web: TestClient) -> None:
        kept = keep(here, report("m", BAD))
        for path in ("/", "/subject?name=m", "/artifacts", f"/artifacts/{kept}", "/figures", "/compare"):
            page = web.get(path).text
            assert not re.search(r"""(?:src|href|action)=["']?(?:https?:)?//""", page)
            assert not re.search(r"""\s(?:style|on[a-z]+)=["']""", page)

    @pytest.mark.parametrize(
        "path",
        [
            "/nothing",
            f"/artifacts/{NOWHERE}",
            "/artifacts/latest",
            f"/evidence/{NOWHERE}",
            f"/artifacts/{NOWHERE}/download",
            "/static/nothing.css",
            "/static/..%2fapp.py",
        ],
    )
    def test_what_is_not_there_says_what_to_do(self, web: TestClient, path: str) -> None:
        page = web.get(path)
        assert page.status_code == 404
        assert "list" in words(page.text) or "import" in words(page.text)
        assert page.headers["cache-control"] == "no-store"

    def test_exact_bytes_are_kept_for_ever_and_asked_for_once(self, here: Bench, web: TestClient) -> None:
        body = {"n": 1}
        said = report("m", GOOD, evidence={"tree": body})
        kept = keep(here, said, evidence={"tree": body})
        for path, digest in (
            (f"/artifacts/{kept}/download", kept),
            (f"/evidence/{said.evidence[0].digest}/download", said.evidence[0].digest),
        ):
            answer = web.get(path)
            assert answer.content == object_path(here.settings.store, digest).read_bytes()
            assert answer.headers["etag"] == f'"{digest}"'
            assert "immutable" in answer.headers["cache-control"]
            assert "attachment" in answer.headers["content-disposition"]
            for tag in (answer.headers["etag"], f'"x", W/{answer.headers["etag"]}', "*"):
                again = web.get(path, headers={"If-None-Match": tag})
                assert (again.status_code, again.content) == (304, b"")
            assert web.get(path, headers={"If-None-Match": '"other"'}).status_code == 200
        assert web.get(f"/artifacts/{NOWHERE}/download", headers={"If-None-Match": f'"{NOWHERE}"'}).status_code == 404

    def test_what_is_checked_now_is_asked_for_again(self, here: Bench, web: TestClient) -> None:
        keep(here, report("m", GOOD))
        first = web.get("/")
        assert "no-cache" in first.headers["cache-control"]
        tag = {"If-None-Match": first.headers["etag"]}
        assert web.get("/", headers=tag).status_code == 304
        keep(here, report("n", GOOD))
        assert web.get("/", headers=tag).status_code == 200

    def test_a_304_is_never_given_for_what_was_changed(self, here: Bench, web: TestClient) -> None:
        kept = keep(here, report("m", GOOD))
        page = web.get(f"/artifacts/{kept}")
        tamper(here, kept)
        again = web.get(f"/artifacts/{kept}", headers={"If-None-Match": page.headers["etag"]})
        assert again.status_code == 200
        assert "NOT VERIFIED" in again.text

    def test_styles_are_kept_for_ever_under_their_own_name_only(self, web: TestClient) -> None:
        css = re.search(r'href="(/static/arcops.css\?v=[^"]*)"', web.get("/").text)[1]  # type: ignore[index]  # a missing link fails
        assert "immutable" in web.get(css).headers["cache-control"]
        assert "no-cache" in web.get("/static/arcops.css?v=old").headers["cache-control"]
        assert web.get(css).headers["content-type"].startswith("text/css")

    def test_head_is_get_without_its_body(self, here: Bench, web: TestClient) -> None:
        kept = keep(here, report("m", GOOD))
        for path in ("/", f"/artifacts/{kept}", f"/artifacts/{kept}/download", "/static/page.js", f"/artifacts/{NOWHERE}"):
            got, head = web.get(path), web.head(path)
            assert head.content == b""
            assert (head.status_code, dict(head.headers)) == (got.status_code, dict(got.headers))

    @pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
    def test_pages_are_only_read(self, here: Bench, web: TestClient, method: str) -> None:
        kept = keep(here, report("m", GOOD))
        for path in ("/", f"/artifacts/{kept}"):
            answer = web.request(method, path)
            assert answer.status_code == 405
            assert "GET" in answer.headers["allow"]
        assert web.get(f"/artifacts/{kept}").status_code == 200

    def test_a_store_that_cannot_be_read_is_a_page_that_tells_no_paths(self, here: Bench) -> None:
        here.settings.store.parent.mkdir(exist_ok=True)
        here.settings.store.write_text("no folder")
        answer = TestClient(site(here.place)).get("/")
        assert answer.status_code == 503
        assert answer.headers["retry-after"]
        assert str(here.home) not in answer.text

    def test_a_server_that_is_being_stopped_says_try_again(self, here: Bench) -> None:
        keep(here, report("manifest", result("admission", finding("admission/named")), kind="workload"))
        stopped = threading.Event()
        stopped.set()
        assert TestClient(site(lambda: replace(here.place(), stop=stopped))).get("/figures").status_code == 503

    def test_a_bug_is_a_page_with_a_number_and_no_secrets(self, caplog: pytest.LogCaptureFixture) -> None:
        def broken() -> Place:
            raise RuntimeError("the passphrase is hunter2")

        answer = TestClient(site(broken)).get("/")
        assert answer.status_code == 500
        assert "hunter2" not in answer.text
        number = re.search(r"number ([0-9a-f]{8})", words(answer.text))
        assert number is not None
        assert number[1] in caplog.text

    def test_a_served_place_tells_no_paths_of_its_machine(self, here: Bench) -> None:
        kept = keep(here, report("m", GOOD))
        (here.settings.trust / "keys" / "bad.pub").write_text("no key")
        client = TestClient(site(lambda: replace(here.place(), roots=())))
        for path in ("/", f"/artifacts/{kept}", "/figures", f"/artifacts/{NOWHERE}"):
            assert str(here.home) not in client.get(path).text

    def test_the_pages_work_below_any_path(self, here: Bench) -> None:
        kept = keep(here, report("m", BAD))
        client = TestClient(Starlette(routes=[Mount("/evidence-of/site", routes=routes(here.place))]))
        page = client.get("/evidence-of/site/")
        links = set(re.findall(r'(?:href|src|action)="(/[^"]*)"', page.text))
        assert links
        assert all(link.startswith("/evidence-of/site/") for link in links)
        for link in links:
            assert client.get(unescape(link)).status_code == 200, link
        assert client.get(f"/evidence-of/site/artifacts/{kept}").status_code == 200


def test_every_link_of_every_page_leads_somewhere(here: Bench, web: TestClient) -> None:
    model = good_model(here)
    here.check(model)
    replace(here, settings=replace(here.settings, site="south")).check(model)
    (model / "config.json").write_text(json.dumps({"model_type": "other"}))
    here.check(model, now=CLOCK + timedelta(hours=1))
    todo, seen = ["/"], {"/"}
    while todo:
        path = todo.pop()
        answer = web.get(path)
        assert answer.status_code == 200, path
        if not answer.headers["content-type"].startswith("text/html"):
            continue
        ids = set(re.findall(r'\sid="([^"]+)"', answer.text))
        assert len(ids) == len(re.findall(r'\sid="[^"]+"', answer.text)), path
        for link in map(unescape, re.findall(r'(?:href|src)="([^"]+)"', answer.text)):
            if link.startswith("#"):
                assert link[1:] in ids, (path, link)
            elif link not in seen:
                seen.add(link)
                todo.append(link)
    assert len(seen) > 20
