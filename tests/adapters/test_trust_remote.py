"""Who changes what counts here: the operator at the command line, and a remote caller only if the operator said so."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from adapters.http.access import ANONYMOUS
from arcops.errors import Refused
from artifacts.private_key import Algorithm, create
from artifacts.store import Store
from artifacts.vouch import Standing, signature_of
from capabilities.artifact.standing import grounds
from capabilities.artifact.store import CheckStore, ExportStore, ImportStore, check_store, export_store, import_store
from capabilities.artifact.verify import Verify, verify_artifact
from capabilities.catalogue import all_tools, offered
from capabilities.contract import Scope
from capabilities.keys.keys import NewKey, TrustKey, new_key, trust_key
from capabilities.model.check import Check, check_model
from capabilities.policy.policy import RegisterPolicy, register_policy
from flows.policies.reading import read_policy
from foundation.settings import read_settings
from tests.adapters.serving import Served, served
from tests.adapters.test_access import AUDIENCE, good, post
from tests.models import Bench, bench, good_model
from tests.simulators.issuer import Issuer, issuing

pytestmark = [pytest.mark.requirement("ARC-3/callers-are-bounded"), pytest.mark.xdist_group("trust")]

TRUSTING = tuple(one.name for one in all_tools() if one.scope is Scope.TRUST)
LENIENT = "validFor: P1D\ngates: {integrity: {}}\n"
OUTSIDER = create(Algorithm.ED25519).public.pem.decode()
ASKS: dict[str, dict[str, object]] = {
    "apply_client_config": {"client": "codex", "profile": "dev"},
    "set_client_root": {},
    "set_client_roles": {"publishers": ["sha256:" + "0" * 64]},
    "set_client_rules": {"rules": "id: x\nversion: 1.0.0\nrules: []\n"},
    "check_access": {"tool": "check_model", "caller": "https://i,,x"},
    "end_sessions": {"person": "https://i,,x"},
    "explain_access": {"tool": "check_model", "caller": "https://i,,x"},
    "host_gate": {"name": "small"},
    "host_mirror_make": {"servers": "servers.yaml", "output": "servers.tar"},
    "host_mirror_use": {"mirror": "servers.tar"},
    "host_catalog_import": {"curated": True},
    "host_catalog_index": {},
    "host_catalog_tag": {"name": "io.example/time", "tags": ["env=test"]},
    "host_allow": {"name": "small", "digest": "sha256:" + "0" * 64},
    "host_deny": {"name": "small"},
    "host_deploy": {"name": "small", "package": "pypi:small==1"},
    "host_logs": {"name": "small"},
    "host_checklist_mark": {"name": "small", "item": "x", "note": "It was looked at."},
    "host_feedback_answer": {"id": "x", "status": "accepted"},
    "host_restore": {"snapshot": "sha256:" + "0" * 64},
    "host_runbook_new": {"name": "incident", "role": "sre"},
    "host_runbook_run": {"id": "x"},
    "host_snapshot": {},
    "host_invite": {"email": "ann@example.org"},
    "host_invitation_confirm": {"id": "x"},
    "host_invitation_revoke": {"id": "x"},
    "set_client_family": {"family": "id: acme"},
    "drop_client_family": {"client": "acme"},
    "host_put": {"folder": "small"},
    "host_quota_set": {"server": "small", "calls": 5},
    "host_remove": {"name": "small"},
    "host_patch": {},
    "host_share": {"name": "small"},
    "host_switch": {"name": "small", "to": 2},
    "host_update": {"name": "small"},
    "host_wrap": {"run": "uvx small==1"},
    "host_resolve": {"name": "small"},
    "host_restart": {"name": "small"},
    "host_rollback": {"name": "small"},
    "host_start": {"name": "small"},
    "host_stop": {"name": "small"},
    "import_advisories": {"export": "x.zip"},
    "list_api_keys": {},
    "list_sessions": {},
    "migrate_database": {},
    "install_bundle": {"file": "site.bundle"},
    "push_bundle": {"file": "site.bundle"},
    "roll_back_bundle": {},
    "make_backup": {"file": "site.backup"},
    "restore_backup": {"file": "site.backup"},
    "move_database": {"to": "sqlite:////nowhere/arcops.sqlite"},
    "new_api_key": {"name": "mine", "scopes": ["read"], "days": 1},
    "list_revoked": {},
    "revoke_access": {"caller": "https://i,,x"},
    "revoke_api_key": {"id": "x"},
    "show_database": {},
    "import_store": {"mirror": "x.tar", "keys": [OUTSIDER]},
    "list_roles": {},
    "new_key": {"path": "x.key"},
    "register_policy": {"text": f"name: mine\n{LENIENT}"},
    "revoke_key": {},
    "trust_key": {"public": OUTSIDER},
    "add_receiver": {"name": "hook"},
    "list_receivers": {},
    "remove_receiver": {"name": "hook"},
    "tell_receivers": {},
}


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return bench(tmp_path_factory.mktemp("remote"))


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    with issuing() as one:
        yield one


def by_tokens(here: Bench, issuer: Issuer) -> dict[str, str]:
    own = {"ARCOPS_OIDC_ISSUER": issuer.url, "ARCOPS_OIDC_AUDIENCE": AUDIENCE, "ARCOPS_ROOTS": str(here.home.parent)}
    return {**here.environment, **own}


@pytest.fixture(scope="module")
def plain(here: Bench, issuer: Issuer) -> Iterator[tuple[Served, Issuer]]:
    """A server as it is without a word of the operator's."""
    with served("mcp", "--http", env=by_tokens(here, issuer)) as server:
        yield server, issuer


