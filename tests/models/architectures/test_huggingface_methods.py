"""Every method works on classifiers of transformers as it does on ours."""

from dataclasses import replace

import pytest
import torch
from torch import nn

import untrain as ut
from methods import latin, localizers, name_of, that_move
from untrain.core.errors import ModelError
from untrain.core.flops import count_flops
from untrain.data.examples import Examples
from untrain.localizers._ablation import InOneBatch, OneByOne, copies_of
from untrain.localizers._forward_order import in_forward_order
from untrain.models.features import features
from untrain.models.tasks.classification import Classification

KINDS = ("vit", "resnet", "convnext", "swin")
MORE = (*KINDS, "deit", "dinov2")
METHODS = that_move("unlearner", "recipe")
# At its default it selects no weight of most models as small as these, and says so.
METHODS = [replace(made, select=1.5) if isinstance(made, ut.SSD) else made for made in METHODS]
LOCALIZERS = localizers()
ONE_HEAD = ("BoundaryExpand", "DUCK", "REM", "SCAR")  # they work on the features that one head sees
EPOCH = ut.Steps(lr=0.01, epochs=1, batch=16)


@pytest.mark.parametrize("kind", MORE)
def test_it_learns_and_one_seed_gives_one_model(kind, hugging):
    learner, model, problem = hugging.trained(kind)
    answers = Classification().forward(model, hugging.data())
    assert (answers.argmax(1) == hugging.data().y).float().mean() > 0.95
    before = torch.get_rng_state()
    again = learner(hugging.data(), 0).state_dict()
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(t, again[n]) for n, t in model.state_dict().items()), "with dropout too"
    assert len(problem.forget) == 8


@pytest.mark.parametrize(("kind", "made"), latin(MORE, METHODS, 24), ids=name_of)
def test_every_method_moves_it_and_gives_one_model_for_one_seed(made, kind, hugging):
    _, model, problem = hugging.trained(kind)
    if kind == "deit" and name_of(made) in ONE_HEAD:
        with pytest.raises(ModelError, match="has several heads"):
            made.run(model, problem)
        return
    outcome, again = made.run(model, problem), made.run(model, problem)
    assert outcome.guard.moved_share > 0
    assert outcome.guard.outside_mask_max == 0
    assert type(outcome.model) is type(model)
    assert all(torch.equal(t, again.model.state_dict()[n]) for n, t in outcome.model.state_dict().items())


@pytest.mark.parametrize(("kind", "made"), latin(MORE, LOCALIZERS, 6), ids=name_of)
def test_every_localizers_mask_fits_and_nothing_outside_it_and_the_head_moves(made, kind, hugging):
    _, model, problem = hugging.trained(kind)
    mask = made(model, problem)
    assert {n: b.shape for n, b in mask.bits.items()} == {n: p.shape for n, p in model.named_parameters()}
    share = sum(int(b.sum()) for b in mask.bits.values()) / sum(b.numel() for b in mask.bits.values())
    assert 0 < share <= getattr(made, "keep", 1.0) + 1e-9
    moved = (ut.Finetune(steps=EPOCH) @ made)(model, problem).state_dict()
    for name, p in model.named_parameters():
        if name not in model.head_names:
            assert torch.equal(moved[name][~mask.bits[name]], p[~mask.bits[name]]), name
    assert any(not torch.equal(moved[n], p) for n, p in model.named_parameters())


@pytest.mark.parametrize("kind", MORE)
def test_the_order_from_the_input_begins_with_the_embedding_and_ends_with_the_head(kind, hugging):
    _, model, problem = hugging.trained(kind)
    order = in_forward_order(model, problem)
    assert sorted(order) == sorted(n for n, _ in model.named_parameters())
    assert tuple(order[-len(model.head_names) :]) == model.head_names
    assert "embed" in order[0]


