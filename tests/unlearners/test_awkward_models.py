"""Models, examples and forget sets that are awkward: every localizer and every method copes, or refuses in one line that says
what would do. Methods are found, kinds of models are drawn up here, and what is refused is told: a refusal more is a failure."""

import re
import warnings
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from methods import latin, localizers, that_move
from untrain.core.errors import BrokenPromise, ModelError, UntrainError
from untrain.core.precision import HALF
from untrain.core.seeds import seeded
from untrain.data.examples import Examples
from untrain.localizers.base import Localizer
from untrain.models.architectures.vit import ViT
from untrain.models.tasks.classification import Classification
from untrain.training.learners.train import Train
from untrain.training.problem import Problem
from untrain.training.steps import Constant, Steps
from untrain.training.toy import effects_of, kept_of
from untrain.unlearners.base import Localized, Recipe, Unlearner
from untrain.unlearners.finetune import Finetune
from untrain.unlearners.ssd import SSD

LOCALIZERS = localizers()
METHODS = that_move("unlearner", "recipe")
# At its default it selects no weight of most models as small as these, and says so.
METHODS = [replace(made, select=1.5) if isinstance(made, SSD) else made for made in METHODS]
CONFINED = [Finetune(steps=Steps(lr=0.05, epochs=1, batch=16, schedule=Constant())) @ made for made in LOCALIZERS]


class Of(nn.Module):
    """Parts by name, and what becomes of an input."""

    def __init__(self, run, **parts):
        super().__init__()
        for name, part in parts.items():
            setattr(self, name, part)
        self.run = run

    def forward(self, x):
        return self.run(self, x)


def plain():
    return nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3))


def normed():
    return nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 3))


def image(*layers):
    return nn.Sequential(nn.Unflatten(1, (1, 2, 3)), *layers)


def frozen(make, *found):
    """A model of which parameters of some names are frozen; all, where none is named."""

    def made():
        model = make()
        for name, p in model.named_parameters():
            p.requires_grad_(bool(found) and name not in found)
        return model

    return made


def tied_layers():
    model = Of(lambda m, x: m.head(m.two(m.one(x).relu()).relu()), one=nn.Linear(6, 6), two=nn.Linear(6, 6), head=nn.Linear(6, 3))
    model.two.weight = model.one.weight
    return model


def tied_head():
    """An embedding that is the head too."""
    run = lambda m, x: m.head(m.mix(m.words(x).mean(1)))  # noqa: E731
    model = Of(run, words=nn.Embedding(7, 4), mix=nn.Linear(4, 4), head=nn.Linear(4, 7, bias=False))
    model.head.weight = model.words.weight
    return model


def unused():
    aside = {"aside": nn.Linear(9, 9), "extra": nn.Parameter(torch.ones(5))}
    return Of(lambda m, x: m.head(m.body(x).relu()), body=nn.Linear(6, 6), head=nn.Linear(6, 3), **aside)


def buffered():
    model = Of(lambda m, x: m.net((x * m.on)[:, m.order]), net=normed())
    for name, held in {"order": torch.arange(6).flip(0), "on": torch.ones(6, dtype=torch.bool), "count": torch.tensor(3)}.items():
        model.register_buffer(name, held)
    return model


def odd():
    """A parameter of no dimension, and one of no elements."""
    parts = {"scale": nn.Parameter(torch.tensor(1.5)), "none": nn.Parameter(torch.zeros(0, 3))}
    return Of(lambda m, x: m.scale * m.net(x), net=plain(), empty=nn.Parameter(torch.zeros(3, 0)), **parts)


def recurrent():
    return Of(lambda m, x: m.head(m.rnn(x.reshape(-1, 3, 2))[0][:, -1]), rnn=nn.GRU(2, 5, batch_first=True), head=nn.Linear(5, 3))


def half_by_itself():
    return Of(lambda m, x: m.net(x.bfloat16()), net=plain().bfloat16())