@pytest.fixture(scope="module")
def open_to_trust(here: Bench, issuer: Issuer) -> Iterator[tuple[Served, Issuer]]:
    with served("mcp", "--http", env={**by_tokens(here, issuer), "ARCOPS_REMOTE_TRUST": "yes"}) as server:
        yield server, issuer


def token(issuer: Issuer, *scopes: str) -> str:
    return issuer.token(**{**good(), "exp": time.time() + 600, "scope": " ".join(f"arcops:{one}" for one in scopes)})


def everything(issuer: Issuer) -> str:
    return token(issuer, *(one.value for one in Scope))


def called(site: tuple[Served, Issuer], name: str, arguments: dict[str, object], *scopes: str) -> Any:
    return post(site, name, arguments, token(site[1], *scopes))


def counts_here(here: Bench) -> set[str]:
    """The files of everything that says what counts."""
    database = Path(here.settings.database.removeprefix("sqlite:///")).parent
    folders = (here.settings.trust, here.settings.policies, here.settings.data, Path(here.settings.key).parent, database)
    return {str(path) for folder in folders for path in folder.rglob("*") if path.is_file()}


def test_what_changes_what_counts_takes_the_scope_of_its_own() -> None:
    assert set(ASKS) == set(TRUSTING)
    assert {one.value for one in Scope} - ANONYMOUS.scopes >= {"trust"}
    for text, said in (("", False), ("no", False), ("yes", True)):
        assert read_settings({"ARCOPS_HOME": "/x", "ARCOPS_REMOTE_TRUST": text}).remote_trust is said
    with pytest.raises(Refused, match="ARCOPS_REMOTE_TRUST"):
        read_settings({"ARCOPS_HOME": "/x", "ARCOPS_REMOTE_TRUST": "true"})


class TestByDefault:
    @pytest.mark.parametrize("name", TRUSTING)
    def test_nothing_of_it_is_offered_whatever_the_token(self, here: Bench, plain: tuple[Served, Issuer], name: str) -> None:
        before = counts_here(here)
        others = [one.value for one in Scope if one is not Scope.TRUST]
        assert called(plain, name, ASKS[name], *others).status_code == 403
        answer = post(plain, name, ASKS[name], everything(plain[1]))
        assert answer.json()["result"]["isError"]
        assert "only the operator may call it" in answer.text
        assert counts_here(here) == before

    @pytest.mark.parametrize("said", [False, True], ids=["nothing said", "the operator said so"])
    def test_nor_if_the_caller_is_not_known(self, here: Bench, said: bool) -> None:
        """On one's own machine without tokens the door is open to every process of it, so trust stays at the command line."""
        place = replace(here.place(), own=False, settings=replace(here.settings, remote_trust=said))
        assert not {one.name for one in offered(place, trusting=False)} & set(TRUSTING)
        with served("mcp", "--http", env={**here.environment, "ARCOPS_REMOTE_TRUST": "yes" if said else "no"}) as server:
            before = counts_here(here)
            for name in TRUSTING:
                assert post((server, None), name, ASKS[name]).status_code == 401  # type: ignore[arg-type]  # no issuer
                secret = server.secret["authorization"].removeprefix("Bearer ")
                answer = post((server, None), name, ASKS[name], secret)  # type: ignore[arg-type]  # as this user
                assert answer.status_code == 403
                assert "scope arcops:trust" in answer.text
            assert counts_here(here) == before

    @pytest.mark.parametrize("changes", [{"own": False}, {"roots": ()}], ids=["served", "roots"])
    def test_the_tools_themselves_refuse(self, here: Bench, changes: dict[str, Any]) -> None:
        place = replace(here.place(), **changes)
        for tool, ask in ((trust_key, TrustKey(public=OUTSIDER)), (register_policy, RegisterPolicy(text="x"))):
            with pytest.raises(Refused, match="only the operator may call it"):
                tool(ask, place)  # type: ignore[operator]  # each with its own ask
        with pytest.raises(Refused, match="only the operator may call it"):
            new_key(NewKey(), place)


