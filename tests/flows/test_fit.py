"""A plan of models on GPUs by the flow ``fit-check`` of Prefect, as a worker runs it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from arcops.verdict import Verdict
from tests.fit_models import TINY, model
from tests.flows.running import Runs, running
from tests.flows.site import Site
from tests.flows.test_prefect import run_flow
from tests.models import bench

pytestmark = [
    pytest.mark.requirement("ARC-R3/models-fit-together"),
    pytest.mark.filterwarnings("ignore"),  # Prefect's own warnings are not ours to fix
    pytest.mark.xdist_group("site"),
    pytest.mark.site,
]


@pytest.fixture(scope="module")
def runs(plain_site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runs]:
    with running(plain_site.api, tmp_path_factory.mktemp("runs")) as found:
        yield found


def test_a_plan_by_the_flow_ends_in_its_verdict_and_a_wrong_description_is_red(tmp_path: Path, runs: Runs) -> None:
    here = bench(tmp_path)
    model(tmp_path / "tiny")
    path = tmp_path / "fit.yaml"
    told = "name: edge\ngpus: {edge: {sku: L4}}\nmodels: {chat: {path: ./tiny, engine: llama.cpp, context: 4096}}\n"
    path.write_text(told)
    well = run_flow(here, runs, "fit_check", target=str(path))
    assert (well["name"], well["type"]) == ("GREEN", "COMPLETED"), well["message"]
    report = here.open(Path(well["output"]))
    assert (report.verdict, report.subject.kind) == (Verdict.GREEN, "co-deployment")

    model(tmp_path / "tiny", {**TINY, "num_hidden_layers": 9}, [])
    ill = run_flow(here, runs, "fit_check", target=str(path))
    assert (ill["name"], ill["type"]) == ("RED", "FAILED")

    path.write_text(f"{told}colour: red\n")
    wrong = run_flow(here, runs, "fit_check", target=str(path))
    assert (wrong["name"], wrong["type"]) == ("RED", "FAILED")
    assert here.open(Path(wrong["output"])).verdict is Verdict.RED