def mixed():
    return Of(lambda m, x: m.b(m.a(x.bfloat16()).relu().float()), a=nn.Linear(6, 8).bfloat16(), b=nn.Linear(8, 3))


def cut_below_the_head():
    return Of(lambda m, x: m.head(m.body(x).relu().detach()), body=nn.Linear(6, 6), head=nn.Linear(6, 3))


def cut():
    return Of(lambda m, x: m.body(x).detach(), body=nn.Linear(6, 3))


def view():
    model = Of(lambda m, x: m.head(m.body(x).relu()), body=nn.Linear(6, 8), head=nn.Linear(8, 3))
    model.body.weight = nn.Parameter(torch.randn(16, 6)[::2] * 0.3)
    return model


def shared_memory():
    gain = nn.Parameter(torch.ones(1).expand(8))
    return Of(lambda m, x: m.head(m.gain * m.body(x).relu()), body=nn.Linear(6, 8), head=nn.Linear(8, 3), gain=gain)


def zeros():
    model = plain()
    for p in model.parameters():
        nn.init.zeros_(p)
    return model


TINY = ViT(patch=1, width=4, depth=1, heads=2, hidden=4)
KINDS = {
    "plain": plain,
    "batch norm": normed,
    "frozen body": frozen(plain, "0.weight", "0.bias"),
    "frozen head": frozen(normed, "3.weight", "3.bias"),
    "all but one bias frozen": frozen(plain, "0.weight", "0.bias", "2.weight"),
    "frozen": frozen(plain),
    "tied layers": tied_layers,
    "tied head": tied_head,
    "unused": unused,
    "integer buffers": buffered,
    "odd shapes": odd,
    "recurrent": recurrent,
    "transformer": lambda: nn.Sequential(nn.Unflatten(1, (1, 2, 3)), TINY.build((1, 2, 3), 3)),
    "cut below the head": cut_below_the_head,
    "cut": cut,
    "convolution of one channel": lambda: image(nn.Conv2d(1, 1, 2), nn.ReLU(), nn.Flatten(), nn.Linear(2, 3)),
    "convolution for a head": lambda: image(
        nn.Conv2d(1, 4, 2), nn.ReLU(), nn.Conv2d(4, 3, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten()
    ),
    "convolution in groups": lambda: image(
        nn.Conv2d(1, 4, 2), nn.ReLU(), nn.Conv2d(4, 4, 1, groups=2), nn.Flatten(), nn.Linear(8, 3)
    ),
    "group norm": lambda: image(nn.Conv2d(1, 4, 2), nn.GroupNorm(2, 4), nn.ReLU(), nn.Flatten(), nn.Linear(8, 3)),
    "layer norm": lambda: nn.Sequential(nn.Linear(6, 8), nn.LayerNorm(8), nn.ReLU(), nn.Linear(8, 3)),
    "no statistics": lambda: nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8, track_running_stats=False), nn.Linear(8, 3)),
    "no statistics, images": lambda: image(
        nn.Conv2d(1, 4, 2), nn.BatchNorm2d(4, track_running_stats=False), nn.Flatten(), nn.Linear(8, 3)
    ),
    "dropout": lambda: nn.Sequential(nn.Linear(6, 8), nn.Dropout(0.3), nn.ReLU(), nn.Linear(8, 3)),
    "weight norm": lambda: nn.Sequential(nn.utils.parametrizations.weight_norm(nn.Linear(6, 8)), nn.ReLU(), nn.Linear(8, 3)),
    "nothing but batch norm": lambda: nn.BatchNorm1d(6),
    "nothing but layer norm": lambda: nn.LayerNorm(6),
    "half by itself": half_by_itself,
    "mixed": mixed,
    "view": view,
    "memory shared within": shared_memory,
    "zeros": zeros,
    "no parameters": lambda: nn.Sequential(nn.Identity()),
}
FORGET, TOTAL = 8, 40

