"""Low-rank adapters of the peft library: put into a network, written, read, and added to its weights."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import peft
import torch
from peft.tuners.tuners_utils import BaseTunerLayer
from safetensors import safe_open
from torch import Tensor, nn

from untrain.core.errors import ModelError
from untrain.core.paths import user_path
from untrain.core.tensor_files import write_tensors
from untrain.models.transformers.config import plainly

NAME = "default"
BEFORE = "base_model.model."  # what peft writes before each name
CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
LOOKED_AT = 64  # values of each weight by which a base is known


def adapt(net: nn.Module, rank: int, scale: float, targets: Sequence[str], base: str) -> nn.Module:
    """Put new adapters beside layers of a network, in place; they alone ask for gradients.

    Args:
        net: the network.
        rank: of an adapter.
        scale: of what it adds.
        targets: names of layers, or what these end with; empty takes all linear layers with a weight of their own but the head.
        base: what the network was made of, which the adapter's file says.

    Raises:
        ModelError: there is no such layer.
    """
    named = list(targets) or _linear(net)
    config = peft.LoraConfig(r=rank, lora_alpha=scale * rank, target_modules=named, base_model_name_or_path=base)  # type: ignore[arg-type]
    return _injected(net, config)


def adapted(net: nn.Module, folder: str) -> nn.Module:
    """Put the adapters of a folder into the network that they were made for, in place; they alone ask for gradients.

    Raises:
        ModelError: there are none, or they were made for another network.
    """
    at, who = user_path(folder), f"adapter={folder!r}"
    for name in (CONFIG, WEIGHTS):
        if not (at / name).is_file():
            raise ModelError(f"{who} has no {name}, which an adapter consists of: name the folder that peft wrote")
    with plainly(who):
        config = peft.PeftConfig.from_pretrained(str(at))
        with safe_open(at / WEIGHTS, "pt") as file:
            about = file.metadata() or {}
            state = {name.removeprefix(BEFORE): file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    if not isinstance(config, peft.LoraConfig) or config.use_dora:
        raise ModelError(f"{who} is one of kind {config.peft_type}, and LoRA alone is read")
    if about.get("base", "") not in ("", base_digest(net)):
        raise ModelError(f"{who} was trained on another base, {config.base_model_name_or_path!r}: its weights differ from these")
    config.inference_mode, config.lora_dropout, config.modules_to_save = False, 0.0, None
    _injected(net, config)
    wanted = _weights(net)
    if wanted.keys() != state.keys() or any(wanted[name].shape != state[name].shape for name in wanted):
        apart = sorted(wanted.keys() ^ state.keys()) or [name for name in wanted if wanted[name].shape != state[name].shape]
        raise ModelError(f"{who} was made for another network: {apart[0]} and {len(apart) - 1} more do not fit")
    with torch.no_grad():
        for name, value in wanted.items():
            value.copy_(state[name])
    return net


def write_adapter(net: nn.Module, folder: str | Path) -> Path:
    """Write the adapters of a network as peft does, and by which base they are known; the folder.

    Raises:
        ModelError: it has none, or keeps statistics of what it was trained on, which are in no adapter.
    """
    state = _weights(net)
    if not state:
        raise ModelError(f"{type(net).__name__} has no adapters: LoRA(model=...) makes a network with some")
    if moving := [name for name, part in net.named_modules() if getattr(part, "running_mean", None) is not None]:
        raise ModelError(
            f"{type(net).__name__} has statistics that move in training ({moving[0]}), and adapters hold none, so that what is "
            "read would be another network: merge them first by merge_adapter, and write the whole"
        )
    at = user_path(folder)
    at.mkdir(parents=True, exist_ok=True)
    config: Any = net.peft_config[NAME]  # type: ignore[index]
    with plainly("adapters"):
        config.save_pretrained(str(at))
    values = {BEFORE + name: value.detach().cpu().contiguous() for name, value in state.items()}
    write_tensors(values, at / WEIGHTS, {"format": "pt", "base": base_digest(net)})
    return at


def merge_adapter(net: nn.Module) -> nn.Module:
    """Add what adapters add to the weights beside which they are, in place; then all weights ask for gradients.

    Raises:
        ModelError: it has none.
    """
    layers = [(name, part) for name, part in net.named_modules() if isinstance(part, BaseTunerLayer)]
    if not layers:
        raise ModelError(f"{type(net).__name__} has no adapters to merge: LoRA(model=...) makes a network with some")
    for name, part in layers:
        part.merge()
        above, _, last = name.rpartition(".")
        setattr(net.get_submodule(above), last, part.get_base_layer())
    if hasattr(net, "peft_config"):
        del net.peft_config
    return net.requires_grad_(True)


def base_digest(net: nn.Module) -> str:
    """Twelve digits of the names, shapes and first values of all weights that are not adapters'."""
    sha = hashlib.sha256()
    for name, value in sorted(_base(net)):
        first = value.detach().flatten()[:LOOKED_AT].float().cpu().numpy()
        sha.update(f"{name} {tuple(value.shape)}".encode() + first.tobytes())
    return sha.hexdigest()[:12]


def _base(net: nn.Module) -> Iterator[tuple[str, Tensor]]:
    own = {id(value) for value in _weights(net).values()}
    return ((name.replace(".base_layer.", "."), p) for name, p in net.named_parameters() if id(p) not in own)


def _weights(net: nn.Module) -> Mapping[str, Tensor]:
    """The weights of the adapters, by the names that peft writes, without what stands before them."""
    mark = f".{NAME}."
    return {name.replace(mark, "."): p for name, p in net.named_parameters() if ".lora_" in name and mark in name}


def _injected(net: nn.Module, config: Any) -> nn.Module:
    with plainly("LoRA"):
        peft.inject_adapter_in_model(config, net, NAME)
    net.peft_config = {NAME: config}  # type: ignore[assignment]
    return net


def _linear(net: nn.Module) -> list[str]:
    """Names of the linear layers with a weight of their own, but the head."""
    uses = dict[int, int]()
    for _, p in net.named_parameters(remove_duplicate=False):
        uses[id(p)] = uses.get(id(p), 0) + 1
    head = {name.rpartition(".")[0] for name in getattr(net, "head_names", ())}
    named = [
        name
        for name, part in net.named_modules()
        if isinstance(part, nn.Linear) and "weight" in part._parameters and uses[id(part.weight)] == 1 and name not in head
    ]
    if not named:
        raise ModelError(f"{type(net).__name__} has no linear layer with a weight of its own: name targets=(...)")
    return named
