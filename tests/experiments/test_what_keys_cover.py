"""Each thing that a result depends on is edited, and exactly the work that depends on it is made anew."""

import importlib
import shutil
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import count

import numpy as np
import pytest
import torch

import untrain as ut
from covering import quick
from untrain.core import code_digest, libraries
from untrain.runtime.store import Store

FILES = {
    "method": """
from {name}_helper import strength
from untrain.unlearners.base import Unlearner


class Decay(Unlearner):
    \"\"\"Shrink all weights. Buffers stay.

    Args:
        by: a factor.

    Source: made up.
    \"\"\"

    by: float = 0.9

    def unlearn(self, model, problem):
        for p in model.parameters():
            p.data.mul_(self.by * strength())
        return model
""",
    "helper": """
from scipy.special import expit


def strength():
    return 0.5 * float(expit(0.0))
""",
    "net": """
from torch import nn
from {name}_layers import Layer

SHIFT, UNREAD = 0.5, 1.0


class Net(nn.Module):
    def __init__(self, width=3):
        super().__init__()
        self.first, self.last = Layer(4, width), nn.Linear(width, 2)

    def forward(self, x):
        return self.last(self.first(x)) + SHIFT


def scaled(gain):
    class Scaled(Net):
        def forward(self, x):
            return super().forward(x) * gain

    return lambda: Scaled()
""",
    "layers": """
from torch import nn


class Layer(nn.Linear):
    def forward(self, x):
        return super().forward(x).relu()
""",
    "judge": """
import numpy as np
from typing import ClassVar
from {name}_measure import weight
from untrain.evaluation.base import Evaluator, Measure, Part, ScoreInfo


class Judge(Evaluator):
    \"\"\"Mean of the logits.

    Args:
        by: a factor.

    Source: made up.
    \"\"\"

    by: float = 1.0

    needs: ClassVar = frozenset({{"logits"}})
    scores: ClassVar = {{"judged": ScoreInfo("mean logit", "1", "the oracles' value", "says nothing")}}

    def prepare(self, observation):
        return np.asarray(observation.logits).mean(-1)

    def evaluate(self, trial):
        rows = trial.side == "forget"
        return {{"judged": Measure((Part(1, "unlearned", "forget", self.by * weight() * trial.unlearned[:, rows]),))}}
""",
    "measure": """
def weight():
    return 1.0
""",
}
FORGOTTEN, RETAINED, TESTED = 3, 40, 7  # rows
REQUEST = tuple(range(8))
FINETUNE = "Finetune(steps=Steps(lr=0.05, epochs=1))"


def arrays(n, seed):
    y = np.arange(n) % 2
    return (np.random.default_rng(seed).normal(size=(n, 4)) + y[:, None]).astype(np.float32), y


@dataclass(frozen=True)
class Work:
    """What is asked for, and what lies in the files that it comes from."""

    train: tuple = field(default_factory=lambda: (*arrays(60, 0), np.arange(60)))
    test: tuple = field(default_factory=lambda: (*arrays(20, 1), np.arange(100, 120)))
    request: tuple = REQUEST
    model: Callable = lambda net: net.Net
    learning: str = "Steps(lr=0.1, epochs=1, batch=32)"
    methods: tuple = (FINETUNE, "{method}.Decay")
    evaluators: tuple = ("{judge}.Judge",)
    observers: tuple = ("Weights",)
    options: dict = field(default_factory=dict)
    files: dict = field(default_factory=dict)
    versions: dict = field(default_factory=dict)

    def edited(self, part, row, column, value):
        """The same with another value in one row of a column: 0 for inputs, 1 for labels, 2 for ids."""
        columns = [c.copy() for c in getattr(self, part)]
        columns[column][row] = value
        return replace(self, **{part: tuple(columns)})

    def reordered(self, part):
        """The same with two rows in each other's place."""
        order = np.r_[1, 0, 2 : len(getattr(self, part)[0])]
        return replace(self, **{part: tuple(c[order] for c in getattr(self, part))})

    def rewritten(self, file, old, new):
        """The same after an edit of a file, which must hold what is edited."""
        text = self.files.get(file, FILES[file])
        assert old in text
        return replace(self, files=self.files | {file: text.replace(old, new)})

    def asked(self, **options):
        """The same with other options of the run."""
        return replace(self, options=options)

    def other(self, library):
        """The same with another version of a library."""
        return replace(self, versions={library: "0.0.1"})


