"""One thread, no deadlines, the same examples each time; one small run for all who look at runs."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# Before numpy is there: its linear algebra takes all cores otherwise, in each process of the tests and of those that they start.
os.environ |= {f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS", "MKL")}

import numpy as np
import pytest
import torch
from hypothesis import settings
from threadpoolctl import threadpool_limits

torch.set_num_threads(1)
threadpool_limits(1)
settings.register_profile("steady", deadline=None, derandomize=True, max_examples=50)
settings.load_profile("steady")


@pytest.fixture(scope="session", autouse=True)
def _one_precision():
    """What 'auto' means must not depend on the processor: on some it is bfloat16, and what tests compare would differ."""
    with pytest.MonkeyPatch.context() as patch:
        for ask in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"):
            patch.setattr(torch.cpu, ask, lambda: False, raising=False)
        yield


@pytest.fixture(scope="session")
def bits_of():
    """Reads a stored mask: bool (p,), parameters in the model's order."""

    def read(entry):
        total = sum(size for _, size in entry.record["layers"].values())
        return np.unpackbits(entry.array("bits"), count=total).astype(bool)

    return read


@dataclass(frozen=True)
class Tiny:
    """One small real run: its spelling, its store, its folder and its document."""

    scenario: str
    methods: tuple[str, ...]
    store: Path
    out: Path
    document: dict[str, Any]
    made: tuple[str, ...]


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    """Digits with a narrow network, two seeds, four oracles, one method that fails; treat its files as read-only."""
    from untrain.commands import run
    from untrain.runtime.store import Store

    home = tmp_path_factory.mktemp("tiny")
    scenario = "Digits(model=ConvNet(width=4), steps=Steps(lr=0.1, epochs=1, batch=64))"
    methods = (
        "Finetune(steps=Steps(lr=0.05, epochs=1))",
        "DEL(steps=Steps(lr=0.05, epochs=1))",
        "Finetune(steps=Steps(lr=1e+30, epochs=1))",
        "Nothing()",
    )
    document = run.run(scenario, methods, home / "store", home / "out", seeds=2, oracles=4, images=False)
    document.pop("price")  # which is told when a run begins, and is no part of what is stored
    made = tuple(entry["kind"] for entry in Store(home / "store").entries())  # before other tests add to the store
    return Tiny(scenario, methods, home / "store", home / "out", document, made)


@pytest.fixture(scope="session")
def compare():
    """Runs comparisons as the commands do; the entries of the runs."""
    from untrain.experiments.pipeline import run_comparisons
    from untrain.experiments.run_options import ReportOptions, RunOptions
    from untrain.experiments.setting import Setting

    def entries(comparisons, store, pool=None, on_progress=None):
        way = RunOptions(Setting(), executor=pool, on_progress=on_progress)
        documents = run_comparisons(comparisons, store.path, way, ReportOptions())["runs"]
        return [store.get(document["run"]) for document in documents]

    return entries


@pytest.fixture
def labours(monkeypatch):
    """Work for pools, in a module that workers can import."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    import labours

    yield labours
    sys.modules.pop("labours", None)


@pytest.fixture(scope="session")
def hugging():
    """Tiny classifiers of transformers; what is trained there is trained once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(Path(__file__).parent))
        import hugging

        yield hugging
        sys.modules.pop("hugging", None)


@pytest.fixture
def log(tmp_path):
    """A folder in which workers leave traces."""
    folder = tmp_path / "log"
    folder.mkdir()
    return folder


@pytest.fixture(scope="session")
def texts():
    """Texts made up, and small models that read them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(Path(__file__).parent))
        import texts

        yield texts
        sys.modules.pop("texts", None)