NORMS = ("nothing but batch norm", "nothing but layer norm")
PLANE = ("group norm", "no statistics", "no statistics, images", "no parameters")
FLAT = tuple(kind for kind in KINDS if "convolution" not in kind and kind not in PLANE)
FEW = ("frozen body", "frozen head", "cut")
BY_GRADIENT = ("CriticalNeurons", "Fisher", "Gradient", "WeightedGrad", "RandomMask", "SSD", "Potion", "WoodFisher", "FisherNoise")
# Why something is refused: kinds of models, and names of methods or of what they are; all of them where none is named.
NEEDS = {
    r"no linear layer or convolution with a weight of its own may move, so": [(("all but one bias frozen", *NORMS), ("LowRank",))],
    r"the change of no layer had a gradient: take the unlearner by itself": [(("zeros",), ("LowRank",))],
    r"has a single layer, and none in the middle: name one, or": [(("cut", *NORMS), ("RMU",))],
    r"CT transposes kernels of convolutions, and \w+ has none of two or more pixels a side: take": [(FLAT, ("CT",))],
    r"has no layer with a weight of two or more dimensions: take": [(NORMS, ("CFW", "KDE", "MSG", "PRMQ", "ReinitCycles"))],
    r"none of the weights that MSG resets may move: widen the mask": [(("all but one bias frozen",), ("MSG",))],
    r"the sensitivity to inputs depends on none of .*: let other weights move": [(("all but one bias frozen",), ("MUMis",))],
    r"takes gradients by inputs, and these are torch.int64: real numbers are needed": [(("tied head",), ("AMUN", "L2UL", "MUMis"))],
    r"the outputs do not depend on the inputs by a gradient: take": [
        (("cut below the head",), ("AMUN", "L2UL", "MUMis")),
        (("cut",), ("AMUN",)),
    ],
    r"no adversarial example was found for any forget example: raise radius=": [(("zeros", "transformer"), ("AMUN",))],
    r"half precision rounds small changes away, so unlearn in float32": [(("half by itself",), ("MUMis", "NegMerge"))],
    r"all parameters are frozen: none can be localized; let some ask": [(("frozen",), ("localizer", "confined"))],
    r"no weight may move, as .*: widen the mask, or let some ask for gradients": [
        (("frozen",), ("unlearner",)),
        (("all but one bias frozen",), ("ProjectedGradient",)),
    ],
    r"no weight could move: inputs fill the whole space of each layer, or no layer is known: lower": [
        (NORMS, ("ProjectedGradient",))
    ],
    r"layers=2 cannot be met: the model has 1 layers .*; take layers=1 or fewer": [(FEW, ("CFk", "EUk"))],
    r"layers=2 cannot be met: the model has 0 .*; take keep instead of layers": [
        (("all but one bias frozen", *NORMS), ("CFk", "EUk"))
    ],
    r"no linear layer with 3 or more outputs to take for its head: name it": [
        (NORMS, ("FisherNoise", "DUCK", "SCAR", "BoundaryExpand", "POUR", "REM", "RNI", "head"))
    ],
    r"the loss does not depend on any weight that may move: widen the mask, or let": [
        (("cut",), ("steps", *BY_GRADIENT, "FirstOrder", "SecondOrder")),
        (("all but one bias frozen",), ("RMU",)),
    ],
    r"adds noise to inputs, and these are torch.int64: real numbers are needed": [
        (("tied head",), ("CriticalNeurons", "JiT", "ReferenceJiT"))
    ],
    r"changes inputs little by little, and these are torch.int64: real numbers are needed": [
        (("tied head",), ("BoundaryShrink", "UNSIR"))
    ],
    r"changes the head alone, and '3.weight' may not move: let it, or": [(("frozen head",), ("POUR",))],
    r"no direction of the forgotten classes in the head, as all rows are alike: train": [(("zeros",), ("POUR",))],
    r"found nothing to remove, as no removal makes one less likely: take another": [(("zeros",), ("CriticalNeurons",))],
    r"keeps no batch statistics, .*: make it with track_running_stats=True": [(("no statistics", "no statistics, images"), ())],
    r"has no parameters: there is nothing that could forget": [(("no parameters",), ())],
    r"elements of 'gain' share their memory .*: give it memory of its own": [(("memory shared within",), ("Retrain",))],
    r"no weight that may move has a gradient on the retain set: take": [(("zeros",), ("Potion",))],
    r"the function failed: RuntimeError: .*; call it by hand": [(("cut",), ("LoaderMethod",))],
    r"no weight would be dampened: .*; lower select=": [(("all but one bias frozen",), ("SSD",))],
    r"moved no parameter: .*; raise its lr, or widen its mask": [
        (("zeros",), ("SSD", "JiT", "MUMis", "ReferenceJiT", "ReinitCycles", "ProjectedGradient")),
        # Retrained, these layers begin and end as they are: there is nothing to imitate.
        (("zeros", "nothing but layer norm"), ("OracleMatch",)),
        # A bias of the last layer is in the outputs on both inputs, and cancels.
        (("all but one bias frozen",), ("JiT",)),
    ],
}