def examples(x, y, ids):
    return ut.Examples.labelled(torch.from_numpy(x), torch.from_numpy(y), ids, classes=2)


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """Does some work on a copy of a store, as the next start of a script would, and counts what was made, by kind."""
    home = tmp_path_factory.mktemp("keys")
    name = f"covered_{home.name.replace('-', '_')}"

    fresh, number = {}, count()

    def begin_anew():
        fresh.clear()
        for module in FILES:
            sys.modules.pop(f"{name}_{module}", None)
        importlib.invalidate_caches()
        libraries.library_version.cache_clear()

    def do(work, store, patch):
        for module, text in (FILES | work.files).items():
            (home / f"{name}_{module}.py").write_text(text.format(name=name))
        begin_anew()
        versions(work.versions, patch)
        net = importlib.import_module(f"{name}_net")
        spelled = {module: f"{name}_{module}" for module in FILES}
        own = ut.Custom(
            train=examples(*work.train), test=examples(*work.test), model=work.model(net), request=ut.Ids(ids=work.request),
            steps=ut.parse(work.learning), valid=0.1,
        )  # fmt: skip
        before = {entry["key"] for entry in Store(store).entries()}
        document = ut.run(
            own, [m.format(**spelled) for m in work.methods], store=store, observers=list(work.observers), images=False,
            evaluators=[e.format(**spelled) for e in work.evaluators],
            **{"seeds": 1, "oracles": 2, "precision": "float32"} | work.options,
        )  # fmt: skip
        new = [entry for entry in Store(store).entries() if entry["key"] not in before]
        assert not any(row["error"] for row in document["results"])
        return Counter(map(kind_of, new)), document

    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(home)
        patch.setattr(sys, "dont_write_bytecode", True)
        for of, digest in [(n, f) for n, f in vars(code_digest).items() if hasattr(f, "cache_clear")]:
            patch.setattr(code_digest, of, partial(reread, home, fresh, digest))
        first = do(Work(), home / "first", patch)

        def copied(work):
            """Of a first run of ``Work()``, when work is None, or of another start after it."""
            if work is None:
                return first
            store = home / f"again_{next(number)}"
            shutil.copytree(home / "first", store)
            with patch.context() as inner:
                return do(work, store, inner)

        yield copied
        begin_anew()


def reread(folder, fresh, digest, *of):
    """What a cached function gives of files; those in the folder are read once in each start."""
    if str(folder) not in str(of):
        return digest(*of)
    if (digest, of) not in fresh:
        fresh[digest, of] = digest.__wrapped__(*of)
    return fresh[digest, of]


def versions(other, patch):
    """Libraries of other versions, wherever these are read."""
    from untrain.experiments import keys

    told = libraries.version
    for module in (libraries, keys):
        patch.setattr(module, "version", lambda name: other.get(name) or told(name), raising=False)
    if "torch" in other:
        patch.setattr(torch, "__version__", other["torch"])


def kind_of(entry):
    """Original, oracle, unlearned by Finetune or by the plug-in, observation, run or scores."""
    label = entry["label"]
    if entry["kind"] == "model":
        return label.split()[0]
    if entry["kind"] == "unlearned":
        return "Finetune" if label.startswith("Finetune") else "Decay"
    return entry["kind"]


ORIGINAL, ORACLES, FINETUNED, DECAYED = {"original": 1}, {"oracle": 2}, {"Finetune": 1}, {"Decay": 1}
UNLEARNED = FINETUNED | DECAYED
SCORES = {"run": 1, "scores": 1}
EVERYTHING = ORIGINAL | ORACLES | UNLEARNED | SCORES | {"observation": 5}


def observed(*models):
    """Some models with the observations of them, and what is computed from them."""
    made = {kind: count for each in models for kind, count in each.items()}
    return made | SCORES | {"observation": sum(made.values())}


