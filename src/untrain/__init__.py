"""Make a trained model forget chosen training data, and measure against retraining whether it did.

Every name that ``untrain methods`` and its siblings list is here too (``untrain.DEL``), beside the commands. Names are
imported when they are first used.
"""

from __future__ import annotations

import importlib
from typing import Any

_HOMES = {
    "run": "untrain.commands.run",
    "report": "untrain.commands.report",
    "search": "untrain.commands.search",
    "demo": "untrain.commands.demo",
    "inspect": "untrain.commands.inspect",
    "find_mislabelled": "untrain.commands.find_mislabelled",
    "forget": "untrain.commands.forget",
    "card": "untrain.commands.card",
    "audit": "untrain.commands.audit",
    "Outputs": "untrain.experiments.audits.foreign_models",
    "Checkpoints": "untrain.experiments.audits.foreign_models",
    "price": "untrain.commands.run",
    "localize": "untrain.commands.localize",
    "memorize": "untrain.commands.memorize",
    "attribute": "untrain.commands.attribute",
    "leaderboard": "untrain.commands.leaderboard",
    "verify": "untrain.commands.verify",
    "Board": "untrain.experiments.leaderboard.board",
    "check": "untrain.commands.check",
    "new": "untrain.commands.new",
    "parse": "untrain.core.spec",
    "Problem": "untrain.training.problem",
    "Examples": "untrain.data.examples",
    "ForgetSet": "untrain.data.requests.base",
    "Mask": "untrain.core.mask",
    "examples": "untrain.data.readers.convert",
    "problem": "untrain.training.problem",
    "train_population": "untrain.experiments.populations.populate",
    "load_model": "untrain.experiments.populations.populate",
    "train_subsets": "untrain.experiments.populations.leave_out",
    "count_missing": "untrain.experiments.populations.leave_out",
    "Subsets": "untrain.experiments.populations.subsets",
    "Population": "untrain.experiments.populations.population",
    "memorization": "untrain.experiments.populations.population",
    "influence": "untrain.experiments.populations.population",
    "save_kept": "untrain.training.keepers.files",
    "load_kept": "untrain.training.keepers.files",
    "TransformersCallback": "untrain.training.trainers.transformers",
    "LightningCallback": "untrain.training.trainers.lightning",
    "moments_without": "untrain.training.keepers.inputcovariance",
    "largest_lr": "untrain.unlearners.zero_shot_lr",
    "Effects": "untrain.training.effects",
    "merge_adapter": "untrain.models.adapters",
    "write_adapter": "untrain.models.adapters",
    "write_model": "untrain.models.model_folder",
    "Store": "untrain.runtime.store",
    "Event": "untrain.core.events",
    "log_steps": "untrain.runtime.loggers.log_steps",
    "UntrainError": "untrain.core.errors",
    "distributed": "untrain.training.process_group",
    "unwrap": "untrain.models.wrappers",
    "BadInput": "untrain.core.errors",
    "RunFailed": "untrain.core.errors",
}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("untrain")
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    from untrain.core import discovery

    place = discovery.find(name)
    if place is None:
        raise AttributeError(f"module 'untrain' has no attribute {name!r}")
    return discovery.load(name)


def __dir__() -> list[str]:
    from untrain.core import discovery

    return sorted([*_HOMES, *discovery.index(), "__version__"])
