"""Names that lie deeper in torch are watched too, and only what torch wraps for itself is excused."""

import sys
import types

import pytest
import torch
from torch import nn

from untrain.core.errors import BrokenPromise
from untrain.core.foreign import foreign

FAKE = types.SimpleNamespace(conv2d=None)


@pytest.mark.parametrize(
    ("owner", "name", "value"),
    [
        (torch.nn.modules.conv, "F", FAKE),
        (sys.modules["torch.optim.sgd"], "sgd", lambda *_, **__: None),
        (nn.Linear, "forward", torch.no_grad()(nn.Linear.forward)),
        (nn.Linear, "forward", torch.compile(nn.Linear.forward, backend="eager")),
        (torch.optim.SGD, "step", torch.no_grad()(torch.optim.SGD.step)),
        (torch.backends.cuda.matmul, "allow_tf32", True),
        (torch.backends.cudnn, "allow_tf32", False),
    ],
    ids=["module", "function", "no_grad", "compiled", "step", "cublas", "cudnn"],
)
def test_what_is_replaced_deep_in_torch_is_put_back_and_named(owner, name, value):
    before = getattr(owner, name)
    with pytest.raises(BrokenPromise, match=r"Patches\(\) left"), foreign("Patches()"):
        setattr(owner, name, value)
    assert getattr(owner, name) is before
