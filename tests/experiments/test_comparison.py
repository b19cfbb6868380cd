"""What a scenario cannot serve is refused before anything is trained, wherever methods and localizers are named."""

from typing import ClassVar

import pytest

import untrain as ut
from untrain.commands.arguments import comparison_of
from untrain.commands.localize import localize
from untrain.core.errors import RequestError, SpecError
from untrain.core.spec import parse
from untrain.experiments.comparison import check_needs, choose_for
from untrain.experiments.pipeline import price_comparisons
from untrain.experiments.run_options import RunOptions
from untrain.experiments.setting import Setting
from untrain.models.tasks.base import ABILITIES, Task
from untrain.models.tasks.causallm import CausalLM
from untrain.models.tasks.classification import Classification
from untrain.models.tasks.regression import Regression
from untrain.runtime.store import Store
from untrain.training.steps import Steps
from untrain.unlearners.base import Unlearner

FACTS = "Facts(people=10)"
LACKING = [
    ("RandomLabel()", "random_targets"),
    ("SalUn()", "random_targets"),
    ("RandomLabel() @ WeightedGrad()", "random_targets"),
    ("FisherNoise()", "fisher"),
    ("SCRUB(rewind=True)", "classes"),
    ("Finetune() @ CriticalNeurons()", "classes"),
]


class Rewinds(Unlearner):
    """Needs what was kept.

    Source: a test.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"kept:Checkpoint"})
    steps: Steps = Steps(lr=0.1)

    def unlearn(self, model, problem):
        return model


def test_a_task_has_the_abilities_whose_methods_it_defines():
    assert Regression().abilities == {"random_targets", "divergence", "fisher"}
    assert Classification(classes=2).abilities == {*Regression().abilities, "logits"}
    assert CausalLM().abilities == {"divergence", "logits"}
    assert all(hasattr(Task, method) for method in ABILITIES.values())


def test_a_task_that_lacks_an_ability_says_so_itself_too():
    task = CausalLM()
    assert "fisher" not in task.abilities
    with pytest.raises(SpecError, match="no Fisher information"):
        task.fisher_terms(None)


@pytest.mark.parametrize(("method", "lacks"), LACKING)
def test_what_a_task_does_not_give_is_refused_by_the_methods_name(method, lacks):
    scenario = parse(FACTS)
    with pytest.raises(SpecError, match=f"needs {lacks}, which CausalLM does not give") as refused:
        check_needs([parse("Nothing()"), parse(method)], scenario.learner(), scenario.load().train)
    assert str(refused.value).startswith(repr(parse(method)))
    assert "\n" not in str(refused.value)


def test_what_a_task_gives_is_not_refused():
    scenario = parse(FACTS)
    methods = [parse(m) for m in ("SCRUB()", "BadTeacher()", "Finetune() @ WeightedGrad()", "NegGrad()")]
    check_needs([*methods, parse("WeightedGrad()")], scenario.learner(), scenario.load().train)
    check_needs([parse(m) for m, _ in LACKING], ut.Digits().learner(), ut.Digits().load().train)


def test_a_method_is_refused_before_an_ensemble_chooses_the_request():
    scenario = parse(FACTS)

    def choose(*_):
        raise AssertionError("an ensemble would be trained")

    with pytest.raises(SpecError, match="needs random_targets"):
        choose_for([parse("SalUn()")], choose)(scenario, scenario.load())
    with pytest.raises(AssertionError, match="would be trained"):
        choose_for([parse("Nothing()")], choose)(scenario, scenario.load())


def test_a_price_is_not_reckoned_of_what_is_refused(tmp_path):
    with pytest.raises(SpecError, match=r"SalUn\(.*needs random_targets"):
        price_comparisons([comparison_of(FACTS, ["SalUn()"], 2, 3, 0)], tmp_path / "store", RunOptions(Setting()))
    assert not (tmp_path / "store").exists()


def test_localizers_are_refused_before_originals_are_trained(tmp_path):
    with pytest.raises(SpecError, match=r"^CriticalNeurons\(.*needs classes, which CausalLM does not give"):
        localize(FACTS, ["WeightedGrad", "CriticalNeurons"], tmp_path, seeds=1)
    assert list(Store(tmp_path).entries()) == []


def test_a_search_is_refused_before_originals_are_trained(tmp_path):
    pytest.importorskip("optuna")
    with pytest.raises(RequestError, match=r"Rewinds\(\): what.*keepers=\(Checkpoint\(\),\)"):
        ut.search("Digits()", Rewinds(), tmp_path, trials=1, seeds=1, over="steps.lr=0.01..0.1")
    assert list(Store(tmp_path).entries()) == []
