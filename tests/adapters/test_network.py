"""``arcops network`` from the outside: what people type, what they see, and the exit code that scripts act on."""

from __future__ import annotations

import json
import os
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from arcops.errors import Refused, Unavailable
from arcops.verdict import Verdict
from capabilities.network.check import CheckNetwork, ReachNetwork, check_network, reach_network
from capabilities.network.map import MapNetwork, map_network
from capabilities.patience import patience
from flows.plan import all_gates
from flows.subjects.network import NETWORK_SAFETY
from tests.adapters.typed import Done, typed
from tests.kept import emptied
from tests.manifests import POLICIES, changed, shop
from tests.models import Bench, bench

pytestmark = pytest.mark.requirement(
    "ARC-B2/people-ask-and-see-a-map", "ARC-B3/drift-is-by-reachability", "ARC-1/errors-are-clear"
)

YES, NOT_CERTAIN, USAGE, NO = 0, 1, 2, 3


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return bench(tmp_path_factory.mktemp("bench"))


def arcops(here: Bench, *arguments: str | Path) -> Done:
    return typed("network", *arguments, environment={**os.environ, **here.environment, "COLUMNS": "200"})


def test_check_is_green_and_leaves_an_artifact(here: Bench, tmp_path: Path) -> None:
    artifact = tmp_path / "network.sigstore.json"
    done = arcops(here, "check", shop(tmp_path / "shop"), "--policy", "network-aks-arc", "--output", artifact)
    assert done.returncode == 0, done.stdout + done.stderr
    report = here.open(artifact)
    assert (report.verdict, report.subject.kind, report.subject.name) == (Verdict.GREEN, "manifests", "shop")


def test_check_in_sarif_points_at_file_and_line(here: Bench, tmp_path: Path) -> None:
    folder = shop(tmp_path / "shop", policies=changed(POLICIES, "port: 5432}", "port: 543200}"))
    done = arcops(here, "check", folder, "--format", "sarif")
    assert done.returncode == NO
    results = json.loads(done.stdout)["runs"][0]["results"]
    places = [one["locations"][0]["physicalLocation"] for one in results if one["ruleId"] == "network/accepted"]
    assert places == [{"artifactLocation": {"uri": "policies.yaml"}, "region": {"startLine": 28}}]


def test_reach_says_yes_and_which_rules_decide(here: Bench, tmp_path: Path) -> None:
    done = arcops(here, "reach", shop(tmp_path / "shop"), "--from", "shop/web", "--to", "db:5432")
    assert done.returncode == YES, done.stdout + done.stderr
    assert done.stdout.splitlines() == [
        "yes: Deployment shop/web to StatefulSet shop/db, TCP 5432",
        "  egress: policies.yaml:27: NetworkPolicy shop/web allows it by spec.egress[0]",
        "  ingress: policies.yaml:37: NetworkPolicy shop/db allows it by spec.ingress[0]",
    ]


def test_reach_says_no_and_which_policies_isolate(here: Bench, tmp_path: Path) -> None:
    done = arcops(here, "reach", shop(tmp_path / "shop"), "--from", "internet", "--to", "shop/db:postgres", "--format", "json")
    assert done.returncode == NO
    found = json.loads(done.stdout)
    assert found["allowed"] is False
    reasons = [(one["policy"], one["at"]["line"]) for one in found["connections"][0]["reasons"]]
    assert reasons == [("NetworkPolicy shop/deny", 1), ("NetworkPolicy shop/db", 30)]


def test_an_answer_that_rests_on_what_was_not_read_is_not_certain(here: Bench, tmp_path: Path) -> None:
    folder = shop(tmp_path / "shop", "kind: [\n")
    done = arcops(here, "reach", folder, "--from", "shop/web", "--to", "db:5432")
    assert done.returncode == NOT_CERTAIN
    assert "not certain: more-0.yaml:2" in done.stdout


@pytest.mark.parametrize(
    ("source", "to", "says"),
    [
        ("missing", "db:5432", "there are shop/db, shop/web"),
        ("shop/web", "nothing:80", "no Service with pods, pod or workload 'nothing'"),
        ("shop/web", "db", "write NAME:PORT"),
        ("shop/web", "db:0", "use 1 to 65535"),
        ("shop/web", "db:80/icmp", "use tcp, udp or sctp"),
        ("a/b/c/d", "db:80", "is not a name"),
    ],
)
def test_names_of_nothing_are_refused(here: Bench, tmp_path: Path, source: str, to: str, says: str) -> None:
    with pytest.raises(Refused, match=says):
        reach_network(ReachNetwork(target=shop(tmp_path / "shop"), source=source, to=to), here.place())


