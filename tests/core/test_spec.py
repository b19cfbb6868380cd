"""A spelling and what it makes."""

from ast import literal_eval

import pytest
from hypothesis import given
from hypothesis import strategies as st

from untrain.core import discovery
from untrain.core.code_digest import code_digest
from untrain.core.errors import MissingExtra, SpecError
from untrain.core.spec import Spec, canonical, digest, parse, sendable, spell, spelled_name
from untrain.core.spec_sources import sources
from untrain.localizers._mask_units import Channels, Gather
from untrain.localizers.base import Localizer
from untrain.localizers.gradient import Gradient
from untrain.localizers.randommask import RandomMask
from untrain.localizers.weightedgrad import WeightedGrad
from untrain.models.architectures.resnet import ResNet
from untrain.models.tasks.classification import Classification
from untrain.training.learners.train import Train
from untrain.training.steps import SGD, AdamW, Constant, Cosine, Geometric, Steps, Triangular
from untrain.unlearners.base import Unlearner
from untrain.unlearners.finetune import Finetune
from untrain.unlearners.neggrad import NegGrad
from untrain.unlearners.recipes import DEL
from untrain.unlearners.resetfinetune import ResetFinetune

shares = st.floats(0, 1)
keeps = st.floats(0, 1, exclude_min=True)
epochs = st.integers(0, 99) | st.integers(0, 100).map(lambda n: f"{n}%")
optimizers = st.builds(SGD, momentum=st.floats(0, 1), decay=st.floats(0, 1), nesterov=st.booleans()) | st.builds(
    AdamW, beta1=st.floats(0, 0.99), decay=st.floats(0, 1)
)
steps = st.builds(
    Steps,
    lr=st.floats(1e-9, 10),
    epochs=epochs,
    batch=st.integers(1, 999),
    optimizer=optimizers,
    schedule=st.builds(Cosine, floor=shares)
    | st.just(Constant())
    | st.just(Geometric(floor=0.3))
    | st.builds(Triangular, peak=shares),
    buffers=st.sampled_from(["move", "freeze", "reestimate"]),
    warmup=shares,
    clip=st.none() | st.floats(1e-6, 10),
    smoothing=shares,
)
channels = st.builds(
    Channels, top=st.integers(1, 50) | st.sampled_from(["auto", "all"]), unit=st.sampled_from(["whole", "elements"])
)
weighted = st.builds(WeightedGrad, keep=keeps, per=st.sampled_from(["channel", "weight"]), channels=channels)
localizers = weighted | st.builds(RandomMask, like=weighted) | st.builds(Gradient, keep=keeps)
unlearners = st.builds(NegGrad, alpha=shares, steps=steps) | st.builds(
    ResetFinetune, steps=steps, reset=st.sampled_from(["fresh", "own", "perturb", "none"])
)
specs = steps | localizers | unlearners | st.builds(lambda u, w: u @ w, unlearners, localizers)


@given(specs)
def test_a_spelling_makes_the_same_object_again(made):
    assert parse(repr(made)) == made


@given(specs)
def test_the_canonical_spelling_makes_the_same_object_again(made):
    assert parse(canonical(made)) == made


@given(specs, specs)
def test_two_objects_are_equal_when_their_canonical_spellings_are(a, b):
    assert (a == b) == (canonical(a) == canonical(b))


@given(st.text(alphabet="DELNegGrad()@=0.3,'%:*+-[] \n_x", max_size=30))
def test_any_text_makes_a_spec_or_one_clear_line(text):
    try:
        made = parse(text)
    except SpecError as error:
        made = str(error)
    assert isinstance(made, Spec) or (made and "\n" not in made)


@given(st.recursive(st.integers() | st.text(max_size=3), lambda inner: st.lists(inner, max_size=3).map(tuple), max_leaves=6))
def test_tuples_are_spelled_so_that_they_read_back(value):
    assert literal_eval(spell(value, every=False)) == value


def test_defaults_are_left_out():
    assert repr(DEL()) == "DEL()"
    assert repr(DEL(keep=0.2)) == "DEL(keep=0.2)"


def test_the_canonical_spelling_writes_every_field():
    assert canonical(SGD()) == "SGD(momentum=0.9, decay=0.0, nesterov=False, decay_on='all')"


def test_a_recipe_is_canonically_its_expansion():
    assert canonical(DEL(keep=0.2)) == canonical(DEL(keep=0.2).expand())


