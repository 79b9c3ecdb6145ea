"""A remote caller names a path, and it is replaced by a link: no tool reads or writes the target of the link.

The swap is made at the two worst moments: after the door looked at the path, and after the evaluation did.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, get_type_hints

import pytest

from arcops.asks import Use
from arcops.errors import ArcOpsError, Refused, Unavailable
from arcops.verdict import Verdict
from capabilities.artifact.rejudge import Again, Rejudge
from capabilities.artifact.store import ExportStore, ImportStore
from capabilities.audit.assessment import ExportAssessment
from capabilities.audit.export import ExportAudit
from capabilities.backup.backup import VerifyBackup
from capabilities.bundle.bundle import MakeBundle, VerifyBundle
from capabilities.catalogue import all_tools
from capabilities.client.checking import CheckClientDraft
from capabilities.cluster.check import CheckCluster
from capabilities.contract import Tool
from capabilities.fit.check import CheckFit
from capabilities.gpu.bench import BenchNode
from capabilities.inference.check import CheckInference
from capabilities.keys.keys import NewKey
from capabilities.model.check import Check
from capabilities.model.data import ImportAdvisories
from capabilities.model.sbom import MakeSbom
from capabilities.model.sign import Sign
from capabilities.network.check import CheckNetwork, ReachNetwork
from capabilities.network.drift import DiffNetwork
from capabilities.network.exposure import ExposeNetwork
from capabilities.network.map import MapNetwork
from capabilities.policy.policy import CheckPolicy, DraftWaiver
from capabilities.release.check import CheckRelease, PreviewRelease
from flows.place import Place, bounded
from flows.runners import direct
from foundation.backup.making import make as make_a_backup
from tests.foundation.audit.home import written
from tests.manifests import shop
from tests.models import CLOCK, Bench, bench, good_model, safetensors

pytestmark = pytest.mark.requirement("ARC-3/callers-are-bounded")

TELLING = "tellingword"

POLICY = "name: {word}\nvalidFor: P1D\ngates: {{integrity: {{}}}}\n"


def model(path: Path, word: str) -> None:
    path.mkdir()
    (path / f"{word}.safetensors").write_bytes(safetensors(weight=10))
    (path / "README.md").write_text(f"---\nlicense: {word}\n---\n# {word}\n")
    (path / "bom.cdx.json").write_text(json.dumps({"bomFormat": word}))
    (path / "model.sig").write_text(json.dumps({"payloadType": word}))


def manifests(path: Path, word: str) -> None:
    shop(path)
    (path / "more.yaml").write_text(f"apiVersion: v1\nkind: Service\nmetadata: {{name: {word}, namespace: {word}}}\nspec: 1\n")


def network_snapshot(path: Path, word: str) -> None:
    path.mkdir()
    index = {"apiVersion": "arcops.dev/v1", "kind": "NetworkSnapshot", "context": word, "server": word, "lists": [], "left": []}
    (path / "snapshot.json").write_text(json.dumps(index))
    (path / f"{word}.json").write_text("{}")


def cluster_snapshot(path: Path, word: str) -> None:
    path.mkdir()
    lists = [{"title": "nodes", "state": "refused", "why": word}]
    index = {"apiVersion": "arcops.dev/v1", "kind": "ClusterSnapshot", "lists": lists}
    (path / "cluster.json").write_text(json.dumps(index))


def attachment(path: Path, word: str) -> None:
    path.write_text(json.dumps({"payloadType": word, "bomFormat": "CycloneDX", "specVersion": word}))


def client_draft(path: Path, word: str) -> None:
    path.write_text(f"version: 1.0.0\nprofile: dev\nclients: [codex]\nservers: []\ntags: ['{word}']\n")


def client_rules(path: Path, word: str) -> None:
    client_draft(path.parent / "draft.yaml", "x")
    path.write_text(f"id: '{word}'\nversion: 1.0.0\nrules: []\n")


def fit_description(path: Path, word: str) -> None:
    model = "{path: ./tiny, engine: vllm, context: 1}"
    path.write_text(f"name: {word}\ngpus: {{{word}: {{sku: L4}}}}\nmodels: {{{word}: {model}}}\n")


def policy(path: Path, word: str) -> None:
    path.write_text(POLICY.format(word=word))


def export(path: Path, word: str) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{word}.json", json.dumps({"id": word}))


def description(path: Path, word: str) -> None:
    path.write_text(f"name: {word}\nsite: {word}\nparts: {{one: {{flow: readiness, target: /}}}}\n")


def anything(path: Path, word: str) -> None:
    path.write_text(word)


def folder(path: Path, word: str) -> None:
    model(path, word)


def whole_mirror(path: Path, word: str) -> None:
    path.write_bytes(MIRROR[0])


def whole_backup(path: Path, word: str) -> None:
    path.write_bytes(MIRROR[0])


def whole_bundle(path: Path, word: str) -> None:
    path.write_bytes(MIRROR[0])


MIRROR: list[bytes] = []
"""A sound mirror, made once, which a tool that follows the link would import."""

Make = Callable[[Path, str], None]


def audited(here: Bench) -> None:
    """Give *here* an audit log, if it has none."""
    if not here.settings.audit.exists():
        written(here.home, [1])


CASES: dict[tuple[str, str], tuple[Make, Callable[[Path, Bench], Any]]] = {
    ("check_model", "target"): (model, lambda path, here: Check(target=path, policy="pilot")),
    ("check_model", "attached"): (attachment, lambda path, here: Check(target=path.parent / "tiny", attached=(path,))),
    ("check_network", "target"): (manifests, lambda path, here: CheckNetwork(target=path)),
    ("check_network", "saved"): (network_snapshot, lambda path, here: CheckNetwork(saved=path)),
    ("check_cluster", "saved"): (cluster_snapshot, lambda path, here: CheckCluster(saved=path)),
    ("diff_network", "declared"): (manifests, lambda path, here: DiffNetwork(declared=path, live=path.parent / "shop")),
    ("diff_network", "live"): (manifests, lambda path, here: DiffNetwork(declared=path.parent / "shop", live=path)),
    ("reach_network", "target"): (manifests, lambda path, here: ReachNetwork(target=path, source="shop/web", to="db:5432")),
    ("map_network", "target"): (manifests, lambda path, here: MapNetwork(target=path)),
    ("expose_network", "target"): (manifests, lambda path, here: ExposeNetwork(target=path)),
    ("check_inference", "of"): (model, lambda path, here: CheckInference(url=URL, models=("a",), of=path)),
    ("check_client_draft", "target"): (client_draft, lambda path, here: CheckClientDraft(target=path)),
    ("check_client_draft", "rules"): (
        client_rules,
        lambda path, here: CheckClientDraft(target=path.parent / "draft.yaml", rules=path),
    ),
    ("check_fit", "target"): (fit_description, lambda path, here: CheckFit(target=path)),
    ("bench_node", "baseline"): (attachment, lambda path, here: BenchNode(cpu=True, baseline=path)),
    ("check_release", "description"): (description, lambda path, here: CheckRelease(description=path)),
    ("preview_release", "description"): (description, lambda path, here: PreviewRelease(description=path)),
    ("import_advisories", "export"): (export, lambda path, here: ImportAdvisories(export=path)),
    ("import_store", "mirror"): (
        whole_mirror,
        lambda path, here: ImportStore(mirror=path, keys=(here.public.read_text(),)),
    ),
    ("verify_backup", "file"): (
        whole_backup,
        lambda path, here: VerifyBackup(file=path, keys=(here.public.read_text(),)),
    ),
    ("verify_bundle", "file"): (
        whole_bundle,
        lambda path, here: VerifyBundle(file=path, keys=(here.public.read_text(),)),
    ),
    ("export_store", "mirror"): (
        folder,
        lambda path, here: ExportStore(mirror=path / "new.tar", keys=(here.public.read_text(),)),
    ),
    ("export_assessment", "output"): (folder, lambda path, here: ExportAssessment(output=path / "new.json")),
    ("export_audit", "output"): (folder, lambda path, here: audited(here) or ExportAudit(output=path / "new.jsonl")),
    ("sign_model_files", "target"): (folder, lambda path, here: Sign(target=path)),
    ("make_model_sbom", "target"): (
        folder,
        lambda path, here: MakeSbom(target=path, version="1", supplier="x", licence="MIT"),
    ),
}
URL = "http://127.0.0.1:9"

NOT_OPENED = {
    ("announce_change", "target"): "its name is sent to Prefect; the worker opens it by its own roots",
    ("check_inference", "authorities"): "opened by the collector: tests/tasks/test_inference_tls.py",
}

POLICIES: dict[str, Callable[[str, Bench], Any]] = {
    "check_policy": lambda path, here: CheckPolicy(policy=path),
    "draft_waiver": lambda path, here: DraftWaiver(
        policy=path, rule="integrity/complete", subject="x", owner="o", reason="r", expires=CLOCK.replace(year=2027)
    ),
    "check_model": lambda path, here: Check(target=Path("tiny"), policy=path),
    "check_network": lambda path, here: CheckNetwork(target=Path("shop"), policy=path),
    "diff_network": lambda path, here: DiffNetwork(declared=Path("shop"), live=Path("shop"), policy=path),
    "bench_node": lambda path, here: BenchNode(cpu=True, policy=path),
}


@pytest.fixture
def here(tmp_path: Path) -> Bench:
    found = bench(tmp_path)
    for root in ("served", "outside"):
        (tmp_path / root).mkdir()
    model(tmp_path / "served" / "tiny", "well")
    shop(tmp_path / "served" / "shop")
    return found


@pytest.fixture
def at(here: Bench, tmp_path: Path) -> Place:
    served = tmp_path / "served"
    settings = replace(here.settings, output=served, endpoints=(URL,))
    return replace(here.place(), roots=(served,), settings=settings)


def tool(name: str) -> Tool[Any, Any]:
    return next(one for one in all_tools() if one.name == name)


def swap(path: Path, outside: Path, make: Make) -> None:
    path.rename(path.with_name("was"))
    make(outside, TELLING)
    path.symlink_to(outside)


def kept(here: Bench) -> bytes:
    store = here.settings.store
    return b"".join(one.read_bytes() for one in store.rglob("*") if one.is_file()) if store.is_dir() else b""


def digests(folder: Path) -> set[str]:
    return {hashlib.sha256(one.read_bytes()).hexdigest() for one in folder.rglob("*") if one.is_file() and not one.is_symlink()}


def paths_of_asks() -> set[tuple[str, str, Use]]:
    found = set()
    for one in all_tools():
        hints = get_type_hints(one.ask)
        for field in fields(one.ask):
            if "Path" in str(hints[field.name]):
                found.add((one.name, field.name, field.metadata.get("arcops.use", Use.READ)))
    return found


def test_every_path_that_a_caller_can_name_is_tried_here() -> None:
    known = {*CASES, *NOT_OPENED}
    named = {(name, field) for name, field, use in paths_of_asks() if use is not Use.HERE and field != "kubeconfig"}
    assert named == known


def test_a_tool_that_changes_things_says_what_each_path_is_for() -> None:
    for one in all_tools():
        if not one.reads_only and "report" not in one.answer.__dataclass_fields__:  # a check changes the store alone
            hints = get_type_hints(one.ask)
            for field in fields(one.ask):
                assert "Path" not in str(hints[field.name]) or "arcops.use" in field.metadata, f"{one.name}: {field.name}"


def test_what_belongs_to_one_s_own_machine_is_not_named_by_remote_callers(at: Place) -> None:
    with pytest.raises(Refused, match="this machine's own command line"):
        tool("new_key")(NewKey(path=Path("key")), at)
    with pytest.raises(Refused, match="on the machine itself"):
        tool("make_model_sbom")(
            MakeSbom(target=Path("tiny"), version="1", supplier="x", licence="MIT", python=Path("python")), at
        )


@pytest.mark.parametrize("case", CASES, ids=" ".join)
@pytest.mark.parametrize("parent", [False, True], ids=["itself", "parent"])
def test_a_link_that_was_put_there_after_the_door_looked_is_not_followed(
    here: Bench, at: Place, tmp_path: Path, case: tuple[str, str], parent: bool
) -> None:
    make, asking = CASES[case]
    if case == ("import_store", "mirror") or case == ("export_store", "mirror"):
        here.check(good_model(here))
    if make is whole_mirror:
        tool("export_store").work(ExportStore(mirror=tmp_path / "sound.tar", keys=(here.public.read_text(),)), here.place())
        MIRROR[:] = [(tmp_path / "sound.tar").read_bytes()]
    if make is whole_backup:
        make_a_backup(tmp_path / "sound", here.settings, signer=here.signer, passphrase=lambda: "a long passphrase", now=CLOCK)
        MIRROR[:] = [(tmp_path / "sound").read_bytes()]
    if make is whole_bundle:
        tool("make_bundle").work(MakeBundle(file=tmp_path / "sound", policies=here.settings.policies), here.place())
        MIRROR[:] = [(tmp_path / "sound").read_bytes()]
    inside = tmp_path / "served" / "in"
    outside = tmp_path / "outside" / "in"
    for one in (inside, outside):
        one.mkdir()
    model(inside / "tiny", "well")
    shop(inside / "shop")
    path = inside / "thing" if parent else tmp_path / "served" / "thing"
    make(path, "well")
    before = kept(here)
    ask = bounded(asking(path, here), at)
    if parent:
        model(outside / "tiny", "well")
        shop(outside / "shop")
        make(outside / "thing", TELLING)
        inside.rename(inside.with_name("was"))
        inside.symlink_to(outside)
    else:
        swap(path, outside / "thing", make)
    there = {one: one.stat().st_mtime_ns for one in outside.rglob("*")}
    with pytest.raises((Refused, Unavailable)) as raised:
        tool(case[0]).work(ask, at)
    assert TELLING not in str(raised.value)
    assert TELLING.encode() not in kept(here)[len(before) :]
    assert {one: one.stat().st_mtime_ns for one in outside.rglob("*")} == there, "nothing was written there"


@pytest.mark.parametrize(
    "case", [one for one in CASES if one[0] in ("check_model", "check_network", "check_cluster", "diff_network")], ids=" ".join
)
def test_nor_one_that_was_put_there_after_the_evaluation_looked(
    here: Bench, at: Place, tmp_path: Path, case: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Collectors open what they read by themselves, some in a process of their own."""
    make, asking = CASES[case]
    path = tmp_path / "served" / "thing"
    make(path, "well")
    collect = direct.collect

    def later(*given: Any, **named: Any) -> Any:
        swap(path, tmp_path / "outside" / "thing", make)
        return collect(*given, **named)

    monkeypatch.setattr(direct, "collect", later)
    answer = tool(case[0])(asking(path, here), at)
    assert path.is_symlink(), "the swap was made"
    assert answer.report.verdict is Verdict.RED
    assert TELLING not in str(answer)
    assert TELLING.encode() not in kept(here)
    for digest in digests(tmp_path / "outside") - digests(tmp_path / "served"):
        assert digest.encode() not in kept(here), "the digest of a file outside tells of it"


