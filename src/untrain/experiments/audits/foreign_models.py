"""Models that others made, given by their outputs or by their checkpoints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from untrain.core.errors import BadInput


@dataclass(frozen=True, eq=False)
class Outputs:
    """Outputs of models on the same examples: logits (m, n, c), those of one model (n, c), or margins (m, n).

    Each is an array, a .npy, .npz or .safetensors file, a folder of .npy files with one per model, a mapping of these by side, or
    side=PATH joined by commas. With a scenario its order counts: training set, test set and, where its request corrects,
    corrected rows; it knows the examples, so labels, sides and ids stay out.

    Args:
        unlearned: outputs of the models that forgot, such as a .npy, .npz or .safetensors file.
        oracles: outputs of retrained models; with a scenario a number trains as many here.
        original: outputs of the models before unlearning, for ceilings; with ``Checkpoints``, their checkpoints too.
        labels: label of each row.
        sides: 'forget', 'retain' or 'test' for each row; a .csv file of two columns has ids and sides.
        ids: id of each row; None numbers them from 0.
        forget: ids of the examples to forget, instead of sides: a .csv, .tsv, .txt or .npy file, or an IdFile(path=...) that
            says how to read one.
        retain: ids of the retained examples; None takes all that are neither forgotten nor test examples.
        test: ids of the examples that no model saw.
        deterministic: whether the learner gives one model for every seed, as a convex one does: then models may be the same, one
            that forgot may be what retraining gives, and one retrained model stands for as many as a test needs.
        probabilities: whether outputs are probabilities, to be turned into logits; None refuses outputs that look like some.
    """

    unlearned: Any
    oracles: Any = None
    original: Any | Sequence[Any] = None
    labels: Any = None
    sides: Any = None
    ids: Any = None
    forget: Any = None
    retain: Any = None
    test: Any = None
    deterministic: bool = False
    probabilities: bool | None = None

    @classmethod
    def from_easydub(cls, unlearned: Any, easydub: str | Path, forget_set: int | None, **more: Any) -> Outputs:
        """Margins of your models besides those that EasyDUB ships of oracles and originals.

        Args:
            unlearned: margins of the models that forgot, in EasyDUB's order (retain, forget, val) or by side.
            easydub: folder of an EasyDUB data set, for its oracles and originals.
            forget_set: number of EasyDUB's forget set, 1 to 10.
            more: other fields, which replace EasyDUB's.
        """
        from untrain.experiments.audits.easydub import read_easydub

        if forget_set is None:
            raise BadInput("EasyDUB has several forget sets: name one by --forget-set, 1 to 10")
        margins, sides = read_easydub(easydub, forget_set)
        fields = {"oracles": margins["oracles"], "original": margins.get("originals")}
        return cls(unlearned, **fields | {name: value for name, value in more.items() if value is not None} | {"sides": sides})


@dataclass(frozen=True, eq=False)
class Checkpoints:
    """Checkpoints of models: .safetensors files, or state dicts that ``torch.save`` wrote; one or several of each kind.

    A scenario says what they were trained on and what they should forget. Where you have outputs of some of the models only,
    in the scenario's order, give these instead.

    Args:
        model: checkpoint of a model that forgot: .safetensors or a state dict.
        oracle: checkpoint of a retrained model.
        unlearned: outputs of the models that forgot, instead of ``model``.
        oracles: how many oracles to train here, or outputs of retrained models, instead of ``oracle``.
        original: checkpoints or outputs (.npy, .npz) of the models before unlearning, for ceilings.
        deterministic: whether what trained the models that are given makes one model for every seed; of a scenario whose own
            learner does, that is known.
        probabilities: whether outputs that are given are probabilities; False takes outputs as logits whatever they look like.
    """

    model: Any | Sequence[Any] = ()
    oracle: Any | Sequence[Any] = ()
    unlearned: Any = None
    oracles: Any = None
    original: Any | Sequence[Any] = None
    deterministic: bool = False
    probabilities: bool | None = None


def several(value: Any | Sequence[Any]) -> list[Any]:
    """One checkpoint or several, as a list."""
    return list(value) if isinstance(value, list | tuple) else [value]


def count_in(oracles: Any) -> int | None:
    """The number of oracles to train, where a number stands instead of outputs."""
    if isinstance(oracles, str) and oracles.strip().isdigit():
        return int(oracles)
    return oracles if isinstance(oracles, int) and not isinstance(oracles, bool) else None


def holds_outputs(value: Any) -> bool:
    """Return whether originals are outputs and not checkpoints."""
    return hasattr(value, "dtype") or (isinstance(value, str | Path) and Path(value).suffix in (".npy", ".npz"))


def refuse_columns(outputs: Outputs) -> None:
    """Refuse labels, sides and ids beside a scenario.

    Raises:
        BadInput: one of them was given.
    """
    shared = {f.name for f in fields(Checkpoints)}
    extra = [f.name for f in fields(outputs) if f.name not in shared and _is_given(getattr(outputs, f.name))]
    if extra:
        raise BadInput(f"--{extra[0]} was given, and a scenario knows its examples: leave it out, or the scenario")


def _is_given(value: Any) -> bool:
    return value is not None and value is not False