def test_an_expression_is_spelled_as_it_is_written():
    spelled = "ResetFinetune(steps=Steps(lr=0.02)) @ WeightedGrad(keep=0.2)"
    assert repr(parse(spelled)) == spelled


def test_a_bare_name_is_allowed():
    assert parse("DEL") == DEL()
    assert parse("Finetune @ WeightedGrad") == Finetune() @ WeightedGrad()


def test_a_bare_name_is_allowed_as_a_field():
    assert parse("Finetune(steps=Steps(optimizer=AdamW))") == Finetune(steps=Steps(optimizer=AdamW()))


def test_a_tuple_of_one_is_read_back():
    assert repr(Classification(head_names=("fc.weight",))) == "Classification(head_names=('fc.weight',))"
    assert parse("Classification(head_names=['fc.weight'])") == Classification(head_names=("fc.weight",))


def test_values_may_be_given_in_order():
    assert parse("NegGrad(0.9)") == NegGrad(alpha=0.9)


REFUSED = {
    "DEL(kep=0.3)": "DEL has no field 'kep'; it has ['keep', 'reference', 'steps']; did you mean 'keep'?",
    "DEL(zzz=0.3)": "DEL has no field 'zzz'; it has ['keep', 'reference', 'steps']",
    "Dell": "there is no 'Dell'; did you mean 'DEL'?",
    "neggrad": "there is no 'neggrad'; did you mean 'NegGrad'?",
    "Qqqqqqq": "there is no 'Qqqqqqq'; `untrain methods` lists what there is",
    "DEL(keep='0.3')": "DEL: keep='0.3': should be a valid number",
    "DEL(keep=True)": "DEL: keep=True: should be a valid number",
    "DEL(keep=0)": "DEL: keep=0: should be greater than 0",
    "DEL(keep=1.1)": "DEL: keep=1.1: should be less than or equal to 1",
    "NegGrad(0.1, 0.2, 0.3)": "NegGrad takes at most 2 values, ['alpha', 'steps']; 3 were given",
    "ResetFinetune(reset='frsh')": "ResetFinetune: reset='frsh': should be 'fresh', 'own', 'perturb' or 'none'",
    "DEL(keep=": "cannot read 'DEL(keep=': a bracket is missing: '(' in column 4 is not closed; write Name(field",
    "": "cannot read ''",
    "DEL, SSD(select=2)": "'DEL, SSD(select=2)' is 2 specs, where one is meant: give each by itself, an option again for each",
    "3": "'3' is a plain value; a spec is a name with fields, such as DEL(keep=0.3)",
    "3()": "in '3()': 3 is not a name that can be called",
    "DEL()()": "DEL() is not a name that can be called",
    "1 + 2": "in '1 + 2': 1 + 2 is arithmetic; write the value",
    "DEL(keep=0.1 + 0.2)": "0.1 + 0.2 is arithmetic; write the value",
    "DEL(**{'keep': 0.3})": "'*' and '**' are not understood; write each field out",
    "DEL(*[0.3])": "'*' and '**' are not understood; write each field out",
    "DEL(keep=[x for x in y])": "is neither a literal nor a known name",
    "DEL @ WeightedGrad": "'@' joins unlearner and localizer, not DEL and WeightedGrad",
    "WeightedGrad @ Finetune": "'@' joins unlearner and localizer",
    "Finetune @ WeightedGrad @ Gradient": "is confined already: join one unlearner and one localizer",
    "no.such.module.Thing": "there is no module 'no.such.module' to take 'Thing' from",
    "untrain.unlearners.recipes.Nope": "untrain.unlearners.recipes has no class 'Nope', and no function of that name",
    "untrain.unlearners.base.Unlearner": "untrain.unlearners.base.Unlearner is not a spec that can be made",
    "subprocess.Popen(args='touch /tmp/x')": "subprocess.Popen is not a spec that can be made",
}