@pytest.mark.parametrize("kind", KINDS)
def test_the_deepest_layer_is_the_head_and_the_shallowest_weights_lie_in_the_embedding(kind, hugging):
    _, model, problem = hugging.trained(kind)
    deep = ut.Deepest(layers=1)(model, problem).bits
    assert tuple(n for n, b in deep.items() if b.any()) == model.head_names
    shallow = ut.Shallowest(keep=0.01)(model, problem).bits
    assert all("embed" in n for n, b in shallow.items() if b.any())


@pytest.mark.parametrize(
    ("kind", "wanted"), [("vit", OneByOne), ("resnet", InOneBatch), ("convnext", OneByOne), ("swin", OneByOne)]
)
def test_neurons_are_searched_in_one_batch_only_where_every_layer_is_known(kind, wanted, hugging):
    _, model, problem = hugging.trained(kind)
    assert type(copies_of(model, problem)) is wanted


def test_the_head_sees_one_vector_an_example(hugging):
    _, model, problem = hugging.trained("vit")
    seen = features(model, problem.forget, problem.task)
    wanted = model.vit(model.pixels(problem.forget.x)).last_hidden_state[:, 0].detach()
    assert torch.allclose(torch.as_tensor(seen), wanted, atol=1e-6)


def test_a_parameter_that_no_example_meets_is_coped_with(hugging):
    _, model, problem = hugging.trained("dinov2")
    idle = "dinov2.embeddings.mask_token"
    outcome = ut.Finetune(steps=EPOCH).run(model, problem)
    assert torch.equal(outcome.model.state_dict()[idle], model.state_dict()[idle])
    assert not ut.WeightedGrad()(model, problem).bits[idle].any(), "what gets no gradient scores least"


def test_both_heads_of_a_distilled_model_move_in_full(hugging):
    _, model, problem = hugging.trained("deit")
    moved = (ut.Finetune(steps=EPOCH) @ ut.Shallowest(keep=0.05))(model, problem).state_dict()
    assert all(not torch.equal(moved[n], model.state_dict()[n]) for n in model.head_names)
    frozen = (ut.Finetune(steps=EPOCH) @ ut.Shallowest(keep=0.05, head="frozen"))(model, problem).state_dict()
    assert all(torch.equal(frozen[n], model.state_dict()[n]) for n in model.head_names)


def inner(net):
    """The two linear layers that tied models share a weight between."""
    return [part for part in net.modules() if isinstance(part, nn.Linear) and part.out_features == 32]


@pytest.fixture(scope="module")
def tied(hugging):
    """A model with tied weights, trained once, and a request."""

    def net():
        made = hugging.spec("vit").build(hugging.SHAPE, hugging.CLASSES)
        inner(made)[1].weight = inner(made)[0].weight
        return made

    learner = ut.Train(model=net, steps=EPOCH)
    model = learner(hugging.data(), 0)
    return model, hugging.asked(learner, model, [0, 1, 2])


@pytest.mark.parametrize(("kind", "made"), latin(["vit"], METHODS, 12), ids=name_of)
def test_tied_weights_stay_tied(kind, made, tied):
    forgot = made(*tied)
    assert inner(forgot)[1].weight is inner(forgot)[0].weight


def test_bytes_are_unlearned_as_their_fractions_are(hugging):
    learner, model, _ = hugging.trained("vit")
    whole = hugging.data()
    small = Examples.labelled((whole.x * 255).round().to(torch.uint8), whole.y, whole.ids, whole.classes)
    same = small.with_fields(x=small.x.float() / 255)
    ours, theirs = (ut.DEL(steps=EPOCH)(model, ut.problem(e, list(range(8)), learner)) for e in (small, same))
    assert all(torch.equal(p, q) for p, q in zip(ours.parameters(), theirs.parameters(), strict=True))


def test_every_operation_is_counted_attention_too(hugging):
    _, model, problem = hugging.trained("vit")
    with torch.no_grad():
        _, total = count_flops(lambda: model(problem.forget.x))
    tokens, wide, hidden = 5, 16, 32
    layer = 4 * tokens * wide**2 + 2 * tokens**2 * wide + 2 * tokens * wide * hidden
    assert total == 2 * len(problem.forget) * (4 * wide * 16 + 2 * layer + 3 * wide)
