"""Scoring what someone else's code unlearned, with their oracles or ours.

Heavy modules are imported where they are used, so that a ``--help`` costs no torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from untrain.commands.arguments import Count, Document, Seed, executor_of, oracles_alone, setting_of
from untrain.commands.run import price as price_of_run
from untrain.core.errors import BadInput
from untrain.experiments.audits.foreign_models import Checkpoints, Outputs, count_in, several
from untrain.runtime.progress import OnProgress

if TYPE_CHECKING:
    from untrain.evaluation.base import Evaluator
    from untrain.evaluation.observers.base import Observer
    from untrain.evaluation.protocols.protocol import Protocol
    from untrain.experiments.scenarios.base import Scenario
    from untrain.runtime.executors.base import Executor, Pool


def audit(
    models: Outputs | Checkpoints, *, scenario: str | Scenario | None = None, name: str = "given",
    store: str | Path | None = None, out: str | Path | None = None, seed: Seed = 0, device: str = "cpu", threads: Count = 1,
    precision: str = "float32", compiled: bool = False, workers: Count | None = 1, executor: str | Executor | Pool | None = None,
    images: bool = True, looks: Count = 1, evaluators: str | Evaluator | Sequence[str | Evaluator] = (),
    observers: str | Observer | Sequence[str | Observer] = (), command: str = "", on_progress: OnProgress | None = None,
    price: bool = False, replace: bool = False, protocol: str | Protocol = "standard",
) -> Document:  # fmt: skip
    """Score models that other code unlearned.

    Examples:
        untrain audit --unlearned u/ --oracles o/ --labels y.npy --sides s.csv
        untrain audit --model new.safetensors --scenario Digits --oracles 19

    Arguments that are not named below are those of ``run``.

    Args:
        models: outputs of the models that forgot, or their checkpoints.
        scenario: data, model and request of the checkpoints, such as 'Custom(train=..., ...)'; it is needed to run checkpoints
            or to train oracles here.
        name: name of the method in tables and in the report.
        seed: seed from which those of the oracles trained here are derived.
        precision: number format of gradient steps of oracles, that of the checkpoints: 'float32', 'bfloat16', or 'auto' for
            bfloat16 where it is faster.
        compiled: compile oracles by torch.compile.
        observers: observer that scores checkpoints and retrained models themselves, such as 'ZRF'.
        price: whether to return the price and train nothing.

    Returns:
        The document of scores, as ``run`` returns it.

    Raises:
        BadInput: something is missing, wrong, or given twice.
        RunFailed: an oracle could not be trained.
    """
    if not name.strip():
        raise BadInput("the method has an empty name: leave --name out, or give it one")
    if not isinstance(models, Outputs | Checkpoints):
        raise BadInput(
            f"models are of type {type(models).__name__}: Outputs(...) or Checkpoints(...) of models that forgot are needed"
        )
    from untrain.evaluation.protocols.protocol import protocol_of

    stated = protocol_of(protocol)
    if price:
        from untrain.experiments.audits.given_files import check_given

        check_given(models)
        count = _oracles_to_train(models, scenario, looks)
        if count and scenario is not None:
            given = len(several(models.model)) if isinstance(models, Checkpoints) else 0
            return price_of_run(
                scenario, (), store, 0, count, seed, device, threads, workers, precision, executor=executor, protocol=stated,
                given=given or 1,
            )  # fmt: skip
        from untrain.experiments.audits.audit_record import price_without_training

        return price_without_training(0)
    from untrain.experiments.audits.outputs_audit import audit_outputs
    from untrain.experiments.audits.scenario_audit import audit_on_scenario, on_scenario
    from untrain.experiments.observations import observers_of
    from untrain.experiments.run_options import ReportOptions, RunOptions, evaluators_of

    chosen = executor_of(executor)
    setting = setting_of(device, threads, precision, compiled, executor=chosen)
    options = RunOptions(setting, workers, chosen, on_progress, looks, evaluators_of(evaluators), observers_of(observers), stated)
    page = ReportOptions(out, images, command, replace)
    if scenario is not None:
        foreign = on_scenario(models)
        oracles = oracles_alone(scenario, count_in(foreign.oracles) or 2, seed)
        return audit_on_scenario(foreign, oracles, name, store, options, page)
    if isinstance(models, Checkpoints):
        raise BadInput("a checkpoint alone says nothing: name its data, model and request, --scenario 'Custom(...)'")
    return audit_outputs(models, name, store, options, page)


def _oracles_to_train(models: Outputs | Checkpoints, scenario: str | Scenario | None, looks: int) -> int:
    """The number of oracles that an audit would train, as far as its arguments say."""
    from untrain.experiments.audits.audit_record import FOR_ONE, FOR_SEVERAL
    from untrain.experiments.audits.scenario_audit import trains_oracles
    from untrain.experiments.interim_looks import plan_looks

    if scenario is None or not trains_oracles(models):
        return 0
    checkpoints = several(models.model) if isinstance(models, Checkpoints) else []
    count = count_in(models.oracles) or (FOR_SEVERAL if len(checkpoints) > 1 else FOR_ONE)
    if checkpoints:
        plan_looks(len(checkpoints), count, looks, existing=True)
    return count