@pytest.mark.parametrize(
    ("to", "port", "allowed"),
    [
        ("db:5432", 5432, True),
        ("db:postgres", 5432, True),
        ("Service/db:5432", 5432, True),
        ("StatefulSet/shop/db:5432/tcp", 5432, True),
        ("shop/db:5432/udp", 5432, False),
        ("shop/db:5433", 5433, False),
        ("shop/db:nothing", 0, False),
        ("web:80", 8080, False),
        ("10.0.0.1:443", 443, False),
        ("[2001:db8::1]:443", 443, False),
    ],
)
def test_targets_are_found_by_every_name_they_go_by(here: Bench, tmp_path: Path, to: str, port: int, allowed: bool) -> None:
    found = reach_network(ReachNetwork(target=shop(tmp_path / "shop"), source="web", to=to), here.place())
    assert [(one.port, one.allowed) for one in found.connections] == [(port, allowed)]
    assert found.certain


def test_an_address_block_may_hold_pods(here: Bench, tmp_path: Path) -> None:
    """Some network plugins let an ipBlock match pods, so a no that hangs on it is not certain, and a yes is."""
    ports = "      ports: [{port: 5432}]\n"
    block = f"{ports}    - to: [{{ipBlock: {{cidr: 10.0.0.0/8}}}}]\n      ports: [{{port: 22}}]\n"
    folder = shop(tmp_path / "shop", policies=changed(POLICIES, ports, block))

    def certain(to: str) -> bool:
        return reach_network(ReachNetwork(target=folder, source="shop/web", to=to), here.place()).certain

    assert certain("db:5432")
    assert not certain("db:22")
    assert certain("db:23")
    assert certain("10.0.0.1:22")


def test_the_flow_judges_by_every_gate_of_the_network() -> None:
    assert {gate.id for gate in all_gates() if NETWORK_SAFETY.judges(gate)} == {"network", "mesh", "gateway", "attachments"}


def test_diff_says_what_was_opened_and_exits_by_it(here: Bench, tmp_path: Path) -> None:
    declared = shop(tmp_path / "declared")
    assert arcops(here, "diff", declared, shop(tmp_path / "same")).returncode == 0
    wide = changed(POLICIES, "from: [{podSelector: {matchLabels: {app: web}}}]\n      ports: [{port: postgres}]", "from: []")
    done = arcops(here, "diff", declared, shop(tmp_path / "wide", policies=wide))
    assert done.returncode == NO
    assert "+ 0.0.0.0-255.255.255.255 to StatefulSet shop/db: all ports" in done.stdout
    assert "NetworkPolicy shop/db differs (policies.yaml:30)" in done.stdout
    broken = arcops(here, "diff", declared, shop(tmp_path / "broken", "kind: [\n"))
    assert broken.returncode == NO
    assert "not certain: live: more-0.yaml:2" in broken.stdout


def test_a_folder_that_is_gone_is_never_green(here: Bench, tmp_path: Path) -> None:
    with pytest.raises(Refused):
        check_network(CheckNetwork(target=tmp_path / "gone"), here.place())


def test_map_draws_a_picture_and_says_where_it_is_not_certain(here: Bench, tmp_path: Path) -> None:
    picture = tmp_path / "map.svg"
    done = arcops(here, "map", shop(tmp_path / "shop"), "-o", picture)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "<title>shop web (Deployment) to shop db (StatefulSet): TCP 5432</title>" in picture.read_text()
    done = arcops(here, "map", shop(tmp_path / "broken", "kind: [\n"), "-o", picture)
    assert done.returncode == NOT_CERTAIN
    assert "Not certain: more-0.yaml:2" in picture.read_text()


def test_map_of_an_artifact_is_of_what_was_judged(here: Bench, tmp_path: Path) -> None:
    here = emptied(here, tmp_path / "bench")
    folder = shop(tmp_path / "shop")
    judged = check_network(CheckNetwork(target=folder, policy="network-aks-arc"), here.place())
    before = map_network(MapNetwork(target=folder), here.place())
    shop(folder, policies="")
    assert map_network(MapNetwork(artifact=judged.artifact), here.place()) == before
    assert map_network(MapNetwork(target=folder), here.place()).lines > before.lines
    picture = tmp_path / "map.svg"
    done = arcops(here, "map", "--artifact", judged.artifact, "-o", picture)
    assert (done.returncode, picture.read_text()) == (0, before.svg), done.stderr
    for ask in (MapNetwork(), MapNetwork(target=folder, artifact=judged.artifact)):
        with pytest.raises(Refused, match="either"):
            map_network(ask, here.place())
    with pytest.raises(Refused, match="no evidence of kind 'declared'"):
        map_network(MapNetwork(artifact=judged.artifact, kind="declared"), here.place())


def test_a_question_has_an_end(here: Bench, tmp_path: Path) -> None:
    at = replace(here.place(), stop=threading.Event())
    at.stop.set()
    with pytest.raises(Unavailable, match="stopped"):
        reach_network(ReachNetwork(target=shop(tmp_path / "shop"), source="shop/web", to="db:5432"), at)
    with pytest.raises(Unavailable, match="no answer within 0 s"):
        patience(here.place(), 0)()