@pytest.mark.parametrize("text", REFUSED)
def test_what_is_wrong_is_told_in_one_line(text):
    with pytest.raises(SpecError) as caught:
        parse(text)
    assert REFUSED[text] in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_function_is_spelled_where_a_field_holds_one(tmp_path, monkeypatch):
    (tmp_path / "factories.py").write_text("from torch import nn\n\n\ndef make():\n    return nn.Linear(2, 2)\n\n\nSIZE = 3\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    learner = parse("Train(model=factories.make)")
    assert repr(learner) == "Train(model=factories.make)"
    assert parse(repr(learner)) == learner
    assert sendable(learner)
    assert learner.model().out_features == 2
    for text, why in {
        "factories.make": "is a plain value",
        "Train(model=factories.make())": "factories.make is not a name that can be called",
        "Train(model=factories.SIZE)": "factories has no class 'SIZE', and no function of that name",
        "Train(model=factories.nothing)": "factories has no class 'nothing', and no function of that name",
    }.items():
        with pytest.raises(SpecError, match=why):
            parse(text)


def test_a_nan_is_refused():
    with pytest.raises(SpecError, match="keep=nan: should be a finite number"):
        DEL(keep=float("nan"))


def test_a_field_without_default_is_needed():
    with pytest.raises(SpecError, match="Train: model is needed"):
        Train()


def test_no_foreign_class_is_called(tmp_path):
    target = tmp_path / "made"
    with pytest.raises(SpecError):
        parse(f"subprocess.Popen(args=('touch', '{target}'))")
    assert not target.exists()


def test_a_missing_library_is_named(tmp_path, monkeypatch):
    (tmp_path / "plug_in_of_test.py").write_text("import no_such_library\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(MissingExtra, match="needs no_such_library, which is not installed"):
        discovery.load("plug_in_of_test.Thing")


def test_a_method_cannot_be_subclassed():
    with pytest.raises(TypeError, match="subclasses NegGrad, which is final: wrap it or give it a field"):

        class More(NegGrad):
            """More."""


@pytest.mark.parametrize("verb", ["__init__", "__call__", "run", "__matmul__"])
def test_a_method_cannot_define_what_its_role_keeps(verb):
    with pytest.raises(TypeError, match=f"defines {verb}, which its role keeps for itself"):
        type("Cheat", (Unlearner,), {verb: lambda self: None})


@pytest.mark.parametrize("role", [Unlearner, Localizer])
def test_a_role_cannot_be_made(role):
    with pytest.raises(TypeError, match="abstract"):
        role()


def test_a_method_is_frozen():
    made = NegGrad()
    with pytest.raises(AttributeError):
        made.alpha = 0.1
    assert made.alpha == 0.95


def test_equal_methods_hash_alike():
    assert len({NegGrad(alpha=0.9), NegGrad(alpha=0.9), NegGrad(alpha=0.8)}) == 2


def test_a_plug_in_is_spelled_with_its_module():
    class Other(Localizer):
        """Other."""

        def localize(self, model, problem):
            return {}

    assert spelled_name(Other).startswith(Other.__module__ + ".")
    assert spelled_name(NegGrad) == "NegGrad"


def test_sources_name_every_part_that_takes_part():
    assert set(sources(DEL())) == {"Localized", "ResetFinetune", "WeightedGrad", "Channels", "Gather", "Steps", "SGD", "Cosine"}


def test_sources_do_not_depend_on_values_of_fields():
    assert sources(NegGrad(alpha=0.1)) == sources(NegGrad(alpha=0.2))


def test_a_comment_or_a_docstring_does_not_change_the_digest_of_code(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    texts = {
        "code_a": "def f(x):\n    return x + 1\n",
        "code_b": '"""New."""\ndef f(x):\n    """New."""\n    return x + 1  # new\n',
        "code_c": "def f(x):\n    return x + 2\n",
    }
    made = {}
    for name, text in texts.items():
        (tmp_path / f"{name}.py").write_text(text)
        made[name] = code_digest(__import__(name).f)
    assert made["code_a"] == made["code_b"] != made["code_c"]


@given(st.dictionaries(st.text(max_size=3), st.integers(), min_size=2))
def test_a_digest_does_not_depend_on_the_order_of_keys(value):
    assert digest(value) == digest(dict(reversed(value.items())))


def test_a_localizer_can_be_a_field():
    assert parse("RandomMask(like=Gradient(keep=0.1))") == RandomMask(like=Gradient(keep=0.1))


def test_a_literal_field_knows_its_choices():
    assert parse("ResNet(depth=34)") == ResNet(depth=34)
    with pytest.raises(SpecError, match="depth=19: should be 10, 18, 34 or 50"):
        ResNet(depth=19)


def test_a_gather_of_another_kind_is_refused():
    with pytest.raises(SpecError, match="gather"):
        WeightedGrad(gather=Channels())
    assert WeightedGrad(gather=Gather(samples="code")).gather.samples == "code"