class TestWhereTheOperatorSaidSo:
    def test_the_scope_is_needed_and_no_other_implies_it(self, here: Bench, open_to_trust: tuple[Served, Issuer]) -> None:
        before = counts_here(here)
        for name in TRUSTING:
            for scopes in (("publish",), ("read", "check", "publish", "waive")):
                assert called(open_to_trust, name, ASKS[name], *scopes).status_code == 403
        assert counts_here(here) == before
        answer = called(open_to_trust, "register_policy", ASKS["register_policy"], "trust")
        assert not answer.json()["result"].get("isError"), answer.text
        assert len(counts_here(here) - before) == 1
        assert called(open_to_trust, "check_model", {"target": "x"}, "trust").status_code == 403

    def test_the_key_of_an_import_is_not_believed_because_it_comes_along(
        self, here: Bench, open_to_trust: tuple[Served, Issuer], tmp_path: Path
    ) -> None:
        there = bench(tmp_path)
        check_model(Check(target=good_model(there), policy="bench"), there.place())
        mirror = here.home.parent / "theirs.tar"
        theirs = (there.public.read_text(),)
        export_store(ExportStore(mirror=mirror, keys=theirs), there.place())
        for keys in (list(theirs), []):
            answer = called(open_to_trust, "import_store", {"mirror": str(mirror), "keys": keys}, "trust")
            assert answer.json()["result"]["isError"], answer.text
        with Store(here.settings.store) as store:
            assert not store.list()


class TestPoliciesOfRemoteCallers:
    """The fault: a file named "sovereign" with one gate, brought by a caller, was signed by the site's key."""

    @pytest.mark.parametrize("name", ["sovereign", "bench", "mine-own"])
    def test_no_file_of_a_caller_judges(self, here: Bench, plain: tuple[Served, Issuer], name: str) -> None:
        folder = here.home.parent / "delivered"
        folder.mkdir(exist_ok=True)
        (folder / "weights.bin").write_bytes(b"x")
        own = folder / f"{name}.yaml"
        own.write_text(f"name: {name}\n{LENIENT}")
        for named in (str(own), f"delivered/{name}.yaml", str(here.settings.policies / "bench.yaml")):
            for tool, ask in (
                ("check_model", {"target": str(folder), "policy": named}),
                ("check_gpus", {"policy": named}),
                ("bench_node", {"policy": named, "cpu": True}),
                ("admit_workload", {"manifest": "a: b", "policy": named}),
                ("check_network", {"target": str(folder), "policy": named}),
            ):
                answer = called(plain, tool, ask, "check")
                assert answer.json()["result"]["isError"], (tool, answer.text)
                assert "is registered here" in answer.text, tool
            assert "is registered here" in called(plain, "check_policy", {"policy": named}, "read").text
        with Store(here.settings.store) as store:
            assert not store.list()

    def test_a_registered_one_does_by_name_or_digest(self, here: Bench, plain: tuple[Served, Issuer]) -> None:
        listed = called(plain, "list_policies", {}, "read").json()["result"]["structuredContent"]["policies"]
        known = {one["name"]: one for one in listed}
        assert (known["bench"]["shipped"], known["sovereign"]["shipped"]) == (False, True)
        for named in ("bench", known["bench"]["digest"], known["sovereign"]["digest"]):
            answer = called(plain, "check_policy", {"policy": named}, "read").json()["result"]
            assert answer["structuredContent"]["digest"] in (known["bench"]["digest"], known["sovereign"]["digest"])