def posed(kind, dtype=None, forget=FORGET, right=True):
    """A model of some kind, in eval mode, and what it is to forget: examples that it predicts right, where it says anything."""
    draw = torch.Generator().manual_seed(8)
    y = torch.arange(TOTAL) % 3
    x = torch.randn(3, 6, generator=draw)[y] + 0.5 * torch.randn(TOTAL, 6, generator=draw)
    if kind == "tied head":
        x = torch.randint(0, 2, (TOTAL, 5), generator=draw) + 2 * y[:, None]
    x = x.to(dtype) if dtype is not None else x

    def make():
        return KINDS[kind]() if dtype is None else KINDS[kind]().to(dtype)

    def init(seed):
        with seeded(torch.device("cpu"), seed):
            return make()

    model = init(0).eval()
    if not kind.startswith("no statistics"):
        with torch.no_grad():
            said = model(x)
        y[:forget] = (said.argmax(1) if right else said[:, :3].argmin(1))[:forget] % 3
    ids = np.arange(TOTAL)
    sides = [Examples.labelled(x[rows], y[rows], ids[rows], 3) for rows in (slice(0, forget), slice(forget, TOTAL))]
    learner = Train(model=make, steps=Steps(lr=0.05, epochs=2, batch=16))
    kept = {"Checkpoint": {name: value.clone() for name, value in model.state_dict().items()}}
    if list(model.parameters()):
        kept |= kept_of(model, Examples.labelled(x, y, ids, 3), Classification())
    oracle, aids = init(1).eval(), {}
    if list(model.parameters()) and not kind.startswith("no statistics"):
        aids = {"oracles": (oracle,), "effects": effects_of(model, oracle, Classification(classes=3), *sides)}
    posed = Problem(Classification(), *sides, valid=sides[1], init=init, recipe=learner, seed=1, origin=0, kept=kept, **aids)
    return model, posed


def name_of(made):
    """A method's name, or that of the localizer that confines it."""
    return type(getattr(made, "localizer", made)).__name__


def told(value):
    """A case in the listing of tests."""
    if isinstance(value, tuple):
        return "-".join(map(told, value))
    return str(value) if isinstance(value, str | torch.dtype) else f"{'confined by ' if value in CONFINED else ''}{name_of(value)}"


def what(made):
    """A method's name and what it is, as far as it decides what it needs."""
    expression = made.expand() if isinstance(made, Recipe) else made
    localizer = made if isinstance(made, Localizer) else getattr(expression, "localizer", None)
    steps = hasattr(getattr(expression, "unlearner", expression), "steps") or name_of(made) == "Retrain"
    kinds = {
        "localizer": isinstance(made, Localizer), "confined": isinstance(expression, Localized),
        "unlearner": isinstance(expression, Unlearner) and localizer is None,
        # What thins weights out goes on without a loss that depends on them.
        "steps": steps and name_of(made) != "L1Sparse",
        "head": isinstance(expression, Localized) and localizer.classifier == "full",
    }  # fmt: skip
    return {name_of(made), *(kind for kind, fits in kinds.items() if fits)}


