"""The flows that are made from the subjects' classes: every field is a parameter, with its help, bounds and default."""

from __future__ import annotations

import pytest

from arcops.asks import docs, questions
from arcops.errors import Refused
from arcops.subjects.network import Manifests
from flows.subjects.evaluation import Evaluation, all_evaluations, evaluation

pytestmark = [
    pytest.mark.requirement("ARC-0/every-runner-gives-the-same-artifact"),
    pytest.mark.filterwarnings("ignore"),
]  # Prefect's own warnings

EVALUATIONS = all_evaluations()


@pytest.mark.parametrize("what", EVALUATIONS, ids=lambda one: one.flow)
def test_a_flow_takes_the_fields_of_its_subject(what: Evaluation) -> None:
    from flows.prefect.made import flow_of

    shown = flow_of(what).parameters.model_dump()
    taken = [one for one in questions(what.subject) if not one.own and one.name not in dict(what.fixed)]
    assert set(shown["properties"]) == {one.name for one in taken} | {"policy", "output"}
    assert set(shown.get("required", ())) == {one.name for one in taken if one.required}
    for one in taken:
        said = shown["properties"][one.name]
        assert said["description"] == docs(what.subject)[one.name], "Prefect takes it from the docstring alone"
        if one.shape.most is not None:
            assert one.shape.most in said.values(), f"{one.name} has no bound"
    assert shown["properties"]["policy"]["default"] == what.default_policy


def test_no_two_evaluations_have_one_flow() -> None:
    assert len({one.flow for one in EVALUATIONS}) == len(EVALUATIONS)


class TestParameters:
    WHAT = evaluation("network-safety")

    def test_what_is_told_is_read_again(self) -> None:
        asked = self.WHAT.read({"target": "/srv/shop", "policy": "network", "output": "x"})
        assert isinstance(asked, Manifests)
        assert self.WHAT.read(self.WHAT.told(asked)) == asked

    def test_the_runner_is_the_same_for_the_same_question(self) -> None:
        first = self.WHAT.runner("run", {"target": "/srv/shop"})
        assert first == self.WHAT.runner("run", {"target": "/srv/shop", "context": "", "policy": "network", "output": "x"})
        others = ({"target": "/srv/other"}, {"target": "/srv/shop", "policy": "another"}, {"saved": "/srv/shop"})
        assert first not in {self.WHAT.runner("run", other) for other in others}
        assert first != self.WHAT.runner("another", {"target": "/srv/shop"})

    @pytest.mark.parametrize("wrong", [{"unknown": "x"}, {"target": 7}, {"kubeconfig": "/x", "context": "a"}])
    def test_what_is_no_field_or_not_for_a_worker_is_refused(self, wrong: dict[str, object]) -> None:
        with pytest.raises(Refused):
            self.WHAT.read(wrong)