WORK = Work()
APART = 8  # a row that is set apart to tune on
# What is edited, and what has to be made anew.
TABLE = {
    "nothing": (WORK, {}),
    "what nothing reads: comments, docstrings, a constant, a library": (
        WORK.rewritten("helper", "():\n", '():\n    """Say."""\n')
        .rewritten("helper", "return", "# said\n    return")
        .rewritten("net", "return self.last", "# said\n        return self.last")
        .rewritten("net", "1.0", "2.0")
        .rewritten("method", "Shrink all", "Make less of all")
        .rewritten("measure", "return", "# said\n    return")
        .other("jinja2"),
        {},
    ),
    # data
    "an input of a retained example": (WORK.edited("train", RETAINED, 0, 2.0), EVERYTHING),
    "an input of a forgotten example, which oracles are asked about": (WORK.edited("train", FORGOTTEN, 0, 2.0), EVERYTHING),
    "an input of a test example": (WORK.edited("test", TESTED, 0, 2.0), EVERYTHING),
    "a label of a retained example": (WORK.edited("train", RETAINED, 1, 1), EVERYTHING),
    "a label of a forgotten example, which no oracle learns": (
        WORK.edited("train", FORGOTTEN, 1, 0),
        observed(ORIGINAL, UNLEARNED),
    ),
    "a label of a test example, which scores take": (WORK.edited("test", TESTED, 1, 0), SCORES),
    "an id of a retained example": (WORK.edited("train", RETAINED, 2, 900), EVERYTHING),
    "ids that decide what is forgotten": (WORK.edited("train", 7, 2, RETAINED).edited("train", RETAINED, 2, 7), EVERYTHING),
    "an id of a test example, which scores take": (WORK.edited("test", TESTED, 2, 900), SCORES),
    "a label of an example that is set apart": (WORK.edited("train", APART, 1, 1), observed(DECAYED)),
    "the order of training rows": (WORK.reordered("train"), EVERYTHING),
    "the order of test rows": (WORK.reordered("test"), EVERYTHING),
    # the request and the way
    "the request": (replace(WORK, request=REQUEST[1:]), observed(ORACLES, UNLEARNED) | {"observation": 5}),
    "the learner": (replace(WORK, learning="Steps(lr=0.2, epochs=1, batch=32)"), EVERYTHING),
    "the precision": (WORK.asked(precision="bfloat16"), EVERYTHING),
    "the threads": (WORK.asked(threads=2), EVERYTHING),
    "the seed": (WORK.asked(seed=1), EVERYTHING),
    "the budget": (WORK.asked(budget=0.9), observed(UNLEARNED)),
    "one more oracle": (WORK.asked(oracles=3), observed({"oracle": 1})),
    # methods
    "a field of a method": (replace(WORK, methods=(FINETUNE.replace("0.05", "0.06"), "{method}.Decay")), observed(FINETUNED)),
    "a default of a plug-in": (WORK.rewritten("method", "by: float = 0.9", "by: float = 0.8"), observed(DECAYED)),
    "a helper beside a plug-in": (WORK.rewritten("helper", "0.5", "0.6"), observed(DECAYED)),
    "a method less": (replace(WORK, methods=(FINETUNE,)), SCORES),
    # the network
    "a constant that forward reads": (WORK.rewritten("net", "SHIFT, UNREAD = 0.5", "SHIFT, UNREAD = 0.6"), EVERYTHING),
    "a class in another file": (WORK.rewritten("layers", "relu", "tanh"), EVERYTHING),
    "what a partial holds": (replace(WORK, model=lambda net: partial(net.Net, 4)), EVERYTHING),
    "what a closure holds": (replace(WORK, model=lambda net: net.scaled(1.5)), EVERYTHING),
    # scores
    "the choice of evaluators": (replace(WORK, evaluators=("{judge}.Judge", "PerExample")), {"scores": 1}),
    "a field of an evaluator": (replace(WORK, evaluators=("{judge}.Judge(by=2.0)",)), {"scores": 1}),
    "an evaluator's code": (WORK.rewritten("judge", "mean(-1)", "max(-1)"), {"scores": 1}),
    "a helper beside an evaluator": (WORK.rewritten("measure", "1.0", "2.0"), {"scores": 1}),
    "the choice of observers": (replace(WORK, observers=()), SCORES),
    # libraries
    "the version of torch": (WORK.other("torch"), EVERYTHING),
    "the version of numpy, which draws batches": (WORK.other("numpy"), EVERYTHING),
    "the version of scipy, which scores, and which a helper of a plug-in imports": (WORK.other("scipy"), observed(DECAYED)),
    "the version of scikit-learn, which scores": (WORK.other("scikit-learn"), {"scores": 1}),
}


# One edit of each kind of work that follows; the others are slow, and most of them move keys in tests without models too.
QUICK = (
    "nothing", "what nothing reads: comments, docstrings, a constant, a library", "an input of a retained example",
    "a label of a forgotten example, which no oracle learns", "a label of a test example, which scores take",
    "ids that decide what is forgotten", "a label of an example that is set apart", "the request", "the learner", "one more oracle",
    "a field of a method", "a helper beside a plug-in", "a constant that forward reads", "the choice of evaluators",
    "an evaluator's code", "the choice of observers", "the version of torch",
    "the version of scipy, which scores, and which a helper of a plug-in imports",
)  # fmt: skip


@pytest.mark.parametrize("edit", quick(TABLE, *QUICK))
def test_exactly_what_depends_on_an_edit_is_made_anew(edit, course):
    work, expected = TABLE[edit]
    made, document = course(work)
    assert dict(made) == expected
    models = sum(made[kind] for kind in ("original", "oracle", "Finetune", "Decay"))
    assert document["price"]["train"] == models, "the price says another number"


def test_everything_is_made_at_first(course):
    made, _ = course(None)
    assert dict(made) == EVERYTHING


def test_a_run_on_files_is_recorded_anew_when_labels_in_them_change(tmp_path):
    x, y = arrays(20, 1)
    np.save(tmp_path / "x.npy", x)
    made, documents = [], []
    for labels in (y, 1 - y, y):
        np.save(tmp_path / "y.npy", labels)
        own = ut.Custom(
            train=examples(*WORK.train), test=tuple(str(tmp_path / f"{name}.npy") for name in "xy"),
            model=partial(torch.nn.Linear, 4, 2), request=ut.Ids(ids=REQUEST), steps=ut.parse(WORK.learning),
        )  # fmt: skip
        before = {entry["key"] for entry in Store(tmp_path / "store").entries()} if made else set()
        documents.append(
            ut.run(own, ["Nothing"], store=tmp_path / "store", images=False, evaluators=["Accuracy"], seeds=1, oracles=2)
        )
        made.append(Counter(e["kind"] for e in Store(tmp_path / "store").entries() if e["key"] not in before))
    accuracies = [document["results"][0]["scores"]["test_accuracy"]["value"] for document in documents]
    assert made[1:] == [SCORES, {}]
    assert accuracies[1] == pytest.approx(1 - accuracies[0])
    assert accuracies[2] == accuracies[0]
