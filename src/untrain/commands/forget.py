"""From a checkpoint that was trained elsewhere, its data and a request to a new checkpoint that forgot.

Heavy modules are imported where they are used, so that a ``--help`` costs no torch.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from untrain.commands.arguments import Count, Document, Seed
from untrain.core.errors import BadInput, SpecError, require_whole_numbers, suggest
from untrain.runtime.progress import OnProgress, say

if TYPE_CHECKING:
    from untrain.core.events import Log
    from untrain.evaluation.observers.base import Observer
    from untrain.experiments.forgetting.evidence import AuditChoices
    from untrain.runtime.loggers.base import Logger
    from untrain.training.steps import Steps
    from untrain.unlearners.base import Recipe, Unlearner

Missing = Literal["refuse", "skip"]
Twins = Literal["", "exact", "near"]
Adapters = Literal["auto", "never"]


def forget(
    model: str | None = None, data: Any = None, forget: Any = None, where: str = "", forget_classes: Sequence[str] = (),
    forget_owners: Sequence[str] = (), column: str = "", missing: Missing = "refuse", twins: Twins = "",
    network: Any = None, method: Any = "auto", budget: str | float = "10%", gap: float = 0.05, retrain_within: float = 60.0,
    valid: Any = None, out: str | None = None, dry_run: bool = False, accept_damage: bool = False, max_fall: str | float = "",
    max_rise: str | float = "", id: str = "", label: str = "", owner: str = "", x: Sequence[str] = (),
    class_names: Sequence[str] = (), side: Count | None = None, transform: Any = None, tokenizer: str = "",
    length: Count | None = None, steps: str | Steps | None = None, base: str = "", prompt: str = "",
    adapters: Adapters = "auto", kept: str | None = None, device: str = "cpu", threads: Count = 1, seed: Seed = 0,
    audit: bool = False, oracles: Count | None = None, train_with: str = "",
    observers: str | Observer | Sequence[str | Observer] = (), store: str | Path | None = None,
    workers: Count = 1, on_progress: OnProgress | None = None, log: str | Logger | Log | Sequence[str | Logger | Log] = (),
) -> Document:  # fmt: skip
    """Make a checkpoint forget rows, and write a new one.

    Examples:
        untrain forget --model vit/ --data photos/ --forget ids.csv --dry-run
        untrain forget --model m.pt --network nets:Net --data d.csv --forget 3,17
        untrain forget --model m.skops --data d.csv --where "label == 3"
        untrain forget --model vit/ --data t/ --forget a.csv --valid v/ --audit

    A plan comes first, and with ``--dry-run`` nothing else. Then methods are tried, cheap ones first unless training again is
    cheap; a model that got worse is not written. The new checkpoint has the format of the old one, and NEW.json beside it says
    what was done.

    Args:
        model: checkpoint: a .safetensors or .pt file (FILE#PLACE names one state dict of several), a folder of Hugging Face
            transformers, a .skops file, or coefficients in .json or .npz.
        data: data that it was trained on, as of `untrain inspect`.
        forget: file of ids, '-' for standard input, ids with commas between, or a request such as "Where('age > 90')"; from Python
            also ids in a list, an array or a column of a data frame, or a mask with one truth value per row.
        where: rule on columns, such as "label == 3" or "class_name == 'cat'".
        forget_classes: class of which all rows go, by its name.
        forget_owners: owner of whom all rows go.
        column: column of ids in the file.
        missing: whether to 'refuse' ids that are not in the data, or to 'skip' them.
        twins: whether rows like a forgotten one go too: 'exact' ones, or 'near' ones, such as shifted, mirrored and cropped images
            and texts that differ in capitals, accents, signs and spaces alone.
        network: makes the network of a file of weights: package.module:function, a spelling such as "ResNet(width=8)", or a name
            such as timm:resnet18 or torchvision:resnet18.
        method: spelling of a method, or 'auto'.
        budget: share of the cost of training again that cheaper methods together may take.
        gap: how far from its aim the chance may be that a forgotten row has a larger loss than an unseen one.
        retrain_within: seconds of training again within which 'auto' tries nothing else first; 0 where training again is too dear.
        valid: data that the model has not seen.
        out: place of the new checkpoint; None takes one beside the old.
        dry_run: print the plan and stop.
        accept_damage: write the new checkpoint even if it got worse.
        max_fall: largest fall of validation accuracy, such as 2%; by default three standard errors, at least one point.
        max_rise: largest rise of the retain loss in nats; by default 0.1, or a quarter of the gain by learning.
        id: column of ids in the data.
        label: column of labels.
        owner: column of owners.
        x: column of inputs.
        class_names: name of a class, in the order of the model's outputs.
        side: pixels on each side of the squares that images become; None leaves images as they are.
        transform: package.module:function that makes the model's input of one row.
        tokenizer: folder with tokenizer.json; by default that of the model.
        length: most tokens of a row; None takes what the model has room for, up to 512.
        steps: how the model was trained, such as "Steps(lr=0.1, epochs=30)"; training again repeats it.
        base: folder of the language model that training began from; training again begins there too.
        prompt: form of a question and its answer, such as "Q: {question}\\nA: {answer}"; by default the model's chat template.
        adapters: whether low-rank adapters are trained beside the weights of a large language model ('auto'), or 'never'.
        kept: folder that a callback of untrain wrote in training, with how the model was trained and an earlier checkpoint; None
            looks for untrain-training in the checkpoint's folder.
        threads: threads of torch.
        audit: train models without the forgotten rows, and compare the new checkpoint with them.
        oracles: number of these models; None for the 19 that a test of one checkpoint needs.
        train_with: your own command that trains a model, with {ids} for a file of ids to leave out, {seed} and {checkpoint}.
        observers: observer that the audit has look at the models themselves, such as 'Relearn', which trains each on a few
            forgotten rows again; `untrain observers` lists them.
        workers: processes of that command at once.
        log: logger that takes each method's loss by step, its cost and the figures before and after, such as 'TensorBoard' or
            "JSONLines(path='log.jsonl')"; `untrain loggers` lists them, and in Python a function of an ``Event`` is one too.

    Returns:
        The document that is written beside the new checkpoint: digests of checkpoints, data and request, plan, tries, method, cost,
        guard, figures before and after, notes, the audit where one was made, and what all this does not cover.

    Raises:
        BadInput: an argument, the data or the checkpoint is wrong; nothing was written.
        DamageAlarm: the model got worse than is allowed; nothing was written.
        RunFailed: the method failed, or a model of the audit could not be trained; then the checkpoint is written.
    """
    from untrain.data.column_roles import DataChoices
    from untrain.experiments.forgetting.attempt import AutomaticChoices
    from untrain.experiments.forgetting.job import ForgetJob, run_job
    from untrain.experiments.forgetting.measurements import Tolerance
    from untrain.experiments.forgetting.opened_model import ModelChoices
    from untrain.experiments.forgetting.requests import GivenRequest
    from untrain.reports.html.notebook import ForgetDocument
    from untrain.runtime.loggers.base import logging_to
    from untrain.runtime.progress import logger_of
    from untrain.runtime.threads import threads as so_many_threads

    require_whole_numbers(seed=seed, threads=threads)
    if model is None:
        raise BadInput("say which checkpoint: --model FILE or FOLDER")
    if not isinstance(model, str | Path):
        raise BadInput(f"model is a {type(model).__name__}, and the path of a checkpoint is needed: {written_as(model)}")
    if data is None:
        raise BadInput("say which data the model was trained on: --data FILE or FOLDER")
    for name, given, words in (
        ("missing", missing, get_args(Missing)),
        ("twins", twins, get_args(Twins)),
        ("adapters", adapters, get_args(Adapters)),
    ):
        if given not in words:
            raise BadInput(f"{name}={given!r}{suggest(given, words)}: one of {', '.join(filter(None, words))} is needed")
    asked = GivenRequest(forget, where, tuple(forget_classes), tuple(forget_owners), column, missing == "skip")
    fall, rise = (None if each == "" else _share(name, each) for name, each in (("max_fall", max_fall), ("max_rise", max_rise)))
    automatic = AutomaticChoices(_share("budget", budget), _share("gap", gap), _seconds(retrain_within))
    job = ForgetJob(
        model=model, data=data, valid=valid, asked=asked,
        columns=DataChoices(id, label, owner, tuple(x), tuple(class_names), side),
        choices=ModelChoices(
            network_of(network), steps_of(steps), function_of("transform", transform), tokenizer, length, device, base, prompt,
            adapters,
        ),
        method=method_of(method), automatic=automatic, tolerance=Tolerance(fall, rise), twins=twins, out=out,
        accept_damage=accept_damage, seed=seed, say=lambda line: say(on_progress, line), kept=kept,
        audit=_audit(audit, oracles, train_with, observers, store, workers, threads, on_progress),
    )  # fmt: skip
    with so_many_threads(threads), logging_to(log, on_progress) as watched:
        return ForgetDocument(run_job(replace(job, log=logger_of(watched)), dry_run))


def _audit(
    wanted: bool, oracles: int | None, train_with: str, observers: str | Observer | Sequence[str | Observer],
    store: str | Path | None, workers: int, threads: int, on_progress: OnProgress | None,
) -> AuditChoices | None:  # fmt: skip
    """The choices of an audit; None where none is wanted.

    Raises:
        BadInput: options of an audit were given without it, or are wrong.
    """
    from untrain.experiments.forgetting.evidence import AuditChoices
    from untrain.experiments.forgetting.training_command import script_of
    from untrain.experiments.observations import observers_of

    require_whole_numbers(workers=workers, **({} if oracles is None else {"oracles": oracles}))
    looks = observers_of(observers)
    # The store is not among them: $UNTRAIN_HOME names it for all commands.
    several = {"oracles": oracles is not None, "train-with": train_with, "observer": looks, "workers": workers != 1}
    for name, given in several.items():
        if given and not wanted:
            raise BadInput(f"--{name} says how an audit is made: give --audit too, or leave it out")
    if workers < 1:
        raise BadInput(f"workers={workers}: at least 1 is needed")
    if not wanted:
        return None
    return AuditChoices(oracles, script_of(train_with) if train_with else None, store, workers, threads, on_progress, looks)


def written_as(model: Any) -> str:
    """Advice on how to write a model that Python holds, so that there is a checkpoint to begin from.

    >>> written_as([])
    'write it to a file or folder, and give its path'
    """
    if hasattr(model, "save_pretrained"):
        return "write it by model.save_pretrained('model'), and give 'model'"
    if hasattr(model, "state_dict"):
        return "write it by torch.save(model.state_dict(), 'model.pt'), and give 'model.pt' and network=" + type(model).__name__
    if hasattr(model, "get_params"):
        return "write it by skops.io.dump(model, 'model.skops'), and give 'model.skops'"
    return "write it to a file or folder, and give its path"


def _share(name: str, given: str | float) -> float:
    """A share, written as 10% or 0.1.

    Raises:
        BadInput: it is neither.
    """
    text = str(given).strip()
    try:
        value = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        value = math.nan
    if not 0 <= value < math.inf:
        raise BadInput(f"{name}={given!r}: a share such as 10% or 0.1 is needed")
    return value


def _seconds(given: str | float) -> float:
    """A length of time.

    Raises:
        BadInput: it is none.
    """
    try:
        value = float(given)
    except ValueError:
        value = math.nan
    if not 0 <= value < math.inf:
        raise BadInput(f"retrain_within={given!r}: seconds are needed, 0 or more")
    return value


def method_of(given: Any) -> Unlearner | Recipe | None:
    """A method, spelled or made; None for 'auto'.

    Raises:
        SpecError: it is none.
    """
    from untrain.core.spec import parse
    from untrain.unlearners.base import Recipe, Unlearner

    if given == "auto":
        return None
    made = parse(given) if isinstance(given, str) else given
    if not isinstance(made, Unlearner | Recipe):
        raise SpecError(f"{made!r} is not an unlearning method; `untrain methods` lists them")
    return made


def steps_of(given: Any) -> Steps | None:
    """Steps of training, spelled or made.

    Raises:
        SpecError: they are none.
    """
    from untrain.core.spec import parse
    from untrain.training.steps import Steps

    made = parse(given) if isinstance(given, str) else given
    if made is not None and not isinstance(made, Steps):
        raise SpecError(f"steps={given!r}: how the model was trained is needed, such as Steps(lr=0.1, epochs=30)")
    return made


def network_of(given: Any) -> Any:
    """An architecture, or a callable that makes a network.

    Raises:
        SpecError: it is neither.
    """
    from untrain.core.spec import parse
    from untrain.models.architectures.base import Architecture
    from untrain.models.library_networks import library_network

    if given is None or not isinstance(given, str):
        return given
    if (named := library_network(given)) is not None:
        return named
    if ":" in given and "(" not in given:
        return function_of("network", given)
    made = parse(given) if "(" in given or given.isidentifier() else function_of("network", given)
    if not isinstance(made, Architecture) and not callable(made):
        raise SpecError(f"network={given!r}: package.module:function, or a network such as ResNet(width=8), is needed")
    return made


def function_of(name: str, given: Any) -> Callable[..., Any] | None:
    """The function that package.module:function names; another object is returned as it is."""
    from untrain.core.discovery import load_value

    if not isinstance(given, str):
        return given  # type: ignore[no-any-return]
    if not given:
        return None
    if "." not in given.replace(":", "."):
        raise SpecError(f"{name}={given!r}: package.module:function is needed")
    return load_value(given.replace(":", "."))