@pytest.mark.parametrize("name", POLICIES)
def test_a_policy_that_was_swapped_is_not_read(here: Bench, at: Place, tmp_path: Path, name: str) -> None:
    path = tmp_path / "served" / "mine.yaml"
    policy(path, "well")

    class Swapping(Place):
        """A door that is slow: the link is put there after it looked at the policy."""

        def reach(self, named: Path) -> Path:
            found = Place.reach(self, named)
            if named == path and not path.is_symlink():
                swap(path, tmp_path / "outside" / "mine.yaml", policy)
            return found

    slow = Swapping(**{one.name: getattr(at, one.name) for one in fields(at)})
    with pytest.raises(ArcOpsError) as raised:
        tool(name)(POLICIES[name](str(path), here), slow)
    assert TELLING not in str(raised.value)
    assert TELLING.encode() not in kept(here)


@pytest.mark.parametrize(
    "text",
    [
        f"{TELLING}: [",
        f"name: x\n{TELLING}: 1\n",
        f"name: x\nvalidFor: P1D\ngates: {{{TELLING}: {{}}}}",
        f"- {TELLING}",
        f"!{TELLING} x",
    ],
)
def test_a_file_that_is_no_policy_is_not_quoted(at: Place, tmp_path: Path, text: str) -> None:
    """Any file below a root can be named as a policy: what is wrong with it may not say what is in it."""
    (tmp_path / "served" / "secret.txt").write_text(text)
    for name in ("check_policy", "check_model"):
        with pytest.raises(Refused) as refused:
            tool(name)(POLICIES[name]("secret.txt", None), at)  # type: ignore[arg-type]  # nothing of the bench is needed
        assert TELLING not in str(refused.value)


