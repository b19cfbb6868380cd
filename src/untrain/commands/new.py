"""Starting a method of your own."""

from __future__ import annotations

import keyword
from importlib.util import find_spec
from pathlib import Path

from untrain.commands.arguments import Document
from untrain.core.atomic_write import atomic_write
from untrain.core.errors import BadInput
from untrain.core.paths import user_path

METHOD = '''"""What {name} does, in one line."""

from __future__ import annotations

from torch import Tensor, nn

from untrain.data.examples import Batch
from untrain.training.descend import descend
from untrain.training.problem import Problem
from untrain.training.steps import NonNegative, Steps
from untrain.unlearners.base import Unlearner


class {name}(Unlearner):
    """Minimise ``L(retain) - weight * L(forget)``: write the objective of your method here.

    Batch-norm buffers follow ``steps.buffers``.

    Args:
        weight: of the loss on the forget set.
        steps: step size and length.

    Source: your paper, its equation, and the code that it comes with.
    """

    weight: NonNegative = 0.1
    steps: Steps = Steps(lr=0.01, epochs=2)

    def unlearn(self, model: nn.Module, problem: Problem) -> nn.Module:
        """The model that forgot."""
        task = problem.task

        def loss(retain: Batch, forget: Batch) -> Tensor:
            return task.loss(model, retain).mean() - self.weight * task.loss(model, forget).mean()

        return descend(model, loss, problem.paired_batches(self.steps), self.steps, problem.trainable)
'''

TEST = '''"""What {name} promises, and what is special to it."""

from torch import nn
from untrain import Steps, check
from untrain.training.toy import small  # a trained network and a request, made on the spot

from {module} import {name}


def test_it_keeps_what_every_method_promises():
    assert [promise for promise in check({name}()) if promise["error"]] == []


def test_a_larger_weight_leaves_the_forget_set_less_likely():
    model, problem = small()

    def loss(weight):
        forgot = {name}(weight=weight, steps=Steps(lr=0.05, epochs=5))(model, problem)
        return float(nn.functional.cross_entropy(forgot(problem.forget.x), problem.forget.y).detach())

    assert loss(weight=0.9) > loss(weight=0.0)
'''

PROJECT = """[project]
name = "untrain-{module}"
version = "0.1.0"
dependencies = ["untrain"]

# With this, `untrain run Digits {name}` finds the method once the package is installed.
[project.entry-points."untrain.unlearner"]
{name} = "{module}:{name}"

[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[tool.hatch.build.targets.wheel]
include = ["{module}.py"]
"""


def new(kind: str, name: str, folder: Path | str | None = None) -> Document:
    """Start a method of your own: file, test and entry point.

    The method works as it is written, so that you change something that runs. No file is overwritten.

    Examples:
        untrain new method Fade
        untrain new method Fade --folder src/fade

    Args:
        kind: 'method'; nothing else is started yet.
        name: what the class is called, such as Fade.
        folder: where the files go; by default a new folder with the name in small letters.

    Returns:
        'name', 'files' and 'next': commands to try.

    Raises:
        BadInput: the name is not a class name, is taken, as a module too, or a file is there already.
    """
    from untrain.core import discovery

    if kind != "method":
        raise BadInput(f"untrain starts no {kind!r}: take 'method'")
    if not (name and name.isascii() and name.isidentifier() and name[0].isupper()) or keyword.iskeyword(name):
        raise BadInput(f"{name!r} cannot name a class: take one word that begins with a capital letter, such as Fade")
    known = discovery.index()
    if name in known:
        raise BadInput(f"{name} is a {known[name].role} of {known[name].module} already: take another name")
    module = name.lower()
    there = find_spec(module)
    if keyword.iskeyword(module) or (there is not None and there.origin is not None):  # a folder of that name is no module
        raise BadInput(f"{name} would be in {module}.py, and Python has another use for {module!r}: take another name")
    place = Path(module) if folder is None else user_path(folder)
    texts = {f"{module}.py": METHOD, f"test_{module}.py": TEST, "pyproject.toml": PROJECT}
    for file in texts:
        if (place / file).exists():
            raise BadInput(f"{place / file} is there already: nothing was written; give another --folder")
    try:
        place.mkdir(parents=True, exist_ok=True)
        for file, text in texts.items():
            with atomic_write(place / file) as fresh:
                fresh.write_text(text.format(name=name, module=module), encoding="utf-8")
    except OSError as error:
        raise BadInput(f"cannot write to {place}: {error.strerror}; give another --folder") from None
    here = f"{module}.{name}"
    tries = [f"untrain check {here}", "python -m pytest -q", f"untrain run Digits {here} Finetune", "pip install -e ."]
    return {"name": name, "files": [str(place / file) for file in texts], "next": [f"cd {place}", *tries]}
