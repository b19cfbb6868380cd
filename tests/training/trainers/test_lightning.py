"""The callback of Lightning: with the library where it is installed, and its calls by a stand-in."""

import importlib
import sys
from types import ModuleType, SimpleNamespace

import pytest
import torch
from torch import nn

from untrain.core.errors import MissingExtra
from untrain.training.steps import AdamW, Constant, Steps
from untrain.training.training_record import read_record

MODULE = "untrain.training.trainers.lightning"


@pytest.fixture
def callback(monkeypatch):
    """The class over a stand-in of Lightning's base class."""
    package, part = ModuleType("lightning"), ModuleType("lightning.pytorch")
    part.Callback = type("Callback", (), {})
    package.pytorch = part
    monkeypatch.setitem(sys.modules, "lightning", package)
    monkeypatch.setitem(sys.modules, "lightning.pytorch", part)
    yield importlib.reload(importlib.import_module(MODULE)).LightningCallback
    monkeypatch.undo()
    importlib.reload(importlib.import_module(MODULE))


class Module(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Linear(2, 2)


def trainer(folder, model, **more):
    loader = torch.utils.data.DataLoader(range(8), batch_size=4)
    usual = {
        "is_global_zero": True, "train_dataloader": loader, "default_root_dir": str(folder), "current_epoch": 0, "world_size": 1,
        "optimizers": [torch.optim.AdamW(model.parameters(), lr=0.01, weight_decay=0.1)], "lr_scheduler_configs": [],
        "accumulate_grad_batches": 2, "gradient_clip_val": None, "gradient_clip_algorithm": None, "global_step": 0,
    }  # fmt: skip
    return SimpleNamespace(**(usual | more))


def test_it_keeps_the_epoch_that_was_asked_for_and_writes_the_record(callback, tmp_path, monkeypatch):
    monkeypatch.setenv("PL_GLOBAL_SEED", "7")
    model, made = Module(), callback(ids=range(8), at=1)
    at = trainer(tmp_path, model)
    made.on_train_start(at, model)
    kept = {}
    for epoch in range(3):
        with torch.no_grad():
            model.net.weight += 1.0
        kept.setdefault("weight", model.net.weight.detach().clone())
        at.current_epoch = epoch
        made.on_train_epoch_end(at, model)
    at.current_epoch = 3
    made.on_train_end(at, model)
    record = read_record(tmp_path / "untrain-training")
    assert (record.rows, record.ids[-1], record.seeds, record.notes) == (8, "7", {"seed": 7}, ())
    assert record.steps == repr(Steps(lr=0.01, epochs=3, batch=8, optimizer=AdamW(decay=0.1), schedule=Constant()))
    assert record.is_of(model.net)  # the network without what Lightning's module puts before its names
    assert torch.equal(record.kept(model.net)["Checkpoint"]["weight"], kept["weight"])


def test_a_schedule_of_the_module_is_told(callback, tmp_path):
    model, made = Module(), callback(at=None)
    at = trainer(tmp_path, model, lr_scheduler_configs=[object()], current_epoch=1)
    made.on_train_start(at, model)
    made.on_train_end(at, model)
    record = read_record(tmp_path / "untrain-training")
    assert record.steps == ""
    assert "a schedule of the module's own" in record.notes[0]
    assert record.checkpoint is None


def test_a_resumed_training_keeps_no_model_as_one_from_before_it(callback, tmp_path):
    model, made = Module(), callback()
    at = trainer(tmp_path, model, global_step=4, current_epoch=2)
    made.on_train_start(at, model)
    made.on_train_end(at, model)
    record = read_record(tmp_path / "untrain-training")
    assert record.checkpoint is None
    assert "training was resumed" in record.notes[0]


def test_clipping_by_value_is_told(callback, tmp_path):
    model, made = Module(), callback(at=None)
    at = trainer(tmp_path, model, current_epoch=1, gradient_clip_val=0.5, gradient_clip_algorithm="value")
    made.on_train_start(at, model)
    made.on_train_end(at, model)
    assert "clipped by value" in read_record(tmp_path / "untrain-training").notes[0]


def test_without_the_library_it_is_refused(monkeypatch):
    module = importlib.import_module(MODULE)
    monkeypatch.setattr(module, "Callback", None)
    with pytest.raises(MissingExtra, match="pip install lightning"):
        module.LightningCallback()


@pytest.mark.filterwarnings("ignore::FutureWarning:lightning", "ignore:.*LeafSpec:FutureWarning")
def test_lightning_itself_calls_it(tmp_path):
    pl = pytest.importorskip("lightning.pytorch", reason="lightning is not installed")
    made = importlib.reload(importlib.import_module(MODULE)).LightningCallback(ids=range(8), at=1)

    class Net(pl.LightningModule):
        def __init__(self):
            super().__init__()
            self.net = nn.Linear(2, 2)

        def training_step(self, batch, index):
            return nn.functional.cross_entropy(self.net(batch[0]), batch[1])

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), lr=0.1)

    data = torch.utils.data.TensorDataset(torch.randn(8, 2), torch.arange(8) % 2)
    quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False, "enable_checkpointing": False}
    runner = pl.Trainer(max_epochs=2, accelerator="cpu", default_root_dir=str(tmp_path), callbacks=[made], **quiet)
    model = Net()
    runner.fit(model, torch.utils.data.DataLoader(data, batch_size=4))
    record = read_record(tmp_path / "untrain-training")
    assert record.is_of(model.net)
    assert record.checkpoint[0] == 1
