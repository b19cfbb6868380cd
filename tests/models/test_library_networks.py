"""Networks of timm and torchvision by name: our side of the call by modules that stand in, theirs where they are installed."""

import importlib
import sys
from types import ModuleType

import pytest
import torch
from torch import nn

import untrain as ut
from untrain.core.errors import MissingExtra, ModelError
from untrain.models.library_networks import library_network

OURS = ("untrain.models.timm_networks", "untrain.models.torchvision_networks")


class Plain(nn.Sequential):
    def __init__(self, channels, classes):
        super().__init__(nn.Conv2d(channels, 4, 3), nn.Flatten(), nn.LazyLinear(classes))
        self(torch.zeros(1, channels, 8, 8))


@pytest.fixture
def libraries(monkeypatch):
    """Stand-ins for both libraries, which note how they are called."""
    calls = []
    timm, vision, models = ModuleType("timm"), ModuleType("torchvision"), ModuleType("torchvision.models")

    def create(name, pretrained, num_classes, in_chans):
        calls.append((name, pretrained, num_classes, in_chans))
        return Plain(in_chans, num_classes)

    def get(name, weights, num_classes):
        calls.append((name, weights, num_classes))
        return Plain(3, num_classes)

    timm.create_model, timm.list_models = create, lambda: ["resnet18", "vit_tiny"]
    models.get_model, models.list_models = get, lambda module=None: ["resnet18"] if module is models else ["resnet18", "a_detector"]
    vision.models = models
    for name, module in (("timm", timm), ("torchvision", vision), ("torchvision.models", models)):
        monkeypatch.setitem(sys.modules, name, module)
    for name in OURS:
        monkeypatch.delitem(sys.modules, name, raising=False)
    yield calls
    for name in OURS:
        sys.modules.pop(name, None)


def test_a_name_makes_the_network_with_as_many_outputs_as_there_are_classes(libraries):
    assert library_network("timm:resnet18").build((1, 8, 8), 5)(torch.zeros(2, 1, 8, 8)).shape == (2, 5)
    assert library_network("torchvision:resnet18").build((3, 8, 8), 5)(torch.zeros(2, 3, 8, 8)).shape == (2, 5)
    assert libraries == [("resnet18", False, 5, 1), ("resnet18", None, 5)]


@pytest.mark.parametrize(
    ("name", "shape", "words"),
    [
        ("timm:resnet81", (3, 8, 8), "timm has no network 'resnet81'; did you mean 'resnet18'"),
        ("torchvision:resnet81", (3, 8, 8), "torchvision has no network 'resnet81'; did you mean"),
        ("torchvision:a_detector", (3, 8, 8), "torchvision has no network 'a_detector'"),
        ("timm:resnet18", (6,), r"takes images of shape \(channels, height, width\)"),
        ("torchvision:resnet18", (1, 8, 8), r"takes images of shape \(3, height, width\)"),
    ],
)
def test_what_it_cannot_make_is_one_line(libraries, name, shape, words):
    with pytest.raises(ModelError, match=words):
        library_network(name).build(shape, 2)


def test_forget_takes_a_name_for_a_network(libraries, tmp_path):
    draw = torch.Generator().manual_seed(0)
    y = torch.arange(40) % 2
    x = torch.rand(40, 3, 8, 8, generator=draw) + y[:, None, None, None]
    steps = ut.Steps(lr=0.05, epochs=3, batch=8)
    model = ut.Train(model=lambda: Plain(3, 2), steps=steps)(ut.examples(x.numpy(), y.numpy()), seed=0)
    torch.save(model.state_dict(), tmp_path / "m.pt")
    document = ut.forget(str(tmp_path / "m.pt"), (x.numpy(), y.numpy()), [1, 2], network="timm:resnet18", dry_run=True)
    assert document["plan"]["retraining"]["learner"].startswith("Train(model=TimmNetwork(name='resnet18')")


@pytest.mark.parametrize("library", ["timm", "torchvision"])
def test_the_library_itself_makes_it(library):
    try:
        importlib.import_module(library)
    except ImportError:
        with pytest.raises(MissingExtra, match=f"{library}:resnet18 needs {library}, which is not installed: pip install"):
            library_network(f"{library}:resnet18")
        pytest.skip(f"{library} is not installed")
    made = library_network(f"{library}:resnet18").build((3, 32, 32), 7)
    assert made(torch.zeros(1, 3, 32, 32)).shape == (1, 7)