def needs(made, kind):
    """Why a method has to refuse a kind of model, as a pattern; None where it must not."""
    for why, cases in NEEDS.items():
        if any(kind in kinds and (not who or what(made) & set(who)) for kinds, who in cases):
            return why
    return None


def held(made, model, problem):
    """Hold a method, or a localizer, to its promises on a model."""
    params = dict(model.named_parameters())
    before = {n: p.detach().clone() for n, p in params.items()}
    still = [n for n, p in params.items() if not p.requires_grad]
    if isinstance(made, Localizer):
        mask = made(model, problem)
        assert {n: (b.shape, b.dtype) for n, b in mask.bits.items()} == {n: (p.shape, torch.bool) for n, p in params.items()}
        share = sum(int(b.sum()) for b in mask.bits.values()) / sum(p.numel() for p in params.values())
        assert 0 < share <= getattr(made, "keep", 1.0)
        assert not any(bool(mask.bits[n].any()) for n in still)
        assert all(p.grad is None and torch.equal(p, before[n]) for n, p in params.items())
        return
    outcome = made.run(model, problem)
    after = dict(outcome.model.named_parameters(remove_duplicate=False))
    # Of two models that are alike no effect is known, and outputs are matched with themselves.
    unknown = name_of(made) == "DatamodelMatch" and not problem.effects.known
    assert outcome.guard.moved_share > 0 or unknown
    assert outcome.guard.outside_mask_max == 0
    assert all(torch.equal(after[n], before[n]) for n in still)
    assert all(after[n].dtype == p.dtype and bool(torch.isfinite(after[n]).all()) for n, p in params.items())
    for name, p in model.named_parameters(remove_duplicate=False):
        first = next(n for n, other in params.items() if other is p)
        assert after[name] is after[first]


def refused(error):
    """The words of a refusal, which is one line that goes on to what would do."""
    words = str(error)
    assert "\n" not in words
    assert re.search(r"[:;,] \w", words)
    return words


def coped(made, kind, model, problem):
    """Hold a method to its promises on a model of some kind, or to its refusal of the kind."""
    why = needs(made, kind)
    if why is None:
        held(made, model, problem)
        return
    with pytest.raises(UntrainError, match=why) as caught:
        held(made, model, problem)
    refused(caught.value)


# Refusals, and of the rest one in eighteen, run by default.
@pytest.mark.parametrize(
    ("kind", "made"), latin(KINDS, LOCALIZERS + METHODS + CONFINED, 18, lambda kind, made: needs(made, kind) is not None), ids=told
)
def test_every_kind_of_model_is_coped_with_or_refused_in_a_line_that_says_what_would_do(kind, made):
    coped(made, kind, *posed(kind))


CAST = [kind for kind in KINDS if kind not in ("tied head", "half by itself", "mixed")]
SOME = ("plain", "batch norm")  # the others with -m slow
SINGLE = ("plain", "batch norm", "convolution of one channel", "transformer", "layer norm", "dropout")
EACH = LOCALIZERS + METHODS
# One in three of these: each method meets two, and each precision and each kind meet all methods between them.
PRECISIONS = [(dtype, kind) for at, dtype in enumerate((*HALF, torch.float64)) for kind in SOME[:: 1 if at % 2 else -1]]
PRECISE = latin(PRECISIONS, EACH, 3)
PRECISE += [
    pytest.param((dtype, kind), made, marks=pytest.mark.slow)
    for dtype in HALF
    for kind in CAST
    if kind not in SOME
    for made in EACH
]


def test_a_reason_to_refuse_is_one_that_occurs():
    found = {needs(made, kind) for made in LOCALIZERS + METHODS + CONFINED for kind in KINDS}
    assert found - {None} == set(NEEDS)


