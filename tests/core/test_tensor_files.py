"""Equal tensors with equal facts make equal files."""

import pytest
import torch
from safetensors import safe_open

from untrain.core.tensor_files import write_tensors

FACTS = {"zone": 'a "quoted" word', "é": "line\nand\ttab\x01", "k1": "v", "k2": "ü\\", "k3": "", "k4": "/slash"}


@pytest.mark.parametrize("facts", [FACTS, {"format": "pt", "base": "0" * 64}])
def test_files_are_equal_whatever_the_order_in_which_the_library_writes_facts(tmp_path, facts):
    tensors = {"b": torch.arange(6.0).view(2, 3), "a": torch.ones(1, dtype=torch.int64)}
    contents = set()
    for at in range(12):
        write_tensors(tensors, tmp_path / f"{at}.safetensors", facts)
        contents.add((tmp_path / f"{at}.safetensors").read_bytes())
    assert len(contents) == 1
    with safe_open(tmp_path / "0.safetensors", framework="pt") as opened:
        assert opened.metadata() == facts
        assert {name: opened.get_tensor(name).tolist() for name in opened.keys()} == {  # noqa: SIM118
            name: value.tolist() for name, value in tensors.items()
        }


def test_a_file_may_have_no_facts(tmp_path):
    write_tensors({"a": torch.ones(2)}, tmp_path / "a.safetensors", {})
    with safe_open(tmp_path / "a.safetensors", framework="pt") as opened:
        assert not opened.metadata()