class TestKeysOfACaller:
    """They judge the one answer, which says so, and what they signed still counts for nothing here."""

    @pytest.fixture
    def there(self, tmp_path: Path) -> Bench:
        return bench(tmp_path / "there")

    @pytest.fixture
    def own(self, tmp_path: Path) -> Bench:
        return bench(tmp_path / "own")

    def test_an_answer_by_them_says_so(self, own: Bench, there: Bench) -> None:
        checked = check_model(Check(target=good_model(there), policy="bench"), there.place())
        with Store(there.settings.store) as store:
            text = store.get(checked.artifact).decode()
        theirs = (there.public.read_text(),)
        place = replace(own.place(), own=False, roots=())
        said = verify_artifact(Verify(artifact=text, keys=theirs), place)
        assert said.untrusted == said.signers == (there.signer.public.id,)
        assert verify_artifact(Verify(artifact=text), there.place()).untrusted == ()
        assert verify_artifact(Verify(artifact=text, keys=theirs), there.place()).untrusted == ()
        assert check_store(CheckStore(keys=theirs), place).untrusted == (there.signer.public.id,)
        assert check_store(CheckStore(), there.place()).untrusted == ()
        with pytest.raises(Refused):
            verify_artifact(Verify(artifact=text), place)

    def test_at_one_s_own_command_line_what_a_new_key_signed_is_kept_and_not_vouched_for(
        self, own: Bench, there: Bench, tmp_path: Path
    ) -> None:
        checked = check_model(Check(target=good_model(there), policy="bench"), there.place())
        theirs = (there.public.read_text(),)
        mirror = tmp_path / "mirror.tar"
        export_store(ExportStore(mirror=mirror), there.place())
        with pytest.raises(Refused):
            import_store(ImportStore(mirror=mirror), own.place())
        before = counts_here(own)
        brought = import_store(ImportStore(mirror=mirror, keys=theirs), own.place())
        assert (brought.artifacts, brought.untrusted) == (1, (there.signer.public.id,))
        assert counts_here(own) == before, "no key was brought in"
        with Store(own.settings.store) as store:
            data = store.get(checked.artifact)
        assert signature_of(data, grounds(own.place()), own.place().now()).standing is Standing.UNTRUSTED
        trust_key(TrustKey(public=theirs[0]), own.place())
        assert signature_of(data, grounds(own.place()), own.place().now()).standing is Standing.VERIFIED
        assert import_store(ImportStore(mirror=mirror), own.place()).untrusted == ()

    def test_a_caller_s_keys_narrow_which_signers_an_import_accepts(self, own: Bench, there: Bench, tmp_path: Path) -> None:
        check_model(Check(target=good_model(there), policy="bench"), there.place())
        mirror = tmp_path / "mirror.tar"
        export_store(ExportStore(mirror=mirror), there.place())
        trust_key(TrustKey(public=there.public.read_text()), own.place())
        place = replace(own.place(), own=False, settings=replace(own.settings, remote_trust=True))
        with pytest.raises(Refused):
            import_store(ImportStore(mirror=mirror, keys=(own.public.read_text(),)), place)
        with pytest.raises(Refused, match="only choose among trusted keys"):
            import_store(ImportStore(mirror=mirror, keys=(OUTSIDER,)), place)
        assert import_store(ImportStore(mirror=mirror, keys=(there.public.read_text(),)), place).artifacts == 1
        with pytest.raises(Refused, match="only choose among trusted keys"):
            export_store(ExportStore(mirror=tmp_path / "on.tar", keys=(there.public.read_text(), OUTSIDER)), place)


def test_registering_at_the_command_line_s_place(tmp_path: Path) -> None:
    here = bench(tmp_path)
    made = register_policy(RegisterPolicy(text=f"name: mine\n{LENIENT}"), here.place())
    assert made.path is not None
    assert register_policy(RegisterPolicy(text=read_policy("pilot").decode()), here.place()).path is None
    with pytest.raises(Refused, match="rename it"):
        register_policy(RegisterPolicy(text=f"name: sovereign\n{LENIENT}"), here.place())