@pytest.mark.parametrize(("cast", "made"), PRECISE, ids=told)
def test_weights_and_examples_of_another_precision_are_coped_with_too(cast, made):
    dtype, kind = cast
    try:
        held(made, *posed(kind, dtype))
    except UntrainError as error:
        words = refused(error)
        rounded = dtype in HALF and isinstance(error, BrokenPromise) and "half precision rounds small changes away" in words
        turns = name_of(made) in ("SSD", "CriticalNeurons")  # which weight is dampened or removed turns on rounding
        assert rounded or turns or re.search(str(needs(made, kind)), words), words


@pytest.mark.parametrize("made", LOCALIZERS + METHODS + CONFINED, ids=told)
def test_a_lazy_model_is_refused_until_it_has_shapes(made):
    _, problem = posed("plain")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        lazy = nn.Sequential(nn.LazyLinear(8), nn.ReLU(), nn.Linear(8, 3)).eval()
    with pytest.raises(ModelError, match=r"'0.weight' .* has no shape yet: run the model on one batch first"):
        made(lazy, problem)


@pytest.mark.parametrize(("kind", "made"), latin(SINGLE, LOCALIZERS + METHODS + CONFINED, 6), ids=told)
def test_a_forget_set_of_one_example_is_coped_with(kind, made):
    coped(made, kind, *posed(kind, forget=1))


@pytest.mark.parametrize("made", METHODS + CONFINED, ids=told)
def test_one_example_and_batch_norm_in_train_mode_go_together(made):
    model, problem = posed("batch norm", forget=1)
    model.train()
    if needs(made, "batch norm"):
        coped(made, "batch norm", model, problem)
        return
    outcome = made.run(model, problem)
    assert all(part.training for part in outcome.model.modules())
    assert all(bool(torch.isfinite(t).all()) for t in outcome.model.state_dict().values())
    assert outcome.guard.moved_share > 0


@pytest.mark.parametrize("made", LOCALIZERS, ids=told)
def test_a_model_in_train_mode_is_refused_by_localizers(made):
    model, problem = posed("batch norm")
    with pytest.raises(ModelError, match="needs the model in eval mode: in train mode weight"):
        made(model.train(), problem)


@pytest.mark.parametrize("kind", ["batch norm", "dropout"])
@pytest.mark.parametrize("made", LOCALIZERS, ids=told)
def test_a_part_in_train_mode_changes_no_mask_and_is_left_as_it_was(made, kind):
    model, problem = posed(kind)
    wanted = made(model, problem).bits
    part = next(part for part in model.modules() if isinstance(part, nn.BatchNorm1d | nn.Dropout)).train()
    before = {n: t.clone() for n, t in model.state_dict().items()}
    found = made(model, problem).bits
    assert all(torch.equal(bits, wanted[n]) for n, bits in found.items())
    assert all(torch.equal(t, before[n]) for n, t in model.state_dict().items())
    assert [p for p in model.modules() if p.training] == [part]


@pytest.mark.parametrize("made", LOCALIZERS + METHODS, ids=told)
def test_a_forget_set_that_is_predicted_wrong_throughout_is_coped_with_or_refused(made):
    model, problem = posed("batch norm", right=False)
    if name_of(made) != "CriticalNeurons":
        coped(made, "batch norm", model, problem)
        return
    with pytest.raises(ModelError, match="as no example of the forget set is predicted right: take another localizer"):
        made(model, problem)


@pytest.mark.parametrize("made", LOCALIZERS + METHODS, ids=told)
def test_weights_of_nan_are_told_before_anything_is_done(made):
    model, problem = posed("plain")
    with torch.no_grad():
        model[0].weight[0, 0] = torch.nan
    with pytest.raises(UntrainError, match="holds NaN or infinite weights before anything was done"):
        held(made, model, problem)


@pytest.mark.parametrize("made", LOCALIZERS + METHODS, ids=told)
def test_examples_that_the_model_does_not_take_are_refused(made):
    model, problem = posed("plain")
    forget, retain = (e.with_fields(x=e.x[:, :5]) for e in (problem.forget, problem.retain))
    with pytest.raises(ModelError, match=r"cannot take examples of shape \(5,\): "):
        held(made, model, replace(problem, forget=forget, retain=retain))