def test_rejudging_reads_no_policy_outside(here: Bench, at: Place, tmp_path: Path) -> None:
    artifact = here.check(good_model(here)).artifact
    for path in (here.policy, Path("out.yaml")):
        (tmp_path / "served" / "out.yaml").unlink(missing_ok=True)
        (tmp_path / "served" / "out.yaml").symlink_to(here.policy)
        answer = tool("rejudge_artifact")(Rejudge(artifact=artifact, policy=str(path)), at)
        assert answer.again is Again.REFUSED
        assert "is registered here" in answer.said


class TestWriting:
    def test_without_an_output_folder_nothing_is_written_for_a_caller(self, here: Bench, at: Place, tmp_path: Path) -> None:
        bare = replace(at, settings=replace(at.settings, output=None))
        before = sorted(tmp_path.rglob("*"))
        for ask in (
            Sign(target=Path("tiny")),
            MakeSbom(target=Path("tiny"), version="1", supplier="x", licence="MIT"),
            ExportStore(mirror=Path("new.tar"), keys=()),
        ):
            name = next(one.name for one in all_tools() if one.ask is type(ask))
            with pytest.raises(Refused, match="ARCOPS_OUTPUT"):
                tool(name)(ask, bare)
        assert sorted(tmp_path.rglob("*")) == before

    def test_what_is_written_lies_below_it_and_is_answered_without_a_folder(
        self, here: Bench, at: Place, tmp_path: Path
    ) -> None:
        (tmp_path / "served" / "tiny" / "model.sig").unlink()
        signed = tool("sign_model_files")(Sign(target=Path("tiny")), at)
        assert signed.files == (Path("tiny/model.sig"),)
        assert (tmp_path / "served" / "tiny" / "model.sig").is_file()
        made = tool("make_model_sbom")(MakeSbom(target=Path("tiny"), version="1", supplier="x", licence="MIT"), at)
        assert made.path == Path("tiny/model.cdx.json")

    def test_a_mirror_is_a_new_file(self, here: Bench, at: Place, tmp_path: Path) -> None:
        here.check(good_model(here))
        (tmp_path / "served" / "there.tar").write_text("was")
        (tmp_path / "served" / "link.tar").symlink_to(tmp_path / "outside" / "new.tar")
        keys = (here.public.read_text(),)
        for name in ("there.tar", "link.tar"):
            with pytest.raises(Refused):
                tool("export_store")(ExportStore(mirror=Path(name), keys=keys), at)
        assert (tmp_path / "served" / "there.tar").read_text() == "was"
        assert not (tmp_path / "outside" / "new.tar").exists()
        assert tool("export_store")(ExportStore(mirror=Path("new.tar"), keys=keys), at).artifacts == 1
